/* SPDX-License-Identifier: MIT */
/* Clocks. */

#ifndef EVL_CLOCK_H
#define EVL_CLOCK_H

#include <time.h>
#include <evl/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Built-in clocks: the numbers of Linux, negated (EVL: clock page). They are
 * not descriptors; other values of @clockfd give -EINVAL everywhere below.
 */
#define EVL_CLOCK_MONOTONIC	(-1)
#define EVL_CLOCK_REALTIME	(0)
#define EVL_CLOCK_MONOTONIC_RAW	(-4)

/*
 * The current time. 0; -EINVAL: no such clock; -EFAULT: @tp is null. Any
 * thread, real-time safe. EVL: clock page.
 */
int evl_read_clock(int clockfd, struct timespec *tp);

/*
 * Sets EVL_CLOCK_REALTIME. 0; -EINVAL: another clock, or a time out of range;
 * -EPERM: needs CAP_SYS_TIME; -EFAULT. EVL: clock page.
 */
int evl_set_clock(int clockfd, const struct timespec *tp);

/* The resolution of a clock: 1 ns with high-resolution timers. Errors as evl_read_clock(). */
int evl_get_clock_resolution(int clockfd, struct timespec *tp);

/*
 * Sleeps until the absolute time @timeout of the clock; a time in the past
 * returns at once. 0; -EINTR: a signal was handled; -EINVAL: no such clock,
 * EVL_CLOCK_MONOTONIC_RAW (Linux has no timer on it), or tv_nsec not in
 * 0..999999999; -EFAULT. Any thread, real-time safe. EVL: clock page.
 */
int evl_sleep_until(int clockfd, const struct timespec *timeout);

/*
 * Sleeps for @usecs microseconds of the monotonic clock, at most 1000000. 0;
 * -EINVAL: more; -EINTR: a signal was handled. Real-time safe. EVL: clock page.
 */
int evl_usleep(unsigned int usecs);

#ifdef __cplusplus
}
#endif

#endif
