/* SPDX-License-Identifier: MIT */
/* features.h - turns off device features that hide VLAN tags or frames from XDP, and on again. */
#ifndef OOBNET_DAEMON_FEATURES_H
#define OOBNET_DAEMON_FEATURES_H

#include "bpf/layout.h"
#include "daemon/say.h"

/* Masks of OOB_FEATURE_*. A feature that the kernel does not know is off and fixed. */
struct feature_state {
	unsigned int on;
	unsigned int fixed; /* the driver does not let it change */
};

/* Reads both. Returns 0, or a negative errno with a sentence. Not real-time safe, as all here. */
int features_read(struct say *why, const char *ifname, struct feature_state *state);

/*
 * What features_off() would do, as far as it can be told without doing it: *would gets the features in
 * `wanted` that are on. Returns 0, -EOPNOTSUPP with a sentence (one of them is fixed), or another negative
 * errno with a sentence.
 */
int features_plan(struct say *why, const char *ifname, unsigned int wanted, unsigned int *would);

/*
 * Turns the features in `wanted` off, and reads back that they are. What is off already needs
 * nothing; *turned_off gets those that were on: record them for features_restore(). All or nothing:
 * on an error, what was turned off is on again. For a port on a VLAN device leave rx-vlan-filter
 * alone: the kernel has put the id into the filter, which many drivers do not let go. Returns 0, or with a sentence -EOPNOTSUPP (the
 * driver cannot), or another negative errno.
 */
int features_off(struct say *why, const char *ifname, unsigned int wanted,
		 unsigned int *turned_off);

/*
 * Turns the features in `mask` on again, and reads back that they are. Returns 0, or with a
 * sentence -EOPNOTSUPP (the driver refused; the others are restored), -ENODEV (the device is gone,
 * and its features with it), or another negative errno.
 */
int features_restore(struct say *why, const char *ifname, unsigned int mask);

#endif /* OOBNET_DAEMON_FEATURES_H */
