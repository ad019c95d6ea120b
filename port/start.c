// SPDX-License-Identifier: MIT
// start.c - starting oobnetd from a program that needs it.

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "port/daemon.h"
#include "port/explain.h"
#include "port/paths.h"

#define READY_MS	10000
#define PROBE_MS	20
#define LOG_FILE	OOB_RUN_DIR "/oobnetd.log"

/* What the new process tells the one that started it. */
struct birth {
	pid_t pid;
	int err;	/* 0, or why it could not be executed */
};

static bool try_path(char *path, const char *base, const char *relative)
{
	const char *slash = strrchr(base, '/');
	int n;

	if (!slash)
		return false;
	n = snprintf(path, PATH_MAX, "%.*s/%s", (int)(slash - base), base, relative);
	return n < PATH_MAX && access(path, X_OK) == 0;
}

static int find_daemon(char *path)
{
	char self[PATH_MAX], real[PATH_MAX];
	Dl_info info;
	ssize_t n;

	if (dladdr((void *)(uintptr_t)oobnet_daemon_start, &info) && info.dli_fname &&
	    strstr(info.dli_fname, ".so") && realpath(info.dli_fname, real) &&
	    try_path(path, real, "../sbin/oobnetd"))
		return 0;

	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		if (try_path(path, self, "../sbin/oobnetd") || try_path(path, self, "../../sbin/oobnetd"))
			return 0;
	}
	if (try_path(path, OOBNET_SBINDIR "/", "oobnetd"))
		return 0;
	return oobnet_because_text(-ENOENT, "oobnetd is not where it was installed: " OOBNET_SBINDIR "/oobnetd");
}

static void plain_scheduling(void)
{
	const struct sched_param param = { 0 };
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	sched_setscheduler(0, SCHED_OTHER, &param);
	sched_setaffinity(0, sizeof(all), &all);
}

static void plain_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * The process that becomes oobnetd. Only async-signal-safe calls: the program that forked may have
 * other threads. @report becomes 3 and closes with a successful execve().
 */
static _Noreturn void become_daemon(const char *path, int report)
{
	char *const argv[] = { (char *)path, NULL };
	char *const env[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	struct birth birth = { .pid = getpid() };
	int null, log;

	plain_scheduling();
	plain_signals();
	umask(022);
	mkdir(OOB_RUN_DIR, 0755);
	null = open("/dev/null", O_RDWR);
	log = open(LOG_FILE, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0644);
	if (chdir("/") || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(log >= 0 ? log : null, 2) < 0 || dup2(report, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC) ||
	    syscall(SYS_close_range, 4u, ~0u, 0u)) {
		birth.err = errno;
	} else {
		if (write(3, &birth, sizeof(birth)) != sizeof(birth))
			_exit(1);
		execve(path, argv, env);
		report = 3;
		birth.err = errno;
	}
	if (write(report, &birth, sizeof(birth)) != sizeof(birth))
		_exit(1);
	_exit(127);
}

/* Forks twice, so that oobnetd is init's child. The pipe gives its pid, then closes on success. */
static int spawn(const char *path, pid_t *daemon)
{
	struct birth birth;
	int report[2], status;
	ssize_t n;
	pid_t pid;

	*daemon = 0;
	if (pipe2(report, O_CLOEXEC))
		return oobnet_because(-errno, "cannot start oobnetd: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		/* Out of the way of 0..3, which become_daemon() makes anew. */
		int out = fcntl(report[1], F_DUPFD_CLOEXEC, 4);

		setsid();
		if (out < 0)
			_exit(1);
		pid = fork();
		if (!pid)
			become_daemon(path, out);
		_exit(pid < 0);
	}
	close(report[1]);
	if (pid < 0) {
		close(report[0]);
		return oobnet_because(-errno, "cannot start oobnetd: %s", strerror(errno));
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;

	birth.err = EAGAIN;	/* no process to be had */
	do {
		n = read(report[0], &birth, sizeof(birth));
		if (n == sizeof(birth))
			*daemon = birth.pid;
	} while (n == sizeof(birth) || (n < 0 && errno == EINTR));
	close(report[0]);
	if (birth.err)
		return oobnet_because(-birth.err, "cannot start %s: %s", path, strerror(birth.err));
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

/* Until it accepts connections. One that ended may have found another one running: that will do. */
static int wait_ready(int pidfd)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	int64_t end = now_ms() + READY_MS;
	int err, gone = 0;

	for (;;) {
		err = oobnet_daemon_probe();
		if (!err)
			return 0;
		if (gone)
			return oobnet_because_text(-ECHILD, "oobnetd ended as soon as it was started; "
						   LOG_FILE " may say why");
		if (now_ms() >= end)
			return oobnet_because_text(-ETIMEDOUT, "oobnetd was started, but is not ready after 10 s; "
						   LOG_FILE " may say why");
		gone = poll(&ended, 1, PROBE_MS) > 0;
	}
}

int oobnet_daemon_start(void)
{
	char path[PATH_MAX];
	pid_t pid = 0;
	int pidfd, err;

	if (!oobnet_daemon_probe())
		return 0;
	err = find_daemon(path);
	if (err)
		return err;
	err = spawn(path, &pid);
	if (err)
		return err;

	/* ESRCH: it has ended already, and wait_ready() finds nobody there; poll() ignores -1. */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0 && errno == ESRCH && oobnet_daemon_probe())
		return oobnet_because_text(-ECHILD, "oobnetd ended as soon as it was started; "
					   LOG_FILE " may say why");
	err = wait_ready(pidfd);
	if (pidfd >= 0)
		close(pidfd);
	return err;
}
