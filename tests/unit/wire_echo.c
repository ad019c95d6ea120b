// SPDX-License-Identifier: MIT
// Tests of the responder's decision, refusal by refusal and by random mutation.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/if_packet.h>
#include <stdio.h>

#include "tests/unit/wire_packets.h"
#include "wire/echo.h"

/* Ask with everything at its exact size; a reply is checked and copied to @reply if wanted. */
static int ask(const uint8_t *frame, size_t len, uint8_t *reply, struct wire_echo_info *info)
{
	struct wire_echo_addr addrs[PKT_ADDRS];
	struct wire_echo_self self = pkt_self(addrs);
	uint8_t *in = pkt_exact(frame, len);
	uint8_t *out = malloc(len);
	const char *fault = NULL;
	int ret;

	assert_true(out || !len);
	ret = wire_echo_reply(in, len, &self, out, len, info);
	if (len)
		assert_memory_equal(in, frame, len);
	if (ret >= 0)
		fault = pkt_reply_fault(in, len, out, (size_t)ret, &self);
	if (fault)
		fail_msg("wrong reply: %s", fault);
	if (ret > 0 && reply)
		memcpy(reply, out, (size_t)ret);
	free(out);
	free(in);

	return ret;
}

/* A default ping, byte by byte, and its answer. */
static void test_default_ping(void **state)
{
	uint8_t frame[PKT_MAX], reply[PKT_MAX];
	struct wire_echo_info info;
	size_t len = pkt_request(frame, NULL, 0, 56);

	(void)state;
	assert_int_equal(len, PKT_PING);
	assert_int_equal(ask(frame, len, reply, &info), PKT_PING);
	assert_int_equal(info.count, 84);
	assert_int_equal(info.pkttype, PACKET_HOST);
	assert_int_equal(info.flags, WIRE_ECHO_INFO_ETHER | WIRE_ECHO_INFO_IPV4);
	assert_memory_equal(info.mac, pkt_peer_mac, 6);
	assert_memory_equal(reply, frame + 6, 6);
	assert_memory_equal(reply + 6, frame, 6);
	assert_memory_equal(reply + 12, "\x08\x00\x45\x2e\x00\x54\xbe\xef\x40\x00\x40\x01", 12);
	assert_memory_equal(reply + 26, "\x0a\x0a\x0a\x0b\x0a\x0a\x0a\x0a\x00\x00", 10);
	assert_memory_equal(reply + 38, frame + 38, 60);
}

static void test_every_data_length(void **state)
{
	uint8_t frame[PKT_MAX];
	struct wire_echo_info info;
	size_t data, len;

	(void)state;
	for (data = 0; data <= 1472; data++) {
		len = pkt_request(frame, NULL, 0, data);
		assert_int_equal(ask(frame, len, NULL, &info), len);
		assert_int_equal(info.count, 28 + data);
	}
}

static void test_largest_packet(void **state)
{
	struct wire_echo_addr addrs[PKT_ADDRS];
	struct wire_echo_self self = pkt_self(addrs);
	uint8_t head[PKT_MAX], *frame, *out;
	size_t len = 14 + 65535;

	(void)state;
	pkt_request(head, NULL, 0, 8);
	frame = calloc(1, len);
	out = malloc(len);
	assert_non_null(frame);
	assert_non_null(out);
	memcpy(frame, head, 42);
	memset(frame + 16, 0xff, 2);
	pkt_fix_sums(frame, len);
	assert_int_equal(wire_echo_reply(frame, len, &self, out, len, NULL), len);
	assert_null(pkt_reply_fault(frame, len, out, len, &self));
	free(out);
	free(frame);
}

/* Padding as short frames have on Ethernet: neither counted nor sent back. */
static void test_padding(void **state)
{
	uint8_t frame[PKT_MAX];
	struct wire_echo_info info;
	size_t len = pkt_request(frame, NULL, 0, 0), padded;

	(void)state;
	memset(frame + len, 0xee, 400);
	for (padded = len; padded < len + 400; padded++) {
		assert_int_equal(ask(frame, padded, NULL, &info), 42);
		assert_int_equal(info.count, 28);
	}
}

static void test_every_truncation(void **state)
{
	uint8_t frame[PKT_MAX];
	struct wire_echo_info info;
	size_t len = pkt_request(frame, "\x07\x07\x04\0\0\0\0", 8, 56), cut;

	(void)state;
	assert_int_equal(ask(frame, len, NULL, NULL), len - 8);
	for (cut = 0; cut < len; cut++) {
		int want = cut < 42 ? WIRE_ECHO_TRUNCATED : WIRE_ECHO_BAD_IP_LENGTH;

		assert_int_equal(ask(frame, cut, NULL, &info), want);
		assert_int_equal(info.count, cut < 14 ? 0 : cut - 14);
		assert_int_equal(info.flags, cut < 14 ? 0 : WIRE_ECHO_INFO_ETHER);
		assert_int_equal(info.pkttype, cut < 14 ? PACKET_OTHERHOST : PACKET_HOST);
	}
}

static void test_options_are_dropped(void **state)
{
	static const uint8_t opts[40] = { 7, 39, 8, 1, 2, 3, 4 };
	uint8_t frame[PKT_MAX], nops[40];
	struct wire_echo_info info;
	size_t optlen;

	(void)state;
	memset(nops, 1, sizeof(nops));
	for (optlen = 4; optlen <= 40; optlen += 4) {
		size_t len = pkt_request(frame, nops, optlen, 13);

		assert_int_equal(ask(frame, len, NULL, &info), len - optlen);
		assert_int_equal(info.count, len - 14);
	}
	pkt_request(frame, opts, sizeof(opts), 13);
	assert_int_equal(ask(frame, 95, NULL, NULL), 55);
}

/* Its checksum is 0xffff; an incremental update would give 0, which receivers refuse. */
static void test_reply_of_zeros(void **state)
{
	uint8_t frame[PKT_MAX], reply[PKT_MAX];
	size_t len = pkt_request(frame, NULL, 0, 56);

	(void)state;
	memset(frame + 38, 0, len - 38);
	pkt_fix_sums(frame, len);
	assert_int_equal(ask(frame, len, reply, NULL), len);
	assert_memory_equal(reply + 36, "\xff\xff", 2);
}

static void test_no_room(void **state)
{
	struct wire_echo_addr addrs[PKT_ADDRS];
	struct wire_echo_self self = pkt_self(addrs);
	uint8_t frame[PKT_MAX], out[PKT_PING], before[PKT_PING];
	size_t len = pkt_request(frame, NULL, 0, 56), size;

	(void)state;
	memset(before, 0x5a, sizeof(before));
	for (size = 0; size < len; size++) {
		memcpy(out, before, sizeof(out));
		assert_int_equal(wire_echo_reply(frame, len, &self, out, size, NULL),
				 WIRE_ECHO_NO_ROOM);
		assert_memory_equal(out, before, sizeof(out));
	}
	assert_int_equal(wire_echo_reply(frame, len, &self, out, len, NULL), len);
	assert_int_equal(wire_echo_reply(frame, len, &self, NULL, 0, NULL), WIRE_ECHO_NO_ROOM);
}

static void test_without_addresses(void **state)
{
	struct wire_echo_self self = { .count = 0 };
	uint8_t frame[PKT_MAX], out[PKT_MAX];
	size_t len = pkt_request(frame, NULL, 0, 56);

	(void)state;
	memcpy(self.mac, pkt_own_mac, 6);
	assert_int_equal(wire_echo_reply(frame, len, &self, out, sizeof(out), NULL),
			 WIRE_ECHO_NOT_OURS);
}

/*
 * A default ping with some bytes changed, and what comes of it. Changes are offset and bytes; the
 * checksums are made right again unless the case is about them.
 */
struct change {
	size_t at;
	size_t len;
	const char *bytes;
};

struct echo_case {
	int want;
	bool keep_sums;
	struct change changes[3];
};

#define PUT(where, string) { where, sizeof(string) - 1, string }
#define REPLY PKT_PING

static const struct echo_case cases[] = {
	/* EtherType: a tag is not looked into. */
	{ WIRE_ECHO_NOT_IPV4, false, { PUT(12, "\x81\x00") } },
	{ WIRE_ECHO_NOT_IPV4, false, { PUT(12, "\x08\x06") } },
	{ WIRE_ECHO_NOT_IPV4, false, { PUT(12, "\x86\xdd") } },
	{ WIRE_ECHO_NOT_IPV4, false, { PUT(12, "\x00\x54") } },
	{ WIRE_ECHO_NOT_IPV4, false, { PUT(14, "\x65") } },
	{ WIRE_ECHO_NOT_IPV4, false, { PUT(14, "\x55") } },
	/* Destination MAC. */
	{ WIRE_ECHO_OTHER_HOST, false, { PUT(5, "\x0c") } },
	{ WIRE_ECHO_OTHER_HOST, false, { PUT(0, "\x00\x00\x00\x00\x00\x00") } },
	{ WIRE_ECHO_OTHER_HOST, false, { PUT(5, "\x0c"), PUT(14, "\x44") } },
	{ REPLY, false, { PUT(0, "\xff\xff\xff\xff\xff\xff") } },
	{ REPLY, false, { PUT(0, "\x01\x00\x5e\x00\x00\x01") } },
	/* Source MAC. */
	{ WIRE_ECHO_BAD_SOURCE, false, { PUT(6, "\x00\x00\x00\x00\x00\x00") } },
	{ WIRE_ECHO_BAD_SOURCE, false, { PUT(6, "\xff\xff\xff\xff\xff\xff") } },
	{ WIRE_ECHO_BAD_SOURCE, false, { PUT(6, "\x01\x00\x5e\x00\x00\x01") } },
	{ REPLY, false, { PUT(6, "\x00\x00\x00\x00\x00\x01") } },
	/* Lengths of the IP header and packet. */
	{ WIRE_ECHO_BAD_IP_LENGTH, false, { PUT(14, "\x44") } },
	{ WIRE_ECHO_BAD_IP_LENGTH, false, { PUT(14, "\x40") } },
	{ WIRE_ECHO_BAD_IP_LENGTH, false, { PUT(16, "\x00\x55") } },
	{ WIRE_ECHO_BAD_IP_LENGTH, false, { PUT(16, "\x00\x13") } },
	{ WIRE_ECHO_BAD_IP_LENGTH, false, { PUT(16, "\xff\xff") } },
	{ WIRE_ECHO_BAD_IP_LENGTH, false, { PUT(14, "\x46"), PUT(16, "\x00\x17") } },
	/* Checksums. */
	{ WIRE_ECHO_BAD_IP_CHECKSUM, true, { PUT(22, "\x40") } },
	{ WIRE_ECHO_BAD_IP_CHECKSUM, true, { PUT(24, "\x00\x00") } },
	{ WIRE_ECHO_BAD_ICMP_CHECKSUM, true, { PUT(36, "\x00\x00") } },
	{ WIRE_ECHO_BAD_ICMP_CHECKSUM, true, { PUT(97, "\x00") } },
	{ WIRE_ECHO_BAD_ICMP_CHECKSUM, true, { PUT(34, "\x00") } },
	/* Options: the 56 bytes of data give the room. */
	{ WIRE_ECHO_BAD_OPTIONS, false, { PUT(14, "\x46"), PUT(34, "\x99\x05\x00\x00") } },
	{ WIRE_ECHO_BAD_OPTIONS, false, { PUT(14, "\x46"), PUT(34, "\x01\x01\x01\x99") } },
	{ WIRE_ECHO_SOURCE_ROUTE, false, { PUT(14, "\x46"), PUT(34, "\x83\x03\x04\x00") } },
	{ WIRE_ECHO_SOURCE_ROUTE, false, { PUT(14, "\x46"), PUT(34, "\x01\x89\x03\x04") } },
	/* Source address. */
	{ WIRE_ECHO_BAD_SOURCE, false, { PUT(26, "\xe0\x00\x00\x01") } },
	{ WIRE_ECHO_BAD_SOURCE, false, { PUT(26, "\xef\xff\xff\xff") } },
	{ WIRE_ECHO_BAD_SOURCE, false, { PUT(26, "\xff\xff\xff\xff") } },
	{ WIRE_ECHO_BAD_SOURCE, false, { PUT(26, "\x0a\x0a\x0a\xff") } },
	{ WIRE_ECHO_BAD_SOURCE, false, { PUT(26, "\x7f\x00\x00\x01") } },
	{ WIRE_ECHO_BAD_SOURCE, false, { PUT(26, "\x00\x00\x00\x00") } },
	{ REPLY, false, { PUT(26, "\x00\x01\x02\x03") } },	/* a host since Linux 5.3 */
	{ WIRE_ECHO_BAD_SOURCE, false, { PUT(26, "\x0a\x14\x00\x01") } },	/* ours elsewhere */
	{ WIRE_ECHO_BAD_SOURCE, false, { PUT(26, "\x0a\x14\xff\xff") } },	/* its broadcast */
	{ REPLY, false, { PUT(26, "\x0a\x14\x00\x02") } },
	{ WIRE_ECHO_BAD_SOURCE, false, { PUT(26, "\x0a\x0a\x0a\x0b") } },
	{ WIRE_ECHO_BAD_SOURCE, false, { PUT(26, "\xc0\x00\x02\x06") } },
	{ REPLY, false, { PUT(26, "\xc0\x00\x02\x07") } },	/* /31: the other end */
	{ REPLY, false, { PUT(26, "\x0a\x0a\x0a\x00") } },	/* a host since Linux 5.14 */
	{ REPLY, false, { PUT(26, "\x0a\x0a\x0b\xff") } },	/* not a net of ours */
	{ REPLY, false, { PUT(26, "\xf0\x00\x00\x01") } },	/* reserved */
	{ REPLY, false, { PUT(26, "\x08\x08\x08\x08") } },
	/* Destination address. */
	{ WIRE_ECHO_BROADCAST, false, { PUT(30, "\xff\xff\xff\xff") } },
	{ WIRE_ECHO_BROADCAST, false, { PUT(30, "\x0a\x0a\x0a\xff") } },
	{ WIRE_ECHO_BROADCAST, false, { PUT(30, "\xe0\x00\x00\x01") } },
	{ WIRE_ECHO_BROADCAST, false, { PUT(30, "\xef\x01\x02\x03") } },
	{ WIRE_ECHO_BROADCAST, false,
	  { PUT(0, "\xff\xff\xff\xff\xff\xff"), PUT(30, "\x0a\x0a\x0a\xff") } },
	{ WIRE_ECHO_NOT_OURS, false, { PUT(30, "\x0a\x0a\x0a\x00") } },
	{ WIRE_ECHO_NOT_OURS, false, { PUT(30, "\x0a\x0a\x0a\x0c") } },
	{ WIRE_ECHO_NOT_OURS, false, { PUT(30, "\x0a\x0a\x0b\xff") } },
	{ WIRE_ECHO_NOT_OURS, false, { PUT(30, "\x0a\x14\x00\x01") } },
	{ WIRE_ECHO_NOT_OURS, false, { PUT(30, "\x0a\x14\xff\xff") } },
	{ WIRE_ECHO_NOT_OURS, false, { PUT(30, "\x00\x00\x00\x00") } },
	{ WIRE_ECHO_NOT_OURS, false, { PUT(30, "\x7f\x00\x00\x05") } },
	{ REPLY, false, { PUT(30, "\xc0\x00\x02\x06") } },
	{ REPLY, false, { PUT(30, "\xc6\x33\x64\x01") } },
	/* Fragments. */
	{ WIRE_ECHO_FRAGMENT, false, { PUT(20, "\x20\x00") } },
	{ WIRE_ECHO_FRAGMENT, false, { PUT(20, "\x00\x01") } },
	{ WIRE_ECHO_FRAGMENT, false, { PUT(20, "\x1f\x00") } },
	{ WIRE_ECHO_FRAGMENT, false, { PUT(20, "\x60\x05") } },
	{ REPLY, false, { PUT(20, "\x00\x00") } },
	{ REPLY, false, { PUT(20, "\x80\x00") } },		/* reserved bit */
	{ REPLY, false, { PUT(22, "\x00") } },			/* TTL: for routers only */
	/* Protocol and ICMP. */
	{ WIRE_ECHO_NOT_ICMP, false, { PUT(23, "\x11") } },
	{ WIRE_ECHO_NOT_ICMP, false, { PUT(23, "\x06") } },
	{ WIRE_ECHO_NOT_REQUEST, false, { PUT(34, "\x00") } },
	{ WIRE_ECHO_NOT_REQUEST, false, { PUT(34, "\x0d") } },
	{ WIRE_ECHO_NOT_REQUEST, false, { PUT(34, "\x03") } },
	{ WIRE_ECHO_BAD_ICMP_LENGTH, false, { PUT(16, "\x00\x1b") } },
	{ WIRE_ECHO_BAD_ICMP_LENGTH, false, { PUT(16, "\x00\x18") } },
	{ WIRE_ECHO_BAD_ICMP_CHECKSUM, false, { PUT(16, "\x00\x14") } },	/* none to be right */
	{ 42, false, { PUT(16, "\x00\x1c") } },
	{ REPLY, false, { PUT(35, "\x05") } },			/* the code comes back */
};

static void test_cases(void **state)
{
	bool seen[WIRE_ECHO_REFUSALS + 1] = { false };
	uint8_t frame[PKT_MAX];
	size_t n, c, len;

	(void)state;
	for (n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		int got;

		len = pkt_request(frame, NULL, 0, 56);
		for (c = 0; c < 3 && cases[n].changes[c].bytes; c++)
			memcpy(frame + cases[n].changes[c].at, cases[n].changes[c].bytes,
			       cases[n].changes[c].len);
		if (!cases[n].keep_sums)
			pkt_fix_sums(frame, len);
		got = ask(frame, len, NULL, NULL);
		if (got != cases[n].want)
			fail_msg("case %zu: %d (%s) instead of %d", n, got,
				 wire_echo_refusal_name(got), cases[n].want);
		if (got < 0)
			seen[-got] = true;
	}

	/* Refusals by length and by room have tests of their own. */
	seen[-WIRE_ECHO_TRUNCATED] = true;
	seen[-WIRE_ECHO_NO_ROOM] = true;
	for (n = 1; n <= WIRE_ECHO_REFUSALS; n++)
		if (!seen[n])
			fail_msg("no case for: %s", wire_echo_refusal_name(-(int)n));
}

static void test_info_of_refused(void **state)
{
	uint8_t frame[PKT_MAX];
	struct wire_echo_info info;
	size_t len = pkt_request(frame, NULL, 0, 0);

	(void)state;
	memset(frame + len, 0, 18);
	frame[5] = 0x0c;
	assert_int_equal(ask(frame, 60, NULL, &info), WIRE_ECHO_OTHER_HOST);
	assert_int_equal(info.pkttype, PACKET_OTHERHOST);
	assert_int_equal(info.count, 28);

	memset(frame, 0xff, 6);
	frame[25] ^= 1;
	assert_int_equal(ask(frame, 60, NULL, &info), WIRE_ECHO_BAD_IP_CHECKSUM);
	assert_int_equal(info.pkttype, PACKET_BROADCAST);
	assert_int_equal(info.count, 28);

	frame[16] = 0xff;
	assert_int_equal(ask(frame, 60, NULL, &info), WIRE_ECHO_BAD_IP_LENGTH);
	assert_int_equal(info.count, 46);
	assert_int_equal(info.flags, WIRE_ECHO_INFO_ETHER);

	frame[0] = 0x01;
	frame[13] = 0x06;
	assert_int_equal(ask(frame, 60, NULL, &info), WIRE_ECHO_NOT_IPV4);
	assert_int_equal(info.pkttype, PACKET_MULTICAST);
	assert_int_equal(info.count, 46);
	assert_memory_equal(info.mac, pkt_peer_mac, 6);
}

static void test_refusal_names(void **state)
{
	int a, b;

	(void)state;
	for (a = -1; a >= -WIRE_ECHO_REFUSALS; a--) {
		assert_non_null(wire_echo_refusal_name(a));
		assert_string_not_equal(wire_echo_refusal_name(a), "unknown");
		for (b = -1; b > a; b--)
			assert_string_not_equal(wire_echo_refusal_name(a),
						wire_echo_refusal_name(b));
	}
	assert_string_equal(wire_echo_refusal_name(0), "unknown");
	assert_string_equal(wire_echo_refusal_name(98), "unknown");
	assert_string_equal(wire_echo_refusal_name(-WIRE_ECHO_REFUSALS - 1), "unknown");
	assert_string_equal(wire_echo_refusal_name(INT32_MIN), "unknown");
}

static uint32_t next_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;

	return *x;
}

/* Change some bytes, most of them in the headers, and sometimes the length. */
static size_t mutate(uint8_t *frame, size_t len, uint32_t *x)
{
	/* Option types, lengths just below 28, first bytes of headers and of addresses. */
	static const uint8_t favourites[] = { 0, 1, 8, 0x16, 0x1b, 0x45, 0x46, 0x7f, 0x83, 0xff };
	unsigned int n = next_random(x) % 4 + 1;

	while (n--) {
		size_t span = next_random(x) % 4 ? 46 : len;
		size_t at = next_random(x) % (span < len ? span : len);
		uint32_t how = next_random(x) % 3;

		if (how == 0)
			frame[at] ^= (uint8_t)(1u << next_random(x) % 8);
		else if (how == 1)
			frame[at] = (uint8_t)next_random(x);
		else
			frame[at] = favourites[next_random(x) % sizeof(favourites)];
	}
	if (next_random(x) % 8 == 0)
		len = next_random(x) % len + 1;
	if (next_random(x) % 8 == 0) {
		size_t more = next_random(x) % 64;

		memset(frame + len, (int)next_random(x), more);
		len += more;
	}
	if (next_random(x) % 4)
		pkt_fix_sums(frame, len);

	return len;
}

static void test_random_mutations(void **state)
{
	static const uint8_t opts[] = { 7, 7, 4, 0, 0, 0, 0, 1, 0x44, 4, 5, 0 };
	struct wire_echo_addr addrs[PKT_ADDRS];
	struct wire_echo_self self = pkt_self(addrs);
	unsigned int round, answered = 0, refused[WIRE_ECHO_REFUSALS + 1] = { 0 };
	uint32_t x = 20260142;

	(void)state;
	for (round = 0; round < 100000; round++) {
		uint8_t frame[PKT_MAX];
		size_t optlen = round % 3 ? 0 : sizeof(opts);
		size_t len = pkt_request(frame, opts, optlen, round % 5 ? 56 : round % 97);
		bool wanted;
		int ret;

		len = mutate(frame, len, &x);
		wanted = pkt_model(frame, len, &self);
		ret = ask(frame, len, NULL, NULL);
		if (wanted != (ret > 0) || ret < -WIRE_ECHO_REFUSALS || ret == 0)
			fail_msg("round %u: got %d (%s)", round, ret, wire_echo_refusal_name(ret));
		if (ret > 0)
			answered++;
		else
			refused[-ret]++;
	}

	/* The mutations must reach all of the decision, or they test nothing. */
	assert_true(answered > 10000);
	for (round = 1; round < WIRE_ECHO_REFUSALS; round++)
		if (refused[round] < 20)
			fail_msg("%s: %u times only", wire_echo_refusal_name(-(int)round),
				 refused[round]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_ping),
		cmocka_unit_test(test_every_data_length),
		cmocka_unit_test(test_largest_packet),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_options_are_dropped),
		cmocka_unit_test(test_reply_of_zeros),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_without_addresses),
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_info_of_refused),
		cmocka_unit_test(test_refusal_names),
		cmocka_unit_test(test_random_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
