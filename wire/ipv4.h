/* SPDX-License-Identifier: MIT */
/* IPv4 headers as received: every length checked against the bytes that came. */
#ifndef WIRE_IPV4_H
#define WIRE_IPV4_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Offsets in the header (RFC 791 section 3.1). */
enum {
	WIRE_IPV4_TOS = 1,
	WIRE_IPV4_TOT_LEN = 2,
	WIRE_IPV4_ID = 4,
	WIRE_IPV4_FRAG = 6,
	WIRE_IPV4_TTL = 8,
	WIRE_IPV4_PROTO = 9,
	WIRE_IPV4_CHECK = 10,
	WIRE_IPV4_SRC = 12,
	WIRE_IPV4_DST = 16,
	WIRE_IPV4_HLEN = 20,		/* header without options */
	WIRE_IPV4_MAX_HLEN = 60,
};

/* The flags and the offset at WIRE_IPV4_FRAG, host order. */
enum {
	WIRE_IPV4_DF = 0x4000,
	WIRE_IPV4_MF = 0x2000,
	WIRE_IPV4_OFFSET_MASK = 0x1fff,
};

struct wire_ipv4 {
	uint32_t src;		/* network order */
	uint32_t dst;		/* network order */
	uint32_t frag_off;	/* bytes, a multiple of 8 up to 65528 */
	uint16_t id;		/* host order, like all that follow */
	uint16_t tot_len;	/* header and payload; hdr_len to the bytes received */
	uint8_t hdr_len;	/* bytes: 20, 24 .. 60 */
	uint8_t tos;
	uint8_t ttl;
	uint8_t proto;
	bool df;
	bool mf;
};

/* Why a header was refused. */
enum wire_ipv4_error {
	WIRE_IPV4_OK,
	WIRE_IPV4_TRUNCATED,	/* fewer bytes received than the header has */
	WIRE_IPV4_BAD_VERSION,	/* not 4 */
	WIRE_IPV4_BAD_IHL,	/* header length below 20 bytes */
	WIRE_IPV4_BAD_LENGTH,	/* total length below the header's, or above what was received */
	WIRE_IPV4_BAD_CHECKSUM,
};

/* What a walk over the options found. */
enum wire_ipv4_options {
	WIRE_IPV4_OPTIONS_OK,		/* none, or well formed */
	WIRE_IPV4_OPTIONS_MALFORMED,
	WIRE_IPV4_OPTIONS_SOURCE_ROUTE,	/* well formed, with a strict or loose source route */
};

/* All functions of this file are pure and safe in real-time context. */

/**
 * wire_ipv4_parse - check and read an IPv4 header (RFC 791 section 3.1, RFC 1122 section 3.2.1)
 * @ip: the packet from its first header byte on, at any alignment
 * @len: bytes received from there on; link-layer padding may be among them
 * @out: the fields; written on WIRE_IPV4_OK, and on WIRE_IPV4_BAD_CHECKSUM, where its lengths
 *	agree with @len but nothing else is to be trusted
 *
 * Fragments are accepted, and options are not looked at: see wire_ipv4_options().
 *
 * Return: WIRE_IPV4_OK (0) or the first thing found wrong: version, header length, total length,
 * checksum, in this order.
 */
enum wire_ipv4_error wire_ipv4_parse(const uint8_t *ip, size_t len, struct wire_ipv4 *out);

/**
 * wire_ipv4_options - check the options of a header (RFC 791 section 3.1)
 * @opts: the bytes between the fixed header and the payload
 * @len: how many, 0 to 40
 *
 * Well formed is what a Linux host lets pass. Each option lies within @len. Record route, time
 * stamp and source route occur once; the pointer of the first two is beyond the option or leaves
 * room for an entry, and behind that for none or a whole one: when the reply is sent, the second
 * one is made. A full time stamp's overflow counter can still be raised.
 * Router alert has 4 bytes. A CIPSO label (option 134) counts as malformed: it is valid only
 * under a labelling domain that an administrator configured. What follows the end-of-list
 * option is ignored.
 *
 * Return: see enum wire_ipv4_options.
 */
enum wire_ipv4_options wire_ipv4_options(const uint8_t *opts, size_t len);

/** wire_ipv4_is_multicast - 224.0.0.0/4? @addr in network order, as below */
static inline bool wire_ipv4_is_multicast(uint32_t addr)
{
	return (ntohl(addr) & 0xf0000000) == 0xe0000000;
}

/** wire_ipv4_is_limited_broadcast - 255.255.255.255? */
static inline bool wire_ipv4_is_limited_broadcast(uint32_t addr)
{
	return addr == UINT32_MAX;
}

/** wire_ipv4_is_loopback - 127.0.0.0/8? */
static inline bool wire_ipv4_is_loopback(uint32_t addr)
{
	return ntohl(addr) >> 24 == 127;
}

/** wire_ipv4_is_unspecified - 0.0.0.0? The rest of 0.0.0.0/8 are hosts to Linux since 5.3. */
static inline bool wire_ipv4_is_unspecified(uint32_t addr)
{
	return addr == 0;
}

/**
 * wire_ipv4_is_directed_broadcast - is it the broadcast address of a network?
 * @addr: the address, network order
 * @net: any address of the network, network order
 * @netmask: its mask, network order; /31 (RFC 3021) and /32 have no broadcast address
 */
bool wire_ipv4_is_directed_broadcast(uint32_t addr, uint32_t net, uint32_t netmask);

#endif /* WIRE_IPV4_H */
