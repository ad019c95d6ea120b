// SPDX-License-Identifier: MIT
// A ring of bytes for proxies: see ring.h.

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "ring.h"

static int futex(_Atomic uint32_t *word, int op, uint32_t value)
{
	return (int)syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

int oobnet_ring_init(struct oobnet_ring *ring, size_t size)
{
	pthread_mutexattr_t attr;
	char *buf;

	buf = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (buf == MAP_FAILED)
		return -ENOMEM;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&ring->lock, &attr);
	pthread_mutexattr_destroy(&attr);

	ring->buf = buf;
	ring->size = size;
	atomic_store(&ring->head, 0);
	atomic_store(&ring->tail, 0);
	return 0;
}

void oobnet_ring_free(struct oobnet_ring *ring)
{
	pthread_mutex_destroy(&ring->lock);
	munmap(ring->buf, ring->size);
	ring->buf = NULL;
	atomic_store(&ring->tail, atomic_load(&ring->head));
}

static ssize_t write_locked(struct oobnet_ring *ring, const char *buf, size_t count)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
	size_t at = head % ring->size;
	size_t first = ring->size - at;

	if (ring->size - (head - tail) < count)
		return -EAGAIN;
	if (first > count)
		first = count;
	memcpy(ring->buf + at, buf, first);
	memcpy(ring->buf, buf + first, count - first);
	atomic_store_explicit(&ring->head, head + count, memory_order_release);
	return (ssize_t)count;
}

ssize_t oobnet_ring_write(struct oobnet_ring *ring, const void *buf, size_t count)
{
	int err = pthread_mutex_lock(&ring->lock);
	ssize_t ret;

	if (err)
		return -err;
	ret = write_locked(ring, buf, count);
	pthread_mutex_unlock(&ring->lock);
	return ret;
}

ssize_t oobnet_ring_try_write(struct oobnet_ring *ring, const void *buf, size_t count)
{
	ssize_t ret;

	if (pthread_mutex_trylock(&ring->lock))
		return -EAGAIN;
	ret = write_locked(ring, buf, count);
	pthread_mutex_unlock(&ring->lock);
	return ret;
}

/*
 * waiters is raised before the kernel compares room_seq, and the reader
 * changes room_seq before it looks at waiters: one of them sees the other.
 */
int oobnet_ring_wait(struct oobnet_ring *ring, uint32_t seq)
{
	int ret;

	atomic_fetch_add(&ring->waiters, 1);
	ret = futex(&ring->room_seq, FUTEX_WAIT, seq) ? -errno : 0;
	atomic_fetch_sub(&ring->waiters, 1);
	return ret == -EINTR ? ret : 0;
}

void oobnet_ring_wake(struct oobnet_ring *ring)
{
	atomic_fetch_add(&ring->room_seq, 1);
	if (atomic_load(&ring->waiters))
		futex(&ring->room_seq, FUTEX_WAKE, INT_MAX);
}

size_t oobnet_ring_used(const struct oobnet_ring *ring)
{
	/* tail first: it can only come nearer to the head read after it */
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);

	return atomic_load_explicit(&ring->head, memory_order_acquire) - tail;
}

size_t oobnet_ring_peek(const struct oobnet_ring *ring, const char **data)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	size_t at = tail % ring->size;
	size_t used = head - tail;

	*data = ring->buf + at;
	return used < ring->size - at ? used : ring->size - at;
}

void oobnet_ring_consume(struct oobnet_ring *ring, size_t count)
{
	atomic_fetch_add_explicit(&ring->tail, count, memory_order_release);
	oobnet_ring_wake(ring);
}
