// SPDX-License-Identifier: MIT
// cases.c - what can happen to a descriptor; after all of it no call reaches a socket that was under its number.
//
// usage: cases CASE

#include <fcntl.h>
#include <malloc.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "elsewhere.h"

#define THREADS		8	/* the kernel takes some milliseconds to close a packet socket */
#define CYCLES		250	/* of each thread */
#define WARM_UP		20
#define GROWTH		16384	/* bytes; a leak of nine in a cycle would be more */

/* Closed elsewhere, its number used again: the old socket is not reached, and its port is given up. */
static void case_reused(void)
{
	for (int kind = 0; kind < NR_KINDS; kind++) {
		int s = open_bound(0), error = kind == KIND_NOTHING ? EBADF : EBADFD;

		CHECK(echoes(s));
		CHECK(!elsewhere_replace(s, (enum kind)kind));
		/* Nobody has called the library on that number since: it still holds the port. */
		CHECK(!other_can_bind());
		check_not_oob(s, error);
		CHECK(other_can_bind());
		CHECK((fcntl(s, F_GETFD) < 0) == (kind == KIND_NOTHING));
		CHECK(close(s) == (kind == KIND_NOTHING ? -1 : 0));
	}
}

/* As above, but the first call is not an oob one: it must be the new file's. */
static void case_reused_regular_calls(void)
{
	struct sockaddr_ll { char any[64]; } addr;
	socklen_t len = sizeof(addr);
	int value, s = open_bound(0);

	CHECK(!elsewhere_replace(s, KIND_MEMFD));
	CHECK(REFUSED(bind_socket(s), ENOTSOCK));
	CHECK(other_can_bind());
	CHECK(!close(s));

	s = open_bound(0);
	CHECK(!elsewhere_replace(s, KIND_UDP));
	CHECK(!getsockname(s, (struct sockaddr *)&addr, &len) && ((struct sockaddr *)&addr)->sa_family == AF_INET);
	CHECK(other_can_bind());
	len = sizeof(value);
	CHECK(!getsockopt(s, SOL_SOCKET, SO_TYPE, &value, &len) && value == SOCK_DGRAM);
	CHECK(!close(s));

	s = open_bound(0);
	CHECK(!elsewhere_replace(s, KIND_COPY));
	CHECK(!close(s));
	CHECK(other_can_bind());
}

static void case_reused_by_oob_socket(void)
{
	int s = open_bound(0), t;

	issuer_send(&issuer);	/* waits in the old one's queue, or in the ring */
	CHECK(!elsewhere_close(s));
	t = make_socket(0);
	CHECK(t == s);
	CHECK(REFUSED(receive(t, MSG_DONTWAIT), ENETDOWN) || errno == EAGAIN || errno == EINVAL);
	CHECK(!bind_socket(t));
	CHECK(echoes(t));
	CHECK(!close(t));
	CHECK(frames_come_home());
}

static int copy_by(int how, int s)
{
	switch (how) {
	case 0:
		return dup(s);
	case 1:
		return dup2(s, 200);
	case 2:
		return dup3(s, 201, O_CLOEXEC);
	default:
		return fcntl(s, F_DUPFD, 202);
	}
}

static void case_dup(void)
{
	int s = open_bound(0);

	for (int how = 0; how < 4; how++) {
		int copy = copy_by(how, s);

		CHECK(copy >= 0);
		check_not_oob(copy, EBADFD);
		CHECK(echoes(s));
		CHECK(!close(copy));
		CHECK(echoes(s));
		CHECK(!other_can_bind());
	}
	CHECK(!close(s));
	CHECK(other_can_bind());
}

/* A number that was an oob socket's is made a copy of another one. */
static void case_dup_onto(void)
{
	int s = open_bound(0), t = open_bound(0), other = elsewhere_socket(AF_UNIX, SOCK_DGRAM, 0);

	CHECK(dup2(s, t) == t);
	check_not_oob(t, EBADFD);
	CHECK(echoes(s));
	CHECK(!close(t));
	CHECK(echoes(s));

	CHECK(dup2(other, s) == s);
	check_not_oob(s, EBADFD);
	CHECK(other_can_bind());
	CHECK(!close(s) && !close(other));
}

/* The copy outlives the socket: it is the same file under another number, and in-band. */
static void case_dup_outlives(void)
{
	int s = open_bound(0), copy = dup(s);

	CHECK(!close(s));
	CHECK(other_can_bind());
	check_not_oob(copy, EBADFD);
	CHECK(dup2(copy, s) == s);
	check_not_oob(s, EBADFD);
	CHECK(!close(copy) && !close(s));
}

static int wait_exit(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void in_child(int s)
{
	int t;

	check_not_oob(s, EBADFD);
	CHECK(evl_get_self() == -EPERM);
	CHECK(evl_attach_self("child:%d", getpid()) >= 0);
	check_not_oob(s, EBADFD);
	t = make_socket(0);
	CHECK(REFUSED(bind_socket(t), EBUSY));
	CHECK(!close(s) && !close(t));
	exit(0);
}

static void case_fork(void)
{
	int s = open_bound(0);
	pid_t pid;

	for (int i = 0; i < 3; i++) {
		fflush(NULL);
		pid = fork();
		if (!pid)
			in_child(s);
		CHECK(wait_exit(pid) == 0);
		CHECK(echoes(s));
	}
	CHECK(!close(s));
	CHECK(frames_come_home());
}

/* The parent goes, the child stays: nothing of what it inherited keeps the port. */
static void case_fork_and_parent_ends(void)
{
	int ends[2], s = open_bound(0);
	pid_t pid;
	char c;

	CHECK(!pipe(ends));
	pid = fork();
	if (!pid) {
		/* The middle one has the port, and has a child of its own. */
		close(s);
		evl_attach_self("middle:%d", getpid());
		CHECK(read(ends[0], &c, 1) == 1);
		s = open_bound(0);
		if (!fork()) {
			CHECK(read(ends[0], &c, 1) == 1);
			_exit(0);
		}
		_exit(0);
	}
	CHECK(!close(s));
	CHECK(write(ends[1], "x", 1) == 1);
	CHECK(wait_exit(pid) == 0);
	CHECK(other_can_bind());
	CHECK(write(ends[1], "x", 1) == 1);
}

static void exec_once(int flags)
{
	char number[16];
	int s = open_bound(flags);

	CHECK(echoes(s));
	issuer_send(&issuer);
	snprintf(number, sizeof(number), "%d", flags & SOCK_CLOEXEC ? -1 : s);
	execl("/proc/self/exe", "cases", "after_exec", number, (char *)NULL);
	CHECK(!"exec");
}

static void case_exec(void)
{
	const int flags[] = { 0, SOCK_CLOEXEC };
	pid_t pid;

	for (int i = 0; i < 2; i++) {
		pid = fork();
		if (!pid) {
			evl_attach_self("exec:%d", getpid());
			exec_once(flags[i]);
		}
		CHECK(wait_exit(pid) == 0);
		CHECK(frames_come_home());
	}
}

static int after_exec(int old)
{
	if (old >= 0) {
		CHECK(fcntl(old, F_GETFD) >= 0);
		check_not_oob(old, EBADFD);
	}
	return once();
}

struct waiting {
	int s;
	ssize_t ret;
	int err;
};

static void *wait_for_packet(void *arg)
{
	struct waiting *w = arg;

	evl_attach_self("waiting:%d", getpid());
	w->ret = receive(w->s, 0);
	w->err = errno;
	return NULL;
}

static void case_close_while_waiting(void)
{
	struct waiting w = { .s = open_bound(0) };
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, wait_for_packet, &w));
	nap_ms(50);
	CHECK(!close(w.s));
	pthread_join(thread, NULL);
	CHECK(w.ret == -1 && w.err == EBADF);
	CHECK(other_can_bind());
}

static void on_signal(int sig)
{
	(void)sig;
}

static void case_signal(void)
{
	const struct itimerval soon = { .it_value = { .tv_usec = 20000 } };
	struct sigaction action = { .sa_handler = on_signal };
	int s = open_bound(0);

	for (int i = 0; i < 2; i++) {
		action.sa_flags = i ? SA_RESTART : 0;
		CHECK(!sigaction(SIGALRM, &action, NULL) && !setitimer(ITIMER_REAL, &soon, NULL));
		CHECK(REFUSED(receive(s, 0), EINTR));
		CHECK(echoes(s));
	}
	CHECK(!close(s));
}

static int open_files(void)
{
	int n = 0;

	for (int fd = 0; fd < 4096; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Whoever was closed elsewhere, and whose number nobody has used since, is found now. */
static void find_stale(void)
{
	for (int fd = 0; fd < 4096; fd++)
		receive(fd, MSG_DONTWAIT);
}

static void *cycle(void *arg)
{
	const int *n = arg;

	for (int i = 0; i < *n; i++) {
		int s = open_bound(0);

		CHECK(i % 4 ? !close(s) : !elsewhere_close(s));
	}
	return NULL;
}

/* Several threads open, bind and close at once; packets come and are left unread. */
static void cycle_threads(int n)
{
	pthread_t thread[THREADS];

	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&thread[i], NULL, cycle, &n));
	for (int i = 0; i < n; i++) {
		issuer_send(&issuer);
		nap_ms(1);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

static void case_cycles(void)
{
	size_t bytes;
	int files, s;

	cycle_threads(WARM_UP);
	find_stale();
	files = open_files();
	bytes = mallinfo2().uordblks;
	cycle_threads(CYCLES);
	find_stale();
	CHECK(open_files() == files);
	/* With AddressSanitizer's allocator these are no figures; it finds leaks itself. */
	CHECK(mallinfo2().uordblks < bytes + GROWTH);
	CHECK(frames_come_home());
	s = open_bound(0);
	CHECK(echoes(s) && !close(s));
}

/* Bound by a file without the headers: noticed at the first oob call. */
static void case_bound_elsewhere(void)
{
	int s = make_socket(0);

	CHECK(!elsewhere_bind(s, (int)if_nametoindex(ifname), 0));
	CHECK(other_can_bind());
	CHECK(REFUSED(receive(s, MSG_DONTWAIT), EAGAIN));
	CHECK(!other_can_bind());
	CHECK(echoes(s));
	CHECK(!close(s));
	CHECK(other_can_bind());
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "reused", case_reused },
	{ "reused-regular-calls", case_reused_regular_calls },
	{ "reused-by-oob-socket", case_reused_by_oob_socket },
	{ "dup", case_dup },
	{ "dup-onto", case_dup_onto },
	{ "dup-outlives", case_dup_outlives },
	{ "fork", case_fork },
	{ "fork-and-parent-ends", case_fork_and_parent_ends },
	{ "exec", case_exec },
	{ "close-while-waiting", case_close_while_waiting },
	{ "signal", case_signal },
	{ "bound-elsewhere", case_bound_elsewhere },
	{ "cycles", case_cycles },
};

int main(int argc, char *argv[])
{
	CHECK(argc >= 2);
	read_setup();
	if (!strcmp(argv[1], "once"))
		return once();
	if (!strcmp(argv[1], "after_exec"))
		return after_exec(atoi(argv[2]));

	CHECK(evl_attach_self("cases:%d", getpid()) >= 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double began = now();

		if (strcmp(argv[1], cases[i].name))
			continue;
		cases[i].run();
		printf("%s: %.0f ms\n", cases[i].name, 1e3 * (now() - began));
		return 0;
	}
	fprintf(stderr, "no case %s\n", argv[1]);
	return 2;
}
