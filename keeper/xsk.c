// SPDX-License-Identifier: MIT
// xsk.c - AF_XDP sockets and their rings, as the keeper needs them.

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "keeper/xsk.h"

#define BIND_TRIES	250
#define BIND_PAUSE_NS	2000000

static const struct {
	int option;
	off_t offset;
	size_t entry;
} kinds[] = {
	[XSK_FILL] = { XDP_UMEM_FILL_RING, XDP_UMEM_PGOFF_FILL_RING, sizeof(uint64_t) },
	[XSK_COMPLETION] = { XDP_UMEM_COMPLETION_RING, XDP_UMEM_PGOFF_COMPLETION_RING, sizeof(uint64_t) },
	[XSK_RX] = { XDP_RX_RING, XDP_PGOFF_RX_RING, sizeof(struct xdp_desc) },
	[XSK_TX] = { XDP_TX_RING, XDP_PGOFF_TX_RING, sizeof(struct xdp_desc) },
};

static const struct xdp_ring_offset *ring_offset(const struct xdp_mmap_offsets *offsets, enum xsk_ring_kind kind)
{
	switch (kind) {
	case XSK_FILL:
		return &offsets->fr;
	case XSK_COMPLETION:
		return &offsets->cr;
	case XSK_RX:
		return &offsets->rx;
	case XSK_TX:
	default:
		return &offsets->tx;
	}
}

int xsk_ring_make(int fd, enum xsk_ring_kind kind, uint32_t size, struct xsk_ring *ring)
{
	struct xdp_mmap_offsets offsets;
	socklen_t len = sizeof(offsets);
	const struct xdp_ring_offset *off;
	char *map;

	if (setsockopt(fd, SOL_XDP, kinds[kind].option, &size, sizeof(size)))
		return -errno;
	if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &len))
		return -errno;
	if (len != sizeof(offsets))
		return -EPROTO;

	off = ring_offset(&offsets, kind);
	ring->map_size = off->desc + size * kinds[kind].entry;
	map = mmap(NULL, ring->map_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, kinds[kind].offset);
	if (map == MAP_FAILED)
		return -errno;

	ring->map = map;
	ring->producer = (uint32_t *)(map + off->producer);
	ring->consumer = (uint32_t *)(map + off->consumer);
	ring->flags = (uint32_t *)(map + off->flags);
	ring->entries = map + off->desc;
	ring->size = size;
	return 0;
}

void xsk_ring_unmap(struct xsk_ring *ring)
{
	if (ring->map)
		munmap(ring->map, ring->map_size);
	ring->map = NULL;
}

int xsk_bind(int fd, int ifindex, uint32_t queue, uint16_t flags, int shared_fd)
{
	const struct timespec pause = { .tv_nsec = BIND_PAUSE_NS };
	struct sockaddr_xdp addr = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = flags,
		.sxdp_ifindex = ifindex,
		.sxdp_queue_id = queue,
		.sxdp_shared_umem_fd = shared_fd,
	};

	for (int i = 0; bind(fd, (struct sockaddr *)&addr, sizeof(addr)); i++) {
		if (errno != EBUSY || i == BIND_TRIES)
			return -errno;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	return 0;
}

void xsk_add_drops(int fd, struct xsk_drops *drops)
{
	struct xdp_statistics stats = { 0 };
	socklen_t len = sizeof(stats);

	if (getsockopt(fd, SOL_XDP, XDP_STATISTICS, &stats, &len))
		return;
	drops->dropped += stats.rx_dropped;
	drops->tx_invalid += stats.tx_invalid_descs;
	drops->ring_full += stats.rx_ring_full;
	drops->fill_empty += stats.rx_fill_ring_empty_descs;
}
