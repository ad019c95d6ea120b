// SPDX-License-Identifier: MIT
// Tests of what becomes of output when the process ends.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <evl/evl.h>
#include "core/core.h"
#include "tests/unit/core_child.h"

#define LINES 50

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The child tells that it is set up by a byte on stderr; the rest of stderr follows. */
static void await_ready(struct child *child)
{
	char c;

	assert_int_equal(read(child->err, &c, 1), 1);
	assert_int_equal(c, '!');
}

static void ready(void)
{
	if (write(STDERR_FILENO, "!", 1) != 1)
		_exit(99);
}

static int print_lines(void)
{
	int n;

	if (evl_init())
		return 10;
	for (n = 0; n < LINES; n++)
		if (evl_printf("line %d\n", n) < 0)
			return 11;
	return 0;
}

static void assert_lines(const char *out)
{
	char expected[LINES * 10], *end = expected;
	int n;

	for (n = 0; n < LINES; n++)
		end += sprintf(end, "line %d\n", n);
	assert_string_equal(out, expected);
}

/* A program that would end with status 0 if its pause() came back. */
static int print_and_pause(void)
{
	int ret = print_lines();

	if (ret)
		return ret;
	ready();
	pause();
	return 0;
}

static int fill_and_pause(void)
{
	static char block[16384];
	int n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (evl_init())
		return 10;
	fcntl(evl_outfd, F_SETFL, O_RDWR | O_NONBLOCK);
	/* Until the pipe, one page, is full, and 12 KiB stay in the ring. */
	if (evl_write_proxy(evl_outfd, block, sizeof(block)) != sizeof(block))
		return 11;
	for (n = 0; ioctl(STDOUT_FILENO, FIONREAD, &n) || n < 4096; )
		evl_usleep(1000);
	ready();
	pause();
	return 0;
}

static int print_and_exit(void)
{
	int ret = print_lines();

	return ret ? ret : 3;
}

static void test_exit_flushes(void **state)
{
	struct child child = child_start(print_and_exit);
	char out[1000], err[100];
	int status;

	(void)state;
	child_read_all(child.out, out, sizeof(out));
	child_read_all(child.err, err, sizeof(err));
	status = child_wait(&child);
	assert_lines(out);
	assert_string_equal(err, "");
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
}

static int fill_and_exit(void)
{
	static char block[16384];

	if (evl_init())
		return 10;
	return evl_write_proxy(evl_outfd, block, sizeof(block)) == sizeof(block) ? 4 : 11;
}

/* Nobody reads: the page that the pipe takes goes out, the rest is counted, and the end comes. */
static void test_exit_bounded(void **state)
{
	double start = seconds(), took;
	struct child child;
	static char out[20000];
	char err[100];
	int status;

	(void)state;
	child = child_start(fill_and_exit);
	status = child_wait(&child);
	took = seconds() - start;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 4);
	child_read_all(child.err, err, sizeof(err));
	assert_string_equal(err, "oobnet: stdout: 12288 bytes not written\n");
	assert_int_equal(child_read_all(child.out, out, sizeof(out)), 4096);
	assert_true(took >= 1.0);
	assert_true(took < 10.0);
}

static void check_signal_flushes(int sig)
{
	struct child child = child_start(print_and_pause);
	char out[1000], err[100];
	int status;

	await_ready(&child);
	assert_return_code(kill(child.pid, sig), errno);
	child_read_all(child.out, out, sizeof(out));
	child_read_all(child.err, err, sizeof(err));
	status = child_wait(&child);
	assert_lines(out);
	assert_string_equal(err, "");
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), sig);
}

static void test_sigint_flushes(void **state)
{
	(void)state;
	check_signal_flushes(SIGINT);
}

static void test_sigterm_flushes(void **state)
{
	(void)state;
	check_signal_flushes(SIGTERM);
}

static void test_sigint_bounded(void **state)
{
	struct child child = child_start(fill_and_pause);
	char err[100];
	int status;

	(void)state;
	await_ready(&child);
	kill(child.pid, SIGINT);
	status = child_wait(&child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
	child_read_all(child.err, err, sizeof(err));
	assert_string_equal(err, "oobnet: stdout: 12288 bytes not written\n");
	close(child.out);
}

/* Whether the process has a handler for @sig, from /proc. */
static int catches(pid_t pid, int sig)
{
	unsigned long long mask = 0;
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "SigCgt: %llx", &mask) == 1)
			break;
	fclose(file);
	return mask >> (sig - 1) & 1;
}

/* The count is what the first signal alone would lead to: with a second one it is not reached. */
static void check_second(int first, int second)
{
	struct child child = child_start(fill_and_pause);
	char err[100];
	int status;

	await_ready(&child);
	kill(child.pid, first);
	while (catches(child.pid, first) || catches(child.pid, second))
		sched_yield();
	kill(child.pid, second);
	status = child_wait(&child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), second);
	child_read_all(child.err, err, sizeof(err));
	assert_string_equal(err, "");
	close(child.out);
}

static void test_second_signal(void **state)
{
	(void)state;
	check_second(SIGINT, SIGINT);
	check_second(SIGINT, SIGTERM);
}

static volatile sig_atomic_t handled;

static void on_sigint(int sig)
{
	handled = sig;
}

static int own_handler(void)
{
	struct sigaction action = { .sa_handler = on_sigint };
	int ret = print_lines();

	if (ret)
		return ret;
	sigaction(SIGINT, &action, NULL);
	ready();
	while (!handled)
		usleep(1000);
	if (oobnet_is_ending())
		return 12;
	evl_printf("own\n");
	return 7;
}

static void test_own_handler(void **state)
{
	struct child child = child_start(own_handler);
	char out[1000];
	int status;

	(void)state;
	await_ready(&child);
	kill(child.pid, SIGINT);
	child_read_all(child.out, out, sizeof(out));
	status = child_wait(&child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_non_null(strstr(out, "line 49\nown\n"));
	close(child.err);
}

static int ignores(void)
{
	struct sigaction old;

	signal(SIGINT, SIG_IGN);
	if (evl_init())
		return 10;
	sigaction(SIGINT, NULL, &old);
	if (old.sa_handler != SIG_IGN)
		return 11;
	raise(SIGINT);
	return 5;
}

static void test_ignored_stays(void **state)
{
	struct child child = child_start(ignores);
	int status = child_wait(&child);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 5);
	close(child.out);
	close(child.err);
}

/* A forked child, which has no proxies, ends at once by the signal. */
static int forked(void)
{
	int status;
	pid_t pid;

	if (evl_init())
		return 10;
	pid = fork();
	if (!pid) {
		kill(getpid(), SIGTERM);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return 11;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM ? 6 : 12;
}

static void test_forked_child(void **state)
{
	struct child child = child_start(forked);
	int status = child_wait(&child);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 6);
	close(child.out);
	close(child.err);
}

/* The signal hits threads that are inside a ring all the time: no deadlock, whole lines. */
static void *print_forever(void *arg)
{
	for (;;)
		evl_printf("%s\n", (const char *)arg);
	return NULL;
}

static int busy(void)
{
	static char a[] = "aaaaaaaaaaaaaaaaaaa", b[] = "bbbbbbbbbbbbbbbbbbb";
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (evl_init())
		return 10;
	pthread_create(&thread, NULL, print_forever, a);
	ready();
	print_forever(b);
	return 0;
}

static void test_signal_while_printing(void **state)
{
	struct child child;
	char line[20], err[200];
	ssize_t got;
	size_t used;
	int status, round, n;

	(void)state;
	for (round = 0; round < 5; round++) {
		child = child_start(busy);
		await_ready(&child);
		used = 0;
		n = 0;
		while ((got = read(child.out, line + used, sizeof(line) - used)) > 0) {
			used += (size_t)got;
			if (used < sizeof(line))
				continue;
			assert_int_equal(line[19], '\n');
			assert_int_equal(line[0], line[18]);
			used = 0;
			if (n++ == 1000 * round)
				kill(child.pid, SIGINT);
		}
		status = child_wait(&child);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGINT);
		child_read_all(child.err, err, sizeof(err));
		close(child.out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_flushes),
		cmocka_unit_test(test_exit_bounded),
		cmocka_unit_test(test_sigint_flushes),
		cmocka_unit_test(test_sigterm_flushes),
		cmocka_unit_test(test_sigint_bounded),
		cmocka_unit_test(test_second_signal),
		cmocka_unit_test(test_own_handler),
		cmocka_unit_test(test_ignored_stays),
		cmocka_unit_test(test_forked_child),
		cmocka_unit_test(test_signal_while_printing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
