// SPDX-License-Identifier: MIT
// options.c - socket options: those that the library acts upon; the rest is the in-band half's.

#include <errno.h>
#include <string.h>

#include "port/explain.h"
#include "sock/sock.h"

/* Ours by number, and nothing that the kernel should see on behalf of an out-of-band socket. */
static bool is_later_work(int level, int optname)
{
	return level == SOL_SOCKET && (optname == SO_TIMESTAMP_OOB || optname == SO_BUSY_POLL);
}

static int refuse(int optname)
{
	return oobnet_because_text(-ENOSYS, optname == SO_BUSY_POLL ?
				   "this version of oobnet does not spin: SO_BUSY_POLL is yet to come" :
				   "this version of oobnet has no time stamps: they are yet to come");
}

int oobnet_sock_setopt(struct oobnet_sock *sock, int fd, int level, int optname, const void *val, socklen_t len)
{
	int priority;

	if (is_later_work(level, optname))
		return refuse(optname);
	if (setsockopt(fd, level, optname, val, len))
		return -errno;
	if (level == SOL_SOCKET && optname == SO_PRIORITY) {
		memcpy(&priority, val, sizeof(priority));
		sock->priority = (uint32_t)priority;
	}
	return 0;
}

int oobnet_sock_getopt(struct oobnet_sock *sock, int fd, int level, int optname, void *val, socklen_t *len)
{
	if (is_later_work(level, optname))
		return refuse(optname);
	return getsockopt(fd, level, optname, val, len) ? -errno : 0;
}
