// SPDX-License-Identifier: MIT
// plan.c - what enabling a port would take, and why it would be refused; nothing is changed.

#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>

#include "daemon/features.h"
#include "daemon/foreign.h"
#include "daemon/plan.h"

#define VLAN_TAG_LEN		4
#define FRAMES_PER_SLOT		64	/* a pool smaller than this a slot serves fewer programs */

unsigned int plan_max_mtu(unsigned int frame_size)
{
	return frame_size - OOB_FRAME_HEADROOM - ETH_HLEN - VLAN_TAG_LEN;
}

int plan_mtu_fits(struct say *why, const char *name, unsigned int mtu, unsigned int frame_size)
{
	unsigned int most = plan_max_mtu(frame_size);

	if (mtu <= most)
		return 0;
	if (mtu <= plan_max_mtu(4096))
		return say(why, -EINVAL, "%s: MTU %u does not fit a buffer of %u bytes (%u at most); enable the port "
			   "with -b 4096, or: ip link set %s mtu %u", name, mtu, frame_size, most, name, most);
	return say(why, -EINVAL, "%s: MTU %u does not fit the largest buffer, 4096 bytes (%u at most): "
		   "ip link set %s mtu %u", name, mtu, plan_max_mtu(4096), name, plan_max_mtu(4096));
}

static int choose_frame_size(struct say *why, const struct link *real, __u64 buf, unsigned int *size)
{
	if (buf > 4096)
		return say(why, -EINVAL, "%s: a buffer of %llu bytes is more than the 4096 that AF_XDP allows; "
			   "use -b 4096 or less", real->name, buf);
	if (buf)
		*size = buf <= 2048 ? 2048 : 4096;
	else
		*size = real->mtu <= plan_max_mtu(2048) ? 2048 : 4096;
	return plan_mtu_fits(why, real->name, real->mtu, *size);
}

static __u32 power_of_two_from(__u32 n)
{
	__u32 p = 1;

	while (p < n)
		p <<= 1;
	return p;
}

int plan_frames(struct say *why, const struct link *real, unsigned int nr_queues,
		const struct device_wish *wish, struct oob_geometry *geo)
{
	__u64 pool = wish->pool ? wish->pool : OOB_POOL_DEFAULT;
	__u32 per_queue;
	int err;

	if (pool > OOB_POOL_MAX)
		return say(why, -EINVAL, "%s: a pool of %llu buffers is more than the maximum of %u", real->name,
			   pool, OOB_POOL_MAX);
	err = choose_frame_size(why, real, wish->buf, &geo->frame_size);
	if (err)
		return err;

	geo->nr_queues = nr_queues;
	if (geo->nr_queues > OOB_MAX_QUEUES)
		return say(why, -EINVAL, "%s: %u receive queues are more than the %u that are supported: "
			   "ethtool -L %s combined %u", real->name, geo->nr_queues, OOB_MAX_QUEUES, real->name,
			   OOB_MAX_QUEUES);

	geo->nr_slots = pool / FRAMES_PER_SLOT;
	if (geo->nr_slots < 1)
		geo->nr_slots = 1;
	if (geo->nr_slots > OOB_MAX_SLOTS)
		geo->nr_slots = OOB_MAX_SLOTS;
	geo->nr_tx = pool;
	geo->tx_per_slot = pool / geo->nr_slots;

	per_queue = OOB_RX_RESERVE + geo->nr_slots * (OOB_RX_RING + OOB_RX_QUOTA);
	geo->nr_frames = geo->nr_tx + geo->nr_queues * per_queue;
	geo->rx_ring = OOB_RX_RING;
	geo->tx_ring = power_of_two_from(geo->tx_per_slot);
	geo->grant_ring = power_of_two_from(geo->tx_per_slot);
	geo->return_ring = power_of_two_from(geo->nr_queues * (OOB_RX_RING + OOB_RX_QUOTA));
	geo->fill_ring = power_of_two_from(per_queue > geo->nr_tx ? per_queue : geo->nr_tx);
	return 0;
}

int plan_no_room(struct say *why, const struct link *real)
{
	return say(why, -ENOSPC, "%s: ports are on %d devices already, which is the maximum", real->name,
		   OOB_MAX_DEVICES);
}

int plan_up(struct say *why, const struct link *real)
{
	if (real->flags & IFF_UP)
		return 0;
	return say(why, -ENETDOWN, "%s is down: ip link set %s up", real->name, real->name);
}

int plan_resolve(struct say *why, const struct port_wish *wish, struct plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	plan->device.pool = wish->pool;
	plan->device.buf = wish->buf;
	return link_resolve_port(why, wish->name, wish->vid, &plan->port, &plan->real, &plan->vid);
}

int plan_same(struct say *why, const struct port_wish *wish, unsigned int vid)
{
	if (!wish->vid || wish->vid == vid)
		return 0;
	return say(why, -EEXIST, "%s is the port of VLAN %u already; first: evl net -di %s", wish->name, vid, wish->name);
}

bool plan_port_down(const struct plan *plan)
{
	return plan->port.ifindex != plan->real.ifindex && !(plan->port.flags & IFF_UP);
}

/* The device carries no port yet. */
static int check_device(struct say *why, const struct plan_known *known, struct plan *plan)
{
	const struct link *real = &plan->real;
	int err;

	if (known->nr_devices >= OOB_MAX_DEVICES)
		return plan_no_room(why, real);
	err = plan_frames(why, real, link_rx_queues(real), &plan->device, &plan->geometry);
	if (err)
		return err;
	if (real->xdp_prog_id)
		return foreign_refuse(why, real);

	plan->device.features_off = OOB_FEATURE_RXVLAN;
	/* Without a VLAN device nobody tells the card's filter to let the id through. */
	if (plan->port.ifindex == real->ifindex)
		plan->device.features_off |= OOB_FEATURE_RXFILTER;
	return features_plan(why, real->name, plan->device.features_off, &plan->would_turn_off);
}

int plan_check(struct say *why, const struct plan_known *known, struct plan *plan)
{
	const struct link *port = &plan->port, *real = &plan->real;
	int err;

	if (!plan->vid)
		return say(why, -EOPNOTSUPP, "%s: not a VLAN device; ports for untagged frames of a real device are not "
			   "implemented yet: add a VLAN device (ip link add link %s name %s.42 type vlan id 42), or give "
			   "the id of the tag that its frames carry: --vid N", port->name, port->name, port->name);
	err = plan_up(why, real);
	if (err)
		return err;
	if (!known->frame_size)
		return check_device(why, known, plan);
	if (known->rival[0])
		return say(why, -EBUSY, "%s: VLAN %u of %s is the port %s already", port->name, plan->vid, real->name,
			   known->rival);
	return plan_mtu_fits(why, port->name, port->mtu, known->frame_size);
}
