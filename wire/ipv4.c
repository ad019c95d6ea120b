// SPDX-License-Identifier: MIT
// IPv4 headers as received: every length checked against the bytes that came.

#include "wire/ipv4.h"

#include <string.h>

#include "wire/checksum.h"
#include "wire/ethernet.h"

/* Option types, with their copied flag and class (RFC 791; 148: RFC 2113). */
enum {
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_RECORD_ROUTE = 7,
	OPT_TIMESTAMP = 68,
	OPT_LOOSE_ROUTE = 131,
	OPT_CIPSO = 134,
	OPT_STRICT_ROUTE = 137,
	OPT_ROUTER_ALERT = 148,
};

/* Low half of a time stamp option's fourth byte: what an entry is. */
enum {
	TS_ONLY = 0,
	TS_WITH_ADDRESS = 1,
	TS_PRESPECIFIED = 3,
};

/* Options that may occur once. */
enum {
	SEEN_RECORD_ROUTE = 1,
	SEEN_TIMESTAMP = 2,
	SEEN_SOURCE_ROUTE = 4,
};

enum wire_ipv4_error wire_ipv4_parse(const uint8_t *ip, size_t len, struct wire_ipv4 *out)
{
	size_t hdr_len, tot_len;
	uint16_t frag;

	if (len < WIRE_IPV4_HLEN)
		return WIRE_IPV4_TRUNCATED;
	if (ip[0] >> 4 != 4)
		return WIRE_IPV4_BAD_VERSION;

	hdr_len = (size_t)(ip[0] & 0xf) * 4;
	if (hdr_len < WIRE_IPV4_HLEN)
		return WIRE_IPV4_BAD_IHL;
	if (hdr_len > len)
		return WIRE_IPV4_TRUNCATED;

	tot_len = wire_get_be16(ip + WIRE_IPV4_TOT_LEN);
	if (tot_len < hdr_len || tot_len > len)
		return WIRE_IPV4_BAD_LENGTH;

	frag = wire_get_be16(ip + WIRE_IPV4_FRAG);
	memcpy(&out->src, ip + WIRE_IPV4_SRC, sizeof(out->src));
	memcpy(&out->dst, ip + WIRE_IPV4_DST, sizeof(out->dst));
	out->frag_off = (uint32_t)(frag & WIRE_IPV4_OFFSET_MASK) * 8;
	out->id = wire_get_be16(ip + WIRE_IPV4_ID);
	out->tot_len = (uint16_t)tot_len;
	out->hdr_len = (uint8_t)hdr_len;
	out->tos = ip[WIRE_IPV4_TOS];
	out->ttl = ip[WIRE_IPV4_TTL];
	out->proto = ip[WIRE_IPV4_PROTO];
	out->df = frag & WIRE_IPV4_DF;
	out->mf = frag & WIRE_IPV4_MF;

	return wire_checksum(ip, hdr_len) ? WIRE_IPV4_BAD_CHECKSUM : WIRE_IPV4_OK;
}

/*
 * Options with a pointer: entries start at @first, counted from 1 as the pointer is, and take
 * @entry bytes. A pointer beyond the option says that it is full. Where this host enters itself when
 * it receives, the sender of the reply is to find no room or @after bytes: some room, but not enough,
 * is an error (RFC 791 section 3.1).
 */
static bool pointer_ok(const uint8_t *opt, unsigned int first, unsigned int entry, unsigned int after)
{
	unsigned int len = opt[1], ptr, left;

	if (len < first - 1)
		return false;
	ptr = opt[2];
	if (ptr < first)
		return false;

	if (ptr > len)
		return true;
	left = len - ptr + 1;

	return left >= entry && (left == entry || left >= entry + after);
}

static bool timestamp_ok(const uint8_t *opt)
{
	unsigned int kind, entry = 4, after = 0;

	if (opt[1] < 4)
		return false;

	kind = opt[3] & 0xf;
	if (kind == TS_WITH_ADDRESS || kind == TS_PRESPECIFIED)
		entry = 8;
	/* A prespecified entry is filled in only by the host whose address it has, which may be another. */
	if (kind == TS_ONLY || kind == TS_WITH_ADDRESS)
		after = entry;
	if (!pointer_ok(opt, 5, entry, after))
		return false;

	/* Full: this host would have to count itself as one that had no room. */
	if (opt[2] > opt[1] && kind != TS_PRESPECIFIED)
		return opt[3] >> 4 != 15;

	return true;
}

/* The source route's pointer only has to exist: nobody here follows it. */
static bool source_route_ok(const uint8_t *opt)
{
	return opt[1] >= 3 && opt[2] >= 4;
}

static bool option_ok(const uint8_t *opt, unsigned int *seen)
{
	unsigned int mark = 0;
	bool ok = true;

	switch (opt[0]) {
	case OPT_RECORD_ROUTE:
		mark = SEEN_RECORD_ROUTE;
		ok = pointer_ok(opt, 4, 4, 4);
		break;
	case OPT_TIMESTAMP:
		mark = SEEN_TIMESTAMP;
		ok = timestamp_ok(opt);
		break;
	case OPT_LOOSE_ROUTE:
	case OPT_STRICT_ROUTE:
		mark = SEEN_SOURCE_ROUTE;
		ok = source_route_ok(opt);
		break;
	case OPT_ROUTER_ALERT:
		ok = opt[1] >= 4;
		break;
	case OPT_CIPSO:
		ok = false;
		break;
	}
	if (*seen & mark)
		ok = false;
	*seen |= mark;

	return ok;
}

enum wire_ipv4_options wire_ipv4_options(const uint8_t *opts, size_t len)
{
	unsigned int seen = 0;
	size_t step;

	for (; len && opts[0] != OPT_END; opts += step, len -= step) {
		step = 1;
		if (opts[0] == OPT_NOP)
			continue;
		if (len < 2)
			return WIRE_IPV4_OPTIONS_MALFORMED;

		step = opts[1];
		if (step < 2 || step > len || !option_ok(opts, &seen))
			return WIRE_IPV4_OPTIONS_MALFORMED;
	}

	return seen & SEEN_SOURCE_ROUTE ? WIRE_IPV4_OPTIONS_SOURCE_ROUTE : WIRE_IPV4_OPTIONS_OK;
}

bool wire_ipv4_is_directed_broadcast(uint32_t addr, uint32_t net, uint32_t netmask)
{
	uint32_t host = ~ntohl(netmask);

	/* Compared as numbers: fewer than two host bits. */
	if (host < 3)
		return false;

	return ntohl(addr) == (ntohl(net) | host);
}
