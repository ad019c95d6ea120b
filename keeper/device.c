// SPDX-License-Identifier: MIT
// device.c - one real device: the memory of its frames and the first socket of each queue.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keeper/keeper.h"

#define FIRST_RX_RING 2u	/* the least that bind accepts; nothing is redirected to it */

static bool is_power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

/* The daemon is trusted, but a mistake of its must not become a wild index here. */
static bool geometry_is_sound(const struct oob_geometry *geo)
{
	return (geo->frame_size == 2048 || geo->frame_size == 4096) &&
	       geo->nr_slots >= 1 && geo->nr_slots <= OOB_MAX_SLOTS &&
	       geo->nr_queues >= 1 && geo->nr_queues <= OOB_MAX_QUEUES &&
	       geo->nr_tx >= 1 && geo->nr_tx <= OOB_POOL_MAX &&
	       geo->tx_per_slot >= 1 && geo->tx_per_slot <= geo->nr_tx / geo->nr_slots &&
	       geo->nr_frames > geo->nr_tx && geo->nr_frames <= (1u << 22) &&
	       is_power_of_two(geo->rx_ring) && is_power_of_two(geo->tx_ring) &&
	       is_power_of_two(geo->fill_ring) && is_power_of_two(geo->return_ring) &&
	       is_power_of_two(geo->grant_ring) && geo->fill_ring >= geo->nr_tx &&
	       geo->grant_ring >= geo->tx_per_slot && geo->tx_ring >= geo->tx_per_slot;
}

static int make_umem(struct keep_device *dev)
{
	size_t size = (size_t)dev->info.geometry.nr_frames * dev->info.geometry.frame_size;
	void *map;
	int fd;

	fd = memfd_create("oobnet-umem", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	dev->umem_fd = fd;
	if (ftruncate(fd, size) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;

	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	dev->umem = map;
	return 0;
}

static int make_queue(struct keep_device *dev, uint32_t q, uint16_t bind_flags)
{
	const struct oob_geometry *geo = &dev->info.geometry;
	struct keep_queue *queue = &dev->queue[q];
	int err;

	queue->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (queue->fd < 0)
		return -errno;

	if (q == 0) {
		struct xdp_umem_reg reg = {
			.addr = (uintptr_t)dev->umem,
			.len = (uint64_t)geo->nr_frames * geo->frame_size,
			.chunk_size = geo->frame_size,
		};

		if (setsockopt(queue->fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)))
			return -errno;
	}

	err = xsk_ring_make(queue->fd, XSK_FILL, geo->fill_ring, &queue->fill);
	if (!err)
		err = xsk_ring_make(queue->fd, XSK_COMPLETION, geo->fill_ring, &queue->completion);
	if (!err)
		err = xsk_ring_make(queue->fd, XSK_RX, FIRST_RX_RING, &queue->rx);
	if (err)
		return err;

	/* Some drivers take their first buffers while the socket is being bound. */
	keep_fill(dev);

	if (q == 0)
		return xsk_bind(queue->fd, dev->info.ifindex, q, bind_flags | XDP_USE_NEED_WAKEUP, 0);
	return xsk_bind(queue->fd, dev->info.ifindex, q, XDP_SHARED_UMEM, dev->queue[0].fd);
}

static void drop_queues(struct keep_device *dev)
{
	for (uint32_t q = 0; q < dev->info.geometry.nr_queues; q++) {
		struct keep_queue *queue = &dev->queue[q];

		xsk_ring_unmap(&queue->fill);
		xsk_ring_unmap(&queue->completion);
		xsk_ring_unmap(&queue->rx);
		if (queue->fd >= 0)
			close(queue->fd);
		memset(queue, 0, sizeof(*queue));
		queue->fd = -1;
	}
}

static void all_frames_home(struct keep_device *dev)
{
	const struct oob_geometry *geo = &dev->info.geometry;

	dev->nr_free = 0;
	for (uint32_t frame = geo->nr_tx; frame < geo->nr_frames; frame++) {
		dev->home[frame] = 0;
		keep_take_home(dev, frame);
	}
}

static int make_queues(struct keep_device *dev, uint16_t bind_flags)
{
	int err = 0;

	all_frames_home(dev);
	for (uint32_t q = 0; q < dev->info.geometry.nr_queues && !err; q++)
		err = make_queue(dev, q, bind_flags);
	if (err)
		drop_queues(dev);
	return err;
}

static int bind_queues(struct keep_device *dev)
{
	int err;

	/*
	 * A zero-copy bind under a program in generic mode succeeds on some drivers, but nothing that is
	 * sent ever leaves (measured on igb).
	 */
	if (!(dev->info.bind_flags & OOB_BIND_GENERIC)) {
		err = make_queues(dev, XDP_ZEROCOPY);
		if (!err || err == -ENETDOWN || err == -ENODEV || err == -EPERM) {
			dev->info.zerocopy = !err;
			return err;
		}
	}
	dev->info.zerocopy = 0;
	return make_queues(dev, XDP_COPY);
}

static int take_fds(struct keep_device *dev, const int *fds)
{
	char path[64];

	for (int i = 0; i < OOB_NR_DEVFDS; i++) {
		dev->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
		if (dev->fds[i] < 0)
			return -errno;
	}

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dev->fds[OOB_DEVFD_BOARD]);
	dev->board_ro = open(path, O_RDONLY | O_CLOEXEC);
	if (dev->board_ro < 0)
		return -errno;
	dev->board = mmap(NULL, sizeof(*dev->board), PROT_READ | PROT_WRITE, MAP_SHARED,
			  dev->fds[OOB_DEVFD_BOARD], 0);
	if (dev->board == MAP_FAILED) {
		dev->board = NULL;
		return -errno;
	}
	return 0;
}

static void release(struct keep_device *dev)
{
	drop_queues(dev);
	if (dev->umem)
		munmap(dev->umem, (size_t)dev->info.geometry.nr_frames * dev->info.geometry.frame_size);
	if (dev->umem_fd >= 0)
		close(dev->umem_fd);
	if (dev->board)
		munmap(dev->board, sizeof(*dev->board));
	if (dev->board_ro >= 0)
		close(dev->board_ro);
	for (int i = 0; i < OOB_NR_DEVFDS; i++)
		if (dev->fds[i] >= 0)
			close(dev->fds[i]);
	free(dev->home);
	free(dev->limbo);
	free(dev->free);
	memset(dev, 0, sizeof(*dev));
}

static int fill_in(struct keep_device *dev, const struct oob_keeper_device *info, const int *fds)
{
	const struct oob_geometry *geo = &info->geometry;
	int err;

	dev->info = *info;
	dev->umem_fd = dev->board_ro = -1;
	for (int i = 0; i < OOB_NR_DEVFDS; i++)
		dev->fds[i] = -1;
	for (int q = 0; q < OOB_MAX_QUEUES; q++)
		dev->queue[q].fd = -1;

	dev->home = calloc(geo->nr_frames, 1);
	dev->limbo = calloc(geo->nr_tx, 1);
	dev->free = calloc(geo->nr_frames, sizeof(*dev->free));
	if (!dev->home || !dev->limbo || !dev->free)
		return -ENOMEM;

	err = take_fds(dev, fds);
	/* The maps may have served under a keeper that was killed: whoever claimed then has to claim anew. */
	for (unsigned int port = 0; port < OOB_MAX_PORTS && !err; port++)
		err = keep_claim(dev, port, OOB_NO_SLOT);
	if (!err)
		err = make_umem(dev);
	if (!err)
		err = bind_queues(dev);
	return err;
}

int keep_device_add(const struct oob_keeper_device *info, const int *fds, unsigned int *index)
{
	struct keep_device *dev;
	unsigned int i;
	int err;

	if (!geometry_is_sound(&info->geometry))
		return -EINVAL;
	for (i = 0; i < OOB_MAX_DEVICES && keeper.device[i].used; i++)
		;
	if (i == OOB_MAX_DEVICES)
		return -ENOSPC;

	/* Not used yet: the service thread does not look at it, so no lock. */
	dev = &keeper.device[i];
	err = fill_in(dev, info, fds);
	if (err) {
		release(dev);
		return err;
	}

	pthread_mutex_lock(&keeper.lock);
	dev->served = keep_now();
	dev->used = true;
	pthread_mutex_unlock(&keeper.lock);
	*index = i;
	return 0;
}

void keep_device_remove(struct keep_device *dev)
{
	__atomic_store_n(&dev->board->gone, 1, __ATOMIC_RELEASE);
	keep_ring_doorbells(dev);
	for (unsigned int slot = 0; slot < OOB_MAX_SLOTS; slot++)
		if (dev->client[slot].state == KEEP_JOINED || dev->client[slot].state == KEEP_BOUND)
			keep_client_end(dev, slot);

	pthread_mutex_lock(&keeper.lock);
	dev->used = false;
	pthread_mutex_unlock(&keeper.lock);
	release(dev);
}

void keep_add_stats(struct oob_port_stats *sum, const struct oob_port_stats *stats)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)stats;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

static uint32_t frames_under_way(const struct keep_device *dev, unsigned int slot)
{
	const struct keep_client *client = &dev->client[slot];
	const uint32_t per_slot = dev->info.geometry.tx_per_slot;
	const uint8_t *held = (const uint8_t *)client->table + client->layout.held_offset;
	uint32_t n = 0;

	for (uint32_t frame = slot * per_slot; frame < (slot + 1) * per_slot; frame++)
		n += held[frame] != OOB_HELD_NOT;
	return n;
}

static uint32_t frames_filled(const struct keep_device *dev)
{
	uint32_t n = 0;

	for (uint32_t q = 0; q < dev->info.geometry.nr_queues; q++)
		n += dev->queue[q].filled - xsk_load(dev->queue[q].fill.consumer);
	return n;
}

void keep_device_status(struct keep_device *dev, struct oob_keeper_status *status)
{
	const struct oob_geometry *geo = &dev->info.geometry;

	*status = dev->books;
	memcpy(status->claims, dev->claims, sizeof(status->claims));
	status->rx_total = geo->nr_frames - geo->nr_tx;
	status->tx_total = geo->nr_tx;
	status->tx_free = geo->nr_tx;

	pthread_mutex_lock(&keeper.lock);
	status->rx_free = dev->nr_free;
	status->rx_filled = frames_filled(dev);
	pthread_mutex_unlock(&keeper.lock);

	for (unsigned int slot = 0; slot < OOB_MAX_SLOTS; slot++) {
		const struct keep_client *client = &dev->client[slot];

		if (client->state == KEEP_LIMBO) {
			status->tx_limbo += client->limbo;
			status->tx_free -= client->limbo;
		}
		if (client->state != KEEP_JOINED && client->state != KEEP_BOUND)
			continue;
		status->clients[slot].pid = client->pid;
		status->clients[slot].bound = client->state == KEEP_BOUND;
		memcpy(status->clients[slot].comm, client->comm, sizeof(client->comm));
		status->tx_free -= frames_under_way(dev, slot);
		for (unsigned int port = 0; port < OOB_MAX_PORTS; port++)
			keep_add_stats(&status->ports[port], &client->table->stats[port]);
	}

	for (uint32_t q = 0; q < geo->nr_queues; q++) {
		struct xsk_drops drops = dev->queue[q].ended, first = { 0 };

		for (unsigned int slot = 0; slot < OOB_MAX_SLOTS; slot++)
			if (dev->client[slot].state == KEEP_BOUND)
				xsk_add_drops(dev->client[slot].xsk[q].fd, &drops);
		xsk_add_drops(dev->queue[q].fd, &first);
		status->rx_ring_full[q] = drops.ring_full;
		status->rx_dropped[q] = drops.dropped;
		status->tx_invalid += drops.tx_invalid;
		/* The pool's, which every socket on it reports alike. */
		status->fill_empty[q] = first.fill_empty;
	}
}
