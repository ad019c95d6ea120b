/* SPDX-License-Identifier: MIT */
/*
 * self.h - this host's addresses, and which of them are the interface's, as they are at this moment.
 *
 * A thread of normal priority follows the kernel's announcements (rtnetlink), so that the real-time
 * thread never has to ask.
 */
#ifndef OOBNET_TIDBITS_SELF_H
#define OOBNET_TIDBITS_SELF_H

#include "wire/echo.h"

#define SELF_MAX_ADDRS 256	/* the interface's own come first; the rest beyond is forgotten */

struct self;

/*
 * Begins to follow interface ifindex. When it returns, the addresses are known. NULL and errno on error.
 * Every signal must be blocked in the calling thread that the following thread is not to take.
 */
struct self *self_follow(int ifindex);

/*
 * Between these two, the addresses do not change. The lock has priority inheritance and is held by the
 * other side only to copy a table. Real-time safe.
 */
const struct wire_echo_self *self_get(struct self *self);
void self_put(struct self *self);

#endif /* OOBNET_TIDBITS_SELF_H */
