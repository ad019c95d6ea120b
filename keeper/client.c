// SPDX-License-Identifier: MIT
// client.c - one program on one device: its sockets and its table, and taking back what it held.

#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "keeper/bpfmap.h"
#include "keeper/keeper.h"

#define LIMBO_NS	1000000000ull	/* a completion that has not come by then does not come */
#define KICK_TRIES	200
#define KICK_PAUSE_NS	500000
#define GRACE_NS	20000000	/* where membarrier cannot wait for running packet work */
#define JOIN_TRIES	60
#define JOIN_PAUSE_NS	20000000

static void nap(long ns)
{
	const struct timespec ts = { .tv_nsec = ns };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

static void read_comm(int pid, char *comm, size_t size)
{
	char path[64];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, comm, size - 1);
		close(fd);
	}
	comm[n > 0 ? n - 1 : 0] = '\0';	/* without the newline */
}

static int make_table(struct keep_device *dev, struct keep_client *client, unsigned int slot)
{
	const struct oob_geometry *geo = &dev->info.geometry;
	uint32_t *grants;
	void *map;

	oob_table_layout(&client->layout, geo);
	client->table_fd = memfd_create("oobnet-table", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (client->table_fd < 0)
		return -errno;
	if (ftruncate(client->table_fd, client->layout.size) ||
	    fcntl(client->table_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	map = mmap(NULL, client->layout.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		   client->table_fd, 0);
	if (map == MAP_FAILED)
		return -errno;

	client->table = map;
	*client->table = client->layout;
	client->table->magic = OOB_MAGIC;
	client->table->protocol = OOB_PROTOCOL;
	client->table->pid = client->pid;
	client->table->slot = slot;

	grants = (uint32_t *)((char *)map + client->layout.grant_offset);
	for (uint32_t i = 0; i < geo->tx_per_slot; i++)
		grants[i] = slot * geo->tx_per_slot + i;
	client->grant_producer = geo->tx_per_slot;
	client->table->grant.producer = geo->tx_per_slot;
	return 0;
}

static int make_socket(struct keep_device *dev, struct keep_client *client, uint32_t q)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	client->xsk[q].fd = fd;
	err = xsk_ring_make(fd, XSK_RX, dev->info.geometry.rx_ring, &client->xsk[q].rx);
	if (!err)
		err = xsk_ring_make(fd, XSK_TX, dev->info.geometry.tx_ring, &client->xsk[q].tx);
	return err;
}

/* Closing the sockets waits for packet work in the kernel: never under the lock. */
static void close_client(struct keep_device *dev, struct keep_client *client)
{
	for (uint32_t q = 0; q < dev->info.geometry.nr_queues; q++) {
		xsk_ring_unmap(&client->xsk[q].rx);
		xsk_ring_unmap(&client->xsk[q].tx);
		if (client->xsk[q].fd >= 0)
			close(client->xsk[q].fd);
		client->xsk[q].fd = -1;
	}
	if (client->table)
		munmap(client->table, client->layout.size);
	client->table = NULL;
	if (client->table_fd >= 0)
		close(client->table_fd);
	if (client->doorbell >= 0)
		close(client->doorbell);
	if (client->doorbell_out >= 0)
		close(client->doorbell_out);
	if (client->pidfd >= 0)
		close(client->pidfd);
	client->table_fd = client->doorbell = client->doorbell_out = client->pidfd = -1;
}

static int build_client(struct keep_device *dev, struct keep_client *client, unsigned int slot)
{
	int bell[2], err;

	if (pipe2(bell, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	client->doorbell_out = bell[0];
	client->doorbell = bell[1];
	err = make_table(dev, client, slot);
	for (uint32_t q = 0; q < dev->info.geometry.nr_queues && !err; q++)
		err = make_socket(dev, client, q);
	return err;
}

static int free_slot(const struct keep_device *dev, bool *limbo)
{
	*limbo = false;
	for (unsigned int slot = 0; slot < dev->info.geometry.nr_slots; slot++) {
		if (__atomic_load_n(&dev->client[slot].state, __ATOMIC_ACQUIRE) == KEEP_FREE)
			return slot;
		*limbo |= dev->client[slot].state == KEEP_LIMBO;
	}
	return -ENOSPC;
}

/* A slot whose last owner has just ended comes free within LIMBO_NS: that is worth waiting for. */
static int take_slot(const struct keep_device *dev)
{
	bool limbo;
	int slot;

	for (int i = 0; i < JOIN_TRIES; i++) {
		slot = free_slot(dev, &limbo);
		if (slot >= 0 || !limbo)
			return slot;
		nap(JOIN_PAUSE_NS);
	}
	return -ENOSPC;
}

int keep_client_join(struct keep_device *dev, int pid, int pidfd, unsigned int *slot)
{
	struct keep_client *client;
	int found, err;

	found = take_slot(dev);
	if (found < 0)
		return found;

	client = &dev->client[found];
	memset(client, 0, sizeof(*client));
	for (int q = 0; q < OOB_MAX_QUEUES; q++)
		client->xsk[q].fd = -1;
	client->table_fd = client->doorbell = client->doorbell_out = -1;
	client->pid = pid;
	client->pidfd = fcntl(pidfd, F_DUPFD_CLOEXEC, 0);
	err = client->pidfd < 0 ? -errno : build_client(dev, client, found);
	if (err) {
		close_client(dev, client);
		memset(client, 0, sizeof(*client));
		return err;
	}
	read_comm(pid, client->comm, sizeof(client->comm));

	pthread_mutex_lock(&keeper.lock);
	client->state = KEEP_JOINED;
	pthread_mutex_unlock(&keeper.lock);
	keep_wake();
	*slot = found;
	return 0;
}

static uint32_t socket_index(unsigned int slot, uint32_t q)
{
	return slot * OOB_MAX_QUEUES + q;
}

int keep_client_bind(struct keep_device *dev, unsigned int slot)
{
	struct keep_client *client = &dev->client[slot];
	int err = 0;

	if (client->state == KEEP_BOUND)
		return 0;
	if (client->state != KEEP_JOINED)
		return -EINVAL;

	for (uint32_t q = 0; q < dev->info.geometry.nr_queues && !err; q++)
		err = xsk_bind(client->xsk[q].fd, dev->info.ifindex, q, XDP_SHARED_UMEM, dev->queue[q].fd);
	if (err)
		return err;

	/* From here on only the program listens: when it stops to, main.c hears of it. */
	close(client->doorbell_out);
	client->doorbell_out = -1;

	pthread_mutex_lock(&keeper.lock);
	client->state = KEEP_BOUND;
	pthread_mutex_unlock(&keeper.lock);

	for (uint32_t q = 0; q < dev->info.geometry.nr_queues && !err; q++)
		err = bpfmap_set(dev->fds[OOB_DEVFD_MAPS + OOB_MAP_XSKS], socket_index(slot, q),
				 client->xsk[q].fd);
	return err;
}

int keep_claim(struct keep_device *dev, unsigned int port, unsigned int claim)
{
	int err;

	if (port >= OOB_MAX_PORTS || claim > OOB_MAX_SLOTS)
		return -EINVAL;
	if (claim != OOB_NO_SLOT && dev->client[claim - 1].state != KEEP_BOUND)
		return -ESRCH;

	err = bpfmap_set(dev->fds[OOB_DEVFD_MAPS + OOB_MAP_CLAIMS], port, claim);
	if (!err)
		dev->claims[port] = claim;
	return err;
}

static void drop_claims(struct keep_device *dev, unsigned int slot)
{
	for (unsigned int port = 0; port < OOB_MAX_PORTS; port++)
		if (dev->claims[port] == slot + 1)
			keep_claim(dev, port, OOB_NO_SLOT);
	for (uint32_t q = 0; q < dev->info.geometry.nr_queues; q++)
		bpfmap_delete(dev->fds[OOB_DEVFD_MAPS + OOB_MAP_XSKS], socket_index(slot, q));
}

/* Redirects that began before the maps changed have ended when this returns: they run under RCU. */
static void wait_for_redirects(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		nap(GRACE_NS);
	nap(KICK_PAUSE_NS);
}

/* Has the kernel consume what lies in the TX ring; what it took is answered by completions. */
static void flush_tx(struct keep_client *client, uint32_t q)
{
	const struct xsk_ring *tx = &client->xsk[q].tx;

	for (int i = 0; i < KICK_TRIES && xsk_load(tx->consumer) != xsk_load(tx->producer); i++) {
		if (sendto(client->xsk[q].fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 &&
		    (errno == ENETDOWN || errno == ENXIO || errno == EBADF))
			return;
		nap(KICK_PAUSE_NS);
	}
}

/* A frame may be in the RX ring and marked as held: the mark is made before the ring moves on. */
static void take_rx_ring(struct keep_device *dev, struct keep_client *client, uint32_t q)
{
	const struct oob_geometry *geo = &dev->info.geometry;
	const struct xsk_ring *rx = &client->xsk[q].rx;
	const struct xdp_desc *entries = rx->entries;
	uint32_t consumer = xsk_load(rx->consumer), n = xsk_load(rx->producer) - consumer;

	if (n > rx->size)
		n = rx->size;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t frame = entries[(consumer + i) & (rx->size - 1)].addr / geo->frame_size;

		if (frame >= geo->nr_tx && frame < geo->nr_frames) {
			keep_take_home(dev, frame);
			dev->books.reclaimed++;
		}
	}
}

static void sweep_held(struct keep_device *dev, struct keep_client *client, unsigned int slot)
{
	const uint8_t *held = (uint8_t *)client->table + client->layout.held_offset;
	const struct oob_geometry *geo = &dev->info.geometry;

	for (uint32_t frame = geo->nr_tx; frame < geo->nr_frames; frame++) {
		if (held[frame] != OOB_HELD_RX || dev->home[frame])
			continue;
		keep_take_home(dev, frame);
		dev->books.reclaimed++;
	}

	client->limbo = 0;
	for (uint32_t frame = slot * geo->tx_per_slot; frame < (slot + 1) * geo->tx_per_slot; frame++) {
		if (held[frame] == OOB_HELD_NOT)
			continue;
		dev->books.reclaimed++;
		if (held[frame] == OOB_HELD_SENT) {
			dev->limbo[frame] = 1;
			client->limbo++;
		}
	}
}

void keep_client_end(struct keep_device *dev, unsigned int slot)
{
	struct keep_client *client = &dev->client[slot];
	struct keep_client gone;
	bool bound = client->state == KEEP_BOUND;

	if (client->state != KEEP_BOUND && client->state != KEEP_JOINED)
		return;

	drop_claims(dev, slot);
	wait_for_redirects();
	for (uint32_t q = 0; q < dev->info.geometry.nr_queues && bound; q++) {
		flush_tx(client, q);
		xsk_add_drops(client->xsk[q].fd, &dev->queue[q].ended);
	}

	pthread_mutex_lock(&keeper.lock);
	if (bound) {
		keep_take_returns(dev, client);
		for (uint32_t q = 0; q < dev->info.geometry.nr_queues; q++)
			take_rx_ring(dev, client, q);
	}
	sweep_held(dev, client, slot);
	for (unsigned int port = 0; port < OOB_MAX_PORTS; port++)
		keep_add_stats(&dev->books.ports[port], &client->table->stats[port]);
	gone = *client;
	client->table = NULL;
	client->pid = 0;
	client->limbo_until = keep_now() + LIMBO_NS;
	client->state = KEEP_LIMBO;
	pthread_mutex_unlock(&keeper.lock);

	close_client(dev, &gone);
	keep_wake();
}

void keep_limbo_expire(struct keep_device *dev, uint64_t now)
{
	const struct oob_geometry *geo = &dev->info.geometry;

	for (unsigned int slot = 0; slot < geo->nr_slots; slot++) {
		struct keep_client *client = &dev->client[slot];

		if (client->state != KEEP_LIMBO || (client->limbo && now < client->limbo_until))
			continue;
		dev->books.timed_out += client->limbo;
		memset(dev->limbo + slot * geo->tx_per_slot, 0, geo->tx_per_slot);
		client->limbo = 0;
		__atomic_store_n(&client->state, KEEP_FREE, __ATOMIC_RELEASE);
	}
}

/* A pipe that is full has rung enough; one whose program has ended (EPIPE) is about to be closed. */
void keep_ring(const struct keep_client *client)
{
	const char ring = 1;

	if (write(client->doorbell, &ring, sizeof(ring)) < 0 && errno != EAGAIN && errno != EPIPE)
		perror("oobkeep: doorbell");
}

void keep_ring_doorbells(struct keep_device *dev)
{
	for (unsigned int slot = 0; slot < OOB_MAX_SLOTS; slot++)
		if (dev->client[slot].state == KEEP_JOINED || dev->client[slot].state == KEEP_BOUND)
			keep_ring(&dev->client[slot]);
}

unsigned int keep_clients(void)
{
	unsigned int n = 0;

	for (int i = 0; i < OOB_MAX_DEVICES; i++)
		for (unsigned int slot = 0; keeper.device[i].used && slot < OOB_MAX_SLOTS; slot++)
			n += keeper.device[i].client[slot].state == KEEP_JOINED ||
			     keeper.device[i].client[slot].state == KEEP_BOUND;
	return n;
}
