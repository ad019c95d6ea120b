/* SPDX-License-Identifier: MIT */
/* A ring of bytes: many real-time writers, all or nothing; one reader that takes no lock. */

#ifndef OOBNET_CORE_RING_H
#define OOBNET_CORE_RING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * head and tail count bytes and never wrap; a byte's place is its count modulo
 * size. Writers copy under the lock and then move head; the reader, who must
 * not be able to hold up a writer, only moves tail.
 */
struct oobnet_ring {
	pthread_mutex_t lock;		/* among writers; priority inheritance */
	char *buf;
	size_t size;
	_Atomic uint64_t head;
	_Atomic uint64_t tail;
	_Atomic uint32_t room_seq;	/* futex: changes with every oobnet_ring_wake() */
	_Atomic uint32_t waiters;
};

/* Allocates (locked with the process, touched) and frees the bytes. 0 or -ENOMEM. */
int oobnet_ring_init(struct oobnet_ring *ring, size_t size);
void oobnet_ring_free(struct oobnet_ring *ring);

/*
 * Copies all of @count (at most the size) bytes in, or none: @count, -EAGAIN
 * (no room now), -EDEADLK (a signal handler interrupted a write of its own
 * thread). Real-time safe.
 */
ssize_t oobnet_ring_write(struct oobnet_ring *ring, const void *buf, size_t count);

/* The same for the reader, who must wait for no writer: -EAGAIN also while one is copying. */
ssize_t oobnet_ring_try_write(struct oobnet_ring *ring, const void *buf, size_t count);

/*
 * Waits until room_seq is no longer @seq, as it was read before the write that
 * found no room. 0 or -EINTR.
 */
int oobnet_ring_wait(struct oobnet_ring *ring, uint32_t seq);

/* Ends all waits that began before, so that they look again. */
void oobnet_ring_wake(struct oobnet_ring *ring);

/* Bytes inside; safe from anywhere, also a signal handler. */
size_t oobnet_ring_used(const struct oobnet_ring *ring);

/* For the reader: the oldest bytes that lie in one piece; that it is done with @count of them. */
size_t oobnet_ring_peek(const struct oobnet_ring *ring, const char **data);
void oobnet_ring_consume(struct oobnet_ring *ring, size_t count);

#endif
