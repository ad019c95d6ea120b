// SPDX-License-Identifier: MIT
// keeper.c - the daemon's side of the conversation with oobkeep.

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/keeper.h"
#include "ipc/message.h"

#define CALL_TIMEOUT_S	20
#define START_TRIES	500
#define START_PAUSE_NS	10000000

int keeper_connect(struct say *why, struct keeper_link *link)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = OOB_KEEPER_SOCKET };
	const struct timeval timeout = { .tv_sec = CALL_TIMEOUT_S };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return say(why, -errno, "no socket for the keeper: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		int err = errno;

		close(fd);
		if (err == ENOENT || err == ECONNREFUSED)
			return 0;
		return say(why, -err, "%s: %s", OOB_KEEPER_SOCKET, strerror(err));
	}
	link->fd = fd;
	return 1;
}

int own_directory(char *buf, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	*strrchr(buf, '/') = '\0';
	return 0;
}

/* The keeper keeps off the CPUs that were isolated for real-time programs. */
static void leave_isolated_cpus(void)
{
	unsigned int first, last, n = 0;
	cpu_set_t set;
	FILE *file;

	file = fopen("/sys/devices/system/cpu/isolated", "r");
	if (!file)
		return;
	if (sched_getaffinity(0, sizeof(set), &set)) {
		fclose(file);
		return;
	}
	while ((n = fscanf(file, "%u", &first)) == 1) {
		last = first;
		if (fscanf(file, "-%u", &last) < 0)
			last = first;
		for (unsigned int cpu = first; cpu <= last && cpu < CPU_SETSIZE; cpu++)
			CPU_CLR(cpu, &set);
		if (fgetc(file) != ',')
			break;
	}
	fclose(file);
	if (CPU_COUNT(&set))
		sched_setaffinity(0, sizeof(set), &set);
}

static void become_keeper(const char *keeper, const char *daemon)
{
	int null = open("/dev/null", O_RDWR);

	setsid();
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	if (chdir("/"))
		_exit(126);
	leave_isolated_cpus();
	execl(keeper, keeper, daemon, (char *)NULL);
	_exit(127);
}

static pid_t started;	/* the last keeper that this process started, until it is waited for */

void keeper_child(void)
{
	if (started && waitpid(started, NULL, WNOHANG) == started)
		started = 0;
}

int keeper_start(struct say *why, struct keeper_link *link)
{
	const struct timespec pause = { .tv_nsec = START_PAUSE_NS };
	char dir[PATH_MAX], keeper[PATH_MAX + 64], daemon[PATH_MAX + 64];
	int status, got;
	pid_t pid;

	if (own_directory(dir, sizeof(dir)))
		return say(why, -ENOENT, "/proc is not mounted: the keeper cannot be found");
	snprintf(keeper, sizeof(keeper), "%s/../libexec/evl/oobkeep", dir);
	snprintf(daemon, sizeof(daemon), "%s/oobnetd", dir);
	if (access(keeper, X_OK))
		return say(why, -errno, "%s: %s; install oobnet whole (make install)", keeper, strerror(errno));

	pid = fork();
	if (pid < 0)
		return say(why, -errno, "the keeper cannot be started: %s", strerror(errno));
	if (pid == 0)
		become_keeper(keeper, daemon);
	keeper_child();
	started = pid;

	for (int i = 0; i < START_TRIES; i++) {
		got = keeper_connect(why, link);
		if (got)
			return got < 0 ? got : 0;
		if (waitpid(pid, &status, WNOHANG) == pid) {
			started = 0;
			return say(why, -ECHILD, "the keeper %s ended at once; see %s/oobnetd.log", keeper,
				   OOB_RUN_DIR);
		}
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	return say(why, -ETIMEDOUT, "the keeper %s does not answer", keeper);
}

static int receive_reply(int fd, struct oob_keeper_reply *rep, int *fds, int *nr)
{
	ssize_t n = message_receive(fd, rep, sizeof(*rep), fds, fds ? OOB_MAX_FDS : 0, nr, 0);

	if (n <= 0)
		return n ? n : -ECONNRESET;
	if (n != sizeof(*rep) || rep->magic != OOB_MAGIC || rep->protocol != OOB_PROTOCOL)
		return -EPROTO;
	return 0;
}

int keeper_call(struct keeper_link *link, struct oob_keeper_request *req, struct oob_keeper_reply *rep,
		int *fds, int nr_send, int *nr_recv)
{
	int got = 0, err;

	if (link->fd < 0)
		return -ECONNRESET;
	req->magic = OOB_MAGIC;
	req->protocol = OOB_PROTOCOL;
	err = message_send(link->fd, req, sizeof(*req), fds, nr_send, 0);
	if (!err)
		err = receive_reply(link->fd, rep, nr_recv ? fds : NULL, &got);
	if (err) {
		/* Whatever the answer would have been, it must not be taken for the next one's. */
		close(link->fd);
		link->fd = -1;
		return err == -EPIPE || err == -ECONNRESET ? -ECONNRESET : err;
	}
	if (nr_recv)
		*nr_recv = got;
	return rep->err;
}
