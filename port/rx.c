// SPDX-License-Identifier: MIT
// rx.c - received frames: out of the RX rings, to the sockets that want them, back to the keeper.

#include <linux/if_ether.h>

#include "port/device.h"
#include "wire/ethernet.h"

#define BATCH	16u
#define ROUNDS	8u	/* so that the lock is held for a bounded number of packets */

/* What this process can do for a frame is done. With the lock. */
static void give_back(struct port_device *dev, uint32_t frame)
{
	struct oob_ring *ring = &dev->table->ret;
	uint32_t producer = ring->producer;

	if (producer - port_load(&ring->consumer) >= dev->geo.return_ring) {
		dev->late[dev->nr_late++] = frame;
		return;
	}
	dev->ret[producer & (dev->geo.return_ring - 1)] = frame;
	port_store(&ring->producer, producer + 1);
	dev->queue[dev->frames[frame].queue].held--;
}

static void give_back_late(struct port_device *dev)
{
	uint32_t n = dev->nr_late;

	dev->nr_late = 0;
	while (n--)
		give_back(dev, dev->late[n]);
}

void port_put_frame(struct port_device *dev, uint32_t frame)
{
	if (dev->state == PORT_LIVE && !--dev->frames[frame].refs)
		give_back(dev, frame);
}

void port_release(const struct port_item *item)
{
	struct port_device *dev = item->dev;

	pthread_mutex_lock(&dev->lock);
	port_put_frame(dev, item->frame);
	pthread_mutex_unlock(&dev->lock);
	port_unborrow(dev);
}

/*
 * Takes possession of a descriptor's frame: from here on it is ours to give back. false: a descriptor
 * that the kernel cannot have made of a frame that the keeper gave it; there is nothing to give back.
 */
static bool take(struct port_device *dev, const struct xdp_desc *desc, uint8_t queue, uint32_t *frame)
{
	uint64_t number = desc->addr / dev->geo.frame_size;
	uint64_t offset = desc->addr % dev->geo.frame_size;

	if (number < dev->geo.nr_tx || number >= dev->geo.nr_frames ||
	    offset + desc->len > dev->geo.frame_size || dev->held[number] != OOB_HELD_NOT)
		return false;

	*frame = (uint32_t)number;
	__atomic_store_n(&dev->held[number], OOB_HELD_RX, __ATOMIC_RELAXED);
	dev->frames[number] = (struct port_frame){ .queue = queue };
	dev->queue[queue].held++;
	return true;
}

/* Is it what the divert program lets through? Fills in what the frame tells; *port may be PORT_NONE. */
static bool classify(const struct port_device *dev, const struct xdp_desc *desc, struct port_item *item,
		     unsigned int *port)
{
	const uint8_t *data = dev->umem + desc->addr;
	unsigned int vid = 0, ethertype;

	*port = PORT_NONE;
	if (desc->len < WIRE_ETH_HLEN)
		return false;
	ethertype = wire_get_be16(data + WIRE_ETH_TYPE);
	item->tagged = ethertype == WIRE_ETHERTYPE_VLAN;
	if (item->tagged) {
		if (desc->len < WIRE_VLAN_ETH_HLEN)
			return false;
		vid = wire_get_be16(data + WIRE_VLAN_TCI) & WIRE_VLAN_VID_MASK;
		ethertype = wire_get_be16(data + WIRE_VLAN_TYPE);
		if (!vid)
			return false;
	}
	*port = dev->port_of_vid[vid];
	if (*port == PORT_NONE || ethertype != WIRE_ETHERTYPE_IPV4)
		return false;

	item->addr = desc->addr;
	item->len = (uint16_t)desc->len;
	item->pkttype = (uint8_t)wire_pkttype(data, dev->conf.ports[*port].mac);
	return true;
}

struct delivery {
	uint16_t wanted;	/* sockets that the packet is for */
	uint16_t taken;		/* of these, who had room */
};

static void hand_to(struct port_binding *b, const struct port_item *item, const struct port_sink *self,
		    struct delivery *d)
{
	d->wanted++;
	d->taken += port_sink_push(b->sink, item, self);
}

/*
 * EVL 4.3: every matching ETH_P_ALL socket gets the packet, then the first matching ETH_P_IP socket, the
 * latest bound first, consumes it, with or without room in its queue.
 */
static struct delivery deliver(struct port_device *dev, unsigned int port, const struct port_item *item,
			       const struct port_sink *self)
{
	const uint64_t bit = 1ull << port;
	struct delivery d = { 0 };
	struct port_binding *b;

	for (b = dev->bindings; b; b = b->next)
		if ((b->ports & bit) && b->sink->protocol == ETH_P_ALL)
			hand_to(b, item, self, &d);
	for (b = dev->bindings; b; b = b->next) {
		if ((b->ports & bit) && b->sink->protocol == ETH_P_IP) {
			hand_to(b, item, self, &d);
			break;
		}
	}
	return d;
}

static void handle(struct port_device *dev, const struct xdp_desc *desc, uint32_t frame,
		   const struct port_sink *self)
{
	struct port_item item = { .dev = dev, .frame = frame };
	struct oob_port_stats *stats = dev->table->stats;
	struct delivery d = { 0 };
	unsigned int port;

	if (!classify(dev, desc, &item, &port)) {
		/* What belongs to no port is counted with the first: it has to be seen somewhere. */
		stats[port == PORT_NONE ? 0 : port].rx_malformed++;
	} else if (dev->queue[dev->frames[frame].queue].held > OOB_RX_QUOTA) {
		stats[port].rx_nomem++;
	} else {
		d = deliver(dev, port, &item, self);
		stats[port].rx_unwanted += !d.wanted;
		stats[port].rx_nomem += d.wanted - d.taken;
	}

	/* A socket may have taken the packet out already; it cannot give it back before we unlock. */
	dev->frames[frame].refs = d.taken;
	if (!d.taken)
		give_back(dev, frame);
}

static unsigned int take_batch(struct port_device *dev, uint8_t q, const struct port_sink *self)
{
	struct port_ring *rx = &dev->queue[q].rx;
	uint32_t first = *rx->consumer, n = port_ring_filled(rx), frames[BATCH];
	struct xdp_desc descs[BATCH];
	bool ours[BATCH];

	if (n > BATCH)
		n = BATCH;
	for (uint32_t i = 0; i < n; i++) {
		descs[i] = *port_ring_at(rx, first + i);
		ours[i] = take(dev, &descs[i], q, &frames[i]);
	}
	if (!n)
		return 0;
	/* All are marked as held. Killed here, they are taken back; advanced first, they would be lost. */
	port_store(rx->consumer, first + n);

	for (uint32_t i = 0; i < n; i++) {
		if (ours[i])
			handle(dev, &descs[i], frames[i], self);
		else
			dev->table->stats[0].rx_malformed++;
	}
	return n;
}

static void lose(struct port_device *dev, const struct xdp_desc *desc)
{
	struct port_item item;
	unsigned int port;

	if (desc->addr < (uint64_t)dev->geo.nr_frames * dev->geo.frame_size && classify(dev, desc, &item, &port))
		dev->table->stats[port].rx_lost++;
}

void port_count_lost(struct port_device *dev)
{
	for (uint32_t q = 0; q < dev->geo.nr_queues; q++) {
		const struct port_ring *rx = &dev->queue[q].rx;
		uint32_t n = port_ring_filled(rx);

		for (uint32_t i = 0; i < n && i < rx->size; i++)
			lose(dev, port_ring_at(rx, *rx->consumer + i));
	}
	for (uint32_t frame = dev->geo.nr_tx; frame < dev->geo.nr_frames; frame++) {
		/* Where in its frame a packet begins and ends is not kept; where the tag is, is. */
		const struct xdp_desc desc = {
			.addr = (uint64_t)frame * dev->geo.frame_size + OOB_FRAME_HEADROOM,
			.len = WIRE_VLAN_ETH_HLEN,
		};

		if (dev->frames[frame].refs)
			lose(dev, &desc);
	}
}

unsigned int port_drain(struct port_device *dev, const struct port_sink *self)
{
	unsigned int total = 0, n;

	if (dev->nr_late)
		give_back_late(dev);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		n = 0;
		for (uint32_t q = 0; q < dev->geo.nr_queues; q++)
			n += take_batch(dev, (uint8_t)q, self);
		total += n;
		if (!n || (self && self->count))
			break;
	}
	return total;
}
