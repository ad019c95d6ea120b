// SPDX-License-Identifier: MIT
// service.c - the thread that moves frame numbers between the rings, in short rounds with naps.
//
// It never reads a packet. Rings are deep enough for the longest nap, so its timing never shows.

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "keeper/keeper.h"

#define SERVICE_PRIORITY	50	/* as EVL's receive threads */
#define NAP_MIN_NS		50000
#define NAP_MAX_NS		1000000
#define NAP_SHARE		8	/* wake when about this part of a ring's depth has been used */

static const struct timespec forever = { .tv_sec = 3600 };

void keep_take_home(struct keep_device *dev, uint32_t frame)
{
	if (dev->home[frame])
		return;
	dev->home[frame] = 1;
	dev->free[dev->nr_free++] = frame;
}

/* Deals the receive frames in our hands out to the queues' fill rings, in equal shares. */
void keep_fill(struct keep_device *dev)
{
	const struct oob_geometry *geo = &dev->info.geometry;
	uint32_t share = (geo->nr_frames - geo->nr_tx) / geo->nr_queues;

	if (share > geo->fill_ring)
		share = geo->fill_ring;

	for (uint32_t q = 0; q < geo->nr_queues && dev->nr_free; q++) {
		struct keep_queue *queue = &dev->queue[q];
		uint64_t *entries = queue->fill.entries;
		uint32_t level, before = queue->filled;

		if (!queue->fill.map)
			continue;
		level = queue->filled - xsk_load(queue->fill.consumer);
		for (; level < share && dev->nr_free; level++) {
			uint32_t frame = dev->free[--dev->nr_free];

			dev->home[frame] = 0;
			entries[queue->filled++ & (queue->fill.size - 1)] = (uint64_t)frame * geo->frame_size;
		}
		if (queue->filled == before)
			continue;
		xsk_store(queue->fill.producer, queue->filled);
		if (xsk_load(queue->fill.flags) & XDP_RING_NEED_WAKEUP)
			recvfrom(queue->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
	}
}

static bool grant(struct keep_client *client, const struct oob_geometry *geo, uint32_t frame)
{
	uint32_t *entries = (uint32_t *)((char *)client->table + client->layout.grant_offset);

	/* A program that scribbles over its indices loses frames of its own, which its end gives back. */
	if (client->grant_producer - xsk_load(&client->table->grant.consumer) >= geo->grant_ring)
		return false;
	entries[client->grant_producer++ & (geo->grant_ring - 1)] = frame;
	xsk_store(&client->table->grant.producer, client->grant_producer);
	return true;
}

static void complete(struct keep_device *dev, uint64_t addr)
{
	const struct oob_geometry *geo = &dev->info.geometry;
	uint64_t frame = addr / geo->frame_size;
	struct keep_client *client;
	uint8_t *held;

	if (frame >= (uint64_t)geo->tx_per_slot * geo->nr_slots) {
		dev->books.bad_completions++;
		return;
	}

	client = &dev->client[frame / geo->tx_per_slot];
	switch (client->state) {
	case KEEP_BOUND:
		held = (uint8_t *)client->table + client->layout.held_offset;
		if (held[frame] != OOB_HELD_SENT) {
			dev->books.bad_completions++;
			break;
		}
		held[frame] = OOB_HELD_NOT;
		if (!grant(client, geo, frame))
			dev->books.bad_completions++;
		break;
	case KEEP_LIMBO:
		if (dev->limbo[frame]) {
			dev->limbo[frame] = 0;
			client->limbo--;
		}
		break;
	case KEEP_FREE:
	case KEEP_JOINED:
		dev->books.bad_completions++;
		break;
	}
}

static uint32_t take_completions(struct keep_device *dev, struct keep_queue *queue)
{
	uint32_t consumer = *queue->completion.consumer;
	uint32_t n = xsk_load(queue->completion.producer) - consumer;
	const uint64_t *entries = queue->completion.entries;

	for (uint32_t i = 0; i < n; i++)
		complete(dev, entries[(consumer + i) & (queue->completion.size - 1)]);
	if (n)
		xsk_store(queue->completion.consumer, consumer + n);
	return n;
}

uint32_t keep_take_returns(struct keep_device *dev, struct keep_client *client)
{
	const uint32_t *entries = (uint32_t *)((char *)client->table + client->layout.return_offset);
	uint8_t *held = (uint8_t *)client->table + client->layout.held_offset;
	const struct oob_geometry *geo = &dev->info.geometry;
	uint32_t n = xsk_load(&client->table->ret.producer) - client->return_consumer;

	if (n > geo->return_ring) {
		/* Nothing in the ring can be believed; what the program holds comes back when it ends. */
		dev->books.bad_returns++;
		client->return_consumer += n;
		n = 0;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t frame = entries[client->return_consumer++ & (geo->return_ring - 1)];

		if (frame < geo->nr_tx || frame >= geo->nr_frames || held[frame] != OOB_HELD_RX || dev->home[frame]) {
			dev->books.bad_returns++;
			continue;
		}
		held[frame] = OOB_HELD_NOT;
		keep_take_home(dev, frame);
	}
	if (n)
		xsk_store(&client->table->ret.consumer, client->return_consumer);
	return n;
}

/* A program stopped between writing its TX ring and kicking it would leave its packets there. */
static void kick_forgotten(struct keep_device *dev, struct keep_client *client)
{
	for (uint32_t q = 0; q < dev->info.geometry.nr_queues; q++) {
		const struct xsk_ring *tx = &client->xsk[q].tx;
		uint32_t consumer = xsk_load(tx->consumer);

		if (xsk_load(tx->producer) != consumer && client->xsk[q].tx_seen == consumer)
			sendto(client->xsk[q].fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
		client->xsk[q].tx_seen = consumer;
	}
}

/* A sender that waits has set wants_frames before it looked at the grant ring for the last time. */
static void ring_if_wanted(struct keep_client *client)
{
	if (client->grant_producer == xsk_load(&client->table->grant.consumer))
		return;
	if (__atomic_exchange_n(&client->table->wants_frames, 0, __ATOMIC_SEQ_CST))
		keep_ring(client);
}

/* How long until about 1/NAP_SHARE of a depth has been used, at the rate just seen. */
static uint64_t nap_for(uint64_t elapsed, uint32_t used, uint32_t depth)
{
	return used ? elapsed * depth / (NAP_SHARE * (uint64_t)used) : NAP_MAX_NS;
}

/* One round over one device; returns for how long it may be left alone, 0 for ever. */
static uint64_t serve(struct keep_device *dev)
{
	const struct oob_geometry *geo = &dev->info.geometry;
	uint64_t now = keep_now(), elapsed = now - dev->served, nap, tx_nap;
	uint32_t completed = 0, returned = 0;
	bool busy = false;

	dev->served = now;
	for (uint32_t q = 0; q < geo->nr_queues; q++)
		completed += take_completions(dev, &dev->queue[q]);

	for (unsigned int slot = 0; slot < geo->nr_slots; slot++) {
		struct keep_client *client = &dev->client[slot];

		busy |= client->state != KEEP_FREE;
		if (client->state != KEEP_BOUND)
			continue;
		returned += keep_take_returns(dev, client);
		kick_forgotten(dev, client);
		ring_if_wanted(client);
	}
	keep_fill(dev);
	keep_limbo_expire(dev, now);

	if (!busy)
		return 0;
	nap = nap_for(elapsed, returned, OOB_RX_RESERVE);
	tx_nap = nap_for(elapsed, completed, geo->tx_per_slot);
	if (tx_nap < nap)
		nap = tx_nap;
	return nap < NAP_MIN_NS ? NAP_MIN_NS : nap > NAP_MAX_NS ? NAP_MAX_NS : nap;
}

static void *service(void *arg)
{
	struct pollfd wake = { .fd = keeper.wake, .events = POLLIN };

	for (;;) {
		uint64_t nap = 0, one, due;
		struct timespec ts;

		pthread_mutex_lock(&keeper.lock);
		for (int i = 0; i < OOB_MAX_DEVICES; i++) {
			if (!keeper.device[i].used)
				continue;
			due = serve(&keeper.device[i]);
			if (due && (!nap || due < nap))
				nap = due;
		}
		pthread_mutex_unlock(&keeper.lock);

		ts.tv_sec = 0;
		ts.tv_nsec = nap;
		if (ppoll(&wake, 1, nap ? &ts : &forever, NULL) > 0 &&
		    read(keeper.wake, &one, sizeof(one)) < 0 && errno != EAGAIN)
			return arg;
	}
}

int keep_service_start(void)
{
	struct sched_param param = { .sched_priority = SERVICE_PRIORITY };
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	keeper.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (keeper.wake < 0)
		return -errno;

	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &param);
	err = pthread_create(&thread, &attr, service, NULL);
	if (err == EPERM)
		/* A machine that grants no real-time priority: served all the same, only less promptly. */
		err = pthread_create(&thread, NULL, service, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}
