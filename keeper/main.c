// SPDX-License-Identifier: MIT
// main.c - oobkeep, the keeper: holds every descriptor of the data path and answers the daemon.
//
// usage: oobkeep OOBNETD
// OOBNETD is run with --restore when the keeper ends with neither a daemon nor a program left.

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ipc/message.h"
#include "keeper/keeper.h"

#define GRACE_MS	10000	/* for a new daemon to come, when nobody uses a port */
#define MAX_POLL	(2 + 2 * OOB_MAX_DEVICES * OOB_MAX_SLOTS)

struct keeper keeper;

struct message {
	struct oob_keeper_request req;
	int fds[OOB_NR_DEVFDS];
	int nr_fds;
};

struct answer {
	struct oob_keeper_reply rep;
	int fds[OOB_MAX_FDS];
	int nr_fds;
};

uint64_t keep_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

void keep_wake(void)
{
	const uint64_t one = 1;

	if (write(keeper.wake, &one, sizeof(one)) < 0 && errno != EAGAIN)
		perror("oobkeep: wake");
}

static int listen_here(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = OOB_KEEPER_SOCKET };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	unlink(addr.sun_path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || chmod(addr.sun_path, 0600) || listen(fd, 4)) {
		close(fd);
		return -errno;
	}
	return fd;
}

static void close_fds(struct message *msg)
{
	for (int i = 0; i < msg->nr_fds; i++)
		close(msg->fds[i]);
	msg->nr_fds = 0;
}

/* 1: a whole message; 0: the other side has gone; negative errno else. */
static int receive(int conn, struct message *msg)
{
	ssize_t n = message_receive(conn, &msg->req, sizeof(msg->req), msg->fds, OOB_NR_DEVFDS, &msg->nr_fds, 0);

	if (n <= 0)
		return n;
	if (n != sizeof(msg->req) || msg->req.magic != OOB_MAGIC || msg->req.protocol != OOB_PROTOCOL) {
		close_fds(msg);
		return -EPROTO;
	}
	return 1;
}

static int reply(int conn, struct answer *ans)
{
	ans->rep.magic = OOB_MAGIC;
	ans->rep.protocol = OOB_PROTOCOL;
	return message_send(conn, &ans->rep, sizeof(ans->rep), ans->fds, ans->nr_fds, 0);
}

static struct keep_device *device_of(const struct oob_keeper_request *req)
{
	if (req->device >= OOB_MAX_DEVICES || !keeper.device[req->device].used)
		return NULL;
	return &keeper.device[req->device];
}

static int op_join(struct keep_device *dev, const struct message *msg, struct answer *ans)
{
	struct keep_client *client;
	int err;

	if (msg->nr_fds != 1)
		return -EINVAL;
	err = keep_client_join(dev, msg->req.pid, msg->fds[0], &ans->rep.slot);
	if (err)
		return err;

	client = &dev->client[ans->rep.slot];
	ans->fds[OOB_JOINFD_UMEM] = dev->umem_fd;
	ans->fds[OOB_JOINFD_BOARD] = dev->board_ro;
	ans->fds[OOB_JOINFD_TABLE] = client->table_fd;
	ans->fds[OOB_JOINFD_DOORBELL] = client->doorbell_out;
	for (uint32_t q = 0; q < dev->info.geometry.nr_queues; q++)
		ans->fds[OOB_JOINFD_XSKS + q] = client->xsk[q].fd;
	ans->nr_fds = OOB_JOINFD_XSKS + dev->info.geometry.nr_queues;
	return 0;
}

static int op_hello(struct answer *ans)
{
	for (int i = 0; i < OOB_MAX_DEVICES; i++)
		if (keeper.device[i].used)
			ans->rep.devices |= 1u << i;
	return 0;
}

static int op_on_device(struct keep_device *dev, const struct message *msg, struct answer *ans)
{
	const struct oob_keeper_request *req = &msg->req;

	switch (req->op) {
	case OOB_KEEP_GET:
		ans->rep.info = dev->info;
		memcpy(ans->fds, dev->fds, sizeof(dev->fds));
		ans->nr_fds = OOB_NR_DEVFDS;
		return 0;
	case OOB_KEEP_REMOVE:
		keep_device_remove(dev);
		return 0;
	case OOB_KEEP_JOIN:
		return op_join(dev, msg, ans);
	case OOB_KEEP_BIND:
		return req->slot < OOB_MAX_SLOTS ? keep_client_bind(dev, req->slot) : -EINVAL;
	case OOB_KEEP_PART:
		if (req->slot >= OOB_MAX_SLOTS)
			return -EINVAL;
		keep_client_end(dev, req->slot);
		return 0;
	case OOB_KEEP_CLAIM:
		return keep_claim(dev, req->port, req->slot);
	case OOB_KEEP_STATUS:
		keep_device_status(dev, &ans->rep.status);
		return 0;
	case OOB_KEEP_RING:
		keep_ring_doorbells(dev);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int op_add(const struct message *msg, struct answer *ans)
{
	int err;

	if (msg->nr_fds != OOB_NR_DEVFDS)
		return -EINVAL;
	err = keep_device_add(&msg->req.info, msg->fds, &ans->rep.device);
	if (!err) {
		ans->rep.info = keeper.device[ans->rep.device].info;
		keep_wake();
	}
	return err;
}

/* Returns 1 when the daemon says that it ends in good order. */
static int handle(int conn, struct message *msg)
{
	struct answer ans = { 0 };
	struct keep_device *dev;

	ans.rep.device = msg->req.device;
	ans.rep.slot = msg->req.slot;
	switch (msg->req.op) {
	case OOB_KEEP_HELLO:
		ans.rep.err = op_hello(&ans);
		break;
	case OOB_KEEP_LEAVE:
		break;
	case OOB_KEEP_ADD:
		ans.rep.err = op_add(msg, &ans);
		break;
	default:
		dev = device_of(&msg->req);
		ans.rep.err = dev ? op_on_device(dev, msg, &ans) : -ENODEV;
		break;
	}
	close_fds(msg);
	if (reply(conn, &ans))
		return -1;
	return msg->req.op == OOB_KEEP_LEAVE;
}

static bool peer_is_ours(int conn)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return !getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &cred, &len) && cred.uid == geteuid();
}

/* A second daemon is told so, instead of being left to wait. */
static void accept_daemon(int listener, int *daemon)
{
	int conn = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct answer ans = { .rep.err = -EBUSY };

	if (conn < 0)
		return;
	if (!peer_is_ours(conn))
		ans.rep.err = -EPERM;
	else if (*daemon < 0) {
		*daemon = conn;
		return;
	}
	reply(conn, &ans);
	close(conn);
}

static int collect(struct pollfd *fds, struct keep_client **who, int listener, int daemon)
{
	int n = 0;

	fds[n++] = (struct pollfd){ .fd = listener, .events = POLLIN };
	fds[n++] = (struct pollfd){ .fd = daemon, .events = POLLIN };
	for (int i = 0; i < OOB_MAX_DEVICES; i++) {
		for (unsigned int slot = 0; keeper.device[i].used && slot < OOB_MAX_SLOTS; slot++) {
			struct keep_client *client = &keeper.device[i].client[slot];

			if (client->state != KEEP_JOINED && client->state != KEEP_BOUND)
				continue;
			who[n] = client;
			fds[n++] = (struct pollfd){ .fd = client->pidfd, .events = POLLIN };
			/* Nobody listens any more (POLLERR): the process has become another program. */
			who[n] = client;
			fds[n++] = (struct pollfd){ .fd = client->doorbell };
		}
	}
	return n;
}

static void end_client(struct keep_client *client)
{
	for (int i = 0; i < OOB_MAX_DEVICES; i++)
		for (unsigned int slot = 0; slot < OOB_MAX_SLOTS; slot++)
			if (&keeper.device[i].client[slot] == client)
				keep_client_end(&keeper.device[i], slot);
}

static void serve_daemon(int *daemon, bool *leaving)
{
	struct message msg;
	int got = receive(*daemon, &msg);
	int said = got > 0 ? handle(*daemon, &msg) : -1;

	if (said > 0)
		*leaving = true;
	if (said < 0) {
		close(*daemon);
		*daemon = -1;
	}
}

/* Runs until there is neither a daemon nor a program. */
static void control(int listener)
{
	struct keep_client *who[MAX_POLL];
	struct pollfd fds[MAX_POLL];
	uint64_t alone_since = keep_now();
	bool leaving = false;
	int daemon = -1;

	for (;;) {
		bool alone = daemon < 0 && !keep_clients();
		uint64_t now = keep_now();
		int n;

		if (!alone)
			alone_since = now;
		else if (leaving || now - alone_since >= GRACE_MS * 1000000ull)
			return;

		n = collect(fds, who, listener, daemon);
		if (poll(fds, n, alone ? GRACE_MS / 10 : -1) < 0) {
			if (errno != EINTR)
				return;
			continue;
		}
		for (int i = 2; i < n; i++)
			if (fds[i].revents)
				end_client(who[i]);
		if (fds[1].revents && fds[1].fd >= 0)
			serve_daemon(&daemon, &leaving);
		/* After that: a daemon that has ended must not be the reason to refuse the next one. */
		if (fds[0].revents) {
			accept_daemon(listener, &daemon);
			leaving = false;
		}
	}
}

static void remove_devices(void)
{
	for (int i = 0; i < OOB_MAX_DEVICES; i++)
		if (keeper.device[i].used)
			keep_device_remove(&keeper.device[i]);
}

/* A socket per program and queue is more than the usual 1024 where there are many of both. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		perror("oobkeep: open files");
}

static int init_lock(void)
{
	pthread_mutexattr_t attr;
	int err;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	err = pthread_mutex_init(&keeper.lock, &attr);
	pthread_mutexattr_destroy(&attr);
	return -err;
}

int main(int argc, char **argv)
{
	int listener, err;

	if (argc != 2) {
		fprintf(stderr, "usage: oobkeep OOBNETD\n"
				"oobnetd starts the keeper; it is of no use alone.\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	raise_fd_limit();
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		fprintf(stderr, "oobkeep: memory cannot be locked: %s\n", strerror(errno));

	err = keep_privileges();
	if (!err)
		err = init_lock();
	if (!err)
		err = keep_service_start();
	if (err) {
		fprintf(stderr, "oobkeep: cannot start: %s\n", strerror(-err));
		return 1;
	}
	listener = listen_here();
	if (listener < 0) {
		fprintf(stderr, "oobkeep: %s: %s\n", OOB_KEEPER_SOCKET, strerror(-listener));
		return 1;
	}

	control(listener);

	unlink(OOB_KEEPER_SOCKET);
	remove_devices();
	execl(argv[1], argv[1], "--restore", (char *)NULL);
	fprintf(stderr, "oobkeep: %s: %s; device features stay as they are\n", argv[1], strerror(errno));
	return 1;
}
