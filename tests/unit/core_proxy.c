// SPDX-License-Identifier: MIT
// Tests of proxies: order, atomicity, full rings, directions, closing, forks.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <evl/evl.h>
#include "core/proxies.h"
#include "tests/unit/core_child.h"

#define RING 4096

/* A pipe with an output proxy of the same size in front: one page, mostly. */
struct rig {
	int in, out, efd;
};

static struct rig rig_sized(int size, int flags)
{
	struct rig rig;
	int fds[2];

	assert_return_code(pipe2(fds, O_CLOEXEC), errno);
	assert_return_code(fcntl(fds[1], F_SETPIPE_SZ, size), errno);
	rig.in = fds[0];
	rig.out = fds[1];
	rig.efd = evl_create_proxy(fds[1], (size_t)size, 0, flags, "rig:%d", fds[1]);
	assert_true(rig.efd >= 0);
	return rig;
}

static struct rig rig_new(int flags)
{
	return rig_sized(RING, flags);
}

static void rig_free(struct rig *rig)
{
	oobnet_close(rig->efd);
	close(rig->out);
	close(rig->in);
}

static void read_exactly(int fd, char *buf, size_t count)
{
	ssize_t ret;

	while (count) {
		ret = read(fd, buf, count);
		assert_true(ret > 0);
		buf += ret;
		count -= (size_t)ret;
	}
}

static struct oobnet_proxy *proxy_of(int efd)
{
	struct oobnet_fd *ref = oobnet_fd_lookup(efd, OOBNET_FD_PROXY);
	struct oobnet_proxy *proxy;

	assert_non_null(ref);
	proxy = ref->obj;
	oobnet_fd_put(ref);
	return proxy;
}

static void nap(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	nanosleep(&ms, NULL);
}

/* Until @count threads wait for room in the ring of @proxy. */
static void await_waiters(struct oobnet_proxy *proxy, uint32_t count)
{
	while (atomic_load(&proxy->ring.waiters) != count)
		nap();
}

static void test_order(void **state)
{
	static char sent[100000], got[sizeof(sent)];
	struct rig rig = rig_new(0);
	size_t at = 0, back = 0, n, len = 1;
	ssize_t ret;

	(void)state;
	for (n = 0; n < sizeof(sent); n++)
		sent[n] = (char)(n * 7 + n / 251);
	while (back < sizeof(sent)) {
		len = len * 5 % 1021 + 1;
		if (len > sizeof(sent) - at)
			len = sizeof(sent) - at;
		if (len && at - back < RING - 1100) {
			assert_int_equal(evl_write_proxy(rig.efd, sent + at, len), len);
			at += len;
			continue;
		}
		ret = read(rig.in, got + back, sizeof(got) - back);
		assert_true(ret > 0);
		back += (size_t)ret;
	}
	assert_memory_equal(sent, got, sizeof(sent));
	rig_free(&rig);
}

/* Several writers: messages of different lengths arrive whole, each writer's in order. */
#define WRITERS		4
#define MESSAGES	20000

struct message {
	int writer, serial, len;
};

static int shared_efd;

static int length_of(int writer, int serial)
{
	return (int)sizeof(struct message) + (writer * 31 + serial * 7) % 50;
}

static void *writer_run(void *arg)
{
	int writer = (int)(intptr_t)arg, n;
	char buf[1000];
	struct message msg;

	for (n = 0; n < MESSAGES; n++) {
		msg = (struct message){ writer, n, length_of(writer, n) };
		memset(buf, 'a' + writer, sizeof(buf));
		memcpy(buf, &msg, sizeof(msg));
		if (evl_write_proxy(shared_efd, buf, (size_t)msg.len) != msg.len)
			return (void *)1;
	}
	return NULL;
}

static void test_atomicity(void **state)
{
	struct rig rig = rig_sized(65536, 0);
	int next[WRITERS] = { 0 };
	pthread_t thread[WRITERS];
	struct message msg;
	char buf[1000];
	void *failed;
	int n, i;

	(void)state;
	shared_efd = rig.efd;
	for (n = 0; n < WRITERS; n++)
		assert_int_equal(pthread_create(&thread[n], NULL, writer_run,
						(void *)(intptr_t)n), 0);
	for (n = 0; n < WRITERS * MESSAGES; n++) {
		read_exactly(rig.in, (char *)&msg, sizeof(msg));
		assert_in_range(msg.writer, 0, WRITERS - 1);
		assert_int_equal(msg.serial, next[msg.writer]++);
		assert_int_equal(msg.len, length_of(msg.writer, msg.serial));
		read_exactly(rig.in, buf, (size_t)msg.len - sizeof(msg));
		for (i = 0; i < msg.len - (int)sizeof(msg); i++)
			assert_int_equal(buf[i], 'a' + msg.writer);
	}
	for (n = 0; n < WRITERS; n++) {
		pthread_join(thread[n], &failed);
		assert_null(failed);
	}
	rig_free(&rig);
}

/*
 * Fills pipe and ring without waiting, until neither takes a byte more, and
 * says how much went in. The flag of the descriptor is as before afterwards.
 */
static size_t fill(struct rig *rig)
{
	int flags = fcntl(rig->efd, F_GETFL), n;
	static const char page[4096];
	size_t total = sizeof(page);
	ssize_t ret;

	fcntl(rig->efd, F_SETFL, flags | O_NONBLOCK);
	/* The pipe is one page, the ring another: more cannot be taken. */
	assert_int_equal(evl_write_proxy(rig->efd, page, sizeof(page)), sizeof(page));
	for (n = 0; total < RING + 4096 && n < 10000; n++) {
		ret = evl_write_proxy(rig->efd, "0123456789abcdef", 16);
		if (ret == 16)
			total += 16;
		else
			assert_int_equal(ret, -EAGAIN);
		if (ret < 0)
			nap();
	}
	assert_int_equal(total, RING + 4096);
	assert_int_equal(evl_write_proxy(rig->efd, "x", 1), -EAGAIN);
	fcntl(rig->efd, F_SETFL, flags);
	return total;
}

static void test_nonblock(void **state)
{
	struct rig rig = rig_new(EVL_CLONE_NONBLOCK);

	(void)state;
	fill(&rig);
	assert_int_equal(evl_write_proxy(rig.efd, "y", 1), -EAGAIN);
	assert_int_equal(evl_print_proxy(rig.efd, "%d", 1), -EAGAIN);
	rig_free(&rig);
}

static void *blocked_writer(void *arg)
{
	char buf[100];

	memset(buf, 'Z', sizeof(buf));
	return (void *)(intptr_t)evl_write_proxy(*(int *)arg, buf, sizeof(buf));
}

static void test_full_blocks(void **state)
{
	struct rig rig = rig_new(0);
	struct oobnet_proxy *proxy = proxy_of(rig.efd);
	pthread_t thread;
	char buf[8192];
	size_t total;
	void *ret;

	(void)state;
	total = fill(&rig);
	assert_int_equal(pthread_create(&thread, NULL, blocked_writer, &rig.efd), 0);
	await_waiters(proxy, 1);
	assert_int_equal(oobnet_ring_used(&proxy->ring), RING);
	read_exactly(rig.in, buf, total);
	pthread_join(thread, &ret);
	assert_int_equal((intptr_t)ret, 100);
	read_exactly(rig.in, buf, 100);
	assert_int_equal(buf[0], 'Z');
	assert_int_equal(buf[99], 'Z');
	rig_free(&rig);
}

static void test_close_wakes_writer(void **state)
{
	struct rig rig = rig_new(0);
	struct oobnet_proxy *proxy = proxy_of(rig.efd);
	pthread_t thread[2];
	void *ret;
	int n;

	(void)state;
	fill(&rig);
	for (n = 0; n < 2; n++)
		assert_int_equal(pthread_create(&thread[n], NULL, blocked_writer, &rig.efd), 0);
	await_waiters(proxy, 2);
	assert_int_equal(oobnet_close(rig.efd), 0);
	for (n = 0; n < 2; n++) {
		pthread_join(thread[n], &ret);
		assert_int_equal((intptr_t)ret, -EBADF);
	}
	assert_int_equal(evl_write_proxy(rig.efd, "x", 1), -EBADF);
	close(rig.out);
	close(rig.in);
}

/* What was accepted before the close still arrives, then the target is let go. */
static void test_close_keeps_output(void **state)
{
	struct rig rig = rig_new(0);
	static char buf[20000];
	size_t total;

	(void)state;
	total = fill(&rig);
	assert_int_equal(oobnet_close(rig.efd), 0);
	close(rig.out);
	assert_int_equal(child_read_all(rig.in, buf, sizeof(buf)), total);
}

/* Closed by code that does not know the library: a new file of that number is not reached. */
static void test_close_behind_our_back(void **state)
{
	struct rig rig = rig_new(0);
	struct oobnet_proxy *proxy = proxy_of(rig.efd);
	int fd;

	(void)state;
	assert_int_equal(close(rig.efd), 0);
	while (atomic_load(&proxy->state) != OOBNET_PROXY_FREE)
		nap();
	fd = memfd_create("other", MFD_CLOEXEC);
	assert_int_equal(dup2(fd, rig.efd), rig.efd);
	assert_int_equal(evl_write_proxy(rig.efd, "x", 1), -EBADF);
	assert_int_equal(lseek(rig.efd, 0, SEEK_END), 0);
	if (fd != rig.efd)
		close(rig.efd);
	close(fd);
	close(rig.in);
	close(rig.out);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void test_interrupted(void **state)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct rig rig = rig_new(0);
	struct oobnet_proxy *proxy = proxy_of(rig.efd);
	pthread_t thread;
	void *ret;

	(void)state;
	sigaction(SIGUSR1, &action, NULL);
	fill(&rig);
	assert_int_equal(pthread_create(&thread, NULL, blocked_writer, &rig.efd), 0);
	await_waiters(proxy, 1);
	/* The thread may not sleep yet: until one signal finds it asleep. */
	while (atomic_load(&proxy->ring.waiters)) {
		pthread_kill(thread, SIGUSR1);
		nap();
	}
	pthread_join(thread, &ret);
	assert_int_equal((intptr_t)ret, -EINTR);
	rig_free(&rig);
}

static void test_refusals(void **state)
{
	struct rig rig = rig_new(0);
	static char big[RING + 1];
	int efd, n, many[OOBNET_PROXY_MAX];

	(void)state;
	assert_int_equal(evl_write_proxy(rig.efd, big, sizeof(big)), -EFBIG);
	assert_int_equal(evl_write_proxy(rig.efd, big, 0), 0);
	assert_int_equal(evl_read_proxy(rig.efd, big, 1), -ENXIO);
	assert_int_equal(evl_write_proxy(rig.out, big, 1), -EBADF);
	assert_int_equal(evl_write_proxy(-1, big, 1), -EBADF);
	assert_int_equal(evl_read_proxy(rig.in, big, 1), -EBADF);

	assert_int_equal(evl_new_proxy(-1, 4096, "p"), -EBADF);
	assert_int_equal(evl_create_proxy(rig.out, 0, 0, EVL_CLONE_OUTPUT, "p"), -EINVAL);
	assert_int_equal(evl_create_proxy(rig.out, 0, 0, EVL_CLONE_INPUT, "p"), -EINVAL);
	assert_int_equal(evl_create_proxy(rig.out, 0, 0, 0, "p"), -ENOSYS);
	assert_int_equal(evl_create_proxy(rig.out, 4096, 7, 0, "p"), -EINVAL);
	assert_int_equal(evl_create_proxy(rig.out, (1UL << 30) + 1, 0, 0, "p"), -EINVAL);
	assert_int_equal(evl_create_proxy(rig.out, 4096, 0, 1, "p"), -EINVAL);
	assert_int_equal(evl_create_proxy(rig.out, 4096, 0, EVL_CLONE_OBSERVABLE, "p"), -ENOSYS);

	for (n = 0; n < OOBNET_PROXY_MAX; n++) {
		efd = evl_new_proxy(rig.out, 64, "n%d", n);
		if (efd < 0)
			break;
		many[n] = efd;
	}
	/* stdout, stderr and the rig's are there too. */
	assert_int_equal(efd, -EAGAIN);
	assert_in_range(n, 1, OOBNET_PROXY_MAX - 1);
	while (n--)
		oobnet_close(many[n]);
	rig_free(&rig);
	/* Their places are free when the drainer has been there. */
	for (n = 2; n < OOBNET_PROXY_MAX; n++)
		while (atomic_load(&oobnet_proxies[n].state) != OOBNET_PROXY_FREE)
			nap();
}

static void test_granularity(void **state)
{
	int event = eventfd(0, EFD_CLOEXEC), efd;
	uint64_t values[3] = { 5, 6, 7 }, sum = 0, got;

	(void)state;
	efd = evl_create_proxy(event, 3 * 8, 8, EVL_CLONE_OUTPUT, "event");
	assert_true(efd >= 0);
	assert_int_equal(evl_write_proxy(efd, values, 7), -EINVAL);
	assert_int_equal(evl_write_proxy(efd, values, 16), 16);
	assert_int_equal(evl_write_proxy(efd, &values[2], 8), 8);
	while (sum < 18) {
		assert_int_equal(read(event, &got, sizeof(got)), 8);
		sum += got;
	}
	assert_int_equal(sum, 18);
	oobnet_close(efd);
	close(event);
}

static void *blocked_reader(void *arg)
{
	char c;

	return (void *)(intptr_t)evl_read_proxy(*(int *)arg, &c, 1);
}

static void test_input(void **state)
{
	struct pollfd pfd;
	pthread_t thread;
	int fds[2], efd;
	char buf[64];
	void *ret;

	(void)state;
	assert_return_code(pipe2(fds, O_CLOEXEC), errno);
	efd = evl_create_proxy(fds[0], 1024, 0, EVL_CLONE_INPUT, "input");
	assert_true(efd >= 0);
	assert_int_equal(evl_write_proxy(efd, "x", 1), -ENXIO);
	assert_int_equal(write(fds[1], "hello", 5), 5);
	pfd = (struct pollfd){ .fd = efd, .events = POLLIN };
	assert_int_equal(poll(&pfd, 1, -1), 1);
	assert_int_equal(evl_read_proxy(efd, buf, 3), 3);
	assert_int_equal(evl_read_proxy(efd, buf + 3, 60), 2);
	assert_memory_equal(buf, "hello", 5);
	fcntl(efd, F_SETFL, O_RDWR | O_NONBLOCK);
	assert_int_equal(evl_read_proxy(efd, buf, 1), -EAGAIN);
	fcntl(efd, F_SETFL, O_RDWR);

	assert_int_equal(pthread_create(&thread, NULL, blocked_reader, &efd), 0);
	close(fds[1]);
	pthread_join(thread, &ret);
	assert_int_equal((intptr_t)ret, 0);
	oobnet_close(efd);
	close(fds[0]);
}

/* More input than either buffer holds arrives complete and in order. */
static void *feed(void *arg)
{
	int fd = *(int *)arg, n;

	for (n = 0; n < 50000; n++)
		if (write(fd, &n, sizeof(n)) != sizeof(n))
			break;
	close(fd);
	return NULL;
}

static void test_input_stream(void **state)
{
	int fds[2], efd, n = 0, got[100], i;
	pthread_t thread;
	ssize_t ret;

	(void)state;
	assert_return_code(pipe2(fds, O_CLOEXEC), errno);
	efd = evl_create_proxy(fds[0], 400, sizeof(int), EVL_CLONE_INPUT, "stream");
	assert_true(efd >= 0);
	assert_int_equal(evl_read_proxy(efd, got, 3), -EINVAL);
	assert_int_equal(pthread_create(&thread, NULL, feed, &fds[1]), 0);
	while ((ret = evl_read_proxy(efd, got, sizeof(got))) > 0) {
		assert_int_equal(ret % (ssize_t)sizeof(int), 0);
		for (i = 0; i < ret / (ssize_t)sizeof(int); i++)
			assert_int_equal(got[i], n++);
	}
	assert_int_equal(ret, 0);
	assert_int_equal(n, 50000);
	pthread_join(thread, NULL);
	oobnet_close(efd);
	close(fds[0]);
}

static void test_close_wakes_reader(void **state)
{
	pthread_t thread;
	int fds[2], efd, gone;
	void *ret;

	(void)state;
	assert_return_code(pipe2(fds, O_CLOEXEC), errno);
	efd = evl_create_proxy(fds[0], 1024, 0, EVL_CLONE_INPUT, "input");
	gone = efd;
	assert_int_equal(pthread_create(&thread, NULL, blocked_reader, &efd), 0);
	nap();
	assert_int_equal(oobnet_close(gone), 0);
	pthread_join(thread, &ret);
	assert_int_equal((intptr_t)ret, -EBADF);
	close(fds[0]);
	close(fds[1]);
}

static void test_inband_write(void **state)
{
	struct rig rig = rig_new(0);
	char buf[10];

	(void)state;
	assert_int_equal(evl_write_proxy(rig.efd, "ring ", 5), 5);
	assert_int_equal(write(rig.efd, "write", 5), 5);
	read_exactly(rig.in, buf, 10);
	assert_memory_equal(buf, "ring write", 10);
	rig_free(&rig);
}

static void test_oob_write(void **state)
{
	struct rig rig = rig_new(0);
	char buf[3];

	(void)state;
	assert_int_equal(oob_write(rig.efd, "abc", 3), -1);
	assert_int_equal(errno, EPERM);
	assert_true(evl_attach_self("writer") >= 0);
	assert_int_equal(oob_write(rig.efd, "abc", 3), 3);
	assert_int_equal(oob_read(rig.efd, buf, 3), -1);
	assert_int_equal(errno, ENXIO);
	assert_int_equal(evl_detach_self(), 0);
	read_exactly(rig.in, buf, 3);
	assert_memory_equal(buf, "abc", 3);
	rig_free(&rig);
}

static void test_print(void **state)
{
	struct rig rig = rig_new(0);
	char longer[3000], buf[1100];

	(void)state;
	memset(longer, 'l', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(evl_print_proxy(rig.efd, "%s", longer), 1023);
	assert_int_equal(evl_print_proxy(rig.efd, "[%d]%s", 42, "ok"), 6);
	assert_int_equal(evl_print_proxy(rig.efd, "%s", ""), 0);
	read_exactly(rig.in, buf, 1023 + 6);
	assert_memory_equal(buf, longer, 1023);
	assert_memory_equal(buf + 1023, "[42]ok", 6);
	rig_free(&rig);
}

/* A target that takes nothing holds up its own writers only. */
static void test_stuck_neighbour(void **state)
{
	struct rig stuck = rig_new(0), free_one = rig_new(0);
	char buf[5];

	(void)state;
	fill(&stuck);
	assert_int_equal(evl_write_proxy(free_one.efd, "hello", 5), 5);
	read_exactly(free_one.in, buf, 5);
	assert_memory_equal(buf, "hello", 5);
	rig_free(&stuck);
	rig_free(&free_one);
}

/* A target that fails loses output and does not fill the ring; no SIGPIPE. */
static void test_broken_target(void **state)
{
	struct rig rig = rig_new(0);
	char buf[1024] = { 0 };
	int n;

	(void)state;
	close(rig.in);
	for (n = 0; n < 100; n++)
		assert_int_equal(evl_write_proxy(rig.efd, buf, sizeof(buf)), sizeof(buf));
	oobnet_close(rig.efd);
	close(rig.out);
}

static int before_init(void)
{
	ssize_t ret;

	if (evl_outfd != -1 || proxy_errfd != -1)
		return 10;
	ret = evl_printf("%s", "early ");
	if (ret != 6 || evl_eprintf("bird") != 4)
		return 11;
	if (evl_write_proxy(evl_outfd, "x", 1) != -EBADF)
		return 12;
	return 0;
}

static void test_before_init(void **state)
{
	struct child child = child_start(before_init);
	char out[100], err[100];

	(void)state;
	child_read_all(child.out, out, sizeof(out));
	child_read_all(child.err, err, sizeof(err));
	assert_int_equal(child_wait(&child), 0);
	assert_string_equal(out, "");
	assert_string_equal(err, "early bird");
}

static int closed_stdout(void)
{
	close(STDOUT_FILENO);
	if (evl_init())
		return 10;
	if (evl_outfd != -1 || evl_printf("x") != -EBADFD)
		return 11;
	if (evl_eprintf("stderr") != 6)
		return 12;
	return 0;
}

static void test_closed_stdout(void **state)
{
	struct child child = child_start(closed_stdout);
	char err[100];

	(void)state;
	child_read_all(child.err, err, sizeof(err));
	assert_int_equal(child_wait(&child), 0);
	assert_string_equal(err, "stderr");
	close(child.out);
}

/* In a fork of a process with proxies, printing neither waits nor reaches the parent's rings. */
static int forks(void)
{
	int inherited, status, efd;
	pid_t pid;

	if (evl_init() || evl_printf("parent ") != 7)
		return 10;
	inherited = efd = evl_outfd;
	pid = fork();
	if (!pid) {
		if (evl_write_proxy(inherited, "x", 1) != -EBADF)
			_exit(20);
		if (evl_outfd != -1 || evl_printf("direct ") != 7)
			_exit(21);
		if (evl_init() || evl_printf("child ") != 6)
			_exit(22);
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 11;
	if (status)
		return WIFEXITED(status) ? WEXITSTATUS(status) : 12;
	return evl_printf("parent again") == 12 ? 0 : 13;
}

static void test_fork(void **state)
{
	struct child child = child_start(forks);
	char out[100], err[100];

	(void)state;
	child_read_all(child.out, out, sizeof(out));
	child_read_all(child.err, err, sizeof(err));
	assert_int_equal(child_wait(&child), 0);
	/* A sanitizer may have a word to add when the inner child exits. */
	assert_memory_equal(err, "direct ", 7);
	/* "parent " and "child " come from two threads of two processes. */
	if (strcmp(out, "child parent parent again"))
		assert_string_equal(out, "parent child parent again");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_before_init),
		cmocka_unit_test(test_closed_stdout),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_atomicity),
		cmocka_unit_test(test_nonblock),
		cmocka_unit_test(test_full_blocks),
		cmocka_unit_test(test_close_wakes_writer),
		cmocka_unit_test(test_close_keeps_output),
		cmocka_unit_test(test_close_behind_our_back),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_granularity),
		cmocka_unit_test(test_input),
		cmocka_unit_test(test_input_stream),
		cmocka_unit_test(test_close_wakes_reader),
		cmocka_unit_test(test_inband_write),
		cmocka_unit_test(test_oob_write),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_stuck_neighbour),
		cmocka_unit_test(test_broken_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
