// SPDX-License-Identifier: MIT
// recover.c - a keeper that was killed: a thread of normal priority attaches again what is rebuilt.
//
// Threads of the program go on waiting meanwhile, each until its own deadline: to them the gap is
// packets that do not come.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "port/claim.h"
#include "port/device.h"

#define RETRY_MS	20
#define GIVE_UP_MS	10000	/* oobnetd tries ten times a second */
#define STACK_SIZE	(256 * 1024)

static struct {
	atomic_int wake;		/* eventfd + 1; 0: the thread does not run */
	int64_t since[OOB_MAX_DEVICES];	/* ms; when a device was first found to be lost, 0: it is not */
} recovery;

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

void port_recover_wake(void)
{
	const uint64_t one = 1;
	int fd = recovery.wake - 1;

	/* An eventfd that is full has woken the thread already. */
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

void port_recover_after_fork(void)
{
	if (recovery.wake)
		close(recovery.wake - 1);
	recovery.wake = 0;
	for (int i = 0; i < OOB_MAX_DEVICES; i++)
		recovery.since[i] = 0;
}

/* The ifindex of the n-th port that was enabled when the device was lost, or 0. */
static int lost_port(struct port_device *dev, unsigned int n)
{
	int ifindex = 0;

	pthread_mutex_lock(&dev->lock);
	for (uint32_t i = 0; dev->lost && i < dev->conf.nr_ports && !ifindex; i++)
		if ((dev->conf.ports[i].flags & OOB_PORT_ENABLED) && !n--)
			ifindex = dev->conf.ports[i].ifindex;
	pthread_mutex_unlock(&dev->lock);
	return ifindex;
}

/* Any port of the device will do; some may have been disabled since. */
static bool is_back(struct port_device *dev)
{
	int ifindex;

	for (unsigned int n = 0; (ifindex = lost_port(dev, n)); n++)
		if (!port_require(ifindex))
			return true;
	return !dev->lost;
}

/* Whether any device is still lost. */
static bool try_all(void)
{
	bool any = false;

	for (int i = 0; i < OOB_MAX_DEVICES; i++) {
		struct port_device *dev = &port_devices[i];

		if (!dev->lost) {
			recovery.since[i] = 0;
			continue;
		}
		if (!recovery.since[i])
			recovery.since[i] = now_ms();
		if (is_back(dev))
			continue;
		if (now_ms() - recovery.since[i] > GIVE_UP_MS)
			port_give_up(dev);
		else
			any = true;
	}
	return any;
}

/* Sleeps until a doorbell hangs up, or somebody asks. Without events, poll() tells of the hang-up alone. */
static void sleep_until_loss(int wake, int timeout)
{
	struct pollfd fds[1 + OOB_MAX_DEVICES];
	uint64_t count;

	fds[0] = (struct pollfd){ .fd = wake, .events = POLLIN };
	for (int i = 0; i < OOB_MAX_DEVICES; i++) {
		struct port_device *dev = &port_devices[i];

		pthread_mutex_lock(&dev->lock);
		fds[1 + i] = (struct pollfd){ .fd = dev->state == PORT_LIVE ? dev->doorbell : -1 };
		pthread_mutex_unlock(&dev->lock);
	}
	if (poll(fds, 1 + OOB_MAX_DEVICES, timeout) <= 0)
		return;
	if (fds[0].revents && read(wake, &count, sizeof(count)) < 0)
		return;
	for (int i = 0; i < OOB_MAX_DEVICES; i++)
		if (fds[1 + i].revents)
			port_answer(&port_devices[i]);
}

static void *recover(void *arg)
{
	int wake = (int)(intptr_t)arg;
	bool lost = false;

	for (;;) {
		sleep_until_loss(wake, lost ? RETRY_MS : -1);
		lost = try_all();
	}
	return NULL;
}

int port_recover_watch(void)
{
	struct sched_param param = { 0 };
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int wake, err;

	if (recovery.wake) {
		port_recover_wake();
		return 0;
	}
	wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake < 0)
		return -errno;

	/* Never of the program's priority, never the one to take its signals. */
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_OTHER);
	pthread_attr_setschedparam(&attr, &param);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	err = pthread_create(&thread, &attr, recover, (void *)(intptr_t)wake);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (err) {
		close(wake);
		return -err;
	}
	recovery.wake = wake + 1;
	return 0;
}
