/* SPDX-License-Identifier: MIT */
/* Timers: later work, every function returns -ENOSYS. */

#ifndef EVL_TIMER_H
#define EVL_TIMER_H

#include <time.h>
#include <evl/clock.h>

#ifdef __cplusplus
extern "C" {
#endif

struct itimerspec;

/* A descriptor of a timer on a clock; oob_read() of a 64-bit count of ticks. EVL: timer page. */
int evl_new_timer(int clockfd);

/* Start (it_value is an absolute time) and inspect a timer. EVL: timer page. */
int evl_set_timer(int efd, const struct itimerspec *value, struct itimerspec *ovalue);
int evl_get_timer(int efd, struct itimerspec *value);

#ifdef __cplusplus
}
#endif

#endif
