/* SPDX-License-Identifier: MIT */
/* Constants and structures of out-of-band sockets. */
#ifndef EVL_NET_SOCKET_ABI_H
#define EVL_NET_SOCKET_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* EVL's family for protocols of one's own; this library has none. */
#define AF_OOB	46
#define PF_OOB	AF_OOB

/* oob_recvmsg(): get records of transmission rather than a packet. Later work, see SO_TIMESTAMP_OOB. */
#define MSG_TIMESTAMP	MSG_ERRQUEUE

/* Level SOL_SOCKET, a mask of EVL_SOF_TIMESTAMP_*. Later work: setting it gives ENOSYS. */
#define SO_TIMESTAMP_OOB	1024

#define EVL_SOF_TIMESTAMP_RX		1
#define EVL_SOF_TIMESTAMP_TX		2
#define EVL_SOF_TIMESTAMP_DEVICE	4
#define EVL_SOF_TIMESTAMP_QUEUING	8
#define EVL_SOF_TIMESTAMPS		15

/* Nanoseconds, CLOCK_MONOTONIC. */
struct evl_net_iotimes {
	__u64 device_time;
	__u64 queuing_time;
	__u64 delivery_time;
};

struct evl_netdev_activation {
	__u64 poolsz;
	__u64 bufsz;
};

/*
 * The numbers are EVL's, for programs that mention them; ioctl() does not serve them here. Turning a
 * device on and off is done by evl_net_enable_port() and evl_net_disable_port().
 */
#define EVL_SOCKET_IOCBASE	0xee
#define EVL_SOCKIOC_ACTIVATE	_IOW(EVL_SOCKET_IOCBASE, 1, struct evl_netdev_activation)
#define EVL_SOCKIOC_DEACTIVATE	_IO(EVL_SOCKET_IOCBASE, 2)

#endif /* EVL_NET_SOCKET_ABI_H */
