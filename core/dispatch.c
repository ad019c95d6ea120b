// SPDX-License-Identifier: MIT
// oob_read(), oob_write(), oob_ioctl() and close(): to the object behind a descriptor.

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>
#include <evl/syscall.h>
#include "core.h"

static ssize_t to_posix(ssize_t ret)
{
	if (ret >= 0)
		return ret;
	errno = (int)-ret;
	return -1;
}

__oobnet_api ssize_t oob_read(int efd, void *buf, size_t count)
{
	struct oobnet_fd *ref = oobnet_fd_lookup(efd, OOBNET_FD_ANY);
	const struct oobnet_fd_ops *ops;
	ssize_t ret = -EINVAL;

	if (!ref)
		return to_posix(-EBADF);
	ops = oobnet_fd_ops(ref->type);
	if (ops && ops->read)
		ret = ops->read(ref->obj, efd, buf, count);
	oobnet_fd_put(ref);
	return to_posix(ret);
}

__oobnet_api ssize_t oob_write(int efd, const void *buf, size_t count)
{
	struct oobnet_fd *ref = oobnet_fd_lookup(efd, OOBNET_FD_ANY);
	const struct oobnet_fd_ops *ops;
	ssize_t ret = -EINVAL;

	if (!ref)
		return to_posix(-EBADF);
	ops = oobnet_fd_ops(ref->type);
	if (ops && ops->write)
		ret = ops->write(ref->obj, efd, buf, count);
	oobnet_fd_put(ref);
	return to_posix(ret);
}

__oobnet_api int oob_ioctl(int efd, unsigned long request, ...)
{
	struct oobnet_fd *ref = oobnet_fd_lookup(efd, OOBNET_FD_ANY);
	const struct oobnet_fd_ops *ops;
	unsigned long arg;
	int ret = -ENOTTY;
	va_list ap;

	va_start(ap, request);
	arg = va_arg(ap, unsigned long);
	va_end(ap);

	if (!ref)
		return (int)to_posix(-EBADF);
	ops = oobnet_fd_ops(ref->type);
	if (ops && ops->ioctl)
		ret = ops->ioctl(ref->obj, efd, request, arg);
	oobnet_fd_put(ref);
	return (int)to_posix(ret);
}

__oobnet_api int oobnet_close(int fd)
{
	oobnet_fd_remove(fd);
	return close(fd);
}
