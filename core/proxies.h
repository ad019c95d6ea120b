/* SPDX-License-Identifier: MIT */
/* The proxies of the process: what their parts share. */

#ifndef OOBNET_CORE_PROXIES_H
#define OOBNET_CORE_PROXIES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "core.h"
#include "ring.h"

#define OOBNET_PROXY_MAX 64

enum oobnet_proxy_state {
	OOBNET_PROXY_FREE,
	OOBNET_PROXY_SETUP,	/* being made: the drainer does not look at it */
	OOBNET_PROXY_OPEN,
	OOBNET_PROXY_RELEASED,	/* out of reach of writers: goes when it is drained */
};

/*
 * Proxies are in a static array and never freed, so that the end of the
 * process can be counted in a signal handler.
 */
struct oobnet_proxy {
	_Atomic int state;
	_Atomic bool closed;		/* no more writers; those who wait give up */
	struct oobnet_ring ring;	/* output only */
	int flags;
	size_t granularity;
	size_t bufsz;
	char label[OOBNET_NAME_MAX + 1];
	int fd;				/* the program's descriptor */
	int far;			/* the other end of its socket pair */
	int target;			/* our duplicate of the target file */

	char *stage;			/* input on its way to far; null: no input */
	size_t stage_size;

	/* The drainer's own; zero when the proxy is made. */
	bool far_ended;			/* no descriptor of the program is left */
	bool input_ended;
	bool backoff;			/* the target said EAGAIN: try again later */
	size_t stage_at, stage_len;
	bool watched;			/* the poll set was made with it ... */
	int far_poll, target_poll;	/* ... at these places, -1: none */
};

extern struct oobnet_proxy oobnet_proxies[OOBNET_PROXY_MAX];

/* As evl_create_proxy(), but called by evl_init() too. Messages use @label, else the name. */
int oobnet_proxy_create(int targetfd, size_t bufsz, size_t granularity, int flags,
			const struct oobnet_name *name, const char *label);

/* Frees what a released proxy has; by the drainer. */
void oobnet_proxy_dispose(struct oobnet_proxy *proxy);

/* Starts the thread that drains all proxies, where it does not run. 0 or -errno. */
int oobnet_drainer_start(void);
void oobnet_drainer_after_fork(void);

/* Wakes the drainer if it sleeps. Real-time safe, async-signal-safe; a system call only if so. */
void oobnet_proxies_kick(void);

/* Whether accepted output waits anywhere, and the amounts; async-signal-safe. */
bool oobnet_proxies_pending(void);
void oobnet_proxies_each_pending(void (*fn)(const char *label, size_t count));

#endif
