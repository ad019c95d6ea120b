// SPDX-License-Identifier: MIT
// Tests of clocks, initialization, constants, and of what is declared for later.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <evl/evl.h>
#include <evl/fcntl.h>
#include "core/core.h"
#include "tests/unit/core_child.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

static int64_t ns(const struct timespec *ts)
{
	return ts->tv_sec * 1000000000LL + ts->tv_nsec;
}

static void test_read_clock(void **state)
{
	static const struct { int clockfd; clockid_t id; } clocks[] = {
		{ EVL_CLOCK_MONOTONIC, CLOCK_MONOTONIC },
		{ EVL_CLOCK_REALTIME, CLOCK_REALTIME },
		{ EVL_CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_RAW },
	};
	struct timespec before, now, after, res;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(clocks) / sizeof(clocks[0]); n++) {
		clock_gettime(clocks[n].id, &before);
		assert_int_equal(evl_read_clock(clocks[n].clockfd, &now), 0);
		clock_gettime(clocks[n].id, &after);
		assert_in_range(ns(&now), ns(&before), ns(&after));
		assert_int_equal(evl_get_clock_resolution(clocks[n].clockfd, &res), 0);
		assert_true(ns(&res) > 0);
		assert_int_equal(evl_read_clock(clocks[n].clockfd, NULL), -EFAULT);
	}
	assert_int_equal(evl_read_clock(-2, &now), -EINVAL);
	assert_int_equal(evl_read_clock(3, &now), -EINVAL);
	assert_int_equal(evl_get_clock_resolution(7, &res), -EINVAL);
	assert_int_equal(evl_set_clock(EVL_CLOCK_MONOTONIC, &now), -EINVAL);
	assert_int_equal(evl_set_clock(EVL_CLOCK_REALTIME, NULL), -EFAULT);
	now.tv_nsec = 1000000000;
	assert_int_equal(evl_set_clock(EVL_CLOCK_REALTIME, &now), -EINVAL);
}

static void test_sleep(void **state)
{
	struct timespec start, until, now;

	(void)state;
	evl_read_clock(EVL_CLOCK_MONOTONIC, &start);
	until = start;
	until.tv_nsec += 5000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	assert_int_equal(evl_sleep_until(EVL_CLOCK_MONOTONIC, &until), 0);
	evl_read_clock(EVL_CLOCK_MONOTONIC, &now);
	assert_true(ns(&now) >= ns(&until));
	assert_int_equal(evl_sleep_until(EVL_CLOCK_MONOTONIC, &start), 0);

	start = now;
	assert_int_equal(evl_usleep(3000), 0);
	evl_read_clock(EVL_CLOCK_MONOTONIC, &now);
	assert_true(ns(&now) - ns(&start) >= 3000000);

	assert_int_equal(evl_usleep(1000001), -EINVAL);
	assert_int_equal(evl_sleep_until(EVL_CLOCK_MONOTONIC_RAW, &start), -EINVAL);
	assert_int_equal(evl_sleep_until(5, &start), -EINVAL);
	assert_int_equal(evl_sleep_until(EVL_CLOCK_REALTIME, NULL), -EFAULT);
	start.tv_nsec = -1;
	assert_int_equal(evl_sleep_until(EVL_CLOCK_MONOTONIC, &start), -EINVAL);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void test_sleep_interrupted(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct timespec until;

	(void)state;
	sigaction(SIGALRM, &action, NULL);
	evl_read_clock(EVL_CLOCK_MONOTONIC, &until);
	until.tv_sec += 60;
	alarm(1);
	assert_int_equal(evl_sleep_until(EVL_CLOCK_MONOTONIC, &until), -EINTR);
}

static void test_version(void **state)
{
	struct evl_version version = evl_get_version();

	(void)state;
	assert_int_equal(version.api_level, 35);
	assert_int_equal(version.abi_level, 43);
	assert_non_null(strstr(version.version_string, "oobnet"));
	assert_int_equal(O_OOB, 0x40000000);
	assert_int_equal(EVL_CLONE_SHAREABLE, 0x400000);
	assert_int_equal(EVL_T_WOSO, 0x400000);
	assert_true(EVL_STACK_DEFAULT >= 65536);
	assert_int_equal(__OOBNET__, 1);
}

static void test_later(void **state)
{
	struct evl_poll_event event;
	int n = 0;

	(void)state;
	assert_int_equal(evl_intval(-3).lval, -3);
	assert_ptr_equal(evl_ptrval(&n).ptr, &n);
	assert_int_equal(evl_nil.lval, 0);
	assert_int_equal(evl_new_poll(), -ENOSYS);
	assert_int_equal(evl_add_pollfd(0, 0, POLLIN, evl_nil), -ENOSYS);
	assert_int_equal(evl_mod_pollfd(0, 0, POLLIN, evl_nil), -ENOSYS);
	assert_int_equal(evl_del_pollfd(0, 0), -ENOSYS);
	assert_int_equal(evl_poll(0, &event, 1), -ENOSYS);
	assert_int_equal(evl_timedpoll(0, &event, 1, NULL), -ENOSYS);
	assert_int_equal(evl_new_timer(EVL_CLOCK_MONOTONIC), -ENOSYS);
	assert_int_equal(evl_set_timer(0, NULL, NULL), -ENOSYS);
	assert_int_equal(evl_get_timer(0, NULL), -ENOSYS);
	assert_int_equal(evl_unblock_thread(0), -ENOSYS);
	assert_int_equal(evl_demote_thread(0), -ENOSYS);
	assert_int_equal(evl_subscribe(0, 1, 0), -ENOSYS);
	assert_int_equal(evl_unsubscribe(0), -ENOSYS);
}

/* As an ordinary user under a small limit: threads must still start, and the state tells. */
static int limited_memlock(void)
{
	struct rlimit limit = { .rlim_cur = 65536, .rlim_max = 65536 };

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || (!getuid() && setresuid(65534, 65534, 65534)))
		return 10;
	if (evl_init() || evl_init())
		return 11;
	if (oobnet_memlock_state() == OOBNET_MEMLOCK_ALL)
		return 12;
	return evl_printf("started") == 7 ? 0 : 13;
}

static void test_memlock_refused(void **state)
{
	struct child child = child_start(limited_memlock);
	char out[100];

	(void)state;
#ifdef SANITIZED
	/* There mlockall() does nothing and says it did. */
	child_read_all(child.out, out, sizeof(out));
	close(child.err);
	child_wait(&child);
	print_message("skipped: under AddressSanitizer mlockall() does nothing and says it did\n");
	skip();
#else
	child_read_all(child.out, out, sizeof(out));
	assert_string_equal(out, "started");
	assert_int_equal(child_wait(&child), 0);
	close(child.err);
#endif
}

static int diagnosed(void)
{
	struct sigaction action = { .sa_sigaction = evl_sigdebug_handler, .sa_flags = SA_SIGINFO };
	union sigval value = { .sival_int = (int)(0xfccf0000 | EVL_HMDIAG_OVERRUN) };

	sigaction(SIGDEBUG, &action, NULL);
	sigqueue(getpid(), SIGDEBUG, value);
	value.sival_int = 1;
	sigqueue(getpid(), SIGDEBUG, value);
	return 0;
}

static void test_sigdebug(void **state)
{
	struct child child = child_start(diagnosed);
	char err[200];
	int status;

	(void)state;
	child_read_all(child.err, err, sizeof(err));
	status = child_wait(&child);
	close(child.out);
	assert_string_equal(err, "oobnet: SIGDEBUG received, cause 09\n");
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGXCPU);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_clock),
		cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_sleep_interrupted),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_memlock_refused),
		cmocka_unit_test(test_sigdebug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
