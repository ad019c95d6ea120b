/* SPDX-License-Identifier: MIT */
/* Ethernet frames: fields at any alignment, addresses, the 802.1Q tag. */
#ifndef WIRE_ETHERNET_H
#define WIRE_ETHERNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	WIRE_ETH_ALEN = 6,		/* bytes of a MAC address */
	WIRE_ETH_DST = 0,		/* offset of the destination address */
	WIRE_ETH_SRC = 6,		/* offset of the source address */
	WIRE_ETH_TYPE = 12,		/* offset of the EtherType of an untagged frame */
	WIRE_ETH_HLEN = 14,		/* header of an untagged frame */
	WIRE_VLAN_TCI = 14,		/* offset of the tag control information */
	WIRE_VLAN_TYPE = 16,		/* offset of the EtherType inside the tag */
	WIRE_VLAN_HLEN = 4,		/* what one tag adds */
	WIRE_VLAN_ETH_HLEN = 18,	/* header of a frame with one tag */
};

enum {
	WIRE_ETHERTYPE_IPV4 = 0x0800,
	WIRE_ETHERTYPE_VLAN = 0x8100,	/* 802.1Q customer tag */
};

/* The tag control information (IEEE 802.1Q-2018, 9.6). */
enum {
	WIRE_VLAN_VID_MASK = 0x0fff,
	WIRE_VLAN_PCP_SHIFT = 13,
	WIRE_VLAN_DEI = 0x1000,
};

struct wire_vlan {
	uint16_t vid;		/* 0 (priority tag only) to 4095 */
	uint16_t ethertype;	/* inside the tag, host order */
	uint8_t pcp;		/* priority, 0 to 7 */
	bool dei;		/* drop eligible */
};

/* All functions of this file are pure and safe in real-time context. */

/** wire_get_be16 - read a big-endian 16-bit field at any alignment, in host order */
static inline uint16_t wire_get_be16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] << 8 | b[1]);
}

/** wire_get_be32 - read a big-endian 32-bit field at any alignment, in host order */
static inline uint32_t wire_get_be32(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/** wire_put_be16 - write a host-order value as a big-endian 16-bit field at any alignment */
static inline void wire_put_be16(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

/** wire_put_be32 - write a host-order value as a big-endian 32-bit field at any alignment */
static inline void wire_put_be32(void *p, uint32_t v)
{
	wire_put_be16(p, (uint16_t)(v >> 16));
	wire_put_be16((uint8_t *)p + 2, (uint16_t)v);
}

/** wire_mac_equal - are two MAC addresses the same? */
static inline bool wire_mac_equal(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, WIRE_ETH_ALEN) == 0;
}

/** wire_mac_is_multicast - is it a group address? True for broadcast too. */
static inline bool wire_mac_is_multicast(const uint8_t *mac)
{
	return mac[0] & 1;
}

/** wire_mac_is_broadcast - is it ff:ff:ff:ff:ff:ff? */
bool wire_mac_is_broadcast(const uint8_t *mac);

/** wire_mac_is_zero - is it 00:00:00:00:00:00? */
bool wire_mac_is_zero(const uint8_t *mac);

/**
 * wire_pkttype - what the kernel puts in sll_pkttype for a received frame
 * @dst: the frame's destination address
 * @own_mac: the address of the device that received it
 *
 * Return: PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST or PACKET_OTHERHOST of packet(7).
 */
int wire_pkttype(const uint8_t *dst, const uint8_t *own_mac);

/**
 * wire_vlan_parse - recognise an 802.1Q tag at the head of a frame
 * @frame: the frame from its destination address on
 * @len: bytes received
 * @out: the tag; written only on success
 *
 * Only the outermost tag is read. A second tag shows as an ethertype which is not IPv4; an
 * outer 802.1ad tag (0x88a8) is no tag here.
 *
 * Return: 0; -EINVAL if the frame is too short for what it starts with; -ENODATA if it
 * carries no tag.
 */
int wire_vlan_parse(const uint8_t *frame, size_t len, struct wire_vlan *out);

/**
 * wire_vlan_push - build the tagged frame of an untagged one
 * @dst: where the tagged frame goes: addresses, 0x8100, TCI, then the rest from the EtherType on
 * @dstsz: bytes that fit there
 * @frame: the untagged frame; may overlap @dst in any way
 * @len: its length
 * @tci: tag control information in host order: pcp << WIRE_VLAN_PCP_SHIFT | vid
 *
 * A frame that already lies at @dst + WIRE_VLAN_HLEN is tagged in place: only its addresses move.
 *
 * Return: @len + WIRE_VLAN_HLEN; -EINVAL if @len is less than an Ethernet header or not
 * representable; -ENOSPC if the result does not fit. Nothing is written on error.
 */
int wire_vlan_push(uint8_t *dst, size_t dstsz, const uint8_t *frame, size_t len, uint16_t tci);

#endif /* WIRE_ETHERNET_H */
