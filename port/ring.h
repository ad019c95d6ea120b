/* SPDX-License-Identifier: MIT */
/*
 * The rings of one program on one device: those of an AF_XDP socket, which the kernel is on the other
 * end of, and the return and grant rings of the program's table, where the keeper is.
 *
 * Every index has one writer. Stores of ours are releases, loads of theirs are acquires: what was
 * written before an index moved is seen by whoever sees it moved.
 */
#ifndef PORT_RING_H
#define PORT_RING_H

#include <linux/if_xdp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint32_t port_load(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void port_store(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* An RX or TX ring. */
struct port_ring {
	uint32_t *producer;
	uint32_t *consumer;
	const uint32_t *flags;
	struct xdp_desc *desc;
	uint32_t size;		/* a power of two */
	void *map;
	size_t map_size;
};

/* The mmap() offset of which ring. */
enum port_ring_kind {
	PORT_RING_RX,
	PORT_RING_TX,
};

/**
 * port_ring_map - map a ring of an AF_XDP socket that is not bound yet
 *
 * On Linux 6.1 a bound socket refuses (EBUSY). Return: 0 or a negative errno.
 */
int port_ring_map(int xsk, enum port_ring_kind kind, uint32_t size, struct port_ring *ring);

void port_ring_unmap(struct port_ring *ring);

static inline struct xdp_desc *port_ring_at(const struct port_ring *ring, uint32_t index)
{
	return &ring->desc[index & (ring->size - 1)];
}

/* How many descriptors the kernel has put there for us. */
static inline uint32_t port_ring_filled(const struct port_ring *ring)
{
	return port_load(ring->producer) - *ring->consumer;
}

/* How many descriptors we may put there for the kernel. */
static inline uint32_t port_ring_room(const struct port_ring *ring)
{
	return ring->size - (*ring->producer - port_load(ring->consumer));
}

static inline bool port_ring_wants_kick(const struct port_ring *ring)
{
	return port_load(ring->flags) & XDP_RING_NEED_WAKEUP;
}

#endif /* PORT_RING_H */
