/* SPDX-License-Identifier: MIT */
/* xsk.h - AF_XDP sockets and their rings, as the keeper needs them. */
#ifndef OOBNET_KEEPER_XSK_H
#define OOBNET_KEEPER_XSK_H

#include <linux/if_xdp.h>
#include <stdint.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

/* One mapped ring. Entries are __u64 in fill and completion rings, struct xdp_desc in RX and TX rings. */
struct xsk_ring {
	uint32_t *producer;
	uint32_t *consumer;
	uint32_t *flags;
	void *entries;
	uint32_t size;
	void *map;
	size_t map_size;
};

struct xsk_drops {
	uint64_t ring_full;
	uint64_t dropped;
	uint64_t fill_empty;
	uint64_t tx_invalid;
};

enum xsk_ring_kind { XSK_FILL, XSK_COMPLETION, XSK_RX, XSK_TX };

/* Sets the ring up (size: a power of two) and maps it; possible only before bind on kernel 6.1. 0 or -errno. */
int xsk_ring_make(int fd, enum xsk_ring_kind kind, uint32_t size, struct xsk_ring *ring);
void xsk_ring_unmap(struct xsk_ring *ring);

/* Retries for a while: for some milliseconds after the last close the queue is still busy. 0 or -errno. */
int xsk_bind(int fd, int ifindex, uint32_t queue, uint16_t flags, int shared_fd);

/* Adds the socket's drop counters to *drops. */
void xsk_add_drops(int fd, struct xsk_drops *drops);

static inline uint32_t xsk_load(const uint32_t *index)
{
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static inline void xsk_store(uint32_t *index, uint32_t value)
{
	__atomic_store_n(index, value, __ATOMIC_RELEASE);
}

#endif /* OOBNET_KEEPER_XSK_H */
