/* SPDX-License-Identifier: MIT */
/* A device whose keeper and kernel are the test: rings and tables in ordinary memory, laid out as the real ones. */
#ifndef TESTS_PORT_FAKE_H
#define TESTS_PORT_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/if_ether.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port/device.h"

enum {
	FAKE_IFINDEX = 1000002,		/* no interface of the machine has these */
	FAKE_PORT_42 = 1000042,
	FAKE_PORT_43 = 1000043,
	FAKE_SLOT = 1,
	FAKE_TX = 4,			/* frames of the slot */
	FAKE_NR_TX = 2 * FAKE_TX,
	FAKE_RX = 700,
	FAKE_RING = 512,
	FAKE_START = -5,		/* RX and TX indices start just before they wrap */
};

static const uint8_t fake_mac[6] = { 2, 0, 0, 0, 0, 42 };
static const uint8_t fake_peer[6] = { 2, 0, 0, 0, 0, 99 };

/* One page for each index, so that a test can watch the store that advances it. */
struct fake_ring {
	uint32_t *producer, *consumer, *flags;
	struct xdp_desc *desc;
};

struct fake {
	struct port_device *dev;
	struct oob_board *board;
	struct fake_ring rx, tx;
	uint8_t *held;
	int kernel;			/* the other end of the socket that kicks go to */
	uint32_t next_frame;		/* a receive frame that has not been used */
	uint32_t returned;		/* consumer of the return ring */
};

static inline void *fake_pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

static inline struct port_ring fake_ring(struct fake_ring *ring, uint32_t size)
{
	ring->producer = fake_pages(4096);
	ring->consumer = fake_pages(4096);
	ring->flags = fake_pages(4096);
	ring->desc = fake_pages(size * sizeof(struct xdp_desc));
	*ring->producer = *ring->consumer = (uint32_t)FAKE_START;
	return (struct port_ring){
		.producer = ring->producer,
		.consumer = ring->consumer,
		.flags = ring->flags,
		.desc = ring->desc,
		.size = size,
	};
}

static inline void fake_port(struct oob_port_conf *port, int ifindex, uint16_t vid)
{
	port->ifindex = ifindex;
	port->flags = OOB_PORT_ENABLED;
	port->epoch = 7;
	port->mtu = 1500;
	port->vid = vid;
	memcpy(port->mac, fake_mac, 6);
	port->nr_egress = 1;
	port->egress[0] = (struct oob_egress){ .priority = 3, .pcp = 5 };
}

/* What the daemon does to change the board. */
static inline struct oob_config *fake_board_begin(struct fake *f)
{
	struct oob_config *next = &f->board->config[(f->board->sequence + 1) & 1];

	*next = f->board->config[f->board->sequence & 1];
	return next;
}

static inline void fake_board_end(struct fake *f)
{
	__atomic_store_n(&f->board->sequence, f->board->sequence + 1, __ATOMIC_RELEASE);
}

static inline void fake_ring_bell(struct fake *f)
{
	const uint64_t one = 1;

	assert_int_equal(write(f->dev->doorbell, &one, sizeof(one)), sizeof(one));
}

static inline void fake_disable(struct fake *f, unsigned int port)
{
	struct oob_config *conf = fake_board_begin(f);

	conf->ports[port].flags = 0;
	conf->ports[port].epoch++;
	fake_board_end(f);
}

static inline void fake_make(struct fake *f, unsigned int index)
{
	struct port_device *dev = &port_devices[index];
	struct oob_geometry geo = {
		.frame_size = 2048, .nr_frames = FAKE_NR_TX + FAKE_RX, .nr_tx = FAKE_NR_TX,
		.nr_slots = 2, .tx_per_slot = FAKE_TX, .nr_queues = 1, .rx_ring = FAKE_RING,
		.tx_ring = 8, .fill_ring = 1024, .return_ring = 1024, .grant_ring = 8,
	};
	struct oob_table layout = { 0 };
	int pair[2];

	memset(f, 0, sizeof(*f));
	f->dev = dev;
	f->next_frame = FAKE_NR_TX;
	f->board = fake_pages(sizeof(*f->board));
	f->board->magic = OOB_MAGIC;
	f->board->protocol = OOB_PROTOCOL;
	f->board->config[0].ifindex = FAKE_IFINDEX;
	f->board->config[0].nr_ports = 2;
	fake_port(&f->board->config[0].ports[0], FAKE_PORT_42, 42);
	fake_port(&f->board->config[0].ports[1], FAKE_PORT_43, 43);

	oob_table_layout(&layout, &geo);
	dev->table = fake_pages(layout.size);
	*dev->table = layout;
	dev->table->magic = OOB_MAGIC;
	dev->table->protocol = OOB_PROTOCOL;
	f->held = (uint8_t *)dev->table + layout.held_offset;

	dev->ifindex = FAKE_IFINDEX;
	dev->slot = FAKE_SLOT;
	dev->geo = geo;
	dev->board = f->board;
	dev->umem = fake_pages((size_t)geo.nr_frames * geo.frame_size);
	dev->doorbell = eventfd(0, EFD_NONBLOCK);
	dev->copy_mode = true;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
	dev->queue[0].xsk = pair[0];
	f->kernel = pair[1];
	dev->queue[0].rx = fake_ring(&f->rx, geo.rx_ring);
	dev->queue[0].tx = fake_ring(&f->tx, geo.tx_ring);
	assert_int_equal(port_device_start(dev), 0);
}

static inline void fake_unring(struct fake_ring *ring, uint32_t size)
{
	munmap(ring->producer, 4096);
	munmap(ring->consumer, 4096);
	munmap(ring->flags, 4096);
	munmap(ring->desc, size * sizeof(struct xdp_desc));
}

static inline void fake_end(struct fake *f)
{
	struct port_device *dev = f->dev;

	munmap(dev->table, dev->table->size);
	munmap(f->board, sizeof(*f->board));
	munmap(dev->umem, (size_t)dev->geo.nr_frames * dev->geo.frame_size);
	fake_unring(&f->rx, dev->geo.rx_ring);
	fake_unring(&f->tx, dev->geo.tx_ring);
	close(dev->doorbell);
	if (dev->queue[0].xsk >= 0)
		close(dev->queue[0].xsk);
	close(f->kernel);
	port_device_stop(dev);
	memset(dev->queue, 0, sizeof(dev->queue));
	for (int q = 0; q < OOB_MAX_QUEUES; q++)
		dev->queue[q].xsk = -1;
	dev->table = NULL;
	dev->umem = NULL;
	dev->board = NULL;
	dev->bindings = NULL;
	dev->senders = NULL;
	dev->doorbell = -1;
	dev->borrowed = 0;
	dev->state = PORT_FREE;
}

/* Binds a socket as port_bind() does, without a daemon to claim the port. */
static inline void fake_join(struct fake *f, struct port_sink *sink, unsigned int port, uint16_t protocol)
{
	struct port_binding *b = &sink->on[f->dev->index];

	pthread_mutex_lock(&f->dev->lock);
	sink->protocol = protocol;
	if (!b->linked) {
		b->next = f->dev->bindings;
		f->dev->bindings = b;
		b->linked = true;
	}
	b->ports |= 1ull << port;
	f->dev->use[port].users++;
	sink->nr_ports++;
	pthread_mutex_unlock(&f->dev->lock);
}

/* An IPv4 frame as it comes from the wire, vid 0: untagged. Returns its length. */
static inline uint32_t fake_frame(uint8_t *at, uint16_t vid, uint16_t ethertype, uint8_t mark, uint32_t payload)
{
	uint32_t n = 12;

	memcpy(at, fake_mac, 6);
	memcpy(at + 6, fake_peer, 6);
	if (vid) {
		at[n++] = 0x81;
		at[n++] = 0x00;
		at[n++] = (uint8_t)(vid >> 8);
		at[n++] = (uint8_t)vid;
	}
	at[n++] = (uint8_t)(ethertype >> 8);
	at[n++] = (uint8_t)ethertype;
	memset(at + n, mark, payload);
	return n + payload;
}

/* What the kernel does when it has received a packet. Returns the frame's number. */
static inline uint32_t fake_desc(struct fake *f, uint64_t addr, uint32_t len)
{
	f->rx.desc[*f->rx.producer & (FAKE_RING - 1)] = (struct xdp_desc){ .addr = addr, .len = len };
	__atomic_store_n(f->rx.producer, *f->rx.producer + 1, __ATOMIC_RELEASE);
	return (uint32_t)(addr / 2048);
}

static inline uint32_t fake_receive(struct fake *f, uint16_t vid, uint8_t mark)
{
	uint64_t addr = (uint64_t)f->next_frame++ * 2048 + 256;

	return fake_desc(f, addr, fake_frame(f->dev->umem + addr, vid, ETH_P_IP, mark, 100));
}

/* What the keeper does with the return ring: the next frame given back, or UINT32_MAX. */
static inline uint32_t fake_take_return(struct fake *f)
{
	const struct oob_ring *ring = &f->dev->table->ret;
	uint32_t frame;

	if (__atomic_load_n(&ring->producer, __ATOMIC_ACQUIRE) == f->returned)
		return UINT32_MAX;
	frame = f->dev->ret[f->returned++ & (f->dev->geo.return_ring - 1)];
	assert_int_equal(f->held[frame], OOB_HELD_RX);
	f->held[frame] = OOB_HELD_NOT;
	__atomic_store_n(&f->dev->table->ret.consumer, f->returned, __ATOMIC_RELEASE);
	return frame;
}

/* What the keeper does with a free transmit frame. */
static inline void fake_grant(struct fake *f, uint32_t frame)
{
	struct oob_ring *ring = &f->dev->table->grant;
	uint32_t *entries = (uint32_t *)((char *)f->dev->table + f->dev->table->grant_offset);

	entries[ring->producer & (f->dev->geo.grant_ring - 1)] = frame;
	__atomic_store_n(&ring->producer, ring->producer + 1, __ATOMIC_RELEASE);
}

static inline unsigned int fake_drain(struct fake *f, const struct port_sink *self)
{
	unsigned int n;

	pthread_mutex_lock(&f->dev->lock);
	port_refresh(f->dev);
	n = f->dev->state == PORT_LIVE ? port_drain(f->dev, self) : 0;
	pthread_mutex_unlock(&f->dev->lock);
	return n;
}

/* How often the kernel was kicked since the last call. */
static inline int fake_kicks(struct fake *f)
{
	char byte;
	int n = 0;

	while (recv(f->kernel, &byte, 1, MSG_DONTWAIT) >= 0)
		n++;
	return n;
}

/*
 * Watching one store: the page of an index is made read-only; the first store to it faults, the probe
 * looks at the world as a kill would leave it at that instruction, then the store goes on.
 */
static void *watched_page;
static void (*watched_probe)(void);
static volatile sig_atomic_t watched_hits;

static inline void on_watched(int sig, siginfo_t *info, void *context)
{
	if (((uintptr_t)info->si_addr & ~4095ul) != (uintptr_t)watched_page)
		abort();
	mprotect(watched_page, 4096, PROT_READ | PROT_WRITE);
	watched_hits++;
	watched_probe();
}

static inline void watch_store(void *page, void (*probe)(void))
{
	struct sigaction action = { .sa_sigaction = on_watched, .sa_flags = SA_SIGINFO };

	watched_page = (void *)((uintptr_t)page & ~4095ul);
	watched_probe = probe;
	watched_hits = 0;
	assert_int_equal(sigaction(SIGSEGV, &action, NULL), 0);
	assert_int_equal(mprotect(watched_page, 4096, PROT_READ), 0);
}

static inline void watch_end(void)
{
	signal(SIGSEGV, SIG_DFL);
	assert_int_equal(watched_hits, 1);
}

#endif /* TESTS_PORT_FAKE_H */
