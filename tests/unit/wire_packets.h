/* SPDX-License-Identifier: MIT */
/* Echo requests to test with, and an independent opinion on what the answer must be. */
#ifndef TESTS_UNIT_WIRE_PACKETS_H
#define TESTS_UNIT_WIRE_PACKETS_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/echo.h"

/*
 * Nothing here calls wire/: only then do two mistakes have to agree to go unseen. Offsets are
 * written out as numbers, from the RFCs, for the same reason.
 */

enum {
	PKT_MAX = 2048,		/* room that tests give to one frame */
	PKT_PING = 98,		/* the frame of a default ping */
	PKT_ADDRS = 5,		/* of this host */
};

static const uint8_t pkt_own_mac[6] = { 0x02, 0, 0, 0, 0, 0x0b };
static const uint8_t pkt_peer_mac[6] = { 0x02, 0, 0, 0, 0, 0x0a };

static inline uint32_t pkt_addr(unsigned int a, unsigned int b, unsigned int c, unsigned int d)
{
	return htonl(a << 24 | b << 16 | c << 8 | d);
}

/*
 * The responder's view: 10.10.10.11/24; both kinds of network without a broadcast address; an
 * address that no frame may ask for; 10.20.0.1/16 on another interface.
 */
static inline struct wire_echo_self pkt_self(struct wire_echo_addr addrs[PKT_ADDRS])
{
	struct wire_echo_self self = { .addrs = addrs, .count = PKT_ADDRS };

	addrs[0] = (struct wire_echo_addr){ pkt_addr(10, 10, 10, 11), htonl(0xffffff00), false };
	addrs[1] = (struct wire_echo_addr){ pkt_addr(192, 0, 2, 6), htonl(0xfffffffe), false };
	addrs[2] = (struct wire_echo_addr){ pkt_addr(198, 51, 100, 1), htonl(0xffffffff), false };
	addrs[3] = (struct wire_echo_addr){ pkt_addr(127, 0, 0, 5), htonl(0xff000000), false };
	addrs[4] = (struct wire_echo_addr){ pkt_addr(10, 20, 0, 1), htonl(0xffff0000), true };
	memcpy(self.mac, pkt_own_mac, sizeof(self.mac));

	return self;
}

/* One's complement sum of big-endian words, 0xffff over a message with the right checksum. */
static inline uint32_t pkt_sum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;
	size_t n;

	for (n = 0; n < len; n++) {
		sum += n % 2 ? p[n] : p[n] * 256u;
		if (sum > 0xffff)
			sum -= 0xffff;
	}

	return sum;
}

static inline void pkt_put_sum(uint8_t *field, const uint8_t *p, size_t len)
{
	uint32_t sum;

	field[0] = 0;
	field[1] = 0;
	sum = 0xffff - pkt_sum(p, len);
	field[0] = (uint8_t)(sum / 256);
	field[1] = (uint8_t)(sum % 256);
}

/* Make both checksums right, as far as there is a place for them within @len. */
static inline void pkt_fix_sums(uint8_t *frame, size_t len)
{
	size_t hlen, total;

	if (len < 34)
		return;
	hlen = frame[14] % 16 * 4u;
	total = frame[16] * 256u + frame[17];
	if (hlen >= 20 && hlen <= len - 14)
		pkt_put_sum(frame + 24, frame + 14, hlen);
	if (total <= len - 14 && total >= hlen + 4)
		pkt_put_sum(frame + 14 + hlen + 2, frame + 14 + hlen, total - hlen);
}

/*
 * A valid request from 10.10.10.10 to 10.10.10.11 with @optlen bytes of options (a multiple of 4)
 * and @datalen bytes of data. Returns its length: 42 and both of these.
 */
static inline size_t pkt_request(uint8_t buf[PKT_MAX], const void *opts, size_t optlen,
				 size_t datalen)
{
	static const uint8_t head[34] = {
		0x02, 0, 0, 0, 0, 0x0b, 0x02, 0, 0, 0, 0, 0x0a, 0x08, 0x00,
		0x45, 0x2e, 0, 0, 0xbe, 0xef, 0x40, 0x00, 0x3f, 1, 0, 0,
		10, 10, 10, 10, 10, 10, 10, 11,
	};
	static const uint8_t icmp[8] = { 8, 0, 0, 0, 0x12, 0x34, 0x00, 0x07 };
	size_t len = sizeof(head), n, total = 20 + optlen + 8 + datalen;

	memcpy(buf, head, sizeof(head));
	buf[14] = (uint8_t)(0x40 + 5 + optlen / 4);
	buf[16] = (uint8_t)(total / 256);
	buf[17] = (uint8_t)(total % 256);
	if (optlen)
		memcpy(buf + len, opts, optlen);
	len += optlen;
	memcpy(buf + len, icmp, sizeof(icmp));
	len += sizeof(icmp);
	for (n = 0; n < datalen; n++)
		buf[len++] = (uint8_t)(n * 7 + 1);
	pkt_fix_sums(buf, len);

	return len;
}

/* A copy that ends where its allocation ends, so that a sanitizer sees each byte read too many. */
static inline void *pkt_exact(const void *p, size_t len)
{
	void *copy = calloc(1, len);

	if (len && !copy)
		abort();
	if (len)
		memcpy(copy, p, len);

	return copy;
}

/* The model of the options: true if a host that follows no source route accepts them. */
static inline bool pkt_model_options(const uint8_t *o, size_t len)
{
	int routes = 0, records = 0, stamps = 0;
	size_t at = 0;

	while (at < len && o[at] != 0) {
		size_t left = len - at, olen;

		if (o[at] == 1) {
			at++;
			continue;
		}
		olen = left < 2 ? 0 : o[at + 1];
		if (olen < 2 || olen > left)
			return false;

		if (o[at] == 131 || o[at] == 137 || o[at] == 134)
			routes++;
		if (o[at] == 148 && olen < 4)
			return false;
		if (o[at] == 7) {
			records++;
			if (olen < 3 || o[at + 2] < 4)
				return false;
			if (o[at + 2] <= olen && olen - o[at + 2] < 3)
				return false;
			if (o[at + 2] <= olen && olen - o[at + 2] > 3 && olen - o[at + 2] < 7)
				return false;
		}
		if (o[at] == 68) {
			size_t kind = olen < 4 ? 0 : o[at + 3] & 15;
			size_t need = kind == 1 || kind == 3 ? 7 : 3;

			stamps++;
			if (olen < 4 || o[at + 2] < 5)
				return false;
			if (o[at + 2] <= olen && olen - o[at + 2] < need)
				return false;
			if (kind < 2 && olen - o[at + 2] > need && olen - o[at + 2] < 2 * need + 1)
				return false;
			if (o[at + 2] > olen && kind != 3 && o[at + 3] >= 0xf0)
				return false;
		}
		at += olen;
	}

	return !routes && records < 2 && stamps < 2;
}

/* The model of the decision: must this frame be answered? */
static inline bool pkt_model(const uint8_t *f, size_t len, const struct wire_echo_self *self)
{
	uint32_t src, dst, mask;
	bool to_us = false;
	size_t hlen, n, total;

	if (len < 34 || f[12] != 0x08 || f[13] != 0x00)
		return false;
	if (!(f[0] & 1) && memcmp(f, self->mac, 6) != 0)
		return false;
	if (f[6] & 1 || !(f[6] | f[7] | f[8] | f[9] | f[10] | f[11]))
		return false;

	hlen = f[14] % 16 * 4u;
	total = f[16] * 256u + f[17];
	if (f[14] / 16 != 4 || hlen < 20 || total < hlen || total + 14 > len)
		return false;
	if (pkt_sum(f + 14, hlen) != 0xffff || !pkt_model_options(f + 34, hlen - 20))
		return false;
	if ((f[20] & 0x3f) || f[21] || f[23] != 1)
		return false;

	src = (uint32_t)f[26] << 24 | (uint32_t)f[27] << 16 | (uint32_t)f[28] << 8 | f[29];
	dst = (uint32_t)f[30] << 24 | (uint32_t)f[31] << 16 | (uint32_t)f[32] << 8 | f[33];
	if (src == 0 || f[26] == 127 || (f[26] >= 224 && f[26] < 240) || src == 0xffffffff)
		return false;
	if (dst == 0 || f[30] == 127 || (f[30] >= 224 && f[30] < 240) || dst == 0xffffffff)
		return false;
	for (n = 0; n < self->count; n++) {
		uint32_t own = ntohl(self->addrs[n].addr);

		mask = ntohl(self->addrs[n].netmask);
		if (own == src)
			return false;
		if (own == dst && !self->addrs[n].elsewhere)
			to_us = true;
		if (mask >= 0xfffffffe)
			continue;
		if ((src & mask) == (own & mask) && (src | mask) == 0xffffffff)
			return false;
		if ((dst & mask) == (own & mask) && (dst | mask) == 0xffffffff)
			return false;
	}

	return to_us && total >= hlen + 8 && f[14 + hlen] == 8 &&
	       pkt_sum(f + 14 + hlen, total - hlen) == 0xffff;
}

/* NULL if @r is the right reply to the request @f, or what is wrong with it. */
static inline const char *pkt_reply_fault(const uint8_t *f, size_t len, const uint8_t *r,
					  size_t rlen, const struct wire_echo_self *self)
{
	size_t hlen = f[14] % 16 * 4u, total = f[16] * 256u + f[17], icmp_len = total - hlen;

	if (rlen != 34 + icmp_len || rlen > len)
		return "length of the frame";
	if (memcmp(r, f + 6, 6) != 0 || memcmp(r + 6, self->mac, 6) != 0)
		return "MAC addresses";
	if (r[12] != 0x08 || r[13] != 0x00 || r[14] != 0x45)
		return "EtherType, version or header length";
	if (r[16] * 256u + r[17] != rlen - 14)
		return "total length";
	if (r[15] != f[15] || r[18] != f[18] || r[19] != f[19])
		return "TOS or id";
	if (r[20] != 0x40 || r[21] != 0 || r[22] != 64 || r[23] != 1)
		return "DF, TTL or protocol";
	if (memcmp(r + 26, f + 30, 4) != 0 || memcmp(r + 30, f + 26, 4) != 0)
		return "IP addresses";
	if (pkt_sum(r + 14, 20) != 0xffff)
		return "IP checksum";
	if (r[34] != 0 || r[35] != f[14 + hlen + 1])
		return "ICMP type or code";
	if (pkt_sum(r + 34, icmp_len) != 0xffff)
		return "ICMP checksum";
	if (memcmp(r + 38, f + 14 + hlen + 4, icmp_len - 4) != 0)
		return "identifier, sequence or data";

	return NULL;
}

#endif /* TESTS_UNIT_WIRE_PACKETS_H */
