// SPDX-License-Identifier: MIT
// The ping responder's decision: which frame is answered, and with which bytes.

#include "wire/echo.h"

#include <netinet/in.h>
#include <string.h>

#include <linux/if_packet.h>

#include "wire/checksum.h"
#include "wire/ipv4.h"

/* Offsets in an ICMP message (RFC 792). */
enum {
	ICMP_TYPE = 0,
	ICMP_CODE = 1,
	ICMP_CHECK = 2,
	ICMP_ID = 4,
};

enum {
	ICMP_TYPE_REPLY = 0,
	ICMP_TYPE_REQUEST = 8,
};

static const char *const refusal_names[WIRE_ECHO_REFUSALS + 1] = {
	[-WIRE_ECHO_TRUNCATED] = "truncated",
	[-WIRE_ECHO_NOT_IPV4] = "not IPv4",
	[-WIRE_ECHO_OTHER_HOST] = "for another host",
	[-WIRE_ECHO_BAD_IP_LENGTH] = "bad IP length",
	[-WIRE_ECHO_BAD_IP_CHECKSUM] = "bad IP checksum",
	[-WIRE_ECHO_BAD_OPTIONS] = "bad IP options",
	[-WIRE_ECHO_SOURCE_ROUTE] = "source routed",
	[-WIRE_ECHO_BAD_SOURCE] = "bad source",
	[-WIRE_ECHO_BROADCAST] = "broadcast or multicast destination",
	[-WIRE_ECHO_NOT_OURS] = "not our address",
	[-WIRE_ECHO_FRAGMENT] = "fragment",
	[-WIRE_ECHO_NOT_ICMP] = "not ICMP",
	[-WIRE_ECHO_BAD_ICMP_CHECKSUM] = "bad ICMP checksum",
	[-WIRE_ECHO_BAD_ICMP_LENGTH] = "bad ICMP length",
	[-WIRE_ECHO_NOT_REQUEST] = "not an echo request",
	[-WIRE_ECHO_NO_ROOM] = "no room for the reply",
};

const char *wire_echo_refusal_name(int refusal)
{
	if (refusal >= 0 || refusal < -WIRE_ECHO_REFUSALS)
		return "unknown";

	return refusal_names[-refusal];
}

/* What an address is to this host: bits. */
enum {
	OURS = 1,		/* the interface's */
	OURS_ELSEWHERE = 2,	/* another interface's */
	GROUP = 4,		/* multicast, or a broadcast on the interface */
	GROUP_ELSEWHERE = 8,	/* a broadcast on another interface */
	NOBODY = 16,		/* never comes from, nor leads to, a host of a real network */
};

static unsigned int classify(const struct wire_echo_self *self, uint32_t addr)
{
	unsigned int class = 0;

	if (wire_ipv4_is_multicast(addr) || wire_ipv4_is_limited_broadcast(addr))
		class |= GROUP;
	if (wire_ipv4_is_loopback(addr) || wire_ipv4_is_unspecified(addr))
		class |= NOBODY;
	for (size_t i = 0; i < self->count; i++) {
		const struct wire_echo_addr *own = &self->addrs[i];

		if (own->addr == addr)
			class |= own->elsewhere ? OURS_ELSEWHERE : OURS;
		if (wire_ipv4_is_directed_broadcast(addr, own->addr, own->netmask))
			class |= own->elsewhere ? GROUP_ELSEWHERE : GROUP;
	}

	return class;
}

static int check_header(const uint8_t *ip, size_t len, struct wire_ipv4 *hdr,
			struct wire_echo_info *info)
{
	enum wire_ipv4_error error = wire_ipv4_parse(ip, len, hdr);

	if (error == WIRE_IPV4_OK || error == WIRE_IPV4_BAD_CHECKSUM) {
		info->count = hdr->tot_len;
		info->flags |= WIRE_ECHO_INFO_IPV4;
	}

	switch (error) {
	case WIRE_IPV4_OK:
		return 0;
	case WIRE_IPV4_TRUNCATED:
		return WIRE_ECHO_TRUNCATED;
	case WIRE_IPV4_BAD_VERSION:
		return WIRE_ECHO_NOT_IPV4;
	case WIRE_IPV4_BAD_CHECKSUM:
		return WIRE_ECHO_BAD_IP_CHECKSUM;
	default:
		return WIRE_ECHO_BAD_IP_LENGTH;
	}
}

static int check_options(const uint8_t *ip, const struct wire_ipv4 *hdr)
{
	switch (wire_ipv4_options(ip + WIRE_IPV4_HLEN, hdr->hdr_len - WIRE_IPV4_HLEN)) {
	case WIRE_IPV4_OPTIONS_OK:
		return 0;
	case WIRE_IPV4_OPTIONS_SOURCE_ROUTE:
		return WIRE_ECHO_SOURCE_ROUTE;
	default:
		return WIRE_ECHO_BAD_OPTIONS;
	}
}

static int check_addresses(const uint8_t *mac, const struct wire_ipv4 *hdr,
			   const struct wire_echo_self *self)
{
	unsigned int class;

	if (wire_mac_is_multicast(mac) || wire_mac_is_zero(mac))
		return WIRE_ECHO_BAD_SOURCE;
	if (classify(self, hdr->src))
		return WIRE_ECHO_BAD_SOURCE;

	class = classify(self, hdr->dst);
	if (class & GROUP)
		return WIRE_ECHO_BROADCAST;
	if (class & NOBODY || !(class & OURS))
		return WIRE_ECHO_NOT_OURS;

	return 0;
}

static int check_icmp(const uint8_t *icmp, size_t len)
{
	if (wire_checksum(icmp, len))
		return WIRE_ECHO_BAD_ICMP_CHECKSUM;
	if (len < WIRE_ECHO_ICMP_HLEN)
		return WIRE_ECHO_BAD_ICMP_LENGTH;
	if (icmp[ICMP_TYPE] != ICMP_TYPE_REQUEST)
		return WIRE_ECHO_NOT_REQUEST;

	return 0;
}

static void put_checksum(uint8_t *field, const void *p, size_t len)
{
	uint16_t check;

	memset(field, 0, sizeof(check));
	check = wire_checksum(p, len);
	memcpy(field, &check, sizeof(check));
}

static int build_reply(const uint8_t *frame, const struct wire_ipv4 *req,
		       const struct wire_echo_self *self, uint8_t *out, size_t outsz)
{
	const uint8_t *icmp = frame + WIRE_ETH_HLEN + req->hdr_len;
	size_t icmp_len = req->tot_len - req->hdr_len;
	size_t tot_len = WIRE_IPV4_HLEN + icmp_len;
	uint8_t *ip, *msg;

	if (outsz < WIRE_ETH_HLEN + tot_len)
		return WIRE_ECHO_NO_ROOM;

	ip = out + WIRE_ETH_HLEN;
	msg = ip + WIRE_IPV4_HLEN;
	memcpy(out + WIRE_ETH_DST, frame + WIRE_ETH_SRC, WIRE_ETH_ALEN);
	memcpy(out + WIRE_ETH_SRC, self->mac, WIRE_ETH_ALEN);
	wire_put_be16(out + WIRE_ETH_TYPE, WIRE_ETHERTYPE_IPV4);

	ip[0] = 4 << 4 | WIRE_IPV4_HLEN / 4;
	ip[WIRE_IPV4_TOS] = req->tos;
	wire_put_be16(ip + WIRE_IPV4_TOT_LEN, (uint16_t)tot_len);
	wire_put_be16(ip + WIRE_IPV4_ID, req->id);
	wire_put_be16(ip + WIRE_IPV4_FRAG, WIRE_IPV4_DF);
	ip[WIRE_IPV4_TTL] = WIRE_ECHO_TTL;
	ip[WIRE_IPV4_PROTO] = IPPROTO_ICMP;
	memcpy(ip + WIRE_IPV4_SRC, &req->dst, sizeof(req->dst));
	memcpy(ip + WIRE_IPV4_DST, &req->src, sizeof(req->src));
	put_checksum(ip + WIRE_IPV4_CHECK, ip, WIRE_IPV4_HLEN);

	msg[ICMP_TYPE] = ICMP_TYPE_REPLY;
	msg[ICMP_CODE] = icmp[ICMP_CODE];
	memcpy(msg + ICMP_ID, icmp + ICMP_ID, icmp_len - ICMP_ID);
	/* Summed anew: an update would get a reply of zero bytes only wrong (wire/checksum.h). */
	put_checksum(msg + ICMP_CHECK, msg, icmp_len);

	return (int)(WIRE_ETH_HLEN + tot_len);
}

static int check_request(const uint8_t *frame, size_t len, const struct wire_echo_self *self,
			 struct wire_ipv4 *hdr, struct wire_echo_info *info)
{
	const uint8_t *ip = frame + WIRE_ETH_HLEN;
	int refusal;

	memset(info, 0, sizeof(*info));
	info->pkttype = PACKET_OTHERHOST;
	if (len < WIRE_ETH_HLEN)
		return WIRE_ECHO_TRUNCATED;

	info->count = len - WIRE_ETH_HLEN;
	info->flags = WIRE_ECHO_INFO_ETHER;
	info->pkttype = wire_pkttype(frame + WIRE_ETH_DST, self->mac);
	memcpy(info->mac, frame + WIRE_ETH_SRC, sizeof(info->mac));
	if (wire_get_be16(frame + WIRE_ETH_TYPE) != WIRE_ETHERTYPE_IPV4)
		return WIRE_ECHO_NOT_IPV4;

	/* Read before the frame may be refused as another host's: info wants the length. */
	refusal = check_header(ip, len - WIRE_ETH_HLEN, hdr, info);
	if (info->pkttype == PACKET_OTHERHOST)
		return WIRE_ECHO_OTHER_HOST;
	if (refusal)
		return refusal;
	refusal = check_options(ip, hdr);
	if (refusal)
		return refusal;
	refusal = check_addresses(info->mac, hdr, self);
	if (refusal)
		return refusal;
	if (hdr->mf || hdr->frag_off)
		return WIRE_ECHO_FRAGMENT;
	if (hdr->proto != IPPROTO_ICMP)
		return WIRE_ECHO_NOT_ICMP;

	return check_icmp(ip + hdr->hdr_len, hdr->tot_len - hdr->hdr_len);
}

int wire_echo_reply(const uint8_t *frame, size_t len, const struct wire_echo_self *self,
		    uint8_t *out, size_t outsz, struct wire_echo_info *info)
{
	struct wire_echo_info unwanted;
	struct wire_ipv4 hdr;
	int refusal;

	refusal = check_request(frame, len, self, &hdr, info ? info : &unwanted);
	if (refusal)
		return refusal;

	return build_reply(frame, &hdr, self, out, outsz);
}
