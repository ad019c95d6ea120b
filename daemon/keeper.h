/* SPDX-License-Identifier: MIT */
/* keeper.h - the daemon's side of the conversation with oobkeep. */
#ifndef OOBNET_DAEMON_KEEPER_H
#define OOBNET_DAEMON_KEEPER_H

#include <stddef.h>

#include "bpf/layout.h"
#include "daemon/say.h"

/* Where the running oobnetd is, by /proc/self/exe, without the last slash. 0 or -errno. */
int own_directory(char *buf, size_t size);

struct keeper_link {
	int fd;		/* -1: not connected */
};

/*
 * Connects to the keeper that runs. Returns 1 when there is one (it may hold devices from an earlier
 * daemon), 0 when there is none, or -errno.
 */
int keeper_connect(struct say *why, struct keeper_link *link);

/* Starts a keeper and connects to it. 0 or -errno. */
int keeper_start(struct say *why, struct keeper_link *link);

/* A child has ended: if it was the keeper, its remains are taken away. */
void keeper_child(void);

/*
 * One request, one answer, bounded in time. Descriptors in fds are sent (nr_send of them); those received
 * are written to fds (room for OOB_MAX_FDS) and counted in *nr_recv, either may be NULL. Returns the
 * keeper's 0 or -errno; -ECONNRESET when the keeper has gone, and the link is closed then.
 */
int keeper_call(struct keeper_link *link, struct oob_keeper_request *req, struct oob_keeper_reply *rep,
		int *fds, int nr_send, int *nr_recv);

#endif /* OOBNET_DAEMON_KEEPER_H */
