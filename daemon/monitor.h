/* SPDX-License-Identifier: MIT */
/* monitor.h - the kernel's announcements about interfaces. */
#ifndef OOBNET_DAEMON_MONITOR_H
#define OOBNET_DAEMON_MONITOR_H

#include "daemon/link.h"

struct monitor_ops {
	void (*changed)(void *ctx, const struct link *link); /* new, or anything about it is */
	void (*gone)(void *ctx, const struct link *link); /* deleted, or moved to elsewhere */
	void (*resync)(void *ctx); /* announcements were lost: look at every interface again */
};

/*
 * Returns a descriptor for poll() (POLLIN), non-blocking and close-on-exec, or a negative errno;
 * close() ends it.
 */
int monitor_open(void);

/*
 * Reads what has been announced, a bounded number of datagrams, and calls back for each interface;
 * what is left shows in the next poll(). Returns 0, or a negative errno after which the descriptor
 * is of no use. Not real-time safe.
 */
int monitor_read(int fd, const struct monitor_ops *ops, void *ctx);

#endif /* OOBNET_DAEMON_MONITOR_H */
