// SPDX-License-Identifier: MIT
// The thread of normal priority that moves bytes between proxies and their targets.

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <evl/element.h>
#include <evl/thread.h>
#include "proxies.h"

/*
 * Targets are written when poll() says that they take something, in portions
 * that a pipe then takes without waiting: so one stuck target does not hold up
 * the others. It cannot be excluded where another process fills the same file
 * at the same time, or where one unit of a large granularity does not fit.
 */
#define PORTION		4096
#define BACKOFF_MS	10

static int doorbell = -1;
static _Atomic bool asleep;

void oobnet_proxies_kick(void)
{
	const uint64_t one = 1;
	int saved = errno;

	/*
	 * Exchanges on both sides: either the drainer sees what was put into
	 * a ring before this one, or this one sees that it sleeps.
	 */
	if (atomic_exchange(&asleep, false) && write(doorbell, &one, sizeof(one)) < 0)
		atomic_store(&asleep, true);
	errno = saved;
}

static bool is_output(const struct oobnet_proxy *p)
{
	return p->flags & EVL_CLONE_OUTPUT;
}

static size_t unit_of(const struct oobnet_proxy *p)
{
	return p->granularity ? p->granularity : 1;
}

static size_t room_of(const struct oobnet_proxy *p)
{
	return p->ring.size - oobnet_ring_used(&p->ring);
}

static size_t far_waiting(const struct oobnet_proxy *p)
{
	int count = 0;

	return ioctl(p->far, FIONREAD, &count) || count < 0 ? 0 : (size_t)count;
}

static size_t pending_of(const struct oobnet_proxy *p)
{
	return is_output(p) ? oobnet_ring_used(&p->ring) + far_waiting(p) : 0;
}

static bool is_in_use(const struct oobnet_proxy *p)
{
	return atomic_load_explicit(&p->state, memory_order_acquire) >= OOBNET_PROXY_OPEN;
}

void oobnet_proxies_each_pending(void (*fn)(const char *label, size_t count))
{
	size_t count;
	int n;

	for (n = 0; n < OOBNET_PROXY_MAX; n++) {
		if (!is_in_use(&oobnet_proxies[n]))
			continue;
		count = pending_of(&oobnet_proxies[n]);
		if (count)
			fn(oobnet_proxies[n].label, count);
	}
}

bool oobnet_proxies_pending(void)
{
	int n;

	for (n = 0; n < OOBNET_PROXY_MAX; n++)
		if (is_in_use(&oobnet_proxies[n]) && pending_of(&oobnet_proxies[n]))
			return true;
	return false;
}

/* Ring to target: a portion, or a unit (or its rest). What is refused with an error is lost. */
static void relay_output(struct oobnet_proxy *p)
{
	const char *data;
	size_t count = oobnet_ring_peek(&p->ring, &data);
	size_t most = PORTION;
	ssize_t ret;

	if (p->granularity)
		most = p->granularity - atomic_load(&p->ring.tail) % p->granularity;
	if (count > most)
		count = most;
	if (!count)
		return;
	ret = write(p->target, data, count);
	if (ret < 0 && (errno == EAGAIN || errno == EINTR))
		p->backoff = true;
	else
		oobnet_ring_consume(&p->ring, ret < 0 ? count : (size_t)ret);
}

/* In-band writes on the program's descriptor: into the ring, as a writer among others. */
static void relay_inband(struct oobnet_proxy *p)
{
	char buf[PORTION];
	size_t count = room_of(p);
	ssize_t ret;

	if (count > sizeof(buf))
		count = sizeof(buf);
	ret = recv(p->far, buf, count, MSG_DONTWAIT | MSG_PEEK);
	if (ret <= 0) {
		p->far_ended = !ret || (errno != EAGAIN && errno != EINTR);
		return;
	}
	/*
	 * The room may be gone by now: then the bytes stay where they are. Nor
	 * is a writer waited for: a signal that ends the process may have
	 * parked it in the middle of its copy.
	 */
	if (oobnet_ring_try_write(&p->ring, buf, (size_t)ret) > 0)
		recv(p->far, buf, (size_t)ret, MSG_DONTWAIT);
}

static void relay_input(struct oobnet_proxy *p, int target_events, int far_events)
{
	ssize_t ret;

	if (target_events && p->stage_at == p->stage_len) {
		p->stage_at = p->stage_len = 0;
		ret = read(p->target, p->stage, p->stage_size);
		if (ret > 0) {
			p->stage_len = (size_t)ret;
			far_events = POLLOUT;
		} else if (ret < 0 && (errno == EAGAIN || errno == EINTR)) {
			p->backoff = true;
		} else {
			p->input_ended = true;
			shutdown(p->far, SHUT_WR);
		}
	}
	if ((far_events & POLLOUT) && p->stage_at < p->stage_len) {
		ret = send(p->far, p->stage + p->stage_at, p->stage_len - p->stage_at,
			   MSG_DONTWAIT | MSG_NOSIGNAL);
		if (ret > 0)
			p->stage_at += (size_t)ret;
		else if (errno != EAGAIN && errno != EINTR)
			p->far_ended = true;
	}
}

static int add(struct pollfd *set, int *nr, int fd, short events)
{
	set[*nr] = (struct pollfd){ .fd = fd, .events = events };
	return (*nr)++;
}

/*
 * Which of its two files @p waits for. poll() always reports a hang-up, so a
 * file is left out where nothing could be done about it.
 */
static void watch(struct oobnet_proxy *p, struct pollfd *set, int *nr)
{
	bool output = is_output(p), staged = p->stage_at < p->stage_len;
	bool listen = !output || room_of(p) >= unit_of(p);
	short target = 0, far = 0;

	p->far_poll = p->target_poll = -1;
	if (output && oobnet_ring_used(&p->ring))
		target |= POLLOUT;
	if (p->stage && !staged && !p->input_ended)
		target |= POLLIN;
	if (output)
		far |= POLLIN;
	if (staged)
		far |= POLLOUT;

	if (!p->far_ended && listen)
		p->far_poll = add(set, nr, p->far, far);
	if (target && !p->backoff)
		p->target_poll = add(set, nr, p->target, target);
}

static void serve(struct oobnet_proxy *p, const struct pollfd *set)
{
	int far = p->far_poll < 0 ? 0 : set[p->far_poll].revents;
	int target = p->target_poll < 0 ? 0 : set[p->target_poll].revents;

	p->watched = p->backoff = false;
	if (is_output(p) && target & (POLLOUT | POLLERR | POLLHUP | POLLNVAL))
		relay_output(p);
	if (p->stage && !p->far_ended)
		relay_input(p, target & ~POLLOUT, far);
	if (is_output(p) && far & (POLLIN | POLLHUP | POLLERR))
		relay_inband(p);
	else if (far & (POLLHUP | POLLERR))
		p->far_ended = true;
	/* Closed without oobnet_close(): the entry is as dead as if with it. */
	if (p->far_ended)
		oobnet_fd_remove_object(p->fd, p);
}

static void *drain(void *arg)
{
	struct pollfd set[1 + 2 * OOBNET_PROXY_MAX];
	struct oobnet_proxy *p;
	bool backoff;
	uint64_t count;
	int nr;

	(void)arg;
	for (;;) {
		atomic_exchange(&asleep, true);
		nr = 0;
		add(set, &nr, doorbell, POLLIN);
		backoff = false;
		for (p = oobnet_proxies; p < oobnet_proxies + OOBNET_PROXY_MAX; p++) {
			if (!is_in_use(p))
				continue;
			if (atomic_load(&p->state) == OOBNET_PROXY_RELEASED && !pending_of(p)) {
				oobnet_proxy_dispose(p);
				continue;
			}
			watch(p, set, &nr);
			p->watched = true;
			backoff |= p->backoff;
		}
		poll(set, (nfds_t)nr, backoff ? BACKOFF_MS : -1);
		atomic_store(&asleep, false);
		if (set[0].revents && read(doorbell, &count, sizeof(count)) < 0)
			continue;
		for (p = oobnet_proxies; p < oobnet_proxies + OOBNET_PROXY_MAX; p++)
			if (p->watched)
				serve(p, set);
	}
	return NULL;
}

int oobnet_drainer_start(void)
{
	struct sched_param param = { .sched_priority = 0 };
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int ret;

	if (doorbell >= 0)
		return 0;
	doorbell = oobnet_fd_above_std(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (doorbell < 0)
		return doorbell;

	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_OTHER);
	pthread_attr_setschedparam(&attr, &param);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, (size_t)EVL_STACK_DEFAULT * 2);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = -pthread_create(&thread, &attr, drain, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (ret) {
		close(doorbell);
		doorbell = -1;
		return ret;
	}
	pthread_setname_np(thread, "oobnet-proxy");
	return 0;
}

void oobnet_drainer_after_fork(void)
{
	if (doorbell >= 0)
		close(doorbell);
	doorbell = -1;
	atomic_store(&asleep, false);
}
