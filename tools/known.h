/* SPDX-License-Identifier: MIT */
/* known.h - what oobnetd says of the ports there are, without starting one. */
#ifndef TOOLS_KNOWN_H
#define TOOLS_KNOWN_H

#include <stdbool.h>

#include "bpf/layout.h"
#include "daemon/plan.h"

struct known {
	struct plan_known plan;
	bool is_port;		/* the interface is a port already */
	unsigned int port_vid;	/* of which VLAN */
	bool carries;		/* its real device carries ports: `mode` is what they run in */
	unsigned int mode;	/* OOB_MODE_* */
	bool unattended;	/* no oobnetd, but what one has left may still run on the real device */
};

/**
 * known_of - ask a running oobnetd about the ports on @real
 * @port: the interface that is asked for; may be @real
 * @vid: its VLAN id; 0: ports of the same VLAN do not matter
 *
 * Starts nothing and changes nothing. Where no oobnetd runs, there are no ports.
 *
 * Return: 0, or a negative errno with a sentence
 */
int known_of(struct say *why, const struct link *port, const struct link *real, unsigned int vid,
	     struct known *known);

#endif /* TOOLS_KNOWN_H */
