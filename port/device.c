// SPDX-License-Identifier: MIT
// device.c - the life of a device in this process, and what a forked child does with its copy.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "port/device.h"
#include "port/explain.h"
#include "port/lock.h"

struct port_device port_devices[OOB_MAX_DEVICES];
pthread_mutex_t port_bind_lock;

static unsigned int generation;

unsigned int port_generation(void)
{
	return generation;
}

static void init_all(void)
{
	port_lock_init(&port_bind_lock);
	for (uint32_t i = 0; i < OOB_MAX_DEVICES; i++) {
		struct port_device *dev = &port_devices[i];

		memset(dev, 0, sizeof(*dev));
		port_lock_init(&dev->lock);
		dev->index = i;
		dev->doorbell = -1;
		for (int q = 0; q < OOB_MAX_QUEUES; q++)
			dev->queue[q].xsk = -1;
	}
}

/*
 * The rings have one user: the parent. The child's copies of the descriptors go, so that the parent's
 * end is the end of the sockets; shared memory is not even mapped in the child (MADV_DONTFORK).
 */
static void after_fork(void)
{
	for (int i = 0; i < OOB_MAX_DEVICES; i++) {
		const struct port_device *dev = &port_devices[i];

		if (dev->doorbell >= 0)
			close(dev->doorbell);
		for (int q = 0; q < OOB_MAX_QUEUES; q++)
			if (dev->queue[q].xsk >= 0)
				close(dev->queue[q].xsk);
	}
	init_all();
	port_recover_after_fork();
	port_waiters_after_fork();
	generation++;
}

__attribute__((constructor(102))) static void devices_init(void)
{
	init_all();
	pthread_atfork(NULL, NULL, after_fork);
}

static bool table_is_sound(const struct port_device *dev)
{
	const struct oob_table *table = dev->table;
	struct oob_table want;

	oob_table_layout(&want, &dev->geo);
	return table->magic == OOB_MAGIC && table->protocol == OOB_PROTOCOL && table->size == want.size &&
	       table->held_offset == want.held_offset && table->return_offset == want.return_offset &&
	       table->grant_offset == want.grant_offset;
}

static int alloc_frames(struct port_device *dev)
{
	dev->frames = calloc(dev->geo.nr_frames, sizeof(*dev->frames));
	dev->late = calloc(dev->geo.nr_frames, sizeof(*dev->late));
	dev->spare = calloc(dev->geo.tx_per_slot, sizeof(*dev->spare));
	if (!dev->frames || !dev->late || !dev->spare)
		return -ENOMEM;

	/* Touched now rather than with the first packet. Where locking is refused, touched is what they are. */
	memset(dev->frames, 0, dev->geo.nr_frames * sizeof(*dev->frames));
	memset(dev->late, 0, dev->geo.nr_frames * sizeof(*dev->late));
	memset(dev->spare, 0, dev->geo.tx_per_slot * sizeof(*dev->spare));
	mlock(dev->frames, dev->geo.nr_frames * sizeof(*dev->frames));
	mlock(dev->late, dev->geo.nr_frames * sizeof(*dev->late));
	mlock(dev->spare, dev->geo.tx_per_slot * sizeof(*dev->spare));
	return 0;
}

int port_device_start(struct port_device *dev)
{
	char *table = (char *)dev->table;
	int err;

	if (dev->board->magic != OOB_MAGIC || dev->board->protocol != OOB_PROTOCOL)
		return oobnet_because_text(-EPROTO, "oobnetd's board is of another version");
	if (!table_is_sound(dev))
		return oobnet_because_text(-EPROTO, "the keeper's table is of another version");

	err = alloc_frames(dev);
	if (err) {
		port_device_stop(dev);
		return err;
	}
	dev->held = (uint8_t *)table + dev->table->held_offset;
	dev->ret = (uint32_t *)(table + dev->table->return_offset);
	dev->grant = (const uint32_t *)(table + dev->table->grant_offset);
	dev->nr_late = dev->nr_spare = dev->tx_reserved = 0;
	dev->sequence = UINT64_MAX;
	memset(&dev->conf, 0, sizeof(dev->conf));
	memset(dev->use, 0, sizeof(dev->use));
	memset(dev->port_of_vid, PORT_NONE, sizeof(dev->port_of_vid));
	for (uint32_t q = 0; q < dev->geo.nr_queues; q++)
		dev->queue[q].held = 0;

	pthread_mutex_lock(&dev->lock);
	dev->state = PORT_LIVE;
	dev->lost = false;
	port_refresh(dev);
	pthread_mutex_unlock(&dev->lock);
	return 0;
}

void port_device_stop(struct port_device *dev)
{
	free(dev->frames);
	free(dev->late);
	free(dev->spare);
	dev->frames = NULL;
	dev->late = dev->spare = NULL;
}

/*
 * As long as a program has a socket or its rings, the kernel gives the queue to nobody else: the device
 * could not be built anew. A kick under way must not find another file under the socket's number, though.
 */
static void let_go(struct port_device *dev)
{
	if (dev->state != PORT_DEAD || atomic_load(&dev->borrowed))
		return;
	for (int q = 0; q < OOB_MAX_QUEUES; q++) {
		port_ring_unmap(&dev->queue[q].rx);
		port_ring_unmap(&dev->queue[q].tx);
		if (dev->queue[q].xsk >= 0)
			close(dev->queue[q].xsk);
		dev->queue[q].xsk = -1;
	}
}

void port_unborrow(struct port_device *dev)
{
	if (atomic_fetch_sub(&dev->borrowed, 1) != 1 || dev->state != PORT_DEAD)
		return;
	pthread_mutex_lock(&dev->lock);
	let_go(dev);
	pthread_mutex_unlock(&dev->lock);
}

void port_ring_senders(struct port_device *dev)
{
	for (struct port_waiter *w = dev->senders; w; w = w->next)
		port_waiter_ring(w);
}

/* With the lock. */
static void end(struct port_device *dev)
{
	struct port_binding *b;

	dev->state = PORT_DEAD;
	for (b = dev->bindings; b; b = b->next) {
		struct port_sink *sink = b->sink;

		port_sink_forget(sink, dev);
		pthread_mutex_lock(&sink->lock);
		sink->nr_ports -= (uint32_t)__builtin_popcountll(b->ports);
		if (b->ports && !sink->nr_ports && !dev->lost)
			sink->down = true;
		pthread_mutex_unlock(&sink->lock);
		b->lost = dev->lost ? b->ports : 0;
		b->ports = 0;
		port_sink_wake(sink);
	}
	port_ring_senders(dev);
	let_go(dev);
}

void port_device_die(struct port_device *dev)
{
	dev->lost = false;
	end(dev);
}

void port_device_lose(struct port_device *dev)
{
	port_count_lost(dev);
	dev->lost = true;
	end(dev);
	port_recover_wake();
}
