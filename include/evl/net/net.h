/* SPDX-License-Identifier: MIT */
/* Ports: making a network device one, asking about it. */
#ifndef EVL_NET_NET_H
#define EVL_NET_NET_H

#include <stddef.h>
#include <evl/version.h>
#include <evl/net/device.h>
#include <evl/net/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * All return a negative errno and leave a sentence for oobnet_explain() (<evl/net/oobnet.h>). All may
 * wait for oobnetd, and none is real-time safe. EVL: network page, "evl_net_..."; where the generations
 * of that interface clash (evl_net_enable_port()), this is the newest, as EVL's ABI 43 has it.
 */

/**
 * evl_net_open_dev - a descriptor for a network device
 * @ifname: the VLAN device, or the real one
 *
 * Needs no oobnetd. Close it by close(). Return: the descriptor, close-on-exec; -EINVAL: no such
 * interface; -EMFILE, -ENFILE, -ENOMEM.
 */
int evl_net_open_dev(const char *ifname);

/**
 * evl_net_query_dev - state and counters of a device
 *
 * A device that is not a port has oob_port 0 and no counts. Return: 0; -EBADF: not from
 * evl_net_open_dev(); -ENODEV: the interface has gone; -EFAULT: @devs is null; -EPROTO, -ETIMEDOUT,
 * -EACCES: oobnetd cannot be asked.
 */
int evl_net_query_dev(int devfd, struct evl_net_devstat *devs);

/**
 * evl_net_enable_port - make the device an out-of-band port; root only
 * @poolsz: transmit frames, up to 32768; 0: 2048
 * @bufsz: bytes of a frame, rounded up to 2048 or 4096; 0: 2048, or 4096 where the real device's
 *         MTU is above 1774. The largest packet is this less 256
 *
 * Starts oobnetd if it is not running. A port that is enabled stays as it is. The link may go down
 * and come back: waits up to 10 s for that. Return: 0; -EBADF; -ENODEV; -EPERM; -EINVAL: sizes, or
 * not a device that can be a port; -ENETDOWN: the real device is down; -EBUSY: another XDP program is
 * attached; others with their sentence.
 */
int evl_net_enable_port(int devfd, size_t poolsz, size_t bufsz);

/**
 * evl_net_disable_port - the device is a port no more; root only
 *
 * Programs that wait on it get ENETDOWN. Return: 0; -EBADF; -ENODEV; -EPERM; -EINVAL: not a port.
 */
int evl_net_disable_port(int devfd);

/** Later work: returns -ENOSYS. In EVL it installs an eBPF program that chooses packets. */
int evl_net_set_filter(int devfd, const char *modpath);

#define EVL_NEIGH_PERMANENT	0x1
#define EVL_NEIGH_MAYROUTE	0x2

/** Later work: returns -ENOSYS. In EVL it resolves the address of a UDP socket's peer. */
int evl_net_solicit(int s, const struct sockaddr *peer, int flags);

/* ---- names of the generation before, where they do not clash ---- */

/** evl_net_open_dev() under its older name */
int evl_net_open_device(const char *ifname);

/** evl_net_open_dev(), but -EINVAL unless the device is an enabled port */
int evl_net_open_port(const char *ifname);

/** evl_net_query_dev() under its older name */
int evl_net_query_port(int fd, struct evl_net_devstat *devs);

#ifdef __cplusplus
}
#endif

#endif /* EVL_NET_NET_H */
