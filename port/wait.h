/* SPDX-License-Identifier: MIT */
/* Receiving with a deadline. */
#ifndef PORT_WAIT_H
#define PORT_WAIT_H

#include <poll.h>
#include <stdbool.h>
#include <time.h>

#include "port/sink.h"

/* How a call may wait. */
struct port_wait {
	const struct timespec *until;	/* absolute, CLOCK_MONOTONIC; NULL: for ever */
	int fd;				/* its O_NONBLOCK counts too, looked up when there is need to wait */
	bool dontwait;
};

/* Whether it may not wait at all: -EAGAIN, else 0. A system call. */
int port_may_wait(const struct port_wait *wait);

/* One sleep: 0 when there is something to look at, -ETIMEDOUT, -EINTR. */
int port_sleep(struct pollfd *fds, nfds_t nr, const struct timespec *until);

/**
 * port_receive - the next packet of a socket
 * @item: the packet; to be given to port_release() when it has been copied
 *
 * Serves the rings of every device that the socket is bound on, for other sockets of the process too.
 *
 * Return: 0; -EAGAIN, -ETIMEDOUT, -EINTR; -ENETDOWN: every port of the socket has been disabled;
 * -EBADF: the socket has been closed meanwhile; -ENOMEM, -EMFILE: more threads wait than ever before,
 * and the system had nothing to wake this one with. Real-time safe.
 */
int port_receive(struct port_sink *sink, const struct port_wait *wait, struct port_item *item);

#endif /* PORT_WAIT_H */
