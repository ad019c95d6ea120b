/* SPDX-License-Identifier: MIT */
/* Binding sockets to ports, and claiming the ports' packets for this program. The slow path. */
#ifndef PORT_CLAIM_H
#define PORT_CLAIM_H

#include <stdint.h>

#include "port/sink.h"

struct port_device;

/**
 * port_bind - receive the packets of a port
 * @ifindex: of the port; 0: of every port that is enabled now, on all devices
 * @protocol: host order: ETH_P_ALL, ETH_P_IP, or 0: nothing is received, and nothing claimed
 *
 * Attaches to the device first where that is not done. What the socket was bound to before is given up
 * if this succeeds, and only then. Calls oobnetd: may take seconds.
 *
 * Return: 0; -EINVAL: not an enabled port; -EBUSY: another program claims it; else what
 * oobnet_daemon_call() gives. Errors have a sentence.
 */
int port_bind(struct port_sink *sink, int ifindex, uint16_t protocol);

/* The socket receives nothing any more; ports that nobody else in the program wants are given up. */
void port_unbind(struct port_sink *sink);

/* Attaches to the device under a port, if that is not done. 0, -EINVAL: not an enabled port, or as above. */
int port_require(int ifindex);

/* A device that was lost does not come back: its sockets are told that their port is down. */
void port_give_up(struct port_device *dev);

/* The hardware address of an enabled port on an attached device. 0 or -ENXIO. */
int port_address(int ifindex, uint8_t *mac);

#endif /* PORT_CLAIM_H */
