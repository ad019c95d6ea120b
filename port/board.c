// SPDX-License-Identifier: MIT
// board.c - what the daemon tells: which ports there are, and when one goes.

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "port/device.h"

#define COPY_TRIES	8	/* the daemon would have to write twice during each of so many copies */

/* Takes over the configuration in force; false where the daemon kept writing: next time, then. */
static bool copy_board(struct port_device *dev, uint64_t *sequence)
{
	const struct oob_board *board = dev->board;

	for (int i = 0; i < COPY_TRIES; i++) {
		*sequence = __atomic_load_n(&board->sequence, __ATOMIC_ACQUIRE);
		memcpy(&dev->incoming, &board->config[*sequence & 1], sizeof(dev->incoming));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&board->sequence, __ATOMIC_RELAXED) == *sequence) {
			dev->conf = dev->incoming;
			return true;
		}
	}
	return false;
}

/* A port was disabled, perhaps enabled again: whoever was bound to it has to bind anew, as in EVL. */
static void port_went(struct port_device *dev, unsigned int index)
{
	const uint64_t bit = 1ull << index;

	for (struct port_binding *b = dev->bindings; b; b = b->next) {
		if (!(b->ports & bit))
			continue;
		b->ports &= ~bit;
		pthread_mutex_lock(&b->sink->lock);
		if (!--b->sink->nr_ports)
			b->sink->down = true;
		pthread_mutex_unlock(&b->sink->lock);
		port_sink_wake(b->sink);
	}
	dev->use[index].users = 0;
	dev->use[index].claimed = false;
}

void port_refresh(struct port_device *dev)
{
	uint64_t sequence;

	if (dev->state != PORT_LIVE)
		return;
	if (__atomic_load_n(&dev->board->gone, __ATOMIC_ACQUIRE)) {
		port_device_die(dev);
		return;
	}
	if (__atomic_load_n(&dev->board->sequence, __ATOMIC_ACQUIRE) == dev->sequence)
		return;
	if (!copy_board(dev, &sequence))
		return;

	dev->sequence = sequence;
	if (dev->conf.nr_ports > OOB_MAX_PORTS)
		dev->conf.nr_ports = OOB_MAX_PORTS;
	memset(dev->port_of_vid, PORT_NONE, sizeof(dev->port_of_vid));
	for (uint32_t i = 0; i < OOB_MAX_PORTS; i++) {
		struct oob_port_conf *port = &dev->conf.ports[i];

		if (i >= dev->conf.nr_ports)
			port->flags = 0;
		if (dev->use[i].epoch != port->epoch || !(port->flags & OOB_PORT_ENABLED))
			port_went(dev, i);
		dev->use[i].epoch = port->epoch;
		if (port->nr_egress > OOB_EGRESS_MAX)
			port->nr_egress = OOB_EGRESS_MAX;
		/* A disabled port keeps its place, so that what still comes for it is counted as its own. */
		if (port->vid < OOB_NR_VIDS && i < dev->conf.nr_ports &&
		    ((port->flags & OOB_PORT_ENABLED) || dev->port_of_vid[port->vid] == PORT_NONE))
			dev->port_of_vid[port->vid] = (uint8_t)i;
	}
}

int port_index(const struct port_device *dev, int ifindex)
{
	for (uint32_t i = 0; dev->state == PORT_LIVE && i < dev->conf.nr_ports; i++)
		if (dev->conf.ports[i].ifindex == ifindex && (dev->conf.ports[i].flags & OOB_PORT_ENABLED))
			return (int)i;
	return -1;
}

struct port_device *port_lock_device(int ifindex, int *index)
{
	for (struct port_device *dev = port_devices; dev < port_devices + OOB_MAX_DEVICES; dev++) {
		if (dev->state != PORT_LIVE)
			continue;
		pthread_mutex_lock(&dev->lock);
		port_refresh(dev);
		*index = port_index(dev, ifindex);
		if (*index >= 0)
			return dev;
		pthread_mutex_unlock(&dev->lock);
	}
	return NULL;
}

struct port_device *port_lock_lost(int ifindex)
{
	for (struct port_device *dev = port_devices; dev < port_devices + OOB_MAX_DEVICES; dev++) {
		if (!dev->lost)
			continue;
		pthread_mutex_lock(&dev->lock);
		for (uint32_t i = 0; dev->lost && i < dev->conf.nr_ports; i++)
			if (dev->conf.ports[i].ifindex == ifindex && (dev->conf.ports[i].flags & OOB_PORT_ENABLED))
				return dev;
		pthread_mutex_unlock(&dev->lock);
	}
	return NULL;
}

/* The doorbell is a pipe: what rang is of no interest. Its end means that the keeper was killed. */
void port_answer(struct port_device *dev)
{
	char rings[64];
	ssize_t n;

	pthread_mutex_lock(&dev->lock);
	n = dev->state == PORT_LIVE ? read(dev->doorbell, rings, sizeof(rings)) : -1;
	if (!n) {
		/* Unless it told us first that the device is gone for good. */
		port_refresh(dev);
		if (dev->state == PORT_LIVE)
			port_device_lose(dev);
	} else if (n > 0) {
		/* Everyone is woken for whom this ring may have been: only one thread gets to read it. */
		for (struct port_binding *b = dev->bindings; b; b = b->next)
			port_sink_wake(b->sink);
		port_ring_senders(dev);
		port_refresh(dev);
	}
	pthread_mutex_unlock(&dev->lock);
}
