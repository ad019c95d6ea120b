// SPDX-License-Identifier: MIT
// recv.c - oob_recvmsg(): one packet, copied out of its frame.

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <string.h>
#include <arpa/inet.h>

#include "port/device.h"
#include "port/explain.h"
#include "sock/sock.h"
#include "wire/ethernet.h"

/* Where in an iovec the next byte goes. */
struct cursor {
	const struct iovec *iov;
	size_t n;
	size_t used;	/* of *iov */
};

/* How many of the bytes there was room for. */
static size_t put(struct cursor *to, const uint8_t *from, size_t len)
{
	size_t done = 0, room;

	while (done < len && to->n) {
		room = to->iov->iov_len - to->used;
		if (room > len - done)
			room = len - done;
		if (room)
			memcpy((uint8_t *)to->iov->iov_base + to->used, from + done, room);
		done += room;
		to->used += room;
		if (to->used == to->iov->iov_len) {
			to->iov++;
			to->n--;
			to->used = 0;
		}
	}
	return done;
}

/* The frame as if it had never been tagged. */
static size_t copy_out(const struct port_item *item, const struct oob_msghdr *msg, size_t *len)
{
	struct cursor to = { .iov = msg->msg_iov, .n = msg->msg_iovlen };
	const uint8_t *frame = item->dev->umem + item->addr;
	size_t skip = item->tagged ? WIRE_VLAN_HLEN : 0, done;

	*len = item->len - skip;
	done = put(&to, frame, WIRE_ETH_TYPE);
	return done + put(&to, frame + WIRE_ETH_TYPE + skip, item->len - skip - WIRE_ETH_TYPE);
}

static void name_sender(const struct port_item *item, struct sockaddr_ll *ll)
{
	memset(ll, 0, sizeof(*ll));
	ll->sll_family = AF_PACKET;
	ll->sll_protocol = htons(ETH_P_IP);
	ll->sll_ifindex = item->dev->ifindex;
	ll->sll_hatype = ARPHRD_ETHER;
	ll->sll_pkttype = item->pkttype;
	ll->sll_halen = ETH_ALEN;
	memcpy(ll->sll_addr, item->dev->umem + item->addr + WIRE_ETH_SRC, ETH_ALEN);
}

static int check(const struct oob_msghdr *msg, int flags)
{
	ssize_t length;

	if (!oobnet_is_attached())
		return oobnet_because_text(-EPERM, "the calling thread is not attached: evl_attach_self() does that");
	/* MSG_TIMESTAMP wants time stamps turned on, which cannot be. */
	if (flags & ~MSG_DONTWAIT)
		return -EINVAL;
	if (!msg->msg_name ? msg->msg_namelen != 0 : msg->msg_namelen < sizeof(struct sockaddr_ll))
		return -EINVAL;
	if (msg->msg_controllen && msg->msg_controllen < sizeof(struct evl_net_iotimes))
		return -EINVAL;
	length = oobnet_iov_length(msg->msg_iov, msg->msg_iovlen);
	return length < 0 ? (int)length : 0;
}

ssize_t oobnet_recv(struct oobnet_sock *sock, int fd, struct oob_msghdr *msg, const struct timespec *timeout,
		    int flags)
{
	struct port_wait wait = { .fd = fd, .dontwait = flags & MSG_DONTWAIT };
	struct port_item item;
	size_t len, done;
	int err;

	err = check(msg, flags);
	if (!err)
		err = oobnet_wait_until(&wait, timeout);
	if (!err && !sock->bound)
		err = oobnet_packet_autobind(sock, fd);
	if (!err)
		err = port_receive(&sock->sink, &wait, &item);
	if (err == -EINTR && oobnet_is_ending())
		oobnet_wait_end();
	if (err == -ENETDOWN)
		oobnet_because_text(err, "the out-of-band port has been disabled");
	if (err)
		return err;

	done = copy_out(&item, msg, &len);
	if (msg->msg_name) {
		name_sender(&item, msg->msg_name);
		msg->msg_namelen = sizeof(struct sockaddr_ll);
	}
	port_release(&item);
	msg->msg_controllen = 0;
	msg->msg_flags = flags | (done < len ? MSG_TRUNC : 0);
	return (ssize_t)done;
}
