// SPDX-License-Identifier: MIT
// attach.c - becoming a program of a real device: descriptors from oobnetd, mappings from descriptors.

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "port/daemon.h"
#include "port/device.h"
#include "port/explain.h"

#define BORROWED_TRIES	200
#define BORROWED_NAP_NS	5000000

/* Shared memory from a descriptor, all of it touched. A file that is too small would be a SIGBUS later. */
static void *map_shared(int fd, size_t size, int prot)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st))
		return NULL;
	if ((uint64_t)st.st_size < size) {
		errno = EPROTO;
		return NULL;
	}
	map = mmap(NULL, size, prot, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	madvise(map, size, MADV_DONTFORK);
	/* The UMEM is pinned by the kernel, and evl_init() locks what it may: this is for the rest. */
	mlock(map, size);
	return map;
}

static size_t umem_size(const struct oob_geometry *geo)
{
	return (size_t)geo->nr_frames * geo->frame_size;
}

static size_t table_size(const struct oob_geometry *geo)
{
	struct oob_table table;

	oob_table_layout(&table, geo);
	return table.size;
}

static bool power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

static bool geometry_is_sound(const struct oob_geometry *geo)
{
	return (geo->frame_size == 2048 || geo->frame_size == 4096) && geo->nr_tx < geo->nr_frames &&
	       geo->nr_frames <= OOB_POOL_MAX + OOB_MAX_QUEUES * (uint64_t)OOB_POOL_MAX &&
	       geo->nr_queues && geo->nr_queues <= OOB_MAX_QUEUES && geo->nr_slots <= OOB_MAX_SLOTS &&
	       (uint64_t)geo->nr_slots * geo->tx_per_slot <= geo->nr_tx && power_of_two(geo->rx_ring) &&
	       power_of_two(geo->tx_ring) && power_of_two(geo->return_ring) && power_of_two(geo->grant_ring);
}

static void unmap_all(struct port_device *dev)
{
	for (int q = 0; q < OOB_MAX_QUEUES; q++) {
		port_ring_unmap(&dev->queue[q].rx);
		port_ring_unmap(&dev->queue[q].tx);
		if (dev->queue[q].xsk >= 0)
			close(dev->queue[q].xsk);
		dev->queue[q].xsk = -1;
	}
	if (dev->umem)
		munmap(dev->umem, umem_size(&dev->geo));
	if (dev->board)
		munmap((void *)dev->board, sizeof(*dev->board));
	if (dev->table)
		munmap(dev->table, table_size(&dev->geo));
	if (dev->doorbell >= 0)
		close(dev->doorbell);
	dev->umem = NULL;
	dev->board = NULL;
	dev->table = NULL;
	dev->doorbell = -1;
	port_device_stop(dev);
}

static int map_all(struct port_device *dev, const int *fds)
{
	int err = 0;

	dev->umem = map_shared(fds[OOB_JOINFD_UMEM], umem_size(&dev->geo), PROT_READ | PROT_WRITE);
	if (dev->umem)
		dev->board = map_shared(fds[OOB_JOINFD_BOARD], sizeof(*dev->board), PROT_READ);
	if (dev->board)
		dev->table = map_shared(fds[OOB_JOINFD_TABLE], table_size(&dev->geo), PROT_READ | PROT_WRITE);
	if (!dev->table)
		return -errno;

	for (uint32_t q = 0; q < dev->geo.nr_queues && !err; q++) {
		struct port_queue *queue = &dev->queue[q];

		err = port_ring_map(queue->xsk, PORT_RING_RX, dev->geo.rx_ring, &queue->rx);
		if (!err)
			err = port_ring_map(queue->xsk, PORT_RING_TX, dev->geo.tx_ring, &queue->tx);
		if (err)
			return err;
		madvise(queue->rx.map, queue->rx.map_size, MADV_DONTFORK);
		madvise(queue->tx.map, queue->tx.map_size, MADV_DONTFORK);
	}
	return err;
}

/* Zero-copy or not is known when the socket is bound. Where the kernel does not tell, kick always. */
static bool is_copy_mode(int xsk)
{
	struct xdp_options opts = { 0 };
	socklen_t len = sizeof(opts);

	return getsockopt(xsk, SOL_XDP, XDP_OPTIONS, &opts, &len) || !(opts.flags & XDP_OPTIONS_ZEROCOPY);
}

static int ready(int port_ifindex)
{
	struct oob_request req = { .op = OOB_ASK_READY, .ifindex = port_ifindex };
	struct oob_reply rep;

	return oobnet_daemon_call(&req, &rep, NULL, NULL);
}

/* Where the device is to live: where it lived, else in a free place, else in that of one that is gone. */
static struct port_device *find_place(int32_t ifindex)
{
	struct port_device *const end = port_devices + OOB_MAX_DEVICES, *dev;

	for (dev = port_devices; dev < end; dev++)
		if (dev->state != PORT_FREE && dev->ifindex == ifindex)
			return dev;
	for (dev = port_devices; dev < end; dev++)
		if (dev->state == PORT_FREE)
			return dev;
	for (dev = port_devices; dev < end; dev++)
		if (dev->state == PORT_DEAD && !dev->bindings)
			return dev;
	return NULL;
}

/* oobnetd has parted us from an attachment of which we had not heard that it is over. */
static void bury(struct port_device *dev)
{
	pthread_mutex_lock(&dev->lock);
	if (dev->state == PORT_LIVE)
		port_device_die(dev);
	pthread_mutex_unlock(&dev->lock);
}

/* Threads that copy from a frame of the old mappings, or kick its sockets, are about to be done. */
static int wait_unused(const struct port_device *dev)
{
	const struct timespec nap = { .tv_nsec = BORROWED_NAP_NS };

	for (int i = 0; atomic_load(&dev->borrowed); i++) {
		if (i == BORROWED_TRIES)
			return oobnet_because_text(-EBUSY, "a thread has not yet let go of the device that is gone");
		clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
	}
	return 0;
}

static int settle(struct port_device *dev, const struct oob_reply *rep, const int *fds, int port_ifindex)
{
	struct oob_port_stats stats[OOB_MAX_PORTS] = { 0 };
	int err;

	pthread_mutex_lock(&dev->lock);
	/* A keeper that was killed has not added them to its books. */
	if (dev->lost && dev->table)
		memcpy(stats, dev->table->stats, sizeof(stats));
	unmap_all(dev);
	dev->ifindex = rep->real_ifindex;
	dev->slot = rep->slot;
	dev->geo = rep->geometry;
	dev->doorbell = fds[OOB_JOINFD_DOORBELL];
	for (uint32_t q = 0; q < dev->geo.nr_queues; q++)
		dev->queue[q].xsk = fds[OOB_JOINFD_XSKS + q];
	pthread_mutex_unlock(&dev->lock);

	err = map_all(dev, fds);
	if (err)
		return oobnet_because(err, "cannot map the rings and frames of a device");
	err = ready(port_ifindex);
	if (err)
		return err;
	memcpy(dev->table->stats, stats, sizeof(stats));
	dev->copy_mode = is_copy_mode(dev->queue[0].xsk);
	/* Before anybody uses the device: it cannot be unmapped any more once somebody does. */
	err = port_recover_watch();
	if (!err)
		err = port_device_start(dev);
	if (!err)
		port_recover_wake();
	return err;
}

int port_attach(int port_ifindex)
{
	struct oob_request req = { .op = OOB_ASK_ATTACH, .ifindex = port_ifindex };
	int fds[OOB_MAX_FDS], nr_fds = OOB_MAX_FDS, keep = 0, err;
	struct port_device *dev;
	struct oob_reply rep;

	err = oobnet_daemon_call(&req, &rep, fds, &nr_fds);
	if (err)
		return err;

	dev = find_place(rep.real_ifindex);
	if (!geometry_is_sound(&rep.geometry) || nr_fds != OOB_JOINFD_XSKS + (int)rep.geometry.nr_queues)
		err = oobnet_because_text(-EPROTO, "oobnetd describes a device that cannot be");
	else if (!dev)
		err = oobnet_because(-ENOSPC, "more than %d devices in one program", OOB_MAX_DEVICES);

	if (!err) {
		bury(dev);
		err = wait_unused(dev);
	}
	if (!err) {
		keep = 1;
		err = settle(dev, &rep, fds, port_ifindex);
		if (err) {
			pthread_mutex_lock(&dev->lock);
			unmap_all(dev);
			dev->state = dev->bindings || dev->lost ? PORT_DEAD : PORT_FREE;
			pthread_mutex_unlock(&dev->lock);
		}
	}
	/* Mappings outlive these; the doorbell and the sockets are kept. */
	for (int i = 0; i < nr_fds; i++)
		if (!keep || i < OOB_JOINFD_DOORBELL)
			close(fds[i]);
	return err;
}
