// SPDX-License-Identifier: MIT
// main.c - oobclass: serves EVL's pseudo-files as long as the oobnetd that started it runs.

#include "pseudo/class.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bpf/layout.h"
#include "pseudo/ask.h"
#include "pseudo/dress.h"
#include "pseudo/mounts.h"

#define LOCK_FILE	OOB_RUN_DIR "/class.lock"
#define LOCK_TRIES	500
#define LOCK_PAUSE_NS	10000000

enum { POLL_DAEMON, POLL_SIGNAL, POLL_MOUNTS, POLL_FUSE, NR_POLLS };

static int fail(const char *what)
{
	fprintf(stderr, "oobclass: %s: %s; there are no pseudo-files in %s\n", what, strerror(errno), OOB_CLASS_DIR);
	return -1;
}

/* An oobclass whose oobnetd has just ended is about to take its mounts off: never mount below its hands. */
static int take_lock(void)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	int fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail(LOCK_FILE);
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB); i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES)
			return fail(LOCK_FILE);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	return 0;
}

/* Non-blocking, for a request that poll() told of may be gone: its process was killed. */
static int open_fuse(void)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NONBLOCK;
	int fd = open("/dev/fuse", flags), fs;

	if (fd >= 0 || (errno != ENOENT && errno != ENODEV && errno != ENXIO))
		return fd;
	/* Asking for the file system makes the kernel load its module, where there is one. */
	fs = fsopen("fuse", FSOPEN_CLOEXEC);
	if (fs >= 0)
		close(fs);
	return open("/dev/fuse", flags);
}

/* Mounts the tree. Returns the descriptor that requests come from, or -1, said on stderr. */
static int mount_tree(void)
{
	char options[128];
	int fd;

	/* What a killed one left, dead files which give ENOTCONN to everyone. */
	if (dress_off())
		fail("the dead mount on " OOB_SYSFS_DIR);
	if (mount_take_off(&mount_class))
		return fail("the dead mount on " OOB_CLASS_DIR);
	if (mkdir(OOB_CLASS_DIR, 0755) && errno != EEXIST)
		return fail(OOB_CLASS_DIR);
	fd = open_fuse();
	if (fd < 0)
		return fail("/dev/fuse");
	snprintf(options, sizeof(options), "fd=%d,rootmode=40755,user_id=0,group_id=0,default_permissions,allow_other",
		 fd);
	if (mount(mount_class.source, mount_class.path, mount_class.type, MS_NOSUID | MS_NODEV | MS_NOEXEC, options)) {
		close(fd);
		return fail("mount");
	}
	return fd;
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* As long as /sys/class is dressed, oobnetd has something to stay for. */
static void follow_dress(int *stay)
{
	bool on = dress_is_on();

	if (on && *stay < 0) {
		*stay = ask_to_stay();
	} else if (!on && *stay >= 0) {
		close(*stay);
		*stay = -1;
	}
}

static void serve(struct fuse_session *session, int signals, int mounts)
{
	struct pollfd fds[NR_POLLS] = {
		[POLL_DAEMON] = { .fd = ASK_DAEMON_FD, .events = POLLIN },
		[POLL_SIGNAL] = { .fd = signals, .events = POLLIN },
		[POLL_MOUNTS] = { .fd = mounts, .events = POLLPRI },
		[POLL_FUSE] = { .fd = fuse_session_fd(session), .events = POLLIN },
	};
	struct fuse_buf buf = { 0 };
	int stay = -1;

	while (!fuse_session_exited(session)) {
		if (poll(fds, NR_POLLS, -1) < 0) {
			if (errno == EINTR)
				continue;
			break;
		}
		/* oobnetd says nothing: whatever comes is its end. */
		if (fds[POLL_DAEMON].revents || fds[POLL_SIGNAL].revents)
			break;
		if (fds[POLL_MOUNTS].revents)
			follow_dress(&stay);
		if (!fds[POLL_FUSE].revents)
			continue;
		/* 0 when somebody unmounted it, and then the session has exited. */
		if (fuse_session_receive_buf(session, &buf) > 0)
			fuse_session_process_buf(session, &buf);
	}
	if (stay >= 0)
		close(stay);
	free(buf.mem);
}

/* dress_on() counts on this order: off, no answers any more, off again. */
static void unmount_tree(struct fuse *fuse)
{
	dress_off();
	mount_take_off(&mount_class);
	fuse_unmount(fuse);
	fuse_destroy(fuse);
	dress_off();
	rmdir(OOB_CLASS_DIR);
}

int main(int argc, char **argv)
{
	char *fuse_argv[] = { argv[0], NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, fuse_argv);
	int fd, signals, mounts;
	struct class class;
	struct fuse *fuse;
	char from[32];

	if (argc != 1) {
		fputs("usage: oobclass\noobnetd starts it, and is its standard input.\n", stderr);
		return 2;
	}
	umask(022);
	clock_gettime(CLOCK_REALTIME, &class.born);
	signals = open_signals();
	mounts = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
	if (signals < 0 || mounts < 0) {
		fail(mounts < 0 ? "/proc/self/mounts" : "signals");
		return 1;
	}
	if (take_lock())
		return 1;
	fuse = fuse_new(&args, &class_operations, sizeof(class_operations), &class);
	fuse_opt_free_args(&args);
	if (!fuse)
		return 1;
	fd = mount_tree();
	if (fd < 0) {
		fuse_destroy(fuse);
		return 1;
	}
	snprintf(from, sizeof(from), "/dev/fd/%d", fd);
	if (!fuse_mount(fuse, from)) {
		/* Requests wait until they are served; whoever waits for us may go on. */
		send(ASK_DAEMON_FD, "", 1, MSG_NOSIGNAL);
		serve(fuse_get_session(fuse), signals, mounts);
	}
	unmount_tree(fuse);
	return 0;
}
