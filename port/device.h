/* SPDX-License-Identifier: MIT */
/*
 * One real device as this process sees it: shared memory, rings, frames, ports, who wants what.
 *
 * Locks, in the order in which they are taken; all have priority inheritance, none is held over a
 * system call of unbounded length:
 *   port_bind_lock	binding, attaching, claims: the slow path alone; held over calls of oobnetd
 *   port_device.lock	everything of one device
 *   port_sink.lock	the queue and the waiters of one socket
 *   the pool of waiters
 *
 * A device is never freed. One that is gone (state PORT_DEAD) is attached anew in place, once nobody
 * has a frame of it in hand any more (borrowed is 0).
 */
#ifndef PORT_DEVICE_H
#define PORT_DEVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bpf/layout.h"
#include "port/ring.h"
#include "port/sink.h"

#define PORT_NONE	0xffu	/* no port has this VLAN id */

enum port_state {
	PORT_FREE,	/* not attached */
	PORT_LIVE,
	PORT_DEAD,	/* the data path is gone; sockets get ENETDOWN, unless it is only lost */
};

struct port_queue {
	int xsk;
	struct port_ring rx;
	struct port_ring tx;
	uint32_t held;		/* frames taken from rx, not yet given back */
};

/* A frame that this process holds. */
struct port_frame {
	uint16_t refs;		/* sockets in whose queue it is, or which copy from it */
	uint8_t queue;		/* where it was received */
};

/* What this process has to do with a port. */
struct port_use {
	uint64_t epoch;		/* of the board, as acted upon */
	uint32_t users;		/* sockets bound to it that receive */
	bool claimed;
};

struct port_device {
	pthread_mutex_t lock;
	_Atomic enum port_state state;
	atomic_bool lost;		/* dead because the keeper was killed: recover.c waits for it to be rebuilt */
	uint32_t index;			/* in port_devices */
	int32_t ifindex;
	uint32_t slot;
	struct oob_geometry geo;

	uint8_t *umem;
	const struct oob_board *board;
	struct oob_table *table;
	uint8_t *held;			/* in the table: enum oob_held of each frame */
	uint32_t *ret;			/* in the table: entries of the return ring */
	const uint32_t *grant;		/* in the table: entries of the grant ring */
	int doorbell;
	bool copy_mode;			/* every transmission needs a kick */
	struct port_queue queue[OOB_MAX_QUEUES];

	struct port_frame *frames;
	uint32_t *late;			/* received frames that found the return ring full; a stack */
	uint32_t nr_late;
	uint32_t *spare;		/* transmit frames taken but not sent; a stack */
	uint32_t nr_spare;
	uint32_t tx_reserved;		/* places in the TX ring promised to frames being filled */

	uint64_t sequence;		/* of the board, when conf was copied */
	struct oob_config conf;
	struct oob_config incoming;	/* a copy that may yet turn out torn */
	uint8_t port_of_vid[OOB_NR_VIDS];
	struct port_use use[OOB_MAX_PORTS];
	struct port_binding *bindings;	/* the latest first */
	struct port_waiter *senders;	/* wait for a frame */
	atomic_uint borrowed;		/* frames, and kicks, in the hands of threads without the lock */
};

extern struct port_device port_devices[OOB_MAX_DEVICES];
extern pthread_mutex_t port_bind_lock;

/* ---- device.c ---- */

/*
 * Brings a device to life from mappings that are in place: geo, umem, board, table, doorbell, copy_mode
 * and the queues' rings. Allocates. 0, -ENOMEM, or -EPROTO where the board or the table is not what
 * the geometry says.
 */
int port_device_start(struct port_device *dev);

/* Frees what port_device_start() allocated. */
void port_device_stop(struct port_device *dev);

/* The device's data path is gone: its sockets get ENETDOWN. With the lock. */
void port_device_die(struct port_device *dev);

/* The keeper was killed: as above, but sockets wait for the device to come back. With the lock. */
void port_device_lose(struct port_device *dev);

/* A thread is done with a frame for which it counted itself in `borrowed`. Without the lock. */
void port_unborrow(struct port_device *dev);

/* How often this process has come out of a fork(): objects of an earlier count belong to a parent. */
unsigned int port_generation(void);

/* Everyone who waits for a frame to send with looks again. With the lock. */
void port_ring_senders(struct port_device *dev);

/* ---- attach.c ---- */

/*
 * Attaches to the real device under the port with this ifindex, in place where it was attached before.
 * With port_bind_lock. 0; what oobnet_daemon_call() gives; -ENOSPC: too many devices; -EBUSY: threads
 * keep frames of the device that is gone. Slow: maps and touches all memory.
 */
int port_attach(int port_ifindex);

/* ---- board.c ---- */

/* Acts upon what has changed on the board. With the lock; cheap when nothing has. */
void port_refresh(struct port_device *dev);

/* The index of the enabled port with this ifindex, or -1. With the lock, refreshed. */
int port_index(const struct port_device *dev, int ifindex);

/* The attached device with this port enabled, locked and refreshed, or NULL. Real-time safe. */
struct port_device *port_lock_device(int ifindex, int *index);

/* Someone rang: everybody who sleeps on this device looks again. Takes the lock. */
void port_answer(struct port_device *dev);

/* As port_lock_device(), but a device that is lost, for now. It is not refreshed. */
struct port_device *port_lock_lost(int ifindex);

/* ---- recover.c ---- */

/* A device is live, or lost: the thread that looks after lost ones takes note. Starts it. 0 or -errno. */
int port_recover_watch(void);
void port_recover_wake(void);
void port_recover_after_fork(void);

/* ---- rx.c ---- */

/*
 * Hands out what the RX rings hold, until @self has a packet, or for a bounded number of rounds where
 * @self is NULL or gets none. With the lock. Returns how many frames were taken.
 */
unsigned int port_drain(struct port_device *dev, const struct port_sink *self);

/* Gives a frame back that a socket has copied from. Takes the lock. */
void port_release(const struct port_item *item);

/* Counts what was received and not read yet: it is lost with its keeper. With the lock, before it is forgotten. */
void port_count_lost(struct port_device *dev);

/* A socket drops a frame. With the lock. */
void port_put_frame(struct port_device *dev, uint32_t frame);

static inline uint8_t *port_frame_at(const struct port_device *dev, uint32_t frame)
{
	return dev->umem + (size_t)frame * dev->geo.frame_size;
}

#endif /* PORT_DEVICE_H */
