// SPDX-License-Identifier: MIT
// EVL's built-in clocks are those of Linux.

#include <errno.h>
#include <time.h>
#include <evl/clock.h>
#include "core.h"

#define USLEEP_MAX 1000000

static int to_clockid(int clockfd, clockid_t *id)
{
	switch (clockfd) {
	case EVL_CLOCK_MONOTONIC:
	case EVL_CLOCK_REALTIME:
	case EVL_CLOCK_MONOTONIC_RAW:
		*id = -clockfd;
		return 0;
	default:
		return -EINVAL;
	}
}

__oobnet_api int evl_read_clock(int clockfd, struct timespec *tp)
{
	clockid_t id;
	int ret = to_clockid(clockfd, &id);

	if (ret)
		return ret;
	if (!tp)
		return -EFAULT;
	return clock_gettime(id, tp) ? -errno : 0;
}

__oobnet_api int evl_set_clock(int clockfd, const struct timespec *tp)
{
	if (clockfd != EVL_CLOCK_REALTIME)
		return -EINVAL;
	if (!tp)
		return -EFAULT;
	return clock_settime(CLOCK_REALTIME, tp) ? -errno : 0;
}

__oobnet_api int evl_get_clock_resolution(int clockfd, struct timespec *tp)
{
	clockid_t id;
	int ret = to_clockid(clockfd, &id);

	if (ret)
		return ret;
	if (!tp)
		return -EFAULT;
	return clock_getres(id, tp) ? -errno : 0;
}

__oobnet_api int evl_sleep_until(int clockfd, const struct timespec *timeout)
{
	clockid_t id;
	int ret = to_clockid(clockfd, &id);

	if (ret)
		return ret;
	if (id == CLOCK_MONOTONIC_RAW)
		return -EINVAL;
	if (!timeout)
		return -EFAULT;
	return -clock_nanosleep(id, TIMER_ABSTIME, timeout, NULL);
}

__oobnet_api int evl_usleep(unsigned int usecs)
{
	struct timespec delay = {
		.tv_sec = usecs / 1000000,
		.tv_nsec = (long)(usecs % 1000000) * 1000,
	};

	if (usecs > USLEEP_MAX)
		return -EINVAL;
	return -clock_nanosleep(CLOCK_MONOTONIC, 0, &delay, NULL);
}
