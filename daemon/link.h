/* SPDX-License-Identifier: MIT */
/* link.h - what the kernel says of a network interface. */
#ifndef OOBNET_DAEMON_LINK_H
#define OOBNET_DAEMON_LINK_H

#include <linux/netlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/layout.h"
#include "daemon/say.h"

/* An interface as one RTM_NEWLINK described it. */
struct link {
	int ifindex;
	char name[IFNAMSIZ];
	char kind[16];			/* "vlan", "veth", ...; empty for hardware */
	unsigned short type;		/* ARPHRD_* */
	unsigned int flags;		/* IFF_* */
	bool carrier;			/* frames can pass: IFF_LOWER_UP and IFF_RUNNING */
	uint32_t carrier_downs;		/* times that the carrier was lost, ever */
	unsigned int mtu;
	uint8_t mac[6];			/* zeros when the address is no Ethernet address */

	/* kind "vlan" only, else 0 */
	int lower_ifindex;		/* the real device; in this network namespace unless ... */
	bool lower_elsewhere;		/* ... this is set */
	uint16_t vid;
	uint16_t vlan_proto;		/* 0x8100 or 0x88a8 */
	unsigned int nr_egress;
	bool egress_cut;		/* there are more than OOB_EGRESS_MAX */
	struct oob_egress egress[OOB_EGRESS_MAX];

	uint32_t xdp_prog_id;		/* 0: none, in no mode */
	uint8_t xdp_mode;		/* XDP_ATTACHED_*: of that program */
};

/*
 * Looks up an interface of this network namespace by name (an alternative name will do, and `link`
 * gets the real one) or by index. Returns 0, -ENODEV with a sentence, or another negative errno of
 * rtnetlink with a sentence. Not real-time safe.
 */
int link_by_name(struct say *why, const char *name, struct link *link);
int link_by_index(struct say *why, int ifindex, struct link *link);

/*
 * Finds the device that a port on interface `name` stands on. A VLAN device has its real device and
 * its VLAN id; another interface is its own real device, with the id `vid` given by the user, or 0
 * for untagged frames. On success port, real and *port_vid are set. Whether real is up is left to
 * the caller. Returns 0 or, with a sentence, -ENODEV, -EINVAL (not Ethernet, 802.1ad, stacked tags,
 * VLAN id 0 or out of 2 to 4094, a vid that contradicts the VLAN device), -EXDEV (the real device
 * is in another network namespace), -E2BIG (too long an egress-qos map), or another negative errno
 * of rtnetlink.
 */
int link_resolve_port(struct say *why, const char *name, unsigned int vid, struct link *port,
		      struct link *real, uint16_t *port_vid);

/* Fills `link` from an RTM_NEWLINK or RTM_DELLINK. Returns 0, or -EPROTO for one without a name. */
int link_parse(const struct nlmsghdr *nlh, struct link *link);

/*
 * Number of receive queues in use, 1 or more: ETHTOOL_GCHANNELS, else those of /sys/class/net,
 * else 1. Some drivers (virtio-net) use more of them while an XDP program is attached: count after
 * attaching.
 */
unsigned int link_rx_queues(const struct link *link);

/* The driver's name (ETHTOOL_GDRVINFO). Returns 0 or a negative errno; *driver is empty then. */
int link_driver(const char *ifname, char *driver, size_t size);

/*
 * SIOCETHTOOL with any ethtool command. Returns 0 or a negative errno, -EOPNOTSUPP where the driver
 * does not know the command.
 */
int link_ethtool(const char *ifname, void *command);

#endif /* OOBNET_DAEMON_LINK_H */
