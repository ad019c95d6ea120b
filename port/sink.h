/* SPDX-License-Identifier: MIT */
/* The receiving end of a socket: a bounded queue of frame references, and those who wait for more. */
#ifndef PORT_SINK_H
#define PORT_SINK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bpf/layout.h"

struct port_device;
struct port_sink;

#define PORT_SINK_MAX	256u	/* frames in one queue; a power of two */
#define PORT_SINK_MIN	4u	/* however small the socket's receive buffer is */

/* A received packet. */
struct port_item {
	struct port_device *dev;
	uint64_t addr;		/* in the UMEM */
	uint32_t frame;
	uint16_t len;		/* as received: with the tag */
	bool tagged;
	uint8_t pkttype;	/* PACKET_HOST ... */
};

/*
 * A thread that sleeps, with an eventfd of its own: so that nobody can take a wake-up that was meant
 * for another. Who rings sets `rung` under the lock of the list in which the waiter is.
 */
struct port_waiter {
	int efd;
	bool rung;
	struct port_waiter *next;
};

/* A socket on a device: which ports it wants packets of. Under the device's lock. */
struct port_binding {
	struct port_sink *sink;
	struct port_binding *next;
	uint64_t ports;			/* bit mask of port indices */
	uint64_t lost;			/* those to be joined again when a lost device is back */
	atomic_bool linked;
};

struct port_sink {
	pthread_mutex_t lock;
	struct port_item items[PORT_SINK_MAX];
	uint32_t head;			/* runs freely */
	_Atomic uint32_t count;
	uint32_t room;			/* bytes: SO_RCVBUF when the socket was made */
	uint32_t charged;		/* bytes: whole frames in the queue */
	uint32_t nr_ports;		/* bound to and enabled */
	bool down;			/* was bound, and every port has been disabled */
	bool closed;
	struct port_waiter *waiters;	/* the one that has waited longest first */
	/* Written while no binding is linked, read under the lock of a device where one is. */
	uint16_t protocol;		/* host order: ETH_P_ALL, ETH_P_IP; 0 receives nothing */
	struct port_binding on[OOB_MAX_DEVICES];
};

void port_sink_init(struct port_sink *sink, uint32_t room);

/* Queues a packet and wakes a waiter. false: no room. @self: the sink for which the caller drains. */
bool port_sink_push(struct port_sink *sink, const struct port_item *item, const struct port_sink *self);

/*
 * Takes the oldest packet; the caller then calls port_release(). 0; -EBADF: closed; -EAGAIN: none;
 * -ENETDOWN: none, and there will be none.
 */
int port_sink_pop(struct port_sink *sink, struct port_item *item);

/* Drops the packets of one device, which is gone: frames need not be given back. */
void port_sink_forget(struct port_sink *sink, const struct port_device *dev);

/* Everyone who waits looks again. */
void port_sink_wake(struct port_sink *sink);

/* The program closes the socket: who waits gets EBADF. Binding is undone by port_unbind(). */
void port_sink_close(struct port_sink *sink);

/* ---- waiters; see wait.c ---- */

/*
 * A socket is made: one more thread can wait without a system call to prepare it. 0, -ENOMEM, -EMFILE.
 * The second form, when the socket has ended. Not real-time safe.
 */
int port_waiter_reserve(void);
void port_waiter_unreserve(void);

struct port_waiter *port_waiter_get(void);
void port_waiter_put(struct port_waiter *waiter);

/* Rings a waiter. With the lock of its list. */
void port_waiter_ring(struct port_waiter *waiter);

/* Append to a list, remove from it. With its lock. */
void port_waiter_link(struct port_waiter **list, struct port_waiter *waiter);
void port_waiter_unlink(struct port_waiter **list, struct port_waiter *waiter);

void port_waiters_after_fork(void);

#endif /* PORT_SINK_H */
