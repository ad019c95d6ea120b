/* SPDX-License-Identifier: MIT */
/* ask.h - oobclass asks oobnetd, in the name of whoever reads or writes a pseudo-file. */
#ifndef OOBNET_PSEUDO_ASK_H
#define OOBNET_PSEUDO_ASK_H

#include <sys/types.h>
#include <unistd.h>

#include "bpf/layout.h"

/* oobnetd at the other end, which says nothing; it hangs up when it ends, however it ends. */
#define ASK_DAEMON_FD	STDIN_FILENO

/*
 * One request, one answer, over a connection of its own that is made under the effective user id `uid`:
 * oobnetd sees that user, not oobclass, and decides. The process must have one thread only. Waits up to
 * 15 s for OOB_ASK_ENABLE and OOB_ASK_DISABLE, 5 s otherwise.
 *
 * Returns 0, or the negative errno that oobnetd gave, or -ECONNREFUSED (it does not listen),
 * -ECONNRESET (it ended), -ETIMEDOUT, -EPROTO, or another negative errno of the socket.
 */
int ask(uid_t uid, struct oob_request *req, struct oob_reply *rep);

/* A connection that asks nothing: oobnetd stays as long as it is open. A descriptor or -errno. */
int ask_to_stay(void);

#endif /* OOBNET_PSEUDO_ASK_H */
