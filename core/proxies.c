// SPDX-License-Identifier: MIT
// Proxies: making them, writing to them, reading from them, their end.

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <evl/evl.h>
#include "proxies.h"

#define STD_BUFSZ	16384
#define STAGE_MAX	4096
#define BUFSZ_MAX	(1UL << 30)

#define FLAGS_KNOWN	(EVL_CLONE_PUBLIC | EVL_CLONE_NONBLOCK | EVL_CLONE_INPUT | \
			 EVL_CLONE_OUTPUT)
#define FLAGS_LATER	(EVL_CLONE_OBSERVABLE | EVL_CLONE_UNICAST | EVL_CLONE_SHAREABLE)

struct oobnet_proxy oobnet_proxies[OOBNET_PROXY_MAX];

__oobnet_api int evl_outfd = -1;
__oobnet_api int evl_errfd = -1;

static ssize_t proxy_write(struct oobnet_proxy *p, int efd, const void *buf, size_t count)
{
	uint32_t seq;
	ssize_t ret;

	if (!(p->flags & EVL_CLONE_OUTPUT))
		return -ENXIO;
	if (count > p->bufsz)
		return -EFBIG;
	if (p->granularity > 1 && count % p->granularity)
		return -EINVAL;
	if (!count)
		return 0;

	for (;;) {
		seq = atomic_load(&p->ring.room_seq);
		if (atomic_load(&p->closed))
			return -EBADF;
		ret = oobnet_ring_write(&p->ring, buf, count);
		if (ret != -EAGAIN)
			break;
		if (fcntl(efd, F_GETFL) & O_NONBLOCK)
			return -EAGAIN;
		ret = oobnet_ring_wait(&p->ring, seq);
		if (ret)
			return ret;
	}
	if (ret > 0)
		oobnet_proxies_kick();
	return ret;
}

static ssize_t proxy_read(struct oobnet_proxy *p, int efd, void *buf, size_t count)
{
	ssize_t ret;

	if (!(p->flags & EVL_CLONE_INPUT))
		return -ENXIO;
	if (p->granularity > 1 && count % p->granularity)
		return -EINVAL;
	if (!count)
		return 0;
	ret = recv(efd, buf, count, 0);
	if (ret < 0)
		return -errno;
	return !ret && atomic_load(&p->closed) ? -EBADF : ret;
}

static ssize_t op_write(void *obj, int fd, const void *buf, size_t count)
{
	return oobnet_is_attached() ? proxy_write(obj, fd, buf, count) : -EPERM;
}

static ssize_t op_read(void *obj, int fd, void *buf, size_t count)
{
	return oobnet_is_attached() ? proxy_read(obj, fd, buf, count) : -EPERM;
}

static void op_closing(void *obj)
{
	struct oobnet_proxy *p = obj;

	atomic_store(&p->closed, true);
	oobnet_ring_wake(&p->ring);
	shutdown(p->far, SHUT_WR);	/* ends readers; what the program wrote stays readable */
}

static void op_release(void *obj)
{
	struct oobnet_proxy *p = obj;

	atomic_store(&p->state, OOBNET_PROXY_RELEASED);
	oobnet_proxies_kick();
}

static const struct oobnet_fd_ops proxy_ops = {
	.read = op_read,
	.write = op_write,
	.closing = op_closing,
	.release = op_release,
};

static void free_parts(struct oobnet_proxy *p)
{
	if (p->flags & EVL_CLONE_OUTPUT)
		oobnet_ring_free(&p->ring);
	free(p->stage);
	p->stage = NULL;
	if (p->far >= 0)
		close(p->far);
	if (p->target >= 0)
		close(p->target);
}

void oobnet_proxy_dispose(struct oobnet_proxy *p)
{
	free_parts(p);
	p->far_ended = p->input_ended = p->backoff = p->watched = false;
	p->stage_at = p->stage_len = 0;
	atomic_store(&p->state, OOBNET_PROXY_FREE);
}

static int check_geometry(size_t bufsz, size_t granularity, int flags)
{
	if (flags & ~(FLAGS_KNOWN | FLAGS_LATER))
		return -EINVAL;
	if (bufsz > BUFSZ_MAX || (granularity && bufsz % granularity))
		return -EINVAL;
	if (!bufsz && flags & (EVL_CLONE_INPUT | EVL_CLONE_OUTPUT))
		return -EINVAL;
	if (!bufsz || flags & FLAGS_LATER)
		return -ENOSYS;
	return 0;
}

static struct oobnet_proxy *take_slot(void)
{
	struct oobnet_proxy *p;

	for (p = oobnet_proxies; p < oobnet_proxies + OOBNET_PROXY_MAX; p++) {
		int expected = OOBNET_PROXY_FREE;

		if (atomic_compare_exchange_strong(&p->state, &expected, OOBNET_PROXY_SETUP))
			return p;
	}
	return NULL;
}

/* The files and memory of a proxy whose sizes and flags are set; the program's descriptor. */
static int make_parts(struct oobnet_proxy *p, int targetfd)
{
	int pair[2], bound = (int)p->bufsz;

	p->far = p->target = -1;
	p->stage = NULL;
	if (p->flags & EVL_CLONE_OUTPUT && oobnet_ring_init(&p->ring, p->bufsz)) {
		p->flags = 0;
		return -ENOMEM;
	}
	if (p->flags & EVL_CLONE_INPUT) {
		p->stage_size = p->bufsz < STAGE_MAX ? p->bufsz : STAGE_MAX;
		if (p->granularity)
			p->stage_size = p->granularity;
		p->stage = malloc(p->stage_size);
		if (!p->stage)
			return -ENOMEM;
	}
	p->target = fcntl(targetfd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (p->target < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	p->far = oobnet_fd_above_std(pair[1]);
	if (p->far < 0) {
		close(pair[0]);
		return p->far;
	}
	/* As much in-band data may wait as in the ring; the kernel has a minimum of a few KiB. */
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bound, sizeof(bound));
	setsockopt(p->far, SOL_SOCKET, SO_SNDBUF, &bound, sizeof(bound));
	if (p->flags & EVL_CLONE_NONBLOCK)
		fcntl(pair[0], F_SETFL, O_RDWR | O_NONBLOCK);
	return pair[0];
}

int oobnet_proxy_create(int targetfd, size_t bufsz, size_t granularity, int flags,
			const struct oobnet_name *name, const char *label)
{
	struct oobnet_proxy *p;
	int fd, ret;

	ret = check_geometry(bufsz, granularity, flags);
	if (ret)
		return ret;
	if (fcntl(targetfd, F_GETFD) < 0)
		return -EBADF;
	if (!(flags & (EVL_CLONE_INPUT | EVL_CLONE_OUTPUT)))
		flags |= EVL_CLONE_OUTPUT;

	p = take_slot();
	if (!p)
		return -EAGAIN;
	p->flags = flags;
	p->bufsz = bufsz;
	p->granularity = granularity;
	atomic_store(&p->closed, false);
	fd = make_parts(p, targetfd);
	if (fd >= 0) {
		p->fd = fd;
		if (label || *name->text)
			snprintf(p->label, sizeof(p->label), "%s", label ? label : name->text);
		else
			snprintf(p->label, sizeof(p->label), "proxy %d", fd);
		ret = oobnet_fd_install(fd, OOBNET_FD_PROXY, p);
		if (ret) {
			close(fd);
			fd = ret;
		}
	}
	if (fd < 0) {
		free_parts(p);
		atomic_store(&p->state, OOBNET_PROXY_FREE);
		return fd;
	}
	atomic_store(&p->state, OOBNET_PROXY_OPEN);
	oobnet_proxies_kick();
	return fd;
}

__oobnet_api int evl_create_proxy(int targetfd, size_t bufsz, size_t granularity, int flags,
				  const char *fmt, ...)
{
	struct oobnet_name name;
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = oobnet_format_name(&name, fmt, ap);
	va_end(ap);
	if (!ret)
		ret = evl_init();
	if (!ret)
		ret = oobnet_proxy_create(targetfd, bufsz, granularity, flags, &name, NULL);
	return ret;
}

__oobnet_api ssize_t evl_write_proxy(int efd, const void *buf, size_t count)
{
	struct oobnet_fd *ref = oobnet_fd_lookup(efd, OOBNET_FD_PROXY);
	ssize_t ret;

	if (!ref)
		return -EBADF;
	ret = proxy_write(ref->obj, efd, buf, count);
	oobnet_fd_put(ref);
	return ret;
}

__oobnet_api ssize_t evl_send_proxy(int efd, const void *buf, size_t count)
{
	return evl_write_proxy(efd, buf, count);
}

__oobnet_api ssize_t evl_read_proxy(int efd, void *buf, size_t count)
{
	struct oobnet_fd *ref = oobnet_fd_lookup(efd, OOBNET_FD_PROXY);
	ssize_t ret;

	if (!ref)
		return -EBADF;
	ret = proxy_read(ref->obj, efd, buf, count);
	oobnet_fd_put(ref);
	return ret;
}

/* A closed stdout or stderr is the program's choice: it is then without that proxy. */
static int create_std(int *efd, int targetfd, const char *label)
{
	struct oobnet_name name = { .is_public = false };
	int ret;

	snprintf(name.text, sizeof(name.text), "%s:%d", label, getpid());
	ret = oobnet_proxy_create(targetfd, STD_BUFSZ, 0, EVL_CLONE_PRIVATE, &name, label);
	*efd = ret < 0 ? -1 : ret;
	return ret < 0 && ret != -EBADF ? ret : 0;
}

int oobnet_proxies_init(void)
{
	int ret;

	oobnet_fd_set_ops(OOBNET_FD_PROXY, &proxy_ops);
	ret = oobnet_drainer_start();
	if (!ret && evl_outfd < 0)
		ret = create_std(&evl_outfd, STDOUT_FILENO, "stdout");
	if (!ret && evl_errfd < 0)
		ret = create_std(&evl_errfd, STDERR_FILENO, "stderr");
	return ret;
}

/*
 * The child has copies of our descriptors, and would keep targets open by
 * them; the program's own stay, it may have closed and reused them. Rings and
 * locks are left as they are: another thread of the parent may have been in
 * the middle of anything.
 */
void oobnet_proxies_after_fork(void)
{
	struct oobnet_proxy *p;

	for (p = oobnet_proxies; p < oobnet_proxies + OOBNET_PROXY_MAX; p++) {
		if (atomic_load(&p->state) >= OOBNET_PROXY_OPEN) {
			close(p->far);
			close(p->target);
		}
		memset(p, 0, sizeof(*p));
	}
	evl_outfd = evl_errfd = -1;
	oobnet_drainer_after_fork();
}
