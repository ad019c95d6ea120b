// SPDX-License-Identifier: MIT
// The end of the process, by exit() or by SIGINT or SIGTERM: flush proxies, count what is left.

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "core.h"
#include "proxies.h"

#define FLUSH_NS	1000000000ULL
#define NAP_NS		1000000L

static const int end_signals[] = { SIGINT, SIGTERM };

static _Atomic bool ending;
static _Atomic bool reported;
static _Atomic uint64_t flush_until;	/* monotonic, ns; set by the first who flushes */
static _Atomic pid_t owner;		/* who has the proxies; 0 before evl_init() */

/* Everything below runs in signal handlers too: async-signal-safe calls only, no stdio. */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static size_t append(char *line, size_t size, size_t at, const char *text)
{
	size_t len = strlen(text);

	if (len > size - at)
		len = size - at;
	memcpy(line + at, text, len);
	return at + len;
}

static void report_left(const char *name, size_t left)
{
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };
	char line[160], digits[24], *d = digits + sizeof(digits);
	size_t len;

	*--d = '\0';
	do
		*--d = (char)('0' + left % 10);
	while (left /= 10);

	len = append(line, sizeof(line), 0, "oobnet: ");
	len = append(line, sizeof(line) - 32, len, name);
	len = append(line, sizeof(line), len, ": ");
	len = append(line, sizeof(line), len, d);
	len = append(line, sizeof(line), len, " bytes not written\n");

	/* stderr may be what is stuck, or a broken pipe: then nobody can be told. */
	if (poll(&pfd, 1, 0) == 1 && pfd.revents == POLLOUT && write(STDERR_FILENO, line, len) < 0)
		return;
}

static void flush(void)
{
	const struct timespec nap = { .tv_nsec = NAP_NS };
	uint64_t until = 0, first = now_ns() + FLUSH_NS;

	if (atomic_compare_exchange_strong(&flush_until, &until, first))
		until = first;
	while (oobnet_proxies_pending() && now_ns() < until) {
		oobnet_proxies_kick();
		nanosleep(&nap, NULL);
	}
	if (!atomic_exchange(&reported, true))
		oobnet_proxies_each_pending(report_left);
}

bool oobnet_is_ending(void)
{
	return atomic_load_explicit(&ending, memory_order_acquire);
}

_Noreturn void oobnet_wait_end(void)
{
	for (;;)
		pause();
}

/*
 * The flush happens in the thread that got the signal, which never goes back
 * into the program: it must not see its sleep or read interrupted and take
 * that for a reason to go on, or to exit with another status. It may hold
 * locks; the flush needs none.
 */
static void end_by_signal(int sig)
{
	sigset_t set;
	size_t n;

	/* A second signal, of either kind, finds the default action and no mask. */
	sigemptyset(&set);
	for (n = 0; n < sizeof(end_signals) / sizeof(end_signals[0]); n++) {
		struct sigaction old;

		if (!sigaction(end_signals[n], NULL, &old) &&
		    (end_signals[n] == sig ||
		     (!(old.sa_flags & SA_SIGINFO) && old.sa_handler == end_by_signal)))
			signal(end_signals[n], SIG_DFL);
	}
	if (atomic_load(&owner) == getpid() && !atomic_exchange(&ending, true))
		flush();
	sigaddset(&set, sig);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	kill(getpid(), sig);
	oobnet_wait_end();
}

__attribute__((destructor)) static void end_by_exit(void)
{
	if (atomic_load(&owner) == getpid())
		flush();
}

void oobnet_endings_init(void)
{
	struct sigaction action = {
		.sa_handler = end_by_signal,
		.sa_flags = SA_RESETHAND | SA_NODEFER | SA_RESTART,
	};
	struct sigaction old;
	size_t n;

	atomic_store(&owner, getpid());
	for (n = 0; n < sizeof(end_signals) / sizeof(end_signals[0]); n++) {
		if (sigaction(end_signals[n], NULL, &old))
			continue;
		if (!(old.sa_flags & SA_SIGINFO) && old.sa_handler == SIG_DFL)
			sigaction(end_signals[n], &action, NULL);
	}
}

/* The handler stays where it is set: in the child it ends the process at once. */
void oobnet_endings_after_fork(void)
{
	atomic_store(&owner, 0);
	atomic_store(&ending, false);
	atomic_store(&reported, false);
	atomic_store(&flush_until, 0);
}
