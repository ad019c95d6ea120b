// SPDX-License-Identifier: MIT
// Fuzzer of the checksum, of IPv4 headers with their options, and of the 802.1Q tag.
//
// Input: one byte of choices, then a packet.

#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "wire/checksum.h"
#include "wire/ipv4.h"

enum {
	FIX_SUM = 1,
};

static void check_checksum(const uint8_t *p, size_t len, unsigned int cut)
{
	uint16_t want = (uint16_t)(0xffff - pkt_sum(p, len));
	size_t even = len ? cut % len & ~(size_t)1 : 0;
	uint64_t sum;

	ORACLE(ntohs(wire_checksum(p, len)) == want, "checksum");
	sum = wire_csum_partial(p, even, 0);
	sum = wire_csum_partial(p + even, len - even, sum);
	ORACLE(ntohs(wire_csum_fold(sum)) == want, "checksum of two pieces");
}

/* The checksum of a header whose id was replaced. */
static void check_update(const uint8_t *ip, unsigned int choices)
{
	uint8_t hdr[20];
	uint16_t check, from, to;

	memcpy(hdr, ip, sizeof(hdr));
	hdr[0] = 0x45;
	pkt_put_sum(hdr + 10, hdr, sizeof(hdr));
	memcpy(&check, hdr + 10, 2);
	memcpy(&from, hdr + 4, 2);
	to = htons((uint16_t)(choices * 257));
	memcpy(hdr + 4, &to, 2);
	check = wire_csum_update16(check, from, to);
	memcpy(hdr + 10, &check, 2);
	ORACLE(pkt_sum(hdr, sizeof(hdr)) == 0xffff, "updated checksum");
}

/* What wire_ipv4_parse() must return, worked out anew. */
static enum wire_ipv4_error model(const uint8_t *ip, size_t len)
{
	size_t hlen = len ? ip[0] % 16 * 4u : 0, total = len < 4 ? 0 : ip[2] * 256u + ip[3];

	if (len < 20)
		return WIRE_IPV4_TRUNCATED;
	if (ip[0] / 16 != 4)
		return WIRE_IPV4_BAD_VERSION;
	if (ip[0] % 16 < 5)
		return WIRE_IPV4_BAD_IHL;
	if (len < hlen)
		return WIRE_IPV4_TRUNCATED;
	if (total < hlen || total > len)
		return WIRE_IPV4_BAD_LENGTH;

	return pkt_sum(ip, hlen) == 0xffff ? WIRE_IPV4_OK : WIRE_IPV4_BAD_CHECKSUM;
}

/* Write a header of 20 bytes from the fields: it must be the one that was read. */
static void check_fields(const uint8_t *ip, const struct wire_ipv4 *hdr)
{
	uint32_t frag = (hdr->df ? 0x4000 : 0) + (hdr->mf ? 0x2000 : 0) + hdr->frag_off / 8;
	uint8_t again[20];

	again[0] = (uint8_t)(0x40 + hdr->hdr_len / 4);
	again[1] = hdr->tos;
	again[2] = (uint8_t)(hdr->tot_len >> 8);
	again[3] = (uint8_t)hdr->tot_len;
	again[4] = (uint8_t)(hdr->id >> 8);
	again[5] = (uint8_t)hdr->id;
	again[6] = (uint8_t)((frag >> 8) + (ip[6] & 0x80));
	again[7] = (uint8_t)frag;
	again[8] = hdr->ttl;
	again[9] = hdr->proto;
	memcpy(again + 10, ip + 10, 2);
	memcpy(again + 12, &hdr->src, 4);
	memcpy(again + 16, &hdr->dst, 4);
	ORACLE(memcmp(ip, again, sizeof(again)) == 0, "fields");
	ORACLE(hdr->frag_off % 8 == 0, "fragment offset");
}

static void check_options(const uint8_t *bytes, size_t len)
{
	uint8_t *opts;
	bool ok;

	len = len > 40 ? 40 : len;
	opts = fuzz_copy(bytes, len);
	ok = wire_ipv4_options(opts, len) == WIRE_IPV4_OPTIONS_OK;
	ORACLE(ok == pkt_model_options(opts, len), "options");
	free(opts);
}

/* Tagging and reading the tag back; in place and beside. */
static void check_tag(const uint8_t *frame, size_t len, uint16_t tci)
{
	uint8_t *beside = malloc(len + 4), *within = malloc(len + 4);
	struct wire_vlan tag;
	int ret;

	ORACLE(beside && within, "memory");
	memcpy(within + 4, frame, len);
	ret = wire_vlan_push(beside, len + 4, frame, len, tci);
	if (len < 14) {
		ORACLE(ret == -EINVAL, "tagged what has no header");
		ORACLE(wire_vlan_parse(frame, len, &tag) == -EINVAL, "tag without header");
	} else {
		ORACLE(ret == (int)len + 4, "length of the tagged frame");
		ORACLE(wire_vlan_push(within, len + 4, within + 4, len, tci) == ret, "in place");
		ORACLE(memcmp(within, beside, len + 4) == 0, "tagged in place");
		ORACLE(wire_vlan_parse(beside, len + 4, &tag) == 0, "tag is found");
		ORACLE(tag.pcp * 8192u + tag.dei * 4096u + tag.vid == tci, "tag comes back");
		ORACLE(tag.ethertype == frame[12] * 256u + frame[13], "EtherType comes back");
		ret = wire_vlan_parse(frame, len, &tag);
		ORACLE((ret == -ENODATA) == (frame[12] != 0x81 || frame[13]), "untagged");
		ORACLE(ret == -ENODATA || (ret == 0) == (len >= 18), "short tag");
	}
	free(within);
	free(beside);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_ipv4 hdr;
	uint8_t *ip;
	size_t len;
	int ret;

	if (size < 1)
		return -1;

	len = size - 1;
	ip = fuzz_copy(data + 1, len);
	check_tag(ip, len, (uint16_t)(data[0] * 259));
	if (data[0] & FIX_SUM && len >= 20 && ip[0] % 16 >= 5 && ip[0] % 16 * 4u <= len)
		pkt_put_sum(ip + 10, ip, ip[0] % 16 * 4u);

	check_checksum(ip, len, data[0] * 7u);
	check_options(ip, len);
	ret = wire_ipv4_parse(ip, len, &hdr);
	ORACLE(ret == (int)model(ip, len), "verdict on the header");
	if (ret == WIRE_IPV4_OK || ret == WIRE_IPV4_BAD_CHECKSUM) {
		check_fields(ip, &hdr);
		check_update(ip, data[0]);
		check_options(ip + 20, hdr.hdr_len - 20u);
	}
	free(ip);

	return 0;
}
