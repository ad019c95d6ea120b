/* SPDX-License-Identifier: MIT */
/* Asking oobnetd, and starting it. Nothing here is for the data path: every call may wait. */
#ifndef PORT_DAEMON_H
#define PORT_DAEMON_H

#include "bpf/layout.h"

/**
 * oobnet_daemon_call - ask oobnetd one thing
 * @req: op and its arguments; magic and protocol are filled in here
 * @rep: the answer; where the call fails before there is one, its err and text are filled in here
 * @fds: where descriptors that come with the answer go, close-on-exec; NULL: closed if any come
 * @nr_fds: in: room in @fds; out: how many came, 0 on error
 *
 * Waits up to 15 s for OOB_ASK_ENABLE and OOB_ASK_DISABLE (a link may take 10 s to come back), up to 5 s
 * for anything else. The connection is kept for the next call, made anew where oobnetd was restarted,
 * and never shared with a forked child. Any thread may call.
 *
 * Return: 0; a negative errno that oobnetd gave; or
 * -ECONNREFUSED: oobnetd is not running;
 * -EPROTO: it speaks another protocol;
 * -ETIMEDOUT: no answer in time;
 * -ECONNRESET: it ended before answering, and asking again could do the thing twice;
 * -EMFILE: too many open files to take the descriptors; -EACCES, -ENOMEM and the like from the socket.
 * A sentence for every error is in @rep->text and in oobnet_explain().
 */
int oobnet_daemon_call(struct oob_request *req, struct oob_reply *rep, int *fds, int *nr_fds);

/**
 * oobnet_daemon_start - start oobnetd, and wait until it answers
 *
 * Finds it next to this library or program: in a shared library <libdir>/../sbin/oobnetd, in a tool
 * ../sbin or ../../sbin from where the tool is; else where it was to be installed. It becomes nobody's
 * child, with a clean environment, ordinary scheduling, and stderr in /run/oobnet/oobnetd.log if that
 * can be written. Succeeds where one runs already.
 *
 * Return: 0; -ENOENT: no such program; -ECHILD: it ended at once; -ETIMEDOUT: not ready within 10 s;
 * -EAGAIN, -ENOMEM, -EMFILE: no process or descriptor to be had. Errors have a sentence.
 */
int oobnet_daemon_start(void);

/* 0 if someone listens on the daemon's socket, else a negative errno. For start.c. */
int oobnet_daemon_probe(void);

#endif /* PORT_DAEMON_H */
