// SPDX-License-Identifier: MIT
// Tests of the descriptor table and of the calls that go through it.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <evl/syscall.h>
#include "core/fdtable.h"

struct object {
	_Atomic int alive, closings, releases;
};

static void closing(void *obj)
{
	struct object *o = obj;

	atomic_fetch_add(&o->closings, 1);
}

static void release(void *obj)
{
	struct object *o = obj;

	atomic_store(&o->alive, 0);
	atomic_fetch_add(&o->releases, 1);
}

static ssize_t op_read(void *obj, int fd, void *buf, size_t count)
{
	(void)obj;
	(void)fd;
	(void)buf;
	return count > 100 ? -EMSGSIZE : (ssize_t)count + 1;
}

static int op_ioctl(void *obj, int fd, unsigned long request, unsigned long arg)
{
	(void)obj;
	(void)fd;
	return request == 5 ? (int)arg : -ENOTTY;
}

static const struct oobnet_fd_ops device_ops = {
	.read = op_read,
	.ioctl = op_ioctl,
	.closing = closing,
	.release = release,
};

static int setup(void **state)
{
	(void)state;
	oobnet_fd_set_ops(OOBNET_FD_DEVICE, &device_ops);
	return 0;
}

static int new_fd(void)
{
	int fd = memfd_create("object", MFD_CLOEXEC);

	assert_return_code(fd, errno);
	return fd;
}

static void test_life(void **state)
{
	struct object o = { .alive = 1 };
	struct oobnet_fd *ref, *second;
	int fd = new_fd();

	(void)state;
	assert_null(oobnet_fd_lookup(fd, OOBNET_FD_ANY));
	assert_int_equal(oobnet_fd_install(fd, OOBNET_FD_DEVICE, &o), 0);
	assert_null(oobnet_fd_lookup(fd, OOBNET_FD_SOCKET));
	ref = oobnet_fd_lookup(fd, OOBNET_FD_DEVICE);
	assert_non_null(ref);
	assert_ptr_equal(ref->obj, &o);
	assert_int_equal(ref->fd, fd);
	second = oobnet_fd_lookup(fd, OOBNET_FD_ANY);
	assert_ptr_equal(second, ref);
	oobnet_fd_put(second);

	assert_false(oobnet_fd_remove_object(fd, &fd));
	assert_true(oobnet_fd_remove(fd));
	assert_false(oobnet_fd_remove(fd));
	assert_int_equal(o.closings, 1);
	assert_int_equal(o.releases, 0);
	assert_null(oobnet_fd_lookup(fd, OOBNET_FD_ANY));
	oobnet_fd_put(ref);
	assert_int_equal(o.releases, 1);
	close(fd);
}

static void test_bad_numbers(void **state)
{
	struct object o = { .alive = 1 };

	(void)state;
	assert_null(oobnet_fd_lookup(-1, OOBNET_FD_ANY));
	assert_null(oobnet_fd_lookup(INT32_MAX, OOBNET_FD_ANY));
	assert_false(oobnet_fd_remove(-1));
	assert_int_equal(oobnet_fd_install(-1, OOBNET_FD_DEVICE, &o), -EBADF);
}

/* Closed without the library, and the number used again: the old object is never reached. */
static void test_reuse_elsewhere(void **state)
{
	struct object old = { .alive = 1 }, new = { .alive = 1 };
	int fd = new_fd(), other = new_fd();
	struct oobnet_fd *ref;

	(void)state;
	assert_int_equal(oobnet_fd_install(fd, OOBNET_FD_DEVICE, &old), 0);
	assert_int_equal(dup2(other, fd), fd);
	assert_null(oobnet_fd_lookup(fd, OOBNET_FD_DEVICE));
	assert_int_equal(old.closings, 1);
	assert_int_equal(old.releases, 1);

	/* The same again, found by the next install instead of a lookup. */
	assert_int_equal(oobnet_fd_install(fd, OOBNET_FD_DEVICE, &old), 0);
	close(fd);
	assert_int_equal(new_fd(), fd);
	assert_int_equal(oobnet_fd_install(fd, OOBNET_FD_DEVICE, &new), 0);
	assert_int_equal(old.releases, 2);
	ref = oobnet_fd_lookup(fd, OOBNET_FD_DEVICE);
	assert_non_null(ref);
	assert_ptr_equal(ref->obj, &new);
	oobnet_fd_put(ref);

	/* Closed and not used again. */
	close(fd);
	assert_null(oobnet_fd_lookup(fd, OOBNET_FD_DEVICE));
	assert_int_equal(new.releases, 1);
	close(other);
}

static void test_dispatch(void **state)
{
	struct object o = { .alive = 1 };
	int fd = new_fd();
	char c = 0;

	(void)state;
	errno = 0;
	assert_int_equal(oob_read(fd, &c, 1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(oob_write(-1, &c, 1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(oob_ioctl(fd, 5, 0UL), -1);
	assert_int_equal(errno, EBADF);

	assert_int_equal(oobnet_fd_install(fd, OOBNET_FD_DEVICE, &o), 0);
	assert_int_equal(oob_read(fd, &c, 7), 8);
	assert_int_equal(oob_read(fd, &c, 101), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(oob_write(fd, &c, 1), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(oob_ioctl(fd, 5, 42UL), 42);
	assert_int_equal(oob_ioctl(fd, 6, 42UL), -1);
	assert_int_equal(errno, ENOTTY);

	assert_int_equal(oobnet_close(fd), 0);
	assert_int_equal(o.closings, 1);
	assert_int_equal(o.releases, 1);
	assert_int_equal(oobnet_close(fd), -1);
	assert_int_equal(errno, EBADF);
}

static void test_fork(void **state)
{
	struct object o = { .alive = 1 }, own = { .alive = 1 };
	int fd = new_fd(), status, bad = 0;
	struct oobnet_fd *ref;
	pid_t pid;

	(void)state;
	assert_int_equal(oobnet_fd_install(fd, OOBNET_FD_DEVICE, &o), 0);
	pid = fork();
	assert_return_code(pid, errno);
	if (!pid) {
		bad |= oobnet_fd_lookup(fd, OOBNET_FD_ANY) != NULL;
		bad |= oobnet_fd_remove(fd) << 1;
		bad |= (o.closings || o.releases) << 2;
		bad |= (oobnet_fd_install(fd, OOBNET_FD_DEVICE, &own) != 0) << 3;
		ref = oobnet_fd_lookup(fd, OOBNET_FD_DEVICE);
		bad |= (!ref || ref->obj != &own) << 4;
		_exit(bad);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	ref = oobnet_fd_lookup(fd, OOBNET_FD_DEVICE);
	assert_non_null(ref);
	oobnet_fd_put(ref);
	oobnet_close(fd);
}

/* Readers of a few numbers while these are closed and made again: never a dead object. */
#define RACE_FDS	4
#define RACE_ROUNDS	50000
#define RACE_OBJECTS	64

static struct object race_objects[RACE_OBJECTS];
static int race_fds[RACE_FDS];
static _Atomic bool race_over;
static _Atomic int race_dead, race_strange, race_hits;

static void *race_reader(void *arg)
{
	struct oobnet_fd *ref;
	struct object *o;
	int n = 0, fd;

	(void)arg;
	while (!atomic_load(&race_over)) {
		fd = race_fds[n++ % RACE_FDS];
		ref = oobnet_fd_lookup(fd, OOBNET_FD_DEVICE);
		if (!ref)
			continue;
		if (ref->fd != fd)
			atomic_fetch_add(&race_strange, 1);
		o = ref->obj;
		if (!atomic_load(&o->alive))
			atomic_fetch_add(&race_dead, 1);
		atomic_fetch_add(&race_hits, 1);
		oobnet_fd_put(ref);
	}
	return NULL;
}

/* An object whose last user has gone. */
static struct object *race_object(void)
{
	int n = 0;

	while (atomic_load(&race_objects[n % RACE_OBJECTS].alive))
		n++;
	atomic_store(&race_objects[n % RACE_OBJECTS].alive, 1);
	return &race_objects[n % RACE_OBJECTS];
}

static void test_race(void **state)
{
	int round, n, made = 0, released = 0, closed = 0;
	int pool[RACE_FDS * 2];
	pthread_t reader[2];

	(void)state;
	for (n = 0; n < RACE_FDS * 2; n++)
		pool[n] = new_fd();
	for (n = 0; n < RACE_FDS; n++)
		race_fds[n] = dup(pool[n]);
	for (n = 0; n < 2; n++)
		assert_int_equal(pthread_create(&reader[n], NULL, race_reader, NULL), 0);

	for (round = 0; round < RACE_ROUNDS; round++) {
		n = round % RACE_FDS;
		/* Half of the ends are by the library, half behind its back. */
		if (round % 3 == 0)
			oobnet_fd_remove(race_fds[n]);
		dup2(pool[n + (round / RACE_FDS % 2) * RACE_FDS], race_fds[n]);
		assert_int_equal(oobnet_fd_install(race_fds[n], OOBNET_FD_DEVICE,
						   race_object()), 0);
		made++;
	}
	while (!atomic_load(&race_hits))
		sched_yield();
	atomic_store(&race_over, true);
	for (n = 0; n < 2; n++)
		pthread_join(reader[n], NULL);
	for (n = 0; n < RACE_FDS; n++)
		oobnet_close(race_fds[n]);
	for (n = 0; n < RACE_OBJECTS; n++) {
		released += race_objects[n].releases;
		closed += race_objects[n].closings;
	}
	assert_int_equal(race_dead, 0);
	assert_int_equal(race_strange, 0);
	assert_int_equal(released, made);
	assert_int_equal(closed, made);
	for (n = 0; n < RACE_FDS * 2; n++)
		close(pool[n]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_bad_numbers),
		cmocka_unit_test(test_reuse_elsewhere),
		cmocka_unit_test(test_dispatch),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_race),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
