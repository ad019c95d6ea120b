// SPDX-License-Identifier: MIT
// calls.c - what programs call: the oob_ functions, and the regular ones that <evl/net/socket.h> leads here.

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "port/explain.h"
#include "sock/sock.h"

#define MAX_IOVECS	1024	/* as the kernel */

static ssize_t to_posix(ssize_t ret)
{
	if (ret >= 0)
		return ret;
	errno = (int)-ret;
	return -1;
}

struct oobnet_fd *oobnet_sock_get(int s, int *err)
{
	struct oobnet_fd *ref = oobnet_fd_lookup(s, OOBNET_FD_SOCKET);

	if (!ref)
		*err = fcntl(s, F_GETFD) < 0 ? -EBADF :
		       oobnet_because_text(-EBADFD, "not an out-of-band socket of this process");
	return ref;
}

int oobnet_wait_until(struct port_wait *wait, const struct timespec *timeout)
{
	wait->until = timeout;
	if (!timeout)
		return 0;
	if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= 1000000000)
		return -EINVAL;
	if (!timeout->tv_sec && !timeout->tv_nsec)
		wait->until = NULL;
	return 0;
}

ssize_t oobnet_iov_length(const struct iovec *iov, size_t n)
{
	size_t sum = 0;

	if (n > MAX_IOVECS || (n && !iov))
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (iov[i].iov_len > (size_t)SSIZE_MAX - sum)
			return -EINVAL;
		if (iov[i].iov_len && !iov[i].iov_base)
			return -EFAULT;
		sum += iov[i].iov_len;
	}
	return (ssize_t)sum;
}

__oobnet_api ssize_t oob_recvmsg(int s, struct oob_msghdr *msghdr, const struct timespec *timeout, int flags)
{
	struct oobnet_fd *ref;
	ssize_t ret;
	int err;

	ref = oobnet_sock_get(s, &err);
	if (!ref)
		return to_posix(err);
	ret = msghdr ? oobnet_recv(ref->obj, s, msghdr, timeout, flags) : -EFAULT;
	oobnet_fd_put(ref);
	return to_posix(ret);
}

__oobnet_api ssize_t oob_sendmsg(int s, const struct oob_msghdr *msghdr, const struct timespec *timeout, int flags)
{
	struct oobnet_fd *ref;
	ssize_t ret;
	int err;

	ref = oobnet_sock_get(s, &err);
	if (!ref)
		return to_posix(err);
	ret = msghdr ? oobnet_send(ref->obj, s, msghdr, timeout, flags) : -EFAULT;
	oobnet_fd_put(ref);
	return to_posix(ret);
}

__oobnet_api int oob_setsockopt(int s, int level, int optname, const void *optval, socklen_t optlen)
{
	struct oobnet_fd *ref;
	int err;

	ref = oobnet_sock_get(s, &err);
	if (ref) {
		err = oobnet_sock_setopt(ref->obj, s, level, optname, optval, optlen);
		oobnet_fd_put(ref);
	}
	return (int)to_posix(err);
}

__oobnet_api int oob_getsockopt(int s, int level, int optname, void *optval, socklen_t *optlen)
{
	struct oobnet_fd *ref;
	int err;

	ref = oobnet_sock_get(s, &err);
	if (ref) {
		err = oobnet_sock_getopt(ref->obj, s, level, optname, optval, optlen);
		oobnet_fd_put(ref);
	}
	return (int)to_posix(err);
}

/* UDP is later work. */
static int oob_socket(int domain, int type, int protocol)
{
	if (domain == AF_PACKET)
		return oobnet_packet_socket(type, protocol);
	if (domain == AF_INET)
		return oobnet_because_text(-EPROTONOSUPPORT, "this version of oobnet has packet sockets only: "
					   "out-of-band UDP is yet to come");
	return oobnet_because_text(-EAFNOSUPPORT, "out-of-band sockets are of family AF_PACKET");
}

__oobnet_api int __oobnet_socket(int domain, int type, int protocol)
{
	if (!(type & SOCK_OOB))
		return socket(domain, type, protocol);
	return (int)to_posix(oob_socket(domain, type, protocol));
}

__oobnet_api int __oobnet_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct oobnet_fd *ref = oobnet_fd_lookup(fd, OOBNET_FD_SOCKET);
	int err;

	if (!ref)
		return bind(fd, addr, len);
	err = oobnet_packet_bind(ref->obj, fd, addr, len);
	oobnet_fd_put(ref);
	return (int)to_posix(err);
}

__oobnet_api int __oobnet_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct oobnet_fd *ref = oobnet_fd_lookup(fd, OOBNET_FD_SOCKET);
	int err;

	if (!ref)
		return getsockname(fd, addr, len);
	err = oobnet_packet_name(ref->obj, fd, addr, len);
	oobnet_fd_put(ref);
	return (int)to_posix(err);
}

__oobnet_api int __oobnet_setsockopt(int fd, int level, int optname, const void *optval, socklen_t optlen)
{
	struct oobnet_fd *ref = oobnet_fd_lookup(fd, OOBNET_FD_SOCKET);
	int err;

	if (!ref)
		return setsockopt(fd, level, optname, optval, optlen);
	err = oobnet_sock_setopt(ref->obj, fd, level, optname, optval, optlen);
	oobnet_fd_put(ref);
	return (int)to_posix(err);
}

__oobnet_api int __oobnet_getsockopt(int fd, int level, int optname, void *optval, socklen_t *optlen)
{
	struct oobnet_fd *ref = oobnet_fd_lookup(fd, OOBNET_FD_SOCKET);
	int err;

	if (!ref)
		return getsockopt(fd, level, optname, optval, optlen);
	err = oobnet_sock_getopt(ref->obj, fd, level, optname, optval, optlen);
	oobnet_fd_put(ref);
	return (int)to_posix(err);
}
