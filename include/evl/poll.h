/* SPDX-License-Identifier: MIT */
/* Waiting for several elements: later work, every function returns -ENOSYS. */

#ifndef EVL_POLL_H
#define EVL_POLL_H

#include <poll.h>
#include <time.h>
#include <linux/types.h>
#include <evl/version.h>

#ifdef __cplusplus
extern "C" {
#endif

union evl_value {
	__s32 val;
	__s64 lval;
	void *ptr;
};

struct evl_poll_event {
	__u32 fd;
	__u32 events;
	union evl_value pollval;
};

static inline union evl_value evl_intval(int val)
{
	union evl_value value;

	value.lval = val;
	return value;
}

static inline union evl_value evl_ptrval(void *ptr)
{
	union evl_value value;

	value.lval = 0;
	value.ptr = ptr;
	return value;
}

#define evl_nil evl_intval(0)

/* A descriptor of a new, empty poll set. EVL: poll page. */
int evl_new_poll(void);

/* Change which descriptors the set @efd watches. EVL: poll page. */
int evl_add_pollfd(int efd, int fd, unsigned int events, union evl_value pollval);
int evl_del_pollfd(int efd, int fd);
int evl_mod_pollfd(int efd, int fd, unsigned int events, union evl_value pollval);

/* Wait until one is ready or until @timeout, absolute, monotonic clock. EVL: poll page. */
int evl_timedpoll(int efd, struct evl_poll_event *set, int nrset,
		  const struct timespec *timeout);
int evl_poll(int efd, struct evl_poll_event *set, int nrset);

#ifdef __cplusplus
}
#endif

#endif
