// SPDX-License-Identifier: MIT
// Tests of attached threads.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <evl/evl.h>
#include "core/core.h"

static void test_unattached(void **state)
{
	int old = 77;

	(void)state;
	assert_false(oobnet_is_attached());
	assert_true(evl_is_inband());
	assert_int_equal(evl_get_self(), -EPERM);
	assert_int_equal(evl_detach_self(), -EPERM);
	assert_int_equal(evl_detach_thread(1), -EINVAL);
	assert_int_equal(evl_switch_oob(), -EPERM);
	assert_int_equal(evl_switch_inband(), -EPERM);
	assert_int_equal(evl_get_current_mode(), 0);
	assert_int_equal(evl_set_thread_mode(0, EVL_T_WOSS, &old), -EBADF);
	assert_int_equal(old, 77);
}

static void test_attach_detach(void **state)
{
	char path[64], link[300];
	ssize_t len;
	int fd;

	(void)state;
	fd = evl_attach_self("worker:%d", 7);
	assert_true(fd >= 0);
	assert_true(oobnet_is_initialized());
	assert_true(oobnet_is_attached());
	assert_int_equal(evl_get_self(), fd);
	assert_int_equal(evl_attach_self("again"), -EBUSY);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, link, sizeof(link) - 1);
	assert_true(len > 0);
	link[len] = '\0';
	assert_non_null(strstr(link, "worker:7"));

	assert_false(evl_is_inband());
	assert_int_equal(evl_switch_inband(), 0);
	assert_true(evl_is_inband());
	assert_int_equal(evl_switch_oob(), 0);
	assert_false(evl_is_inband());

	assert_int_equal(evl_detach_self(), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_false(oobnet_is_attached());
	assert_int_equal(evl_get_self(), -EPERM);
}

static void test_names_and_flags(void **state)
{
	char name[300];
	int fd;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	assert_int_equal(evl_attach_self("%s", name), -EINVAL);
	name[255] = '\0';
	fd = evl_attach_self("%s", name);
	assert_true(fd >= 0);
	assert_int_equal(evl_detach_self(), 0);

	/* The slash of a public name does not count. */
	assert_true(evl_attach_self("/%s", name) >= 0);
	assert_int_equal(evl_detach_self(), 0);
	assert_true(evl_attach_thread(EVL_CLONE_PUBLIC, NULL) >= 0);
	assert_int_equal(evl_detach_self(), 0);

	assert_int_equal(evl_attach_thread(1, "x"), -EINVAL);
	assert_int_equal(evl_attach_thread(EVL_CLONE_INPUT, "x"), -EINVAL);
	assert_int_equal(evl_attach_thread(EVL_CLONE_OBSERVABLE, "x"), -ENOSYS);
	assert_false(oobnet_is_attached());
}

static void test_modes(void **state)
{
	int fd = evl_attach_self("modes"), old = -1;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(evl_set_thread_mode(fd, EVL_T_WOSS | EVL_T_HMSIG, &old), 0);
	assert_int_equal(old, 0);
	assert_int_equal(evl_clear_thread_mode(fd, T_WOSS, &old), 0);
	assert_int_equal(old, EVL_T_WOSS | EVL_T_HMSIG);
	assert_int_equal(evl_get_current_mode(), EVL_T_HMSIG);
	assert_int_equal(evl_set_thread_mode(fd, 1, &old), -EINVAL);
	assert_int_equal(evl_clear_thread_mode(fd, 1, &old), -EINVAL);
	assert_int_equal(evl_set_thread_mode(fd, 0, NULL), 0);
	assert_int_equal(evl_set_thread_mode(evl_outfd, EVL_T_WOSS, NULL), -EBADF);
	assert_int_equal(evl_detach_self(), 0);
}

/* A descriptor that the program closed, and whose number it uses again, stays the program's. */
static void test_closed_before_detach(void **state)
{
	int fd = evl_attach_self("closed"), pipefd[2];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(pipe(pipefd), 0);
	assert_true(pipefd[0] == fd || pipefd[1] == fd);
	assert_int_equal(evl_set_thread_mode(fd, EVL_T_WOSS, NULL), -EBADF);
	assert_true(oobnet_is_attached());
	assert_int_equal(evl_detach_self(), 0);
	assert_return_code(fcntl(pipefd[0], F_GETFD), errno);
	assert_return_code(fcntl(pipefd[1], F_GETFD), errno);
	close(pipefd[0]);
	close(pipefd[1]);
}

static void *attach_and_leave(void *arg)
{
	int *fd = arg;

	*fd = evl_attach_self("thread %p", arg);
	return NULL;
}

static void test_end_of_thread(void **state)
{
	pthread_t thread;
	int fd = -1;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, attach_and_leave, &fd), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(fd >= 0);
	assert_false(oobnet_is_attached());
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void test_fork(void **state)
{
	int fd = evl_attach_self("parent"), bad = 0, status;
	pid_t pid;

	(void)state;
	assert_true(fd >= 0);
	pid = fork();
	assert_return_code(pid, errno);
	if (!pid) {
		bad |= oobnet_is_attached();
		bad |= (evl_set_thread_mode(fd, EVL_T_WOSS, NULL) != -EBADF) << 1;
		bad |= (evl_attach_self("child") < 0) << 2;
		bad |= (evl_detach_self() != 0) << 3;
		_exit(bad);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(evl_get_self(), fd);
	assert_int_equal(evl_detach_self(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unattached),
		cmocka_unit_test(test_attach_detach),
		cmocka_unit_test(test_names_and_flags),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_closed_before_detach),
		cmocka_unit_test(test_end_of_thread),
		cmocka_unit_test(test_fork),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
