/* SPDX-License-Identifier: MIT */
/*
 * plan.h - what enabling a port would take, and why it would be refused; nothing is changed.
 *
 * oobnetd, evl net --dry-run and evl check all ask here, so that they cannot disagree. Nothing here is
 * real-time safe.
 */
#ifndef OOBNET_DAEMON_PLAN_H
#define OOBNET_DAEMON_PLAN_H

#include <stdbool.h>

#include "bpf/layout.h"
#include "daemon/link.h"
#include "daemon/say.h"

/* What the user asks for. */
struct port_wish {
	const char *name;
	unsigned int vid;	/* 0: by the kind of the interface */
	__u64 pool;		/* 0: the default */
	__u64 buf;		/* 0: the default */
};

/* What a real device that carries no port yet is to be given. */
struct device_wish {
	__u64 pool;
	__u64 buf;
	unsigned int features_off;	/* OOB_FEATURE_* that may not stay on */
};

/* What is known of the ports that there are. */
struct plan_known {
	unsigned int nr_devices;	/* real devices with ports */
	unsigned int frame_size;	/* of this real device; 0: it carries no port */
	char rival[OOB_IFNAMSIZ];	/* an enabled port of the same VLAN on it; empty: none */
};

struct plan {
	struct link port;
	struct link real;
	uint16_t vid;
	struct device_wish device;
	/* Set for a device that carries no port yet. */
	struct oob_geometry geometry;	/* with the receive queues as they are without an XDP program */
	unsigned int would_turn_off;	/* OOB_FEATURE_*: those that are on */
};

/*
 * Finds the interfaces: port, real, vid and device's sizes are set. Returns 0, or the errors of
 * link_resolve_port() with a sentence.
 */
int plan_resolve(struct say *why, const struct port_wish *wish, struct plan *plan);

/*
 * Whether a port that plan_resolve() found, and that is not enabled yet, could be enabled; fills the rest
 * of the plan. What only trying can tell (whether the driver takes the program, whether queues are free) is
 * not told. Returns 0 or, with a sentence, -EOPNOTSUPP (no VLAN, an offload that cannot be turned off),
 * -ENETDOWN, -ENOSPC, -EBUSY (a foreign XDP program, a port of the same VLAN), -EINVAL (sizes, MTU,
 * queues), or another negative errno.
 */
int plan_check(struct say *why, const struct plan_known *known, struct plan *plan);

/*
 * For an interface that is a port already, of VLAN `vid`: 0, or -EEXIST with a sentence where --vid asks for
 * another one. Sizes that differ are no error, as in EVL: the port keeps its own.
 */
int plan_same(struct say *why, const struct port_wish *wish, unsigned int vid);

/* Whether the port stands on a VLAN device that is down, which refuses nothing, but has to be set up. */
bool plan_port_down(const struct plan *plan);

/* 0, or -ENETDOWN with a sentence: the real device is down. */
int plan_up(struct say *why, const struct link *real);

/*
 * The frames of a device with that many receive queues. 0, or -EINVAL with a sentence: too large a pool or
 * buffer, a buffer too small for the MTU, too many queues.
 */
int plan_frames(struct say *why, const struct link *real, unsigned int nr_queues,
		const struct device_wish *wish, struct oob_geometry *geo);

/* 0, or -EINVAL with a sentence: a frame of that size does not hold a packet of that MTU. */
int plan_mtu_fits(struct say *why, const char *name, unsigned int mtu, unsigned int frame_size);

/* The largest MTU whose packets, with a VLAN tag, fit a frame of that size. */
unsigned int plan_max_mtu(unsigned int frame_size);

/* -ENOSPC with its sentence: every entry for a real device is taken. */
int plan_no_room(struct say *why, const struct link *real);

#endif /* OOBNET_DAEMON_PLAN_H */
