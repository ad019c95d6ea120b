// SPDX-License-Identifier: MIT
// wait.c - sleeping until a packet comes, something changes, or it is too late.
//
// Why no wake-up is lost: who is about to sleep first enters a list, then looks at rings, queue and board
// once more, then sleeps. Whoever changes one of these afterwards finds it in the list, or is a ring or
// doorbell that poll() looks at. A doorbell is read by one thread, which then wakes all others.

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "port/device.h"
#include "port/lock.h"
#include "port/wait.h"

/* Waiters that are not in use: one for each socket, or more where more threads have waited at once. */
static struct {
	pthread_mutex_t lock;
	struct port_waiter *free;
	uint32_t made;		/* in use or not */
	uint32_t reserved;	/* sockets */
} pool;

void port_waiters_after_fork(void)
{
	/* Their eventfds are shared with the parent, which a child must not wake. Close those that are free. */
	for (struct port_waiter *w = pool.free; w; w = w->next)
		close(w->efd);
	pool.free = NULL;
	pool.made = pool.reserved = 0;
	port_lock_init(&pool.lock);
}

__attribute__((constructor(102))) static void pool_init(void)
{
	port_lock_init(&pool.lock);
}

static struct port_waiter *make_waiter(void)
{
	struct port_waiter *w = malloc(sizeof(*w));

	if (!w)
		return NULL;
	w->rung = false;
	w->next = NULL;
	w->efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->efd < 0) {
		free(w);
		return NULL;
	}
	pthread_mutex_lock(&pool.lock);
	pool.made++;
	pthread_mutex_unlock(&pool.lock);
	return w;
}

int port_waiter_reserve(void)
{
	struct port_waiter *w;
	bool enough;

	pthread_mutex_lock(&pool.lock);
	enough = pool.made > pool.reserved++;
	pthread_mutex_unlock(&pool.lock);
	if (enough)
		return 0;

	errno = ENOMEM;
	w = make_waiter();
	if (!w) {
		int err = -errno;

		port_waiter_unreserve();
		return err;
	}
	port_waiter_put(w);
	return 0;
}

void port_waiter_unreserve(void)
{
	struct port_waiter *w = NULL;

	pthread_mutex_lock(&pool.lock);
	pool.reserved--;
	if (pool.free && pool.made > pool.reserved) {
		w = pool.free;
		pool.free = w->next;
		pool.made--;
	}
	pthread_mutex_unlock(&pool.lock);
	if (w) {
		close(w->efd);
		free(w);
	}
}

struct port_waiter *port_waiter_get(void)
{
	struct port_waiter *w;

	pthread_mutex_lock(&pool.lock);
	w = pool.free;
	if (w)
		pool.free = w->next;
	pthread_mutex_unlock(&pool.lock);
	return w ? w : make_waiter();
}

void port_waiter_put(struct port_waiter *w)
{
	pthread_mutex_lock(&pool.lock);
	w->next = pool.free;
	pool.free = w;
	pthread_mutex_unlock(&pool.lock);
}

void port_waiter_ring(struct port_waiter *w)
{
	const uint64_t one = 1;

	/* An eventfd at its limit is readable as well: nothing to do about an error. */
	if (!w->rung)
		w->rung = write(w->efd, &one, sizeof(one)) == sizeof(one) || errno == EAGAIN;
}

void port_waiter_link(struct port_waiter **list, struct port_waiter *w)
{
	while (*list)
		list = &(*list)->next;
	w->next = NULL;
	*list = w;
}

/* Out of the list nobody rings it any more: it goes back silent. */
void port_waiter_unlink(struct port_waiter **list, struct port_waiter *w)
{
	uint64_t rings;

	while (*list != w)
		list = &(*list)->next;
	*list = w->next;
	if (w->rung)
		w->rung = read(w->efd, &rings, sizeof(rings)) < 0 && errno != EAGAIN;
}

int port_may_wait(const struct port_wait *wait)
{
	int flags;

	if (wait->dontwait)
		return -EAGAIN;
	flags = wait->fd >= 0 ? fcntl(wait->fd, F_GETFL) : 0;
	return flags >= 0 && (flags & O_NONBLOCK) ? -EAGAIN : 0;
}

int port_sleep(struct pollfd *fds, nfds_t nr, const struct timespec *until)
{
	struct timespec left;
	int n;

	if (until) {
		clock_gettime(CLOCK_MONOTONIC, &left);
		left.tv_sec = until->tv_sec - left.tv_sec;
		left.tv_nsec = until->tv_nsec - left.tv_nsec;
		if (left.tv_nsec < 0) {
			left.tv_nsec += 1000000000;
			left.tv_sec--;
		}
		if (left.tv_sec < 0)
			return -ETIMEDOUT;
	}
	n = ppoll(fds, nr, until ? &left : NULL, NULL);
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

/* What a receiver looks at while it sleeps. */
struct watch {
	struct pollfd fds[1 + OOB_MAX_DEVICES * (OOB_MAX_QUEUES + 1)];
	nfds_t nr;
	struct {
		struct port_device *dev;
		nfds_t at;
	} bells[OOB_MAX_DEVICES];
	int nr_bells;
};

static void watch_fd(struct watch *watch, int fd)
{
	watch->fds[watch->nr++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

static void watch_device(struct watch *watch, struct port_device *dev)
{
	pthread_mutex_lock(&dev->lock);
	if (dev->state == PORT_LIVE) {
		for (uint32_t q = 0; q < dev->geo.nr_queues; q++)
			watch_fd(watch, dev->queue[q].xsk);
		watch->bells[watch->nr_bells].dev = dev;
		watch->bells[watch->nr_bells++].at = watch->nr;
		watch_fd(watch, dev->doorbell);
	}
	pthread_mutex_unlock(&dev->lock);
}

static int sleep_for(const struct port_sink *sink, const struct port_waiter *waiter, const struct timespec *until)
{
	struct watch watch;
	int err;

	watch.nr = 0;
	watch.nr_bells = 0;
	watch_fd(&watch, waiter->efd);
	for (int i = 0; i < OOB_MAX_DEVICES; i++)
		if (sink->on[i].linked)
			watch_device(&watch, &port_devices[i]);

	err = port_sleep(watch.fds, watch.nr, until);
	if (!err)
		for (int i = 0; i < watch.nr_bells; i++)
			if (watch.fds[watch.bells[i].at].revents)
				port_answer(watch.bells[i].dev);
	return err;
}

/*
 * Takes what there is for this socket; where there is nothing, serves the rings first. What waits in a
 * ring waits there for whoever comes: moving it into full queues would lose it.
 */
static int look(struct port_sink *sink, struct port_item *item)
{
	for (int i = 0; i < OOB_MAX_DEVICES && !sink->count; i++) {
		struct port_device *dev = &port_devices[i];

		if (!sink->on[i].linked)
			continue;
		pthread_mutex_lock(&dev->lock);
		port_refresh(dev);
		if (dev->state == PORT_LIVE)
			port_drain(dev, sink);
		pthread_mutex_unlock(&dev->lock);
	}
	return port_sink_pop(sink, item);
}

static int begin_wait(struct port_sink *sink, const struct port_wait *wait, struct port_waiter **waiter)
{
	int err = port_may_wait(wait);

	if (err)
		return err;
	errno = ENOMEM;
	*waiter = port_waiter_get();
	if (!*waiter)
		return -errno;
	pthread_mutex_lock(&sink->lock);
	port_waiter_link(&sink->waiters, *waiter);
	pthread_mutex_unlock(&sink->lock);
	return 0;
}

/* Silent again after a wake-up, but still in the list: what comes now rings anew. */
static void quiet(struct port_sink *sink, struct port_waiter *waiter)
{
	pthread_mutex_lock(&sink->lock);
	if (waiter->rung) {
		port_waiter_unlink(&sink->waiters, waiter);
		port_waiter_link(&sink->waiters, waiter);
	}
	pthread_mutex_unlock(&sink->lock);
}

static void end_wait(struct port_sink *sink, struct port_waiter *waiter)
{
	pthread_mutex_lock(&sink->lock);
	port_waiter_unlink(&sink->waiters, waiter);
	/* It may have been rung for a packet that it leaves behind: somebody else's, then. */
	if (sink->count && sink->waiters)
		port_waiter_ring(sink->waiters);
	pthread_mutex_unlock(&sink->lock);
	port_waiter_put(waiter);
}

int port_receive(struct port_sink *sink, const struct port_wait *wait, struct port_item *item)
{
	struct port_waiter *waiter = NULL;
	int err, slept = 0;

	for (;;) {
		err = look(sink, item);
		if (err != -EAGAIN)
			break;
		if (slept) {
			err = slept;
			break;
		}
		if (!waiter) {
			err = begin_wait(sink, wait, &waiter);
			if (err)
				break;
			continue;
		}
		/* On a time-out or a signal, one last look: what has come is not left behind. */
		slept = sleep_for(sink, waiter, wait->until);
		quiet(sink, waiter);
	}
	if (waiter)
		end_wait(sink, waiter);
	return err;
}
