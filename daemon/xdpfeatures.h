/* SPDX-License-Identifier: MIT */
/* xdpfeatures.h - what a driver says that it can do with XDP. */
#ifndef OOBNET_DAEMON_XDPFEATURES_H
#define OOBNET_DAEMON_XDPFEATURES_H

#include <stdbool.h>

struct xdp_features {
	bool native;	/* runs programs itself, and redirects from there */
	bool zerocopy;	/* can receive into and send from the frames of AF_XDP sockets */
};

/*
 * Asks the kernel's "netdev" family (Linux 6.3 on). What is announced can still be refused when it is
 * tried, for the MTU or the number of queues. Changes nothing, and anyone may ask. Returns 0, -EOPNOTSUPP
 * (this kernel does not tell), -ENODEV, or another negative errno of netlink. Not real-time safe.
 */
int xdp_features_read(int ifindex, struct xdp_features *features);

#endif /* OOBNET_DAEMON_XDPFEATURES_H */
