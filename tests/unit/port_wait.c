// SPDX-License-Identifier: MIT
// port_wait.c - threads that wait for packets: who is woken, by what, and that nobody sleeps through it.

#include "port_fake.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "port/wait.h"

enum { NR_THREADS = 4, PACKETS = 4000 };

static struct fake f;
static struct port_sink one, two;

static int setup(void **state)
{
	fake_make(&f, 0);
	port_sink_init(&one, UINT32_MAX);
	port_sink_init(&two, UINT32_MAX);
	return 0;
}

static int teardown(void **state)
{
	fake_end(&f);
	return 0;
}

/* The kernel's side of poll(): readable until the ring is empty. */
static void set_readable(bool readable)
{
	char byte = 0;

	if (readable)
		assert_true(send(f.kernel, &byte, 1, 0) == 1 || errno == EAGAIN);
	else
		while (recv(f.dev->queue[0].xsk, &byte, 1, 0) >= 0)
			;
}

static void wait_for_waiters(struct port_sink *sink, int n)
{
	for (int have = -1; have != n; usleep(1000)) {
		have = 0;
		pthread_mutex_lock(&sink->lock);
		for (struct port_waiter *w = sink->waiters; w; w = w->next)
			have++;
		pthread_mutex_unlock(&sink->lock);
	}
}

/* A thread that waits for one packet; its result is the error. */
static void *receiver(void *arg)
{
	struct port_wait wait = { .fd = -1 };
	struct port_item item;
	int err = port_receive(arg, &wait, &item);

	if (!err)
		port_release(&item);
	return (void *)(intptr_t)err;
}

static pthread_t start(struct port_sink *sink)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, receiver, sink), 0);
	return thread;
}

static int result(pthread_t thread)
{
	void *ret;

	pthread_join(thread, &ret);
	return (int)(intptr_t)ret;
}

static void test_at_once(void **state)
{
	struct port_wait wait = { .fd = -1, .dontwait = true };
	struct port_item item;

	fake_join(&f, &one, 0, ETH_P_ALL);
	assert_int_equal(port_receive(&one, &wait, &item), -EAGAIN);
	fake_receive(&f, 42, 1);
	assert_int_equal(port_receive(&one, &wait, &item), 0);
	port_release(&item);
}

static void test_nonblocking_descriptor(void **state)
{
	struct port_wait wait = { .fd = f.kernel };	/* has O_NONBLOCK */
	struct port_item item;

	fake_join(&f, &one, 0, ETH_P_ALL);
	assert_int_equal(port_receive(&one, &wait, &item), -EAGAIN);
}

static void test_time_out(void **state)
{
	struct timespec date, now;
	struct port_wait wait = { .fd = -1, .until = &date };
	struct port_item item;

	fake_join(&f, &one, 0, ETH_P_ALL);
	clock_gettime(CLOCK_MONOTONIC, &date);
	date.tv_nsec += 20000000;
	if (date.tv_nsec >= 1000000000) {
		date.tv_nsec -= 1000000000;
		date.tv_sec++;
	}
	assert_int_equal(port_receive(&one, &wait, &item), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_true(now.tv_sec > date.tv_sec || (now.tv_sec == date.tv_sec && now.tv_nsec >= date.tv_nsec));
	assert_null(one.waiters);

	/* A date that has passed does not hide a packet that is there. */
	fake_receive(&f, 42, 1);
	assert_int_equal(port_receive(&one, &wait, &item), 0);
	port_release(&item);
}

static void test_woken_by_the_ring(void **state)
{
	pthread_t thread;

	fake_join(&f, &one, 0, ETH_P_ALL);
	thread = start(&one);
	wait_for_waiters(&one, 1);
	pthread_mutex_lock(&f.dev->lock);
	fake_receive(&f, 42, 1);
	pthread_mutex_unlock(&f.dev->lock);
	set_readable(true);
	assert_int_equal(result(thread), 0);
	set_readable(false);
}

/* The packet comes out of the ring by another thread, which waits for another socket. */
static void test_woken_by_another_thread(void **state)
{
	struct port_wait wait = { .fd = -1, .dontwait = true };
	struct port_item item;
	pthread_t thread;

	fake_join(&f, &one, 0, ETH_P_ALL);
	fake_join(&f, &two, 1, ETH_P_ALL);
	thread = start(&one);
	wait_for_waiters(&one, 1);
	pthread_mutex_lock(&f.dev->lock);
	fake_receive(&f, 42, 1);
	pthread_mutex_unlock(&f.dev->lock);
	assert_int_equal(port_receive(&two, &wait, &item), -EAGAIN);
	assert_int_equal(result(thread), 0);
}

/* One drains the packets of all: each of the others has to be woken. */
static void test_several_on_one_socket(void **state)
{
	pthread_t threads[NR_THREADS];

	fake_join(&f, &one, 0, ETH_P_ALL);
	for (int i = 0; i < NR_THREADS; i++)
		threads[i] = start(&one);
	wait_for_waiters(&one, NR_THREADS);
	pthread_mutex_lock(&f.dev->lock);
	for (int i = 0; i < NR_THREADS; i++)
		fake_receive(&f, 42, 1);
	port_drain(f.dev, &one);	/* for itself, as if it then took one: nobody has been woken */
	pthread_mutex_unlock(&f.dev->lock);
	assert_int_equal(result(start(&one)), 0);
	wait_for_waiters(&one, 1);
	pthread_mutex_lock(&f.dev->lock);
	fake_receive(&f, 42, 1);	/* the last one's comes by the ring */
	pthread_mutex_unlock(&f.dev->lock);
	set_readable(true);
	for (int i = 0; i < NR_THREADS; i++)
		assert_int_equal(result(threads[i]), 0);
	set_readable(false);
}

static void test_doorbell_wakes_all(void **state)
{
	pthread_t threads[NR_THREADS];

	fake_join(&f, &one, 0, ETH_P_ALL);
	fake_join(&f, &two, 0, ETH_P_IP);
	for (int i = 0; i < NR_THREADS; i++)
		threads[i] = start(i % 2 ? &one : &two);
	wait_for_waiters(&one, NR_THREADS / 2);
	wait_for_waiters(&two, NR_THREADS / 2);
	fake_disable(&f, 0);
	fake_ring_bell(&f);	/* once, for all of them */
	for (int i = 0; i < NR_THREADS; i++)
		assert_int_equal(result(threads[i]), -ENETDOWN);
}

static void test_gone_wakes_all(void **state)
{
	pthread_t threads[NR_THREADS];

	fake_join(&f, &one, 0, ETH_P_ALL);
	for (int i = 0; i < NR_THREADS; i++)
		threads[i] = start(&one);
	wait_for_waiters(&one, NR_THREADS);
	__atomic_store_n(&f.board->gone, 1, __ATOMIC_RELEASE);
	fake_ring_bell(&f);
	for (int i = 0; i < NR_THREADS; i++)
		assert_int_equal(result(threads[i]), -ENETDOWN);
}

/* A socket on no device at all still hears of its end. */
static void test_close(void **state)
{
	pthread_t threads[2];

	fake_join(&f, &one, 0, ETH_P_ALL);
	threads[0] = start(&one);
	threads[1] = start(&two);
	wait_for_waiters(&one, 1);
	wait_for_waiters(&two, 1);
	port_sink_close(&one);
	port_sink_close(&two);
	assert_int_equal(result(threads[0]), -EBADF);
	assert_int_equal(result(threads[1]), -EBADF);
}

static void on_signal(int sig)
{
}

static void test_signal(void **state)
{
	struct sigaction action = { .sa_handler = on_signal };
	pthread_t thread;

	sigaction(SIGUSR1, &action, NULL);
	fake_join(&f, &one, 0, ETH_P_ALL);
	thread = start(&one);
	wait_for_waiters(&one, 1);
	usleep(20000);	/* into poll() */
	pthread_kill(thread, SIGUSR1);
	/* It may have been on the way to poll(): then this wakes it, and the test has seen nothing. */
	usleep(20000);
	port_sink_close(&one);
	assert_int_equal(result(thread), -EINTR);
}

/* ---- a torrent: many threads on two sockets, nobody is forgotten and nothing is lost ---- */

static _Atomic int received, home;
static _Atomic bool over;

static void *torrent(void *arg)
{
	struct port_wait wait = { .fd = -1 };
	struct port_item item;

	while (!port_receive(arg, &wait, &item)) {
		port_release(&item);
		received++;
	}
	return NULL;
}

/* The keeper: takes frames back, so that they can be received again. */
static void *keeper(void *arg)
{
	while (!over) {
		if (fake_take_return(&f) != UINT32_MAX)
			home++;
		else
			usleep(50);
	}
	return NULL;
}

static void test_torrent(void **state)
{
	pthread_t threads[NR_THREADS], keep;
	int out = 0;

	received = home = 0;
	over = false;
	fake_join(&f, &one, 0, ETH_P_ALL);
	fake_join(&f, &two, 1, ETH_P_ALL);
	for (int i = 0; i < NR_THREADS; i++)
		pthread_create(&threads[i], NULL, torrent, i % 2 ? &one : &two);
	pthread_create(&keep, NULL, keeper, NULL);
	while (out < PACKETS) {
		/* At most so many under way that no queue and no quota is ever full. */
		if (out - home >= 100) {
			set_readable(true);
			usleep(50);
			continue;
		}
		f.next_frame = FAKE_NR_TX + (uint32_t)out % FAKE_RX;
		if (f.held[f.next_frame] != OOB_HELD_NOT)
			continue;
		fake_receive(&f, out % 3 ? 42 : 43, 1);
		set_readable(true);
		out++;
		if (out % 7 == 0)
			set_readable(false);
	}
	set_readable(true);
	for (int i = 0; received < PACKETS && i < 5000; i++)
		usleep(1000);
	assert_int_equal(received, PACKETS);
	for (int i = 0; home < PACKETS && i < 5000; i++)
		usleep(1000);
	assert_int_equal(home, PACKETS);
	assert_int_equal(f.dev->queue[0].held, 0);

	port_sink_close(&one);
	port_sink_close(&two);
	over = true;
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_join(keep, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_at_once),
		TEST(test_nonblocking_descriptor),
		TEST(test_time_out),
		TEST(test_woken_by_the_ring),
		TEST(test_woken_by_another_thread),
		TEST(test_several_on_one_socket),
		TEST(test_doorbell_wakes_all),
		TEST(test_gone_wakes_all),
		TEST(test_close),
		TEST(test_signal),
		TEST(test_torrent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
