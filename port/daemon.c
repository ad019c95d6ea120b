// SPDX-License-Identifier: MIT
// daemon.c - client of oobnetd: one request, one reply, with bounded waits.

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <evl/net/oobnet.h>

#include "ipc/message.h"
#include "port/daemon.h"
#include "port/explain.h"
#include "port/lock.h"

#define ANSWER_MS	5000
#define LINK_MS		15000	/* attaching resets some links, which may take 10 s to come back */
#define CONNECT_MS	5000
#define CONNECT_NAP_NS	10000000

static const char not_running[] = "oobnetd is not running";

/* The connection of this process: one, used by one thread at a time. */
static struct {
	pthread_mutex_t lock;
	int fd;
} conn;

static void conn_after_fork(void)
{
	/* The parent's conversation: a child that wrote to it would get the parent's answers. */
	port_lock_init(&conn.lock);
	if (conn.fd >= 0)
		close(conn.fd);
	conn.fd = -1;
}

__attribute__((constructor(102))) static void conn_init(void)
{
	port_lock_init(&conn.lock);
	conn.fd = -1;
	pthread_atfork(NULL, NULL, conn_after_fork);
}

static void hang_up(void)
{
	if (conn.fd >= 0)
		close(conn.fd);
	conn.fd = -1;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

/* A connected socket, or a negative errno. A full backlog is waited out, bounded. */
static int dial(void)
{
	const struct timespec nap = { .tv_nsec = CONNECT_NAP_NS };
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = OOB_DAEMON_SOCKET };
	int64_t end = now_ms() + CONNECT_MS;
	int fd, err;

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	while (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		if ((errno == EAGAIN || errno == EINTR) && now_ms() < end) {
			clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
			continue;
		}
		err = errno == ENOENT ? -ECONNREFUSED : errno == EAGAIN ? -ETIMEDOUT : -errno;
		close(fd);
		return err;
	}
	return fd;
}

int oobnet_daemon_probe(void)
{
	int fd = dial();

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static bool may_repeat(uint32_t op)
{
	return op != OOB_ASK_DISABLE && op != OOB_ASK_ATTACH && op != OOB_ASK_READY && op != OOB_ASK_STOP;
}

static int wait_readable(int fd, int64_t end)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t left;
	int n;

	for (;;) {
		left = end - now_ms();
		n = poll(&pfd, 1, left > 0 ? (int)left : 0);
		if (n > 0)
			return 0;
		if (!n)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static void drop_fds(const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		close(fds[i]);
}

static int check_reply(const struct oob_reply *rep, ssize_t len)
{
	if (len >= (ssize_t)(2 * sizeof(uint32_t)) && rep->magic == OOB_MAGIC && rep->protocol != OOB_PROTOCOL)
		return oobnet_because(-EPROTO, "oobnetd speaks protocol %u and this program %u: "
				      "restart oobnetd, or use the library it came with",
				      rep->protocol, OOB_PROTOCOL);
	if (len != (ssize_t)sizeof(*rep) || rep->magic != OOB_MAGIC)
		return oobnet_because(-EPROTO, "what answers on %s is not the oobnetd of this library",
				      OOB_DAEMON_SOCKET);
	return 0;
}

static int receive(struct oob_reply *rep, int *fds, int *nr_fds, int64_t end)
{
	int got[OOB_MAX_FDS], n = 0, room = fds ? *nr_fds : 0, err;
	ssize_t len;

	do {
		err = wait_readable(conn.fd, end);
		if (err)
			return err;
		len = message_receive(conn.fd, rep, sizeof(*rep), got, OOB_MAX_FDS, &n, MSG_DONTWAIT);
	} while (len == -EINTR || len == -EAGAIN);
	if (!len)
		return -ECONNRESET;
	if (len == -EMFILE)
		return oobnet_because(-EMFILE, "too many open files for the descriptors of a device");
	if (len < 0 && len != -EPROTO)
		return (int)len;

	err = check_reply(rep, len);
	if (err || rep->err || n > room) {
		drop_fds(got, n);
		return err;
	}
	if (n) {
		memcpy(fds, got, n * sizeof(int));
		*nr_fds = n;
	} else if (fds) {
		*nr_fds = 0;
	}
	return 0;
}

/* One exchange. *sent tells whether oobnetd may have seen the request. */
static int exchange(struct oob_request *req, struct oob_reply *rep, int *fds, int *nr_fds, bool *sent)
{
	bool slow = req->op == OOB_ASK_ENABLE || req->op == OOB_ASK_DISABLE || req->op == OOB_ASK_STOP;
	int64_t end = now_ms() + (slow ? LINK_MS : ANSWER_MS);
	ssize_t n;

	*sent = false;
	if (conn.fd < 0) {
		conn.fd = dial();
		if (conn.fd < 0)
			return conn.fd;
	}

	do
		n = send(conn.fd, req, sizeof(*req), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EPIPE ? -ECONNRESET : -errno;

	*sent = true;
	return receive(rep, fds, nr_fds, end);
}

static int explain(int err)
{
	switch (err) {
	case -ECONNREFUSED:
		return oobnet_because_text(err, not_running);
	case -ETIMEDOUT:
		return oobnet_because_text(err, "oobnetd does not answer");
	case -ECONNRESET:
		return oobnet_because_text(err, "oobnetd ended before it answered");
	case -EPROTO:
	case -EMFILE:
		return err;	/* said where it was found */
	default:
		return oobnet_because(err, "cannot talk to oobnetd: %s", strerror(-err));
	}
}

int oobnet_daemon_call(struct oob_request *req, struct oob_reply *rep, int *fds, int *nr_fds)
{
	int room = nr_fds ? *nr_fds : 0, err, tries = 0;
	bool sent;

	req->magic = OOB_MAGIC;
	req->protocol = OOB_PROTOCOL;

	pthread_mutex_lock(&conn.lock);
	do {
		if (nr_fds)
			*nr_fds = room;
		err = exchange(req, rep, fds, nr_fds, &sent);
		if (err)
			hang_up();
	} while (err == -ECONNRESET && !tries++ && (!sent || may_repeat(req->op)));
	pthread_mutex_unlock(&conn.lock);

	if (err) {
		explain(err);
		memset(rep, 0, sizeof(*rep));
		rep->err = err;
		snprintf(rep->text, sizeof(rep->text), "%s", oobnet_explain());
	} else if (rep->err) {
		err = rep->err < 0 ? rep->err : -EPROTO;
		rep->text[sizeof(rep->text) - 1] = '\0';
		oobnet_because(err, "%s", rep->text);
	}
	if (err && nr_fds)
		*nr_fds = 0;
	return err;
}
