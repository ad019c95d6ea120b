// SPDX-License-Identifier: MIT
// pseudo.c - oobclass, the process that serves EVL's pseudo-files: started, watched, ended.

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/keeper.h"
#include "daemon/pseudo.h"

#define READY_MS	3000
#define END_MS		2000
#define MAX_RESTARTS	3
#define LONG_LIFE_S	60	/* who ran that long was not killed in a row */

/* The one oobclass of this daemon. */
static struct {
	pid_t pid;		/* 0: none */
	int fd;			/* its standard input; closed, it ends */
	time_t started;
	unsigned int restarts;
} oobclass = { .fd = -1 };

static time_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static void become_oobclass(const char *path, int daemon)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (chdir("/") || null < 0 || dup2(daemon, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		_exit(126);
	execl(path, path, (char *)NULL);
	fprintf(stderr, "oobnetd: %s: %s\n", path, strerror(errno));
	_exit(127);
}

static int launch(void)
{
	char dir[PATH_MAX], path[PATH_MAX + 64];
	int pair[2];
	pid_t pid;

	if (own_directory(dir, sizeof(dir)))
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/../libexec/evl/oobclass", dir);
	if (access(path, X_OK) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (!pid)
		become_oobclass(path, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		int err = -errno;

		close(pair[0]);
		return err;
	}
	oobclass.pid = pid;
	oobclass.fd = pair[0];
	oobclass.started = now_s();
	return 0;
}

void pseudo_start(void)
{
	struct pollfd ready = { .events = POLLIN };
	int err = launch();

	if (err) {
		fprintf(stderr, "oobnetd: oobclass cannot be started: %s; there are no pseudo-files in %s\n",
			strerror(-err), OOB_CLASS_DIR);
		return;
	}
	/* A byte when it is ready, or the end when it is not going to be. */
	ready.fd = oobclass.fd;
	if (poll(&ready, 1, READY_MS) == 0)
		fprintf(stderr, "oobnetd: oobclass is slow; going on without it\n");
}

void pseudo_child(void)
{
	int status;

	if (!oobclass.pid || waitpid(oobclass.pid, &status, WNOHANG) != oobclass.pid)
		return;
	oobclass.pid = 0;
	close(oobclass.fd);
	oobclass.fd = -1;
	if (!WIFSIGNALED(status))
		return;
	if (now_s() - oobclass.started >= LONG_LIFE_S)
		oobclass.restarts = 0;
	if (oobclass.restarts++ == MAX_RESTARTS || launch())
		fprintf(stderr, "oobnetd: oobclass was ended by signal %d (%s), and is not started again\n",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		fprintf(stderr, "oobnetd: oobclass was ended by signal %d (%s), and is started again\n",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
}

void pseudo_stop(void)
{
	struct pollfd ended = { .fd = oobclass.fd };

	if (!oobclass.pid)
		return;
	/* It sees the end of its input; we, when it has ended, the end of its side. */
	shutdown(oobclass.fd, SHUT_WR);
	poll(&ended, 1, END_MS);
}
