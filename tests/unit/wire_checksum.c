// SPDX-License-Identifier: MIT
// Tests of the Internet checksum.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/wire_packets.h"
#include "wire/checksum.h"

/* The example of RFC 1071 section 3, whose sum is ddf2. */
static const uint8_t rfc1071[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

static uint16_t host(uint16_t stored)
{
	return ntohs(stored);
}

static void test_rfc1071_example(void **state)
{
	(void)state;
	assert_int_equal(host(wire_checksum(rfc1071, sizeof(rfc1071))), 0xffff - 0xddf2);
}

static void test_empty_and_single(void **state)
{
	static const uint8_t one[] = { 0xab };

	(void)state;
	assert_int_equal(wire_checksum(NULL, 0), 0xffff);
	assert_int_equal(host(wire_checksum(one, 1)), 0xffff - 0xab00);
}

/* A header seen on a wire, with the checksum that its sender stored: b861. */
static void test_known_header(void **state)
{
	static const uint8_t hdr[20] = {
		0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
		0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7,
	};
	uint8_t blank[20];

	(void)state;
	assert_int_equal(wire_checksum(hdr, sizeof(hdr)), 0);
	memcpy(blank, hdr, sizeof(hdr));
	blank[10] = 0;
	blank[11] = 0;
	assert_int_equal(host(wire_checksum(blank, sizeof(blank))), 0xb861);
}

static void test_all_lengths_and_alignments(void **state)
{
	uint8_t bytes[160];
	size_t at, len;

	(void)state;
	for (at = 0; at < sizeof(bytes); at++)
		bytes[at] = (uint8_t)(at * 151 + 200);
	for (at = 0; at < 9; at++) {
		for (len = 0; len + at <= sizeof(bytes); len++) {
			uint8_t *exact = pkt_exact(bytes + at, len);
			uint16_t want = (uint16_t)(0xffff - pkt_sum(bytes + at, len));

			assert_int_equal(host(wire_checksum(bytes + at, len)), want);
			assert_int_equal(host(wire_checksum(exact, len)), want);
			free(exact);
		}
	}
}

static void test_carries_of_long_messages(void **state)
{
	size_t len = 1 << 20;
	uint8_t *ones = malloc(len);

	(void)state;
	assert_non_null(ones);
	memset(ones, 0xff, len);
	assert_int_equal(wire_checksum(ones, len), 0);
	ones[len - 1] = 0xfe;
	assert_int_equal(host(wire_checksum(ones, len)), 1);
	assert_int_equal(host(wire_checksum(ones, 65535)), 0x00ff);
	free(ones);
}

static void test_pieces(void **state)
{
	uint8_t bytes[101];
	size_t cut;

	(void)state;
	for (cut = 0; cut < sizeof(bytes); cut++)
		bytes[cut] = (uint8_t)(cut * 83 + 5);
	for (cut = 0; cut <= sizeof(bytes); cut += 2) {
		uint64_t sum = wire_csum_partial(bytes, cut, 0);

		sum = wire_csum_partial(bytes + cut, sizeof(bytes) - cut, sum);
		assert_int_equal(wire_csum_fold(sum), wire_checksum(bytes, sizeof(bytes)));
	}
}

/* RFC 1624 section 4: the case that the equation of RFC 1141 gets wrong. */
static void test_rfc1624_example(void **state)
{
	uint16_t check = wire_csum_update16(htons(0xdd2f), htons(0x5555), htons(0x3285));

	(void)state;
	assert_int_equal(host(check), 0x0000);
}

static void test_updates_agree_with_summing(void **state)
{
	uint8_t msg[40];
	uint32_t from32, to32;
	uint16_t check, from, to;
	unsigned int round;

	(void)state;
	srand(1624);
	for (round = 0; round < 20000; round++) {
		size_t n, at = (size_t)(rand() % 19) * 2;

		for (n = 0; n < sizeof(msg); n++)
			msg[n] = (uint8_t)(rand() >> 7);
		msg[39] |= 1;
		check = wire_checksum(msg, sizeof(msg));

		memcpy(&from, msg + at, 2);
		to = (uint16_t)rand();
		if (round % 3 == 0)
			to = round % 2 ? 0 : 0xffff;
		memcpy(msg + at, &to, 2);
		msg[39] |= 1;
		memcpy(&to, msg + at, 2);
		check = wire_csum_update16(check, from, to);
		assert_int_equal(check, wire_checksum(msg, sizeof(msg)));

		memcpy(&from32, msg + at, 4);
		to32 = (uint32_t)rand() * 5u;
		memcpy(msg + at, &to32, 4);
		msg[39] |= 1;
		memcpy(&to32, msg + at, 4);
		check = wire_csum_update32(check, from32, to32);
		assert_int_equal(check, wire_checksum(msg, sizeof(msg)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc1071_example),
		cmocka_unit_test(test_empty_and_single),
		cmocka_unit_test(test_known_header),
		cmocka_unit_test(test_all_lengths_and_alignments),
		cmocka_unit_test(test_carries_of_long_messages),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_rfc1624_example),
		cmocka_unit_test(test_updates_agree_with_summing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
