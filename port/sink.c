// SPDX-License-Identifier: MIT
// sink.c - the receiving end of a socket.

#include <errno.h>
#include <string.h>

#include "port/device.h"
#include "port/lock.h"
#include "port/sink.h"

void port_sink_init(struct port_sink *sink, uint32_t room)
{
	memset(sink, 0, sizeof(*sink));
	port_lock_init(&sink->lock);
	sink->room = room;
	for (int i = 0; i < OOB_MAX_DEVICES; i++)
		sink->on[i].sink = sink;
}

static struct port_item *item_at(struct port_sink *sink, uint32_t index)
{
	return &sink->items[index & (PORT_SINK_MAX - 1)];
}

/* Rings one waiter that has not been rung yet: each packet wakes somebody. With the lock. */
static void ring_one(struct port_sink *sink)
{
	struct port_waiter *w = sink->waiters;

	while (w && w->rung)
		w = w->next;
	if (w)
		port_waiter_ring(w);
}

static void ring_all(struct port_sink *sink)
{
	for (struct port_waiter *w = sink->waiters; w; w = w->next)
		port_waiter_ring(w);
}

bool port_sink_push(struct port_sink *sink, const struct port_item *item, const struct port_sink *self)
{
	uint32_t size = item->dev->geo.frame_size;
	bool fits;

	pthread_mutex_lock(&sink->lock);
	fits = !sink->closed && sink->count < PORT_SINK_MAX &&
	       (sink->count < PORT_SINK_MIN || sink->charged + size <= sink->room);
	if (fits) {
		*item_at(sink, sink->head + sink->count) = *item;
		sink->count++;
		sink->charged += size;
		if (sink != self)
			ring_one(sink);
	}
	pthread_mutex_unlock(&sink->lock);
	return fits;
}

int port_sink_pop(struct port_sink *sink, struct port_item *item)
{
	int err = 0;

	pthread_mutex_lock(&sink->lock);
	if (sink->closed) {
		err = -EBADF;
	} else if (sink->count) {
		*item = *item_at(sink, sink->head++);
		sink->count--;
		sink->charged -= item->dev->geo.frame_size;
		atomic_fetch_add(&item->dev->borrowed, 1);
		/* What a thread drained for itself woke nobody: pass on what is left. */
		if (sink->count)
			ring_one(sink);
	} else {
		err = sink->down ? -ENETDOWN : -EAGAIN;
	}
	pthread_mutex_unlock(&sink->lock);
	return err;
}

void port_sink_forget(struct port_sink *sink, const struct port_device *dev)
{
	uint32_t kept = 0, n;

	pthread_mutex_lock(&sink->lock);
	n = sink->count;
	for (uint32_t i = 0; i < n; i++) {
		const struct port_item *item = item_at(sink, sink->head + i);

		if (item->dev == dev)
			sink->charged -= dev->geo.frame_size;
		else
			*item_at(sink, sink->head + kept++) = *item;
	}
	sink->count = kept;
	pthread_mutex_unlock(&sink->lock);
}

void port_sink_wake(struct port_sink *sink)
{
	pthread_mutex_lock(&sink->lock);
	ring_all(sink);
	pthread_mutex_unlock(&sink->lock);
}

void port_sink_close(struct port_sink *sink)
{
	pthread_mutex_lock(&sink->lock);
	sink->closed = true;
	ring_all(sink);
	pthread_mutex_unlock(&sink->lock);
}
