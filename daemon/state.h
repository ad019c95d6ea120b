/* SPDX-License-Identifier: MIT */
/*
 * state.h - what must outlive both oobnetd and the keeper: the VLAN set, and what was changed on devices.
 *
 * A file under /run, replaced atomically before a device is changed, so that whoever comes next
 * can put everything back.
 */
#ifndef OOBNET_DAEMON_STATE_H
#define OOBNET_DAEMON_STATE_H

#include "bpf/layout.h"

struct state_device {
	__s32 ifindex;		/* 0: entry is free */
	__u32 features_off;	/* OOB_FEATURE_* that we turned off */
	char name[OOB_IFNAMSIZ];
};

struct state {
	__u32 magic;
	__u32 protocol;
	__u64 vlans[OOB_VLAN_WORDS];
	struct state_device devices[OOB_MAX_DEVICES];
};

/* Reads the file; an absent one, or one of another protocol, gives an empty state. */
void state_load(struct state *state);

/* 0 or -errno; on error the old file is still there. */
int state_save(const struct state *state);

/* The device's entry, a free one, or NULL when all are taken. */
struct state_device *state_device(struct state *state, int ifindex);

#endif /* OOBNET_DAEMON_STATE_H */
