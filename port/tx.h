/* SPDX-License-Identifier: MIT */
/* Transmission: a frame of the program's own, filled in place, then handed to the kernel. */
#ifndef PORT_TX_H
#define PORT_TX_H

#include <stddef.h>
#include <stdint.h>

#include "port/wait.h"

/* A frame that is being filled. */
struct port_tx {
	struct port_device *dev;
	unsigned int port;
	uint32_t frame;
	uint64_t epoch;
	uint16_t tci;
	bool tagged;
	uint8_t *data;		/* where the untagged Ethernet frame goes; ETH_ZLEN bytes at least fit */
};

/**
 * port_tx_begin - get a frame to send on a port
 * @ifindex: of the port
 * @len: of the untagged Ethernet frame, header included; at least 14
 * @priority: SO_PRIORITY; the port's egress map makes VLAN priority bits of it
 *
 * Waits where every frame is under way. After success the caller fills tx->data and calls
 * port_tx_send() without delay.
 *
 * Return: 0; -ENXIO: not an enabled port of an attached device; -EMSGSIZE: more than the port's MTU
 * and header; -EAGAIN, -ETIMEDOUT, -EINTR; -ENETDOWN: disabled while waiting; -ENOMEM, -EMFILE as
 * port_receive(). Real-time safe.
 */
int port_tx_begin(int ifindex, size_t len, uint32_t priority, const struct port_wait *wait, struct port_tx *tx);

/**
 * port_tx_send - send the frame
 * @len: as for port_tx_begin()
 *
 * The frame gets its tag, and zeros up to the shortest Ethernet frame: not every driver pads.
 *
 * Return: 0; -ENETDOWN: the port was disabled meanwhile, or the device is down; another negative
 * errno of the kernel's. Real-time safe; one system call.
 */
int port_tx_send(struct port_tx *tx, size_t len);

#endif /* PORT_TX_H */
