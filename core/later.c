// SPDX-License-Identifier: MIT
// What is declared and not offered yet: every function answers -ENOSYS.

#include <errno.h>
#include <evl/evl.h>
#include "core.h"

__oobnet_api int evl_unblock_thread(int efd)
{
	return -ENOSYS;
}

__oobnet_api int evl_demote_thread(int efd)
{
	return -ENOSYS;
}

__oobnet_api int evl_subscribe(int efd, unsigned int backlog_count, int flags)
{
	return -ENOSYS;
}

__oobnet_api int evl_unsubscribe(int efd)
{
	return -ENOSYS;
}

__oobnet_api int evl_new_poll(void)
{
	return -ENOSYS;
}

__oobnet_api int evl_add_pollfd(int efd, int fd, unsigned int events, union evl_value pollval)
{
	return -ENOSYS;
}

__oobnet_api int evl_del_pollfd(int efd, int fd)
{
	return -ENOSYS;
}

__oobnet_api int evl_mod_pollfd(int efd, int fd, unsigned int events, union evl_value pollval)
{
	return -ENOSYS;
}

__oobnet_api int evl_timedpoll(int efd, struct evl_poll_event *set, int nrset,
			       const struct timespec *timeout)
{
	return -ENOSYS;
}

__oobnet_api int evl_poll(int efd, struct evl_poll_event *set, int nrset)
{
	return -ENOSYS;
}

__oobnet_api int evl_new_timer(int clockfd)
{
	return -ENOSYS;
}

__oobnet_api int evl_set_timer(int efd, const struct itimerspec *value,
			       struct itimerspec *ovalue)
{
	return -ENOSYS;
}

__oobnet_api int evl_get_timer(int efd, struct itimerspec *value)
{
	return -ENOSYS;
}
