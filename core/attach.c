// SPDX-License-Identifier: MIT
// Attached threads.

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <evl/evl.h>
#include "core.h"

#define MODE_BITS	(EVL_T_WOSS | EVL_T_WOLI | EVL_T_WOSX | EVL_T_HMSIG | EVL_T_HMOBS | \
			 EVL_T_WOSO)

/* Held by the thread until it is detached, and by its descriptor until that is closed. */
struct oobnet_thread {
	_Atomic int refs;
	_Atomic int mode;
	_Atomic bool inband;
	int fd;
	struct oobnet_name name;
};

oobnet_tls struct oobnet_thread *oobnet_self;

static pthread_key_t end_key;
static bool end_key_made;

static void thread_put(void *obj)
{
	struct oobnet_thread *thread = obj;

	if (atomic_fetch_sub(&thread->refs, 1) == 1)
		free(thread);
}

static const struct oobnet_fd_ops thread_ops = {
	.release = thread_put,
};

static void detach_self(void)
{
	struct oobnet_thread *self = oobnet_self;
	struct oobnet_fd *ref;

	oobnet_self = NULL;
	/* The lookup tells by the inode whether the number is still ours to close. */
	ref = oobnet_fd_lookup(self->fd, OOBNET_FD_THREAD);
	if (ref) {
		if (ref->obj == self && oobnet_fd_remove_object(self->fd, self))
			close(self->fd);
		oobnet_fd_put(ref);
	}
	thread_put(self);
}

static void end_of_thread(void *value)
{
	(void)value;
	if (oobnet_self)
		detach_self();
}

int oobnet_threads_init(void)
{
	oobnet_fd_set_ops(OOBNET_FD_THREAD, &thread_ops);
	if (!end_key_made && pthread_key_create(&end_key, end_of_thread))
		return -EAGAIN;
	end_key_made = true;
	return 0;
}

void oobnet_threads_after_fork(void)
{
	oobnet_self = NULL;
}

/* A memfd has an inode of its own, and shows the name in /proc/PID/fd. */
static int make_descriptor(const struct oobnet_name *name)
{
	char text[250];
	int fd;

	snprintf(text, sizeof(text), "evl-thread:%.230s", name->text);
	fd = memfd_create(text, MFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int attach_self(const struct oobnet_name *name)
{
	struct oobnet_thread *thread = calloc(1, sizeof(*thread));
	int fd, ret;

	if (!thread)
		return -ENOMEM;
	fd = make_descriptor(name);
	if (fd < 0) {
		free(thread);
		return fd;
	}
	atomic_store(&thread->refs, 2);
	thread->fd = fd;
	thread->name = *name;
	ret = -pthread_setspecific(end_key, thread);
	if (!ret)
		ret = oobnet_fd_install(fd, OOBNET_FD_THREAD, thread);
	if (ret) {
		close(fd);
		free(thread);
		return ret;
	}
	oobnet_self = thread;
	return fd;
}

__oobnet_api int evl_attach_thread(int flags, const char *fmt, ...)
{
	struct oobnet_name name;
	va_list ap;
	int ret;

	if (oobnet_self)
		return -EBUSY;
	if (flags & ~(EVL_CLONE_PUBLIC | EVL_CLONE_OBSERVABLE | EVL_CLONE_UNICAST))
		return -EINVAL;
	if (flags & (EVL_CLONE_OBSERVABLE | EVL_CLONE_UNICAST))
		return -ENOSYS;
	va_start(ap, fmt);
	ret = oobnet_format_name(&name, fmt, ap);
	va_end(ap);
	if (!ret)
		ret = evl_init();
	return ret ? ret : attach_self(&name);
}

__oobnet_api int evl_detach_thread(int flags)
{
	if (flags)
		return -EINVAL;
	if (!oobnet_self)
		return -EPERM;
	detach_self();
	return 0;
}

__oobnet_api int evl_get_self(void)
{
	return oobnet_self ? oobnet_self->fd : -EPERM;
}

static int switch_stage(bool inband)
{
	if (!oobnet_self)
		return -EPERM;
	atomic_store(&oobnet_self->inband, inband);
	return 0;
}

__oobnet_api int evl_switch_oob(void)
{
	return switch_stage(false);
}

__oobnet_api int evl_switch_inband(void)
{
	return switch_stage(true);
}

__oobnet_api bool evl_is_inband(void)
{
	return !oobnet_self || atomic_load(&oobnet_self->inband);
}

__oobnet_api int evl_get_current_mode(void)
{
	return oobnet_self ? atomic_load(&oobnet_self->mode) : 0;
}

__oobnet_api int evl_set_thread_mode(int efd, int mask, int *oldmask)
{
	struct oobnet_fd *ref = oobnet_fd_lookup(efd, OOBNET_FD_THREAD);
	struct oobnet_thread *thread;
	int ret = -EINVAL, old;

	if (!ref)
		return -EBADF;
	if (!(mask & ~MODE_BITS)) {
		thread = ref->obj;
		old = atomic_fetch_or(&thread->mode, mask);
		if (oldmask)
			*oldmask = old;
		ret = 0;
	}
	oobnet_fd_put(ref);
	return ret;
}

__oobnet_api int evl_clear_thread_mode(int efd, int mask, int *oldmask)
{
	struct oobnet_fd *ref = oobnet_fd_lookup(efd, OOBNET_FD_THREAD);
	struct oobnet_thread *thread;
	int ret = -EINVAL, old;

	if (!ref)
		return -EBADF;
	if (!(mask & ~MODE_BITS)) {
		thread = ref->obj;
		old = atomic_fetch_and(&thread->mode, ~mask);
		if (oldmask)
			*oldmask = old;
		ret = 0;
	}
	oobnet_fd_put(ref);
	return ret;
}
