/* SPDX-License-Identifier: MIT */
/* Statistics of a device, and the numbers of EVL's device ioctls. */
#ifndef EVL_NET_DEVICE_ABI_H
#define EVL_NET_DEVICE_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Counters run from when the port was enabled. EVL: device-abi.h. */
struct evl_net_devstat {
	__u64 rx_packets;	/* diverted to the port, whatever became of them */
	__u64 rx_bytes;		/* without VLAN tag and FCS, as tx_bytes */
	__u64 tx_packets;
	__u64 tx_bytes;
	__u32 skb_size;		/* bytes of a frame buffer */
	__u32 skb_free;		/* transmit frames that are free, and all of them */
	__u32 skb_total;
	__u32 csum_errors;
	__u32 rx_nomem;		/* received, no room in the socket's queue */
	__u32 tx_nomem;		/* to send, no free frame */
	__extension__ union {
		__extension__ struct {
			__u32 oob_capable : 1;	/* nothing between the card and the program is missing */
			__u32 oob_port : 1;	/* the device is an enabled port */
		};
		__u32 __flags;
	};
};

struct evl_net_devparams {
	__u64 poolsz;		/* frames; 0: default */
	__u64 bufsz;		/* bytes; 0: default */
};

/*
 * The numbers are EVL's, for programs that mention them. The library is no kernel: ioctl() on its
 * descriptors gives ENOTTY for these; <evl/net/net.h> has the functions.
 */
#define EVL_NETDEV_IOCBASE	0xef
#define EVL_NDEVIOC_SETRXEBPF	_IOW(EVL_NETDEV_IOCBASE, 0, __s32)
#define EVL_NDEVIOC_SETPORT	_IOW(EVL_NETDEV_IOCBASE, 1, struct evl_net_devparams)
#define EVL_NDEVIOC_GETSTAT	_IOW(EVL_NETDEV_IOCBASE, 2, struct evl_net_devstat)

#endif /* EVL_NET_DEVICE_ABI_H */
