// SPDX-License-Identifier: MIT
// Tests of Ethernet fields, addresses and the 802.1Q tag.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/if_packet.h>

#include "tests/unit/wire_packets.h"
#include "wire/ethernet.h"

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t all_hosts[6] = { 0x01, 0x00, 0x5e, 0x00, 0x00, 0x01 };

static void test_fields_at_any_alignment(void **state)
{
	uint8_t room[16];
	size_t at;

	(void)state;
	for (at = 0; at < 8; at++) {
		memset(room, 0x77, sizeof(room));
		wire_put_be16(room + at, 0x81fe);
		assert_int_equal(room[at], 0x81);
		assert_int_equal(room[at + 1], 0xfe);
		assert_int_equal(room[at + 2], 0x77);
		assert_int_equal(wire_get_be16(room + at), 0x81fe);

		wire_put_be32(room + at, 0xfedcba98);
		assert_memory_equal(room + at, "\xfe\xdc\xba\x98", 4);
		assert_int_equal(room[at + 4], 0x77);
		assert_int_equal(wire_get_be32(room + at), 0xfedcba98);
	}
}

static void test_addresses(void **state)
{
	static const uint8_t nearly[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe };
	static const uint8_t zero[6];
	uint8_t other[6];
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(other); n++) {
		memcpy(other, pkt_own_mac, sizeof(other));
		assert_true(wire_mac_equal(other, pkt_own_mac));
		other[n] ^= 0x40;
		assert_false(wire_mac_equal(other, pkt_own_mac));

		memset(other, 0, sizeof(other));
		other[n] = 4;
		assert_false(wire_mac_is_zero(other));
	}
	assert_true(wire_mac_is_zero(zero));
	assert_true(wire_mac_is_multicast(broadcast));
	assert_true(wire_mac_is_multicast(all_hosts));
	assert_false(wire_mac_is_multicast(pkt_own_mac));
	assert_true(wire_mac_is_broadcast(broadcast));
	assert_false(wire_mac_is_broadcast(nearly));
	assert_false(wire_mac_is_broadcast(all_hosts));
}

static void test_pkttype(void **state)
{
	(void)state;
	assert_int_equal(wire_pkttype(pkt_own_mac, pkt_own_mac), PACKET_HOST);
	assert_int_equal(wire_pkttype(broadcast, pkt_own_mac), PACKET_BROADCAST);
	assert_int_equal(wire_pkttype(all_hosts, pkt_own_mac), PACKET_MULTICAST);
	assert_int_equal(wire_pkttype(pkt_peer_mac, pkt_own_mac), PACKET_OTHERHOST);
}

/* A frame with the given bytes from the EtherType on, ending where its allocation ends. */
static uint8_t *frame_of(const void *tail, size_t taillen)
{
	uint8_t buf[64];

	memcpy(buf, pkt_own_mac, 6);
	memcpy(buf + 6, pkt_peer_mac, 6);
	memcpy(buf + 12, tail, taillen);

	return pkt_exact(buf, 12 + taillen);
}

static void check_tag(const void *tail, unsigned int vid, unsigned int pcp, bool dei,
		      unsigned int ethertype)
{
	uint8_t *frame = frame_of(tail, 6);
	struct wire_vlan tag;

	assert_int_equal(wire_vlan_parse(frame, 18, &tag), 0);
	assert_int_equal(tag.vid, vid);
	assert_int_equal(tag.pcp, pcp);
	assert_int_equal(tag.dei, dei);
	assert_int_equal(tag.ethertype, ethertype);
	free(frame);
}

static void test_tag_is_read(void **state)
{
	(void)state;
	check_tag("\x81\x00\x00\x2a\x08\x00", 42, 0, false, 0x0800);
	check_tag("\x81\x00\xe0\x2a\x08\x00", 42, 7, false, 0x0800);
	check_tag("\x81\x00\xbf\xff\x08\x06", 4095, 5, true, 0x0806);
	check_tag("\x81\x00\x10\x00\x86\xdd", 0, 0, true, 0x86dd);
	check_tag("\x81\x00\x20\x01\x81\x00", 1, 1, false, 0x8100);
	check_tag("\x81\x00\x00\x2a\x88\xa8", 42, 0, false, 0x88a8);
}

static void check_no_tag(const void *tail, size_t taillen, int error)
{
	struct wire_vlan tag, before;
	uint8_t *frame = frame_of(tail, taillen);

	memset(&tag, 0x5a, sizeof(tag));
	memcpy(&before, &tag, sizeof(tag));
	assert_int_equal(wire_vlan_parse(frame, 12 + taillen, &tag), error);
	assert_memory_equal(&tag, &before, sizeof(tag));
	free(frame);
}

static void test_no_tag(void **state)
{
	(void)state;
	check_no_tag("\x08\x00\x45\x00\x00\x54", 6, -ENODATA);
	check_no_tag("\x08\x00", 2, -ENODATA);
	check_no_tag("\x88\xa8\x00\x2a\x08\x00", 6, -ENODATA);
	check_no_tag("\x91\x00\x00\x2a\x08\x00", 6, -ENODATA);
	check_no_tag("\x81\x00\x00\x2a\x08", 5, -EINVAL);
	check_no_tag("\x81\x00\x00\x2a", 4, -EINVAL);
	check_no_tag("\x81\x00", 2, -EINVAL);
	check_no_tag("\x81", 1, -EINVAL);
}

static void test_short_frames(void **state)
{
	uint8_t room[64], *frame;
	struct wire_vlan tag;
	size_t len;

	(void)state;
	for (len = 0; len < 14; len++) {
		memset(room, 0, sizeof(room));
		frame = pkt_exact(room, len);
		assert_int_equal(wire_vlan_parse(frame, len, &tag), -EINVAL);
		assert_int_equal(wire_vlan_push(room, sizeof(room), frame, len, 42), -EINVAL);
		free(frame);
	}
}

static void test_push(void **state)
{
	uint8_t frame[PKT_MAX], *in, *out;
	struct wire_vlan tag;
	size_t len = pkt_request(frame, NULL, 0, 56);

	(void)state;
	in = pkt_exact(frame, len);
	out = malloc(len + 4);
	assert_non_null(out);
	assert_int_equal(wire_vlan_push(out, len + 4, in, len, 0xa02a), len + 4);
	assert_memory_equal(out, frame, 12);
	assert_memory_equal(out + 12, "\x81\x00\xa0\x2a", 4);
	assert_memory_equal(out + 16, frame + 12, len - 12);
	assert_memory_equal(in, frame, len);

	assert_int_equal(wire_vlan_parse(out, len + 4, &tag), 0);
	assert_int_equal(tag.vid, 42);
	assert_int_equal(tag.pcp, 5);
	assert_int_equal(tag.ethertype, 0x0800);
	free(out);
	free(in);
}

static void test_push_shortest_and_huge(void **state)
{
	uint8_t *in = frame_of("\x08\x00", 2), out[18];

	(void)state;
	assert_int_equal(wire_vlan_push(out, 18, in, 14, 42), 18);
	assert_memory_equal(out + 12, "\x81\x00\x00\x2a\x08\x00", 6);
	assert_int_equal(wire_vlan_push(out, 18, in, SIZE_MAX, 42), -EINVAL);
	free(in);
}

static void test_push_without_room(void **state)
{
	uint8_t *in = frame_of("\x08\x00\x45", 3), out[19], before[19];
	size_t size;

	(void)state;
	memset(before, 0x5a, sizeof(before));
	for (size = 0; size < sizeof(out); size++) {
		memcpy(out, before, sizeof(out));
		assert_int_equal(wire_vlan_push(out, size, in, 15, 42), -ENOSPC);
		assert_memory_equal(out, before, sizeof(out));
	}
	free(in);
}

/* In place, and with every other distance between source and destination. */
static void test_push_overlapping(void **state)
{
	uint8_t frame[PKT_MAX], want[PKT_MAX], room[512];
	size_t len = pkt_request(frame, NULL, 0, 56), from, to;

	(void)state;
	assert_int_equal(wire_vlan_push(want, sizeof(want), frame, len, 42), len + 4);
	for (from = 0; from < 200; from++) {
		for (to = 0; to < 200; to++) {
			memset(room, 0x5a, sizeof(room));
			memcpy(room + from, frame, len);
			assert_int_equal(wire_vlan_push(room + to, len + 4, room + from, len, 42),
					 len + 4);
			assert_memory_equal(room + to, want, len + 4);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_at_any_alignment),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_pkttype),
		cmocka_unit_test(test_tag_is_read),
		cmocka_unit_test(test_no_tag),
		cmocka_unit_test(test_short_frames),
		cmocka_unit_test(test_push),
		cmocka_unit_test(test_push_shortest_and_huge),
		cmocka_unit_test(test_push_without_room),
		cmocka_unit_test(test_push_overlapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
