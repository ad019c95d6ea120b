// SPDX-License-Identifier: MIT
// ask.c - oobclass asks oobnetd, in the name of whoever reads or writes a pseudo-file.

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "pseudo/ask.h"

#define ANSWER_MS	5000
#define LINK_MS		15000	/* attaching resets some links, which may take 10 s to come back */
#define CONNECT_NAP_MS	10

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

/* oobnetd takes the user from the moment of the connect(). */
static int connect_as(uid_t uid, int fd)
{
	const struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = OOB_DAEMON_SOCKET };
	int err = 0;

	if (seteuid(uid))
		return -errno;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)))
		err = -errno;
	/* Never go on as somebody else. */
	if (seteuid(0))
		abort();
	return err;
}

/* Until fd can be read or the time is over. fd -1: only the time. */
static int wait_for(int fd, int64_t end)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = ASK_DAEMON_FD, .events = 0 },	/* POLLHUP comes unasked */
	};
	int64_t left;
	int n;

	do {
		left = end - now_ms();
		n = poll(fds, 2, left > 0 ? (int)left : 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (!n)
		return -ETIMEDOUT;
	return fds[0].revents ? 0 : -ECONNRESET;
}

static int dial(uid_t uid, int64_t end)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

	if (fd < 0)
		return -errno;
	for (;;) {
		err = connect_as(uid, fd);
		if (!err)
			return fd;
		/* EAGAIN: more wait there than it takes at once. */
		if (err != -EAGAIN || now_ms() >= end || wait_for(-1, now_ms() + CONNECT_NAP_MS) != -ETIMEDOUT)
			break;
	}
	close(fd);
	return err == -ENOENT ? -ECONNREFUSED : err == -EAGAIN ? -ETIMEDOUT : err;
}

static int exchange(int fd, const struct oob_request *req, struct oob_reply *rep, int64_t end)
{
	ssize_t n;
	int err;

	if (send(fd, req, sizeof(*req), MSG_NOSIGNAL) < 0)
		return errno == EPIPE ? -ECONNRESET : -errno;
	err = wait_for(fd, end);
	if (err)
		return err;
	/* Without room for control data, no descriptor is ever received. */
	n = recv(fd, rep, sizeof(*rep), MSG_TRUNC);
	if (n < 0)
		return -errno;
	if (!n)
		return -ECONNRESET;
	if (n != sizeof(*rep) || rep->magic != OOB_MAGIC || rep->protocol != OOB_PROTOCOL || rep->err > 0)
		return -EPROTO;
	return rep->err;
}

int ask(uid_t uid, struct oob_request *req, struct oob_reply *rep)
{
	bool slow = req->op == OOB_ASK_ENABLE || req->op == OOB_ASK_DISABLE;
	int64_t end = now_ms() + (slow ? LINK_MS : ANSWER_MS);
	int fd, err;

	req->magic = OOB_MAGIC;
	req->protocol = OOB_PROTOCOL;
	fd = dial(uid, end);
	if (fd < 0)
		return fd;
	err = exchange(fd, req, rep, end);
	close(fd);
	return err;
}

int ask_to_stay(void)
{
	return dial(0, now_ms() + ANSWER_MS);
}
