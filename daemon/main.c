// SPDX-License-Identifier: MIT
// main.c - oobnetd: one loop over its clients, the kernel's announcements and signals.

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/features.h"
#include "daemon/monitor.h"
#include "daemon/pseudo.h"
#include "daemon/rebuild.h"
#include "ipc/message.h"

#define LOCK_FILE	OOB_RUN_DIR "/lock"
#define LOCK_TRIES	200
#define LOCK_PAUSE_NS	10000000
#define MAX_CONNS	128
#define MAX_OTHERS	64	/* of these, for others than root: they may ask, but must not keep root out */
#define GREET_TRIES	200
#define GREET_PAUSE_NS	10000000
#define IDLE_MS		10000	/* with nothing left to hold, there is nothing to stay for */

enum { POLL_SIGNAL, POLL_MONITOR, POLL_LISTEN, POLL_KEEPER, POLL_CONNS };

struct conn {
	int fd;
	struct peer peer;
};

struct server {
	int signals;
	int monitor;
	int listener;
	struct conn conns[MAX_CONNS];
	int nr_conns;
};

struct daemon daemon_state = { .keeper.fd = -1 };

static const char usage[] =
	"usage: oobnetd [--restore] [--version] [--help]\n"
	"Runs in the foreground. `evl net -e` and `evl net -N` start it where it is needed.\n"
	"  --restore  put back what a daemon and a keeper that are no more changed on devices, and end\n";

/*
 * Holds the lock as long as the process lives. 1: another one has it, and keeps it: one that is about to
 * end, or that only restores, is waited for.
 */
static int take_lock(void)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	int tries = LOCK_TRIES, fd;

	if (mkdir(OOB_RUN_DIR, 0755) && errno != EEXIST)
		return -errno;
	fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (!tries--)
			return 1;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	return 0;
}

static int listen_here(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = OOB_DAEMON_SOCKET };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	unlink(addr.sun_path);
	/* Anyone may ask; who may change what is decided by request. */
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || chmod(addr.sun_path, 0666) || listen(fd, 64)) {
		close(fd);
		return -errno;
	}
	return fd;
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* What an earlier daemon turned off on devices whose keeper is no more. */
static void restore_leftovers(void)
{
	bool changed = false;

	for (int i = 0; i < OOB_MAX_DEVICES; i++) {
		struct state_device *record = &daemon_state.state.devices[i];
		struct say why = { 0 };
		struct link link;

		if (!record->ifindex || device_of(record->ifindex))
			continue;
		/* By index, for it may have been renamed; one that has gone took its features with it. */
		if (!link_by_index(NULL, record->ifindex, &link) &&
		    features_restore(&why, link.name, record->features_off))
			fprintf(stderr, "oobnetd: %s\n", why.text);
		memset(record, 0, sizeof(*record));
		changed = true;
	}
	if (changed && state_save(&daemon_state.state))
		fprintf(stderr, "oobnetd: %s cannot be written\n", OOB_STATE_FILE);
}

/*
 * 1: a keeper serves us; 0: there is none; or -errno. One that hangs up is about to end, and then nobody
 * listens on its socket any more, or has not seen yet that an earlier daemon ended: it is asked again. That
 * it hung up does not mean that it holds nothing.
 */
static int greet_keeper(struct say *why, struct oob_keeper_reply *rep)
{
	const struct timespec pause = { .tv_nsec = GREET_PAUSE_NS };
	struct oob_keeper_request req = { .op = OOB_KEEP_HELLO };
	int got, err = 0;

	for (int i = 0; i < GREET_TRIES; i++) {
		got = keeper_connect(why, &daemon_state.keeper);
		if (got <= 0)
			return got;
		err = keeper_call(&daemon_state.keeper, &req, rep, NULL, 0, NULL);
		if (!err)
			return 1;
		if (daemon_state.keeper.fd >= 0)
			close(daemon_state.keeper.fd);
		daemon_state.keeper.fd = -1;
		if (err != -ECONNRESET && err != -EBUSY)
			break;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	return say(why, err, "the keeper refuses this daemon: %s", strerror(-err));
}

static int take_over(struct say *why)
{
	struct oob_keeper_reply rep;
	int err = greet_keeper(why, &rep);

	if (err <= 0)
		return err;
	err = 0;
	for (unsigned int i = 0; i < OOB_MAX_DEVICES && !err; i++)
		if (rep.devices & 1u << i)
			err = device_adopt(why, i);
	/* Interfaces may have changed while nobody watched. */
	if (!err)
		ports_monitor.resync(NULL);
	/* An earlier daemon may have been killed while it enabled a device's first port, or disabled its last. */
	if (!err)
		ports_close_unused();
	return err;
}

static bool is_full(const struct server *srv, uid_t uid)
{
	int others = 0;

	for (int i = 0; i < srv->nr_conns; i++)
		others += srv->conns[i].peer.uid != 0;
	return srv->nr_conns == MAX_CONNS || (uid && others == MAX_OTHERS);
}

static void accept_conn(struct server *srv)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd = accept4(srv->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) || is_full(srv, cred.uid)) {
		close(fd);
		return;
	}
	srv->conns[srv->nr_conns++] = (struct conn){ .fd = fd, .peer = { .pid = cred.pid, .uid = cred.uid } };
}

/* 1: stop; 0: go on; negative: this client has gone or makes no sense. */
static int serve_conn(const struct conn *conn)
{
	struct oob_reply rep = { .magic = OOB_MAGIC, .protocol = OOB_PROTOCOL };
	int fds[OOB_MAX_FDS], nr = 0, err;
	struct oob_request req;
	bool stop = false;
	ssize_t n;

	/* Without room for control data, descriptors that a client sends are never received. */
	n = recv(conn->fd, &req, sizeof(req), MSG_TRUNC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -ECONNRESET;
	if (n < 8 || req.magic != OOB_MAGIC)
		return -EPROTO;
	if (req.protocol != OOB_PROTOCOL || n != sizeof(req)) {
		rep.err = -EPROTO;
		snprintf(rep.text, sizeof(rep.text), "oobnetd speaks protocol %u, this program %u: restart whichever is older",
			 OOB_PROTOCOL, req.protocol);
	} else {
		stop = serve(&conn->peer, &req, &rep, fds, &nr);
	}

	err = message_send(conn->fd, &rep, sizeof(rep), fds, nr, MSG_DONTWAIT);
	for (int i = 0; i < nr; i++)
		close(fds[i]);
	return err ? err : stop;
}

static void serve_conns(struct server *srv, const struct pollfd *fds, int nr, bool *stop)
{
	int kept = 0;

	for (int i = 0; i < srv->nr_conns; i++) {
		int err = i < nr && fds[i].revents ? serve_conn(&srv->conns[i]) : 0;

		if (err > 0)
			*stop = true;
		if (err < 0)
			close(srv->conns[i].fd);
		else
			srv->conns[kept++] = srv->conns[i];
	}
	srv->nr_conns = kept;
}

static bool vlans_any(void)
{
	for (int i = 0; i < OOB_VLAN_WORDS; i++)
		if (daemon_state.state.vlans[i])
			return true;
	return false;
}

/* SIGTERM leaves programs alone: the keeper goes on serving them until the next daemon. */
static bool read_signal(int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo != SIGCHLD)
		return true;
	pseudo_child();
	keeper_child();
	return false;
}

static void loop(struct server *srv)
{
	bool stop = false, leave = false;

	while (!stop && !leave) {
		struct pollfd fds[POLL_CONNS + MAX_CONNS];
		bool idle = !ports_enabled() && !vlans_any() && !srv->nr_conns;
		int nr = srv->nr_conns, due = rebuild_due(), got;

		fds[POLL_SIGNAL] = (struct pollfd){ .fd = srv->signals, .events = POLLIN };
		fds[POLL_MONITOR] = (struct pollfd){ .fd = srv->monitor, .events = POLLIN };
		fds[POLL_LISTEN] = (struct pollfd){ .fd = srv->listener, .events = POLLIN };
		fds[POLL_KEEPER] = (struct pollfd){ .fd = daemon_state.keeper.fd, .events = POLLIN };
		for (int i = 0; i < nr; i++)
			fds[POLL_CONNS + i] = (struct pollfd){ .fd = srv->conns[i].fd, .events = POLLIN };

		got = poll(fds, POLL_CONNS + nr, due >= 0 ? due : idle ? IDLE_MS : -1);
		if (got < 0 && errno != EINTR)
			break;
		if (got < 0)
			continue;
		if (!got && due < 0)
			break;

		/* The keeper speaks only when asked: anything else is its end. */
		if (fds[POLL_KEEPER].revents && daemon_state.keeper.fd >= 0) {
			close(daemon_state.keeper.fd);
			daemon_state.keeper.fd = -1;
		}
		if (due >= 0)
			rebuild_try();
		if (fds[POLL_SIGNAL].revents)
			leave = read_signal(srv->signals);
		if (fds[POLL_MONITOR].revents)
			monitor_read(srv->monitor, &ports_monitor, NULL);
		serve_conns(srv, fds + POLL_CONNS, nr, &stop);
		if (fds[POLL_LISTEN].revents)
			accept_conn(srv);
	}
	if (stop || !clients_any())
		port_disable_all();
}

static void leave(const struct server *srv)
{
	struct oob_keeper_request req = { .op = OOB_KEEP_LEAVE };
	struct oob_keeper_reply rep;

	pseudo_stop();
	close(srv->listener);
	unlink(OOB_DAEMON_SOCKET);
	if (daemon_state.keeper.fd >= 0)
		keeper_call(&daemon_state.keeper, &req, &rep, NULL, 0, NULL);
}

static int run(void)
{
	static struct server srv;
	struct say why = { 0 };
	int err;

	state_load(&daemon_state.state);
	srv.signals = open_signals();
	/* Joined before anything is looked at, so that no change falls in between. */
	srv.monitor = monitor_open();
	if (srv.signals < 0 || srv.monitor < 0) {
		fprintf(stderr, "oobnetd: signals and rtnetlink: %s\n",
			strerror(srv.signals < 0 ? -srv.signals : -srv.monitor));
		return 1;
	}
	err = take_over(&why);
	if (err) {
		fprintf(stderr, "oobnetd: %s\n", why.text);
		return 1;
	}
	restore_leftovers();
	/* Before anyone is let in, so that the files are there for whoever started us. */
	pseudo_start();
	srv.listener = listen_here();
	if (srv.listener < 0) {
		fprintf(stderr, "oobnetd: %s: %s\n", OOB_DAEMON_SOCKET, strerror(-srv.listener));
		return 1;
	}
	loop(&srv);
	leave(&srv);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "restore", no_argument, NULL, 'r' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool restore = false;
	int c, locked;

	while ((c = getopt_long(argc, argv, "Vh", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			restore = true;
			break;
		case 'V':
			printf("oobnetd %s (protocol %u)\n", OOBNET_VERSION, OOB_PROTOCOL);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return 2;
	}

	locked = take_lock();
	if (locked < 0) {
		fprintf(stderr, "oobnetd: %s: %s\n", LOCK_FILE, strerror(-locked));
		return 1;
	}
	/* A daemon that runs restores by itself. */
	if (locked && restore)
		return 0;
	if (locked) {
		fprintf(stderr, "oobnetd: another oobnetd is running already\n");
		return 1;
	}
	if (!restore)
		return run();

	state_load(&daemon_state.state);
	restore_leftovers();
	return 0;
}
