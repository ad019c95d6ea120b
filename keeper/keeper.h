/* SPDX-License-Identifier: MIT */
/*
 * keeper.h - the keeper's own structures: devices, programs, rings.
 *
 * Two threads: the control thread answers the daemon and watches programs (main.c, device.c,
 * client.c), the service thread moves frame numbers between rings (service.c). They share the list
 * of devices under one lock with priority inheritance, which the control thread holds only to link,
 * to unlink and to sweep.
 */
#ifndef OOBNET_KEEPER_H
#define OOBNET_KEEPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "bpf/layout.h"
#include "keeper/xsk.h"

/* The first socket of a receive queue: it owns the fill and completion rings that all share. */
struct keep_queue {
	int fd;
	struct xsk_ring fill;
	struct xsk_ring completion;
	struct xsk_ring rx;		/* an AF_XDP socket must have one; nothing is redirected to it */
	uint32_t filled;		/* entries put into the fill ring so far */
	struct xsk_drops ended;		/* of sockets that are closed */
};

enum keep_state {
	KEEP_FREE,
	KEEP_JOINED,	/* rings are being mapped */
	KEEP_BOUND,	/* on the data path */
	KEEP_LIMBO,	/* the program has ended; some frames it sent are not completed yet */
};

struct keep_client {
	enum keep_state state;
	int pid;
	int pidfd;
	int doorbell;		/* write end of a pipe: nobody else has it, so that our death is heard */
	int doorbell_out;	/* the program's end, until it is passed on */
	int table_fd;
	struct oob_table *table;
	struct oob_table layout;	/* our own offsets: the table's are the program's to scribble on */
	uint32_t return_consumer;	/* likewise our own indices */
	uint32_t grant_producer;
	uint32_t limbo;			/* frames to wait for */
	uint64_t limbo_until;		/* CLOCK_MONOTONIC, ns */
	char comm[16];
	struct {
		int fd;
		struct xsk_ring rx;
		struct xsk_ring tx;
		uint32_t tx_seen;	/* consumer index at the last round, to find what nobody kicks */
	} xsk[OOB_MAX_QUEUES];
};

struct keep_device {
	bool used;
	struct oob_keeper_device info;
	int fds[OOB_NR_DEVFDS];
	int board_ro;
	struct oob_board *board;
	int umem_fd;
	uint8_t *umem;
	uint8_t *home;		/* per receive frame: 1 in our hands, 0 in a fill ring or with a program */
	uint8_t *limbo;		/* per transmit frame: waits for a completion on behalf of nobody */
	uint32_t *free;		/* receive frames in our hands, a stack */
	uint32_t nr_free;
	uint32_t claims[OOB_MAX_PORTS];
	struct keep_queue queue[OOB_MAX_QUEUES];
	struct keep_client client[OOB_MAX_SLOTS];
	struct oob_keeper_status books;	/* counters of what has ended */
	uint64_t served;		/* CLOCK_MONOTONIC, ns: last round */
};

struct keeper {
	pthread_mutex_t lock;
	struct keep_device device[OOB_MAX_DEVICES];
	int wake;	/* eventfd: the service thread looks again */
};

extern struct keeper keeper;	/* the process's one state */

uint64_t keep_now(void);
void keep_wake(void);

/* privileges.c; before there are threads, which have capabilities of their own. 0 or -errno. */
int keep_privileges(void);

/* device.c */
int keep_device_add(const struct oob_keeper_device *info, const int *fds, unsigned int *index);
void keep_device_remove(struct keep_device *dev);
void keep_add_stats(struct oob_port_stats *sum, const struct oob_port_stats *stats);
void keep_device_status(struct keep_device *dev, struct oob_keeper_status *status);

/* client.c */
int keep_client_join(struct keep_device *dev, int pid, int pidfd, unsigned int *slot);
int keep_client_bind(struct keep_device *dev, unsigned int slot);
void keep_client_end(struct keep_device *dev, unsigned int slot);
int keep_claim(struct keep_device *dev, unsigned int port, unsigned int claim);
void keep_ring(const struct keep_client *client);
void keep_ring_doorbells(struct keep_device *dev);
void keep_limbo_expire(struct keep_device *dev, uint64_t now);
unsigned int keep_clients(void);

/* service.c */
int keep_service_start(void);
void keep_fill(struct keep_device *dev);
uint32_t keep_take_returns(struct keep_device *dev, struct keep_client *client);
void keep_take_home(struct keep_device *dev, uint32_t frame);

#endif /* OOBNET_KEEPER_H */
