// SPDX-License-Identifier: MIT
// Tests of IPv4 headers, addresses and options.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/wire_packets.h"
#include "wire/ipv4.h"

static void test_all_fields(void **state)
{
	uint8_t frame[PKT_MAX], *ip;
	struct wire_ipv4 hdr;
	size_t len = pkt_request(frame, "\x94\x04\0\0", 4, 56) - 14;

	(void)state;
	ip = pkt_exact(frame + 14, len);
	assert_int_equal(wire_ipv4_parse(ip, len, &hdr), WIRE_IPV4_OK);
	assert_int_equal(hdr.src, pkt_addr(10, 10, 10, 10));
	assert_int_equal(hdr.dst, pkt_addr(10, 10, 10, 11));
	assert_int_equal(hdr.hdr_len, 24);
	assert_int_equal(hdr.tot_len, 88);
	assert_int_equal(hdr.id, 0xbeef);
	assert_int_equal(hdr.tos, 0x2e);
	assert_int_equal(hdr.ttl, 63);
	assert_int_equal(hdr.proto, 1);
	assert_int_equal(hdr.frag_off, 0);
	assert_true(hdr.df);
	assert_false(hdr.mf);
	free(ip);
}

static void check_fragment(uint8_t high, uint8_t low, bool df, bool mf, unsigned int offset)
{
	uint8_t frame[PKT_MAX];
	struct wire_ipv4 hdr;
	size_t len = pkt_request(frame, NULL, 0, 56);

	frame[20] = high;
	frame[21] = low;
	pkt_fix_sums(frame, len);
	assert_int_equal(wire_ipv4_parse(frame + 14, len - 14, &hdr), WIRE_IPV4_OK);
	assert_int_equal(hdr.df, df);
	assert_int_equal(hdr.mf, mf);
	assert_int_equal(hdr.frag_off, offset);
}

static void test_fragment_fields(void **state)
{
	(void)state;
	check_fragment(0x00, 0x00, false, false, 0);
	check_fragment(0x20, 0x00, false, true, 0);
	check_fragment(0x00, 0x01, false, false, 8);
	check_fragment(0x1f, 0xff, false, false, 65528);
	check_fragment(0x7f, 0xff, true, true, 65528);
	check_fragment(0x80, 0x00, false, false, 0);
}

static void test_every_truncation(void **state)
{
	uint8_t frame[PKT_MAX], opts[40];
	struct wire_ipv4 hdr, before;
	size_t len, cut;

	(void)state;
	memset(opts, 1, sizeof(opts));
	memset(&before, 0x5a, sizeof(before));
	len = pkt_request(frame, opts, sizeof(opts), 8) - 14;
	for (cut = 0; cut < len; cut++) {
		uint8_t *ip = pkt_exact(frame + 14, cut);

		memcpy(&hdr, &before, sizeof(hdr));
		assert_int_equal(wire_ipv4_parse(ip, cut, &hdr),
				 cut < 60 ? WIRE_IPV4_TRUNCATED : WIRE_IPV4_BAD_LENGTH);
		assert_memory_equal(&hdr, &before, sizeof(hdr));
		free(ip);
	}
	assert_int_equal(wire_ipv4_parse(frame + 14, len, &hdr), WIRE_IPV4_OK);
	assert_int_equal(wire_ipv4_parse(frame + 14, len + 5, &hdr), WIRE_IPV4_OK);
	assert_int_equal(hdr.tot_len, len);
}

static void test_header_alone(void **state)
{
	uint8_t frame[PKT_MAX], *ip;
	struct wire_ipv4 hdr;
	size_t len = pkt_request(frame, NULL, 0, 0);

	(void)state;
	frame[17] = 20;
	pkt_fix_sums(frame, len);
	ip = pkt_exact(frame + 14, 20);
	assert_int_equal(wire_ipv4_parse(ip, 20, &hdr), WIRE_IPV4_OK);
	assert_int_equal(hdr.tot_len, 20);
	free(ip);
}

static enum wire_ipv4_error parse_patched(size_t at, uint8_t value, struct wire_ipv4 *hdr)
{
	uint8_t frame[PKT_MAX], *ip;
	enum wire_ipv4_error error;
	size_t len = pkt_request(frame, NULL, 0, 56);

	frame[14 + at] = value;
	if (at != 10)
		pkt_fix_sums(frame, len);
	ip = pkt_exact(frame + 14, len - 14);
	error = wire_ipv4_parse(ip, len - 14, hdr);
	free(ip);

	return error;
}

static void test_refusals(void **state)
{
	struct wire_ipv4 hdr;
	unsigned int n;

	(void)state;
	for (n = 0; n < 16; n++) {
		if (n != 4)
			assert_int_equal(parse_patched(0, (uint8_t)(n << 4 | 5), &hdr),
					 WIRE_IPV4_BAD_VERSION);
		if (n < 5)
			assert_int_equal(parse_patched(0, (uint8_t)(0x40 | n), &hdr),
					 WIRE_IPV4_BAD_IHL);
		else
			assert_int_equal(parse_patched(0, (uint8_t)(0x40 | n), &hdr),
					 WIRE_IPV4_OK);
	}
	assert_int_equal(parse_patched(3, 19, &hdr), WIRE_IPV4_BAD_LENGTH);
	assert_int_equal(parse_patched(3, 0, &hdr), WIRE_IPV4_BAD_LENGTH);
	assert_int_equal(parse_patched(3, 85, &hdr), WIRE_IPV4_BAD_LENGTH);
	assert_int_equal(parse_patched(2, 0xff, &hdr), WIRE_IPV4_BAD_LENGTH);
	assert_int_equal(parse_patched(3, 20, &hdr), WIRE_IPV4_OK);
	assert_int_equal(hdr.tot_len, 20);
	assert_int_equal(parse_patched(3, 84, &hdr), WIRE_IPV4_OK);
}

static void test_bad_checksum_still_tells_lengths(void **state)
{
	struct wire_ipv4 hdr = { 0 };

	(void)state;
	assert_int_equal(parse_patched(10, 0x11, &hdr), WIRE_IPV4_BAD_CHECKSUM);
	assert_int_equal(hdr.tot_len, 84);
	assert_int_equal(hdr.hdr_len, 20);
}

static void test_address_classes(void **state)
{
	(void)state;
	assert_false(wire_ipv4_is_multicast(pkt_addr(223, 255, 255, 255)));
	assert_true(wire_ipv4_is_multicast(pkt_addr(224, 0, 0, 0)));
	assert_true(wire_ipv4_is_multicast(pkt_addr(239, 255, 255, 255)));
	assert_false(wire_ipv4_is_multicast(pkt_addr(240, 0, 0, 0)));
	assert_true(wire_ipv4_is_limited_broadcast(pkt_addr(255, 255, 255, 255)));
	assert_false(wire_ipv4_is_limited_broadcast(pkt_addr(255, 255, 255, 254)));
	assert_true(wire_ipv4_is_loopback(pkt_addr(127, 0, 0, 0)));
	assert_true(wire_ipv4_is_loopback(pkt_addr(127, 255, 255, 255)));
	assert_false(wire_ipv4_is_loopback(pkt_addr(126, 255, 255, 255)));
	assert_false(wire_ipv4_is_loopback(pkt_addr(128, 0, 0, 127)));
	assert_true(wire_ipv4_is_unspecified(pkt_addr(0, 0, 0, 0)));
	assert_false(wire_ipv4_is_unspecified(pkt_addr(0, 0, 0, 1)));
	assert_false(wire_ipv4_is_unspecified(pkt_addr(0, 255, 255, 255)));
	assert_false(wire_ipv4_is_unspecified(pkt_addr(1, 0, 0, 0)));
}

static bool broadcast_of(uint32_t addr, unsigned int bits)
{
	uint32_t mask = bits ? htonl(UINT32_MAX << (32 - bits)) : 0;

	return wire_ipv4_is_directed_broadcast(addr, pkt_addr(10, 10, 10, 11), mask);
}

static void test_directed_broadcast(void **state)
{
	(void)state;
	assert_true(broadcast_of(pkt_addr(10, 10, 10, 255), 24));
	assert_false(broadcast_of(pkt_addr(10, 10, 10, 254), 24));
	assert_false(broadcast_of(pkt_addr(10, 10, 10, 0), 24));
	assert_false(broadcast_of(pkt_addr(10, 10, 11, 255), 24));
	assert_true(broadcast_of(pkt_addr(10, 255, 255, 255), 8));
	assert_false(broadcast_of(pkt_addr(10, 10, 10, 255), 8));
	assert_true(broadcast_of(pkt_addr(10, 10, 10, 11), 30));
	assert_false(broadcast_of(pkt_addr(10, 10, 10, 11), 31));
	assert_false(broadcast_of(pkt_addr(10, 10, 10, 11), 32));
	assert_true(broadcast_of(pkt_addr(255, 255, 255, 255), 0));
}

static void check_options(const char *bytes, size_t len, enum wire_ipv4_options want)
{
	uint8_t *opts = pkt_exact(bytes, len);

	assert_int_equal(wire_ipv4_options(opts, len), want);
	free(opts);
}

#define OPTIONS(bytes, want) check_options(bytes, sizeof(bytes) - 1, WIRE_IPV4_OPTIONS_##want)

static void test_options_well_formed(void **state)
{
	(void)state;
	OPTIONS("", OK);
	OPTIONS("\x00", OK);
	OPTIONS("\x01\x01\x01\x01", OK);
	OPTIONS("\x01\x01\x01\x00", OK);
	OPTIONS("\x00\x83\xff\x07", OK);		/* after the end: not read */
	OPTIONS("\x94\x04\x00\x00", OK);		/* router alert */
	OPTIONS("\x82\x0b\0\0\0\0\0\0\0\0\0\x00", OK);	/* security */
	OPTIONS("\x99\x02", OK);			/* unknown, without data */
	OPTIONS("\x07\x07\x04\0\0\0\0", OK);
	OPTIONS("\x07\x07\x08\1\2\3\4", OK);		/* record route, full */
	OPTIONS("\x07\x0b\x04\0\0\0\0\0\0\0\0", OK);	/* ours, and the reply's */
	OPTIONS("\x44\x10\x05\x03\0\0\0\0\0\0\0\0\0\0\0\0", OK);
	OPTIONS("\x07\x03\x04\x00", OK);		/* record route without room at all */
	OPTIONS("\x44\x08\x05\x00\0\0\0\0", OK);
	OPTIONS("\x44\x0c\x05\x01\0\0\0\0\0\0\0\0", OK);
	OPTIONS("\x44\x0c\x05\x03\0\0\0\0\0\0\0\0", OK);
	OPTIONS("\x44\x04\x05\xe0", OK);		/* full, overflow can still be counted */
	OPTIONS("\x44\x08\x05\x09\0\0\0\0", OK);	/* a kind that nobody defined */
	OPTIONS("\x44\x04\x05\xf3", OK);		/* prespecified: no overflow to count */
}

static void test_options_malformed(void **state)
{
	(void)state;
	OPTIONS("\x07", MALFORMED);			/* no length */
	OPTIONS("\x01\x01\x01\x99", MALFORMED);
	OPTIONS("\x99\x00\x01\x01", MALFORMED);
	OPTIONS("\x99\x01\x01\x01", MALFORMED);
	OPTIONS("\x99\x05\x01\x01", MALFORMED);		/* beyond the header */
	OPTIONS("\x01\xff\xff\x00", MALFORMED);
	OPTIONS("\x07\x02", MALFORMED);			/* record route without pointer */
	OPTIONS("\x07\x07\x03\0\0\0\0", MALFORMED);	/* points before the first entry */
	OPTIONS("\x07\x07\x05\0\0\0\0", MALFORMED);	/* the entry would not fit */
	OPTIONS("\x07\x07\x07\0\0\0\0", MALFORMED);
	OPTIONS("\x07\x0a\x04\0\0\0\0\0\0\0", MALFORMED);	/* ours would, the reply's would not */
	OPTIONS("\x44\x0b\x05\x00\0\0\0\0\0\0\0", MALFORMED);
	OPTIONS("\x44\x10\x05\x01\0\0\0\0\0\0\0\0\0\0\0\0", MALFORMED);
	OPTIONS("\x07\x03\x04\x07\x03\x04", MALFORMED);	/* twice */
	OPTIONS("\x44\x02", MALFORMED);
	OPTIONS("\x44\x03\x05", MALFORMED);
	OPTIONS("\x44\x08\x04\x00\0\0\0\0", MALFORMED);
	OPTIONS("\x44\x08\x06\x00\0\0\0\0", MALFORMED);
	OPTIONS("\x44\x08\x05\x01\0\0\0\0", MALFORMED);	/* no room for address and time */
	OPTIONS("\x44\x08\x05\x03\0\0\0\0", MALFORMED);
	OPTIONS("\x44\x04\x05\xf0", MALFORMED);		/* overflow counter overflows */
	OPTIONS("\x44\x04\x05\x00\x44\x04\x05\x00", MALFORMED);
	OPTIONS("\x94\x02", MALFORMED);
	OPTIONS("\x94\x03\x00", MALFORMED);
	OPTIONS("\x86\x06\0\0\0\1", MALFORMED);		/* CIPSO */
	OPTIONS("\x83\x02", MALFORMED);
	OPTIONS("\x83\x03\x03", MALFORMED);
	OPTIONS("\x83\x03\x04\x89\x03\x04", MALFORMED);	/* loose and strict */
	OPTIONS("\x83\x03\x04\x99\x09", MALFORMED);	/* after a source route */
}

static void test_options_source_route(void **state)
{
	(void)state;
	OPTIONS("\x83\x07\x04\x0a\x0a\x0a\x01", SOURCE_ROUTE);
	OPTIONS("\x89\x07\x08\x0a\x0a\x0a\x01", SOURCE_ROUTE);
	OPTIONS("\x01\x83\x03\x04\x01\x00\xff", SOURCE_ROUTE);
	OPTIONS("\x07\x03\x04\x89\x03\x04", SOURCE_ROUTE);
}

/* Every first option with every length and pointer, and something after it. */
static void test_options_agree_with_model(void **state)
{
	uint8_t opts[40];
	unsigned int type, len, ptr;

	(void)state;
	for (type = 0; type < 256; type++) {
		for (len = 0; len < 256; len++) {
			for (ptr = 0; ptr < 48; ptr++) {
				uint8_t *exact;
				bool good;

				memset(opts, 1, sizeof(opts));
				opts[0] = (uint8_t)type;
				opts[1] = (uint8_t)len;
				opts[2] = (uint8_t)ptr;
				opts[3] = (uint8_t)(type * 31 + ptr * 7);
				opts[38] = (uint8_t)(type + ptr);
				opts[39] = (uint8_t)len;
				exact = pkt_exact(opts, sizeof(opts));
				good = wire_ipv4_options(exact, sizeof(opts)) ==
				       WIRE_IPV4_OPTIONS_OK;
				free(exact);
				if (good != pkt_model_options(opts, sizeof(opts)))
					fail_msg("type %u length %u pointer %u", type, len, ptr);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_fields),
		cmocka_unit_test(test_fragment_fields),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_header_alone),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_bad_checksum_still_tells_lengths),
		cmocka_unit_test(test_address_classes),
		cmocka_unit_test(test_directed_broadcast),
		cmocka_unit_test(test_options_well_formed),
		cmocka_unit_test(test_options_malformed),
		cmocka_unit_test(test_options_source_route),
		cmocka_unit_test(test_options_agree_with_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
