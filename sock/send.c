// SPDX-License-Identifier: MIT
// send.c - oob_sendmsg(): one Ethernet frame, copied into a frame of the program's own.

#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>

#include "port/claim.h"
#include "port/explain.h"
#include "port/tx.h"
#include "sock/sock.h"

static void copy_in(uint8_t *to, const struct oob_msghdr *msg)
{
	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		if (msg->msg_iov[i].iov_len)
			memcpy(to, msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len);
		to += msg->msg_iov[i].iov_len;
	}
}

/* Which port: the name's, else the one that the socket is bound to. */
static int find_target(struct oobnet_sock *sock, int fd, const struct oob_msghdr *msg, int *ifindex)
{
	const struct sockaddr_ll *ll = msg->msg_name;
	int err = 0;

	if (!ll && msg->msg_namelen)
		return -EINVAL;
	if (ll && (msg->msg_namelen < sizeof(*ll) || ll->sll_family != AF_PACKET))
		return -EINVAL;
	if (!ll && !sock->bound)
		err = oobnet_packet_autobind(sock, fd);
	if (err)
		return err;
	*ifindex = ll ? ll->sll_ifindex : sock->bound ? sock->ifindex : 0;
	return *ifindex > 0 ? 0 : oobnet_because_text(-ENXIO, "no port to send on: name one, or bind to one");
}

/*
 * A port of a device that this program is not attached to yet: attach, once per socket and target, so
 * that sending to what is no port does not mean to ask oobnetd each time.
 */
static int begin(struct oobnet_sock *sock, int ifindex, size_t len, const struct port_wait *wait,
		 struct port_tx *tx)
{
	int err = port_tx_begin(ifindex, len, sock->priority, wait, tx);

	if (err == -ENXIO && sock->sent_to != ifindex) {
		sock->sent_to = ifindex;
		if (!port_require(ifindex))
			err = port_tx_begin(ifindex, len, sock->priority, wait, tx);
	}
	return err;
}

static int explain(int err)
{
	switch (err) {
	case -EINTR:
		if (oobnet_is_ending())
			oobnet_wait_end();
		return err;
	case -ENXIO:
		return oobnet_because_text(err, "the interface to send on is not an out-of-band port");
	case -ENETDOWN:
		return oobnet_because_text(err, "the out-of-band port has been disabled, or its link is down");
	case -EMSGSIZE:
		return oobnet_because_text(err, "the frame is larger than the port's MTU and an Ethernet header");
	default:
		return err;
	}
}

ssize_t oobnet_send(struct oobnet_sock *sock, int fd, const struct oob_msghdr *msg,
		    const struct timespec *timeout, int flags)
{
	struct port_wait wait = { .fd = fd, .dontwait = flags & MSG_DONTWAIT };
	struct port_tx tx;
	ssize_t len;
	int ifindex, err;

	if (!oobnet_is_attached())
		return oobnet_because_text(-EPERM, "the calling thread is not attached: evl_attach_self() does that");
	if (flags & ~MSG_DONTWAIT)
		return -EINVAL;
	len = oobnet_iov_length(msg->msg_iov, msg->msg_iovlen);
	if (len < ETH_HLEN)
		return len < 0 ? len : -EINVAL;
	err = oobnet_wait_until(&wait, timeout);
	if (!err)
		err = find_target(sock, fd, msg, &ifindex);
	if (err)
		return err;

	err = begin(sock, ifindex, (size_t)len, &wait, &tx);
	if (!err) {
		copy_in(tx.data, msg);
		err = port_tx_send(&tx, (size_t)len);
	}
	return err ? explain(err) : len;
}
