// SPDX-License-Identifier: MIT
// ring.c - mapping the rings of an AF_XDP socket.

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "port/ring.h"

int port_ring_map(int xsk, enum port_ring_kind kind, uint32_t size, struct port_ring *ring)
{
	off_t where = kind == PORT_RING_RX ? XDP_PGOFF_RX_RING : (off_t)XDP_PGOFF_TX_RING;
	const struct xdp_ring_offset *off;
	struct xdp_mmap_offsets offsets;
	socklen_t len = sizeof(offsets);
	char *map;

	if (getsockopt(xsk, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &len))
		return -errno;
	if (len != sizeof(offsets))
		return -EPROTO;

	off = kind == PORT_RING_RX ? &offsets.rx : &offsets.tx;
	ring->map_size = off->desc + size * sizeof(struct xdp_desc);
	map = mmap(NULL, ring->map_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, xsk, where);
	if (map == MAP_FAILED)
		return -errno;

	ring->map = map;
	ring->producer = (uint32_t *)(map + off->producer);
	ring->consumer = (uint32_t *)(map + off->consumer);
	ring->flags = (const uint32_t *)(map + off->flags);
	ring->desc = (struct xdp_desc *)(map + off->desc);
	ring->size = size;
	return 0;
}

void port_ring_unmap(struct port_ring *ring)
{
	if (ring->map)
		munmap(ring->map, ring->map_size);
	ring->map = NULL;
}
