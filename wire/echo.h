/* SPDX-License-Identifier: MIT */
/* The ping responder's decision: which frame is answered, and with which bytes. */
#ifndef WIRE_ECHO_H
#define WIRE_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/ethernet.h"

/* Why a frame is not answered: negative, so that -value indexes an array of counters. */
enum wire_echo_refusal {
	WIRE_ECHO_TRUNCATED = -1,	/* fewer bytes than an Ethernet or IPv4 header */
	WIRE_ECHO_NOT_IPV4 = -2,	/* other EtherType, a second tag, or IP version not 4 */
	WIRE_ECHO_OTHER_HOST = -3,	/* to another host's MAC address */
	WIRE_ECHO_BAD_IP_LENGTH = -4,	/* header or total length wrong, or beyond the frame */
	WIRE_ECHO_BAD_IP_CHECKSUM = -5,
	WIRE_ECHO_BAD_OPTIONS = -6,	/* malformed IP options */
	WIRE_ECHO_SOURCE_ROUTE = -7,	/* strict or loose */
	WIRE_ECHO_BAD_SOURCE = -8,	/* an IP or MAC address that no reply may go to */
	WIRE_ECHO_BROADCAST = -9,	/* to a broadcast or multicast IP address */
	WIRE_ECHO_NOT_OURS = -10,	/* to an IP address that we do not have */
	WIRE_ECHO_FRAGMENT = -11,
	WIRE_ECHO_NOT_ICMP = -12,
	WIRE_ECHO_BAD_ICMP_CHECKSUM = -13,
	WIRE_ECHO_BAD_ICMP_LENGTH = -14,	/* shorter than the ICMP header */
	WIRE_ECHO_NOT_REQUEST = -15,	/* sound ICMP, but not an echo request */
	WIRE_ECHO_NO_ROOM = -16,	/* the reply does not fit the buffer given */
};

enum {
	WIRE_ECHO_REFUSALS = 16,	/* refusals are -1 to -WIRE_ECHO_REFUSALS */
	WIRE_ECHO_ICMP_HLEN = 8,
	WIRE_ECHO_TTL = 64,
};

/* One IPv4 address of this host. */
struct wire_echo_addr {
	uint32_t addr;		/* network order */
	uint32_t netmask;	/* network order */
	bool elsewhere;		/* on another interface: not answered for, but no peer's either */
};

/* Who answers. */
struct wire_echo_self {
	const struct wire_echo_addr *addrs;
	size_t count;
	uint8_t mac[WIRE_ETH_ALEN];
};

enum {
	WIRE_ECHO_INFO_ETHER = 1,	/* a whole Ethernet header came: pkttype and mac are valid */
	WIRE_ECHO_INFO_IPV4 = 2,	/* IPv4 whose lengths agree: count is its total length */
};

/* What could be read of a frame, answered or not. */
struct wire_echo_info {
	size_t count;		/* IP total length; else bytes received after the MAC header */
	unsigned int flags;	/* WIRE_ECHO_INFO_* */
	int pkttype;		/* as wire_pkttype(); PACKET_OTHERHOST if unknown */
	uint8_t mac[WIRE_ETH_ALEN];	/* the sender's; zero if unknown */
};

/**
 * wire_echo_reply - answer an ICMP echo request as a Linux host does, or refuse
 * @frame: an Ethernet frame without 802.1Q tag, at any alignment
 * @len: bytes received, with padding if any
 * @self: our MAC address and this host's IPv4 addresses at this moment
 * @out: the reply, an Ethernet frame without tag; must not overlap @frame
 * @outsz: bytes that fit there; a reply is never longer than its request
 * @info: what could be read, filled whatever is returned; may be NULL
 *
 * Pure, and safe in real-time context; the time taken grows with @len and with @self->count.
 *
 * Answered is what the in-band stack of Linux answers with default settings (RFC 1122 section
 * 3.2.2.6; icmp_echo_ignore_broadcasts=1, accept_source_route=0), and nothing else. A unicast IP
 * packet in a broadcast or multicast frame is answered. Reserved addresses (240/4, and 0/8 but for
 * 0.0.0.0) may ask. No length in the packet is trusted over @len. doc/echo-differences.md has where
 * the kernel does otherwise.
 *
 * Checks are made in Linux's order, so that the reason given is the one Linux would count: see
 * enum wire_echo_refusal, whose order it is; an unfit sender MAC comes with the IP source.
 *
 * Where one of our addresses is the broadcast address of another of our networks, the
 * broadcast wins and nothing is answered.
 *
 * The reply goes back to the sender's MAC, from ours: IPv4 without options, TOS and id
 * of the request, DF, TTL 64, source = the request's destination; ICMP type 0, the request's code,
 * identifier, sequence and data. Options that RFC 1122 would have us return (record route, time
 * stamp) are left out, as EVL does (EVL: tidbits/oob-net-icmp).
 *
 * Return: length of the reply in @out, or a negative enum wire_echo_refusal, with @out untouched.
 */
int wire_echo_reply(const uint8_t *frame, size_t len, const struct wire_echo_self *self,
		    uint8_t *out, size_t outsz, struct wire_echo_info *info);

/**
 * wire_echo_refusal_name - a few words for a refusal, for counters
 * @refusal: what wire_echo_reply() returned
 *
 * Return: a static string; "unknown" for what is no refusal. Safe in real-time context.
 */
const char *wire_echo_refusal_name(int refusal);

#endif /* WIRE_ECHO_H */
