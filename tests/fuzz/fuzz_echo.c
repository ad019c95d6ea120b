// SPDX-License-Identifier: MIT
// Fuzzer of the responder's decision, against an independent model of it.
//
// Input: one byte of choices, one byte for the room of the reply, then the frame. The choices
// spare the fuzzer from guessing checksums and addresses, which it could not.

#include "tests/fuzz/fuzz.h"

#include <linux/if_packet.h>

enum {
	FIX_SUMS = 1,
	FIX_MACS = 2,
	FIX_ADDRESSES = 4,
	FIX_LENGTH = 8,
	SHORT_ROOM = 16,
	NO_ADDRESSES = 32,
	WITHOUT_INFO = 64,
};

static void prepare(uint8_t *frame, size_t len, unsigned int choices)
{
	static const uint8_t ends[8] = { 10, 10, 10, 10, 10, 10, 10, 11 };

	if (choices & FIX_MACS && len >= 14) {
		memcpy(frame, pkt_own_mac, 6);
		memcpy(frame + 6, pkt_peer_mac, 6);
		memcpy(frame + 12, "\x08\x00", 2);
	}
	if (choices & FIX_ADDRESSES && len >= 34)
		memcpy(frame + 26, ends, 8);
	if (choices & FIX_LENGTH && len >= 34 && len < 65550) {
		frame[16] = (uint8_t)((len - 14) >> 8);
		frame[17] = (uint8_t)(len - 14);
	}
	if (choices & FIX_SUMS)
		pkt_fix_sums(frame, len);
}

static void check_info(const uint8_t *frame, size_t len, const struct wire_echo_info *info)
{
	ORACLE(info->count <= len, "count beyond what was received");
	ORACLE(!(info->flags & WIRE_ECHO_INFO_ETHER) == (len < 14), "flag of the MAC header");
	if (len < 14) {
		ORACLE(info->count == 0 && info->flags == 0, "info without a MAC header");
		return;
	}
	ORACLE(memcmp(info->mac, frame + 6, 6) == 0, "sender's address");
	if (info->flags & WIRE_ECHO_INFO_IPV4)
		ORACLE(info->count == frame[16] * 256u + frame[17], "count is the total length");
	else
		ORACLE(info->count == len - 14, "count is what was received");
	if (memcmp(frame, pkt_own_mac, 6) == 0)
		ORACLE(info->pkttype == PACKET_HOST, "packet type of our address");
	else if (!(frame[0] & 1))
		ORACLE(info->pkttype == PACKET_OTHERHOST, "packet type of another address");
	else
		ORACLE(info->pkttype == PACKET_BROADCAST || info->pkttype == PACKET_MULTICAST,
		       "packet type of a group address");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_echo_info info, *wanted;
	struct wire_echo_addr addrs[PKT_ADDRS];
	struct wire_echo_self self = pkt_self(addrs);
	uint8_t *frame, *out;
	size_t len, room;
	const char *fault;
	bool answer;
	int ret;

	if (size < 2)
		return -1;

	len = size - 2;
	frame = fuzz_copy(data + 2, len);
	prepare(frame, len, data[0]);
	room = data[0] & SHORT_ROOM ? data[1] : len;
	if (data[0] & NO_ADDRESSES)
		self.count = 0;
	wanted = data[0] & WITHOUT_INFO ? NULL : &info;

	out = malloc(room + 1);
	ORACLE(out, "memory");
	memset(out, 0x5a, room + 1);
	answer = pkt_model(frame, len, &self);
	ret = wire_echo_reply(frame, len, &self, out, room, wanted);
	if (wanted)
		check_info(frame, len, &info);

	if (ret > 0) {
		ORACLE(answer, "answered what the model refuses");
		ORACLE((size_t)ret <= room, "reply beyond its room");
		fault = pkt_reply_fault(frame, len, out, (size_t)ret, &self);
		ORACLE(!fault, fault);
		room -= (size_t)ret;
		memmove(out, out + ret, room + 1);
	} else {
		ORACLE(ret < 0 && ret >= -WIRE_ECHO_REFUSALS, "neither reply nor refusal");
		ORACLE(strcmp(wire_echo_refusal_name(ret), "unknown") != 0, "refusal's name");
		ORACLE(answer == (ret == WIRE_ECHO_NO_ROOM), "refused what the model answers");
		ORACLE(ret != WIRE_ECHO_NO_ROOM || room < len, "no room for a reply as long");
	}
	/* What is left of the buffer is untouched, the byte after its end included. */
	for (len = 0; len <= room; len++)
		ORACLE(out[len] == 0x5a, "written beyond the reply");

	free(out);
	free(frame);

	return 0;
}
