/* SPDX-License-Identifier: MIT */
/* carrier.h - waits for a link that its driver took down while it was reconfigured. */
#ifndef OOBNET_DAEMON_CARRIER_H
#define OOBNET_DAEMON_CARRIER_H

#include "daemon/link.h"

/*
 * `before` is the device as link_by_index() found it before anything was changed on it. Returns 0
 * as soon as its carrier has held for 50 ms: most drivers never drop it, others reset at once or a
 * little later, and the kernel's count of losses gives away a reset that is too short to be seen. A
 * device that had no carrier before is not waited for. Waits up to timeout_ms (monotonic clock;
 * well above 50). Not real-time safe.
 * Errors, with a sentence: -ETIMEDOUT, -ENETDOWN (set down
 * meanwhile), -ENODEV, or another of rtnetlink.
 */
int link_wait_carrier(struct say *why, const struct link *before, int timeout_ms);

#endif /* OOBNET_DAEMON_CARRIER_H */
