// SPDX-License-Identifier: MIT
// Ethernet frames: addresses, the 802.1Q tag.

#include "wire/ethernet.h"

#include <errno.h>
#include <limits.h>

#include <linux/if_packet.h>

bool wire_mac_is_broadcast(const uint8_t *mac)
{
	static const uint8_t broadcast[WIRE_ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	return wire_mac_equal(mac, broadcast);
}

bool wire_mac_is_zero(const uint8_t *mac)
{
	static const uint8_t zero[WIRE_ETH_ALEN];

	return wire_mac_equal(mac, zero);
}

int wire_pkttype(const uint8_t *dst, const uint8_t *own_mac)
{
	if (wire_mac_equal(dst, own_mac))
		return PACKET_HOST;
	if (wire_mac_is_broadcast(dst))
		return PACKET_BROADCAST;
	if (wire_mac_is_multicast(dst))
		return PACKET_MULTICAST;

	return PACKET_OTHERHOST;
}

int wire_vlan_parse(const uint8_t *frame, size_t len, struct wire_vlan *out)
{
	uint16_t tci;

	if (len < WIRE_ETH_HLEN)
		return -EINVAL;
	if (wire_get_be16(frame + WIRE_ETH_TYPE) != WIRE_ETHERTYPE_VLAN)
		return -ENODATA;
	if (len < WIRE_VLAN_ETH_HLEN)
		return -EINVAL;

	tci = wire_get_be16(frame + WIRE_VLAN_TCI);
	out->vid = tci & WIRE_VLAN_VID_MASK;
	out->ethertype = wire_get_be16(frame + WIRE_VLAN_TYPE);
	out->pcp = (uint8_t)(tci >> WIRE_VLAN_PCP_SHIFT);
	out->dei = tci & WIRE_VLAN_DEI;

	return 0;
}

int wire_vlan_push(uint8_t *dst, size_t dstsz, const uint8_t *frame, size_t len, uint16_t tci)
{
	uint8_t macs[WIRE_ETH_TYPE];

	if (len < WIRE_ETH_HLEN || len > INT_MAX - WIRE_VLAN_HLEN)
		return -EINVAL;
	if (dstsz < len + WIRE_VLAN_HLEN)
		return -ENOSPC;

	/* Kept aside because moving the rest may overwrite them. */
	memcpy(macs, frame, sizeof(macs));
	if (dst + WIRE_VLAN_TYPE != frame + WIRE_ETH_TYPE)
		memmove(dst + WIRE_VLAN_TYPE, frame + WIRE_ETH_TYPE, len - WIRE_ETH_TYPE);
	memcpy(dst, macs, sizeof(macs));
	wire_put_be16(dst + WIRE_ETH_TYPE, WIRE_ETHERTYPE_VLAN);
	wire_put_be16(dst + WIRE_VLAN_TCI, tci);

	return (int)(len + WIRE_VLAN_HLEN);
}
