// SPDX-License-Identifier: MIT
// tx.c - transmission: take a frame of the sub-pool, fill it, submit it, kick.

#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>
#include <sys/socket.h>

#include "port/device.h"
#include "port/tx.h"
#include "wire/ethernet.h"

#define TX_QUEUE	0	/* one queue keeps packets in order */
#define KICK_TRIES	4	/* what a busy driver leaves behind, the keeper kicks */

static struct port_ring *tx_ring(struct port_device *dev)
{
	return &dev->queue[TX_QUEUE].tx;
}

static bool is_own(const struct port_device *dev, uint32_t frame)
{
	uint32_t first = dev->slot * dev->geo.tx_per_slot;

	return frame >= first && frame - first < dev->geo.tx_per_slot;
}

static bool take_granted(struct port_device *dev, uint32_t *frame)
{
	struct oob_ring *ring = &dev->table->grant;
	uint32_t consumer = ring->consumer;
	bool found = false;

	while (!found && port_load(&ring->producer) != consumer) {
		*frame = dev->grant[consumer++ & (dev->geo.grant_ring - 1)];
		found = is_own(dev, *frame) && dev->held[*frame] == OOB_HELD_NOT;
		if (found)
			__atomic_store_n(&dev->held[*frame], OOB_HELD_TX, __ATOMIC_RELAXED);
		port_store(&ring->consumer, consumer);
	}
	return found;
}

/* A frame, and a place in the TX ring for it. With the lock. */
static bool take_frame(struct port_device *dev, uint32_t *frame)
{
	if (port_ring_room(tx_ring(dev)) <= dev->tx_reserved)
		return false;
	if (dev->nr_spare)
		*frame = dev->spare[--dev->nr_spare];
	else if (!take_granted(dev, frame))
		return false;

	dev->tx_reserved++;
	atomic_fetch_add(&dev->borrowed, 1);
	return true;
}

static uint16_t make_tci(const struct oob_port_conf *port, uint32_t priority)
{
	for (uint32_t i = 0; i < port->nr_egress; i++)
		if (port->egress[i].priority == priority)
			return (uint16_t)((port->egress[i].pcp & 7) << WIRE_VLAN_PCP_SHIFT | port->vid);
	return port->vid;
}

static bool is_too_long(const struct port_device *dev, const struct oob_port_conf *port, size_t len)
{
	return len > (size_t)port->mtu + WIRE_ETH_HLEN ||
	       len + WIRE_VLAN_HLEN > dev->geo.frame_size - OOB_FRAME_HEADROOM;
}

static void prepare(struct port_tx *tx, struct port_device *dev, int index, uint32_t priority)
{
	const struct oob_port_conf *port = &dev->conf.ports[index];

	tx->dev = dev;
	tx->port = (unsigned int)index;
	tx->epoch = port->epoch;
	tx->tagged = port->vid != 0;
	tx->tci = make_tci(port, priority);
	/* Room in front for the tag: tagging then moves the addresses only. */
	tx->data = port_frame_at(dev, tx->frame) + OOB_FRAME_HEADROOM + WIRE_VLAN_HLEN;
}

static int kick(const struct port_device *dev)
{
	for (int i = 0; i < KICK_TRIES; i++) {
		if (sendto(dev->queue[TX_QUEUE].xsk, NULL, 0, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0) >= 0)
			return 0;
		if (errno != EAGAIN && errno != EBUSY && errno != ENOBUFS && errno != EINTR)
			return -errno;
	}
	return 0;
}

/* Sleeps until a frame may have come. Called with the lock, returns without. */
static int wait_frame(struct port_device *dev, struct port_waiter *waiter, const struct timespec *until)
{
	/* The socket as well: it says when there is room in a TX ring that was full. */
	bool full = port_ring_room(tx_ring(dev)) <= dev->tx_reserved;
	struct pollfd fds[] = {
		{ .fd = waiter->efd, .events = POLLIN },
		{ .fd = dev->doorbell, .events = POLLIN },
		{ .fd = dev->queue[TX_QUEUE].xsk, .events = POLLOUT },
	};
	int err;

	pthread_mutex_unlock(&dev->lock);
	err = port_sleep(fds, full ? 3 : 2, until);
	if (!err && fds[1].revents)
		port_answer(dev);
	return err;
}

static bool frame_is_there(struct port_device *dev)
{
	const struct oob_ring *ring = &dev->table->grant;

	return port_ring_room(tx_ring(dev)) > dev->tx_reserved &&
	       (dev->nr_spare || port_load(&ring->producer) != ring->consumer);
}

/*
 * With the lock, when there was no frame: enters the list, asks for frames, looks once more, sleeps.
 * 0: worth trying again. Returns without the lock.
 */
static int queue_up(struct port_device *dev, const struct timespec *until)
{
	struct port_waiter *waiter;
	int err;

	errno = ENOMEM;
	waiter = port_waiter_get();
	if (!waiter) {
		err = -errno;
		pthread_mutex_unlock(&dev->lock);
		return err;
	}
	port_waiter_link(&dev->senders, waiter);
	__atomic_store_n(&dev->table->wants_frames, 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	err = 0;
	if (frame_is_there(dev))
		pthread_mutex_unlock(&dev->lock);
	else
		err = wait_frame(dev, waiter, until);

	pthread_mutex_lock(&dev->lock);
	port_waiter_unlink(&dev->senders, waiter);
	/* It may leave without the frame for which it was rung: the next one looks. */
	if (dev->senders)
		port_waiter_ring(dev->senders);
	pthread_mutex_unlock(&dev->lock);
	port_waiter_put(waiter);
	return err;
}

/* The device is being rebuilt: waits for that as for a frame. 0: worth trying again. */
static int wait_lost(int ifindex, const struct port_wait *wait)
{
	struct port_device *dev = port_lock_lost(ifindex);
	struct port_waiter *waiter = NULL;
	struct pollfd fd = { .events = POLLIN };
	int err;

	if (!dev)
		return -ENXIO;
	err = port_may_wait(wait);
	if (!err) {
		errno = ENOMEM;
		waiter = port_waiter_get();
		err = waiter ? 0 : -errno;
	}
	if (!err)
		port_waiter_link(&dev->senders, waiter);
	pthread_mutex_unlock(&dev->lock);
	if (err)
		return err;

	fd.fd = waiter->efd;
	err = port_sleep(&fd, 1, wait->until);
	pthread_mutex_lock(&dev->lock);
	port_waiter_unlink(&dev->senders, waiter);
	pthread_mutex_unlock(&dev->lock);
	port_waiter_put(waiter);
	return err;
}

int port_tx_begin(int ifindex, size_t len, uint32_t priority, const struct port_wait *wait, struct port_tx *tx)
{
	bool waited = false;
	struct port_device *dev;
	int index, err = 0;

	for (;;) {
		dev = port_lock_device(ifindex, &index);
		if (!dev) {
			err = wait_lost(ifindex, wait);
			if (err)
				return err == -ENXIO && waited ? -ENETDOWN : err;
			waited = true;
			continue;
		}
		if (is_too_long(dev, &dev->conf.ports[index], len)) {
			err = -EMSGSIZE;
		} else if (take_frame(dev, &tx->frame)) {
			prepare(tx, dev, index, priority);
			pthread_mutex_unlock(&dev->lock);
			return 0;
		} else if (!waited) {
			dev->table->stats[index].tx_nomem++;
			err = port_may_wait(wait);
		}
		if (err) {
			pthread_mutex_unlock(&dev->lock);
			return err;
		}
		waited = true;
		/* On a time-out or a signal, one last try. */
		err = queue_up(dev, wait->until);
	}
}

/* Marks and submits the frame, or keeps it for the next sender. With the lock. */
static int submit(struct port_device *dev, const struct port_tx *tx, uint32_t len, size_t bytes)
{
	struct oob_port_stats *stats = &dev->table->stats[tx->port];
	struct port_ring *ring = tx_ring(dev);
	const struct oob_port_conf *port;

	port_refresh(dev);
	if (dev->state != PORT_LIVE) {
		/* With a keeper that was killed it is lost as on a wire; the socket goes on. */
		stats->tx_errors += dev->lost;
		return dev->lost ? -EAGAIN : -ENETDOWN;
	}
	dev->tx_reserved--;
	port = &dev->conf.ports[tx->port];
	if (!(port->flags & OOB_PORT_ENABLED) || port->epoch != tx->epoch) {
		dev->spare[dev->nr_spare++] = tx->frame;
		stats->tx_errors++;
		return -ENETDOWN;
	}

	__atomic_store_n(&dev->held[tx->frame], OOB_HELD_SENT, __ATOMIC_RELAXED);
	*port_ring_at(ring, *ring->producer) = (struct xdp_desc){
		.addr = (uint64_t)(tx->data - dev->umem) - (tx->tagged ? WIRE_VLAN_HLEN : 0),
		.len = len,
	};
	port_store(ring->producer, *ring->producer + 1);
	stats->tx_packets++;
	stats->tx_bytes += bytes;
	return 0;
}

int port_tx_send(struct port_tx *tx, size_t bytes)
{
	struct port_device *dev = tx->dev;
	size_t len = bytes;
	bool wanted;
	int err;

	if (len < ETH_ZLEN) {
		memset(tx->data + len, 0, ETH_ZLEN - len);
		len = ETH_ZLEN;
	}
	if (tx->tagged)
		len = (size_t)wire_vlan_push(tx->data - WIRE_VLAN_HLEN, len + WIRE_VLAN_HLEN, tx->data, len, tx->tci);

	pthread_mutex_lock(&dev->lock);
	err = submit(dev, tx, (uint32_t)len, bytes);
	wanted = !err && (dev->copy_mode || port_ring_wants_kick(tx_ring(dev)));
	pthread_mutex_unlock(&dev->lock);

	if (err == -EAGAIN)
		err = 0;
	if (wanted)
		err = kick(dev);
	if (wanted && err) {
		/* The kernel keeps the descriptor; the device may yet send it when it is back. */
		pthread_mutex_lock(&dev->lock);
		if (dev->state == PORT_LIVE)
			dev->table->stats[tx->port].tx_errors++;
		pthread_mutex_unlock(&dev->lock);
	}
	port_unborrow(dev);
	return err == -ENXIO ? -ENETDOWN : err;
}
