// SPDX-License-Identifier: MIT
// carrier.c - waits for a link that its driver took down while it was reconfigured.

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/carrier.h"
#include "daemon/monitor.h"

#define SETTLE_MS 50
/* The kernel holds announcements back for up to a second: look without one now and then. */
#define LOOK_MS 100

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void ignore_link(void *ctx, const struct link *link)
{
}

static void ignore_loss(void *ctx)
{
}

/* Each announcement is a reason to ask, whatever it says: the answer is newer. */
static const struct monitor_ops wake_only = {
	.changed = ignore_link,
	.gone = ignore_link,
	.resync = ignore_loss,
};

static int wait_announcement(int monitor, int64_t ms)
{
	struct pollfd pfd = { .fd = monitor, .events = POLLIN };

	if (poll(&pfd, 1, ms) > 0)
		return monitor_read(monitor, &wake_only, NULL);

	return 0;
}

static int wait_settled(struct say *why, const struct link *before, int timeout_ms, int monitor)
{
	int64_t now = now_ms(), deadline = now + timeout_ms, since = now, wait;
	uint32_t downs = before->carrier_downs;
	bool up = true;
	struct link link;
	int err;

	for (;;) {
		err = link_by_index(why, before->ifindex, &link);
		if (err)
			return say_more(why, err, " (%s was waited for)", before->name);
		if (!(link.flags & IFF_UP))
			return say(why, -ENETDOWN, "%s is down: ip link set %s up", link.name,
				   link.name);

		now = now_ms();
		if (link.carrier && (!up || link.carrier_downs != downs))
			since = now;
		up = link.carrier;
		downs = link.carrier_downs;

		if (up && now - since >= SETTLE_MS)
			return 0;
		if (now >= deadline)
			return say(why, -ETIMEDOUT,
				   "%s: the link did not come back within %d ms after the driver "
				   "reset it; check the cable and the other end, then try again",
				   link.name, timeout_ms);

		wait = up ? since + SETTLE_MS - now : LOOK_MS;
		err = wait_announcement(monitor, wait < deadline - now ? wait : deadline - now);
		if (err)
			return say(why, err, "%s: cannot wait for its link: %s", link.name,
				   strerror(-err));
	}
}

int link_wait_carrier(struct say *why, const struct link *before, int timeout_ms)
{
	int monitor, err;

	if (!before->carrier)
		return 0;

	monitor = monitor_open();
	if (monitor < 0)
		return say(why, monitor, "%s: cannot wait for its link: %s", before->name,
			   strerror(-monitor));
	err = wait_settled(why, before, timeout_ms, monitor);
	close(monitor);

	return err;
}
