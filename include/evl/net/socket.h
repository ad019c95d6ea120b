/* SPDX-License-Identifier: MIT */
/* Out-of-band sockets: socket() with SOCK_OOB, oob_recvmsg(), oob_sendmsg(). */
#ifndef EVL_NET_SOCKET_H
#define EVL_NET_SOCKET_H

#include <time.h>
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <evl/fcntl.h>
#include <evl/version.h>
#include <evl/net/socket-abi.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * OR it into the type: socket(AF_PACKET, SOCK_RAW | SOCK_OOB, protocol). Other families and types
 * give ESOCKTNOSUPPORT (SOCK_DGRAM packet sockets) or EPROTONOSUPPORT; oobnet_explain() in
 * <evl/net/oobnet.h> says whether that is for good. @protocol, network order: 0, ETH_P_ALL or
 * ETH_P_IP, else EPROTONOSUPPORT.
 *
 * The socket is a regular, in-band one as well: ioctl(), fcntl(), getsockname(), setsockopt(), close()
 * and poll() work on it. Its in-band half is never bound to a protocol, because such a socket would
 * copy every frame of the device: recv() and its kin get nothing from it, send() and its kin send
 * in-band. Where the program may not make a packet socket (CAP_NET_RAW), an ordinary socket stands in.
 *
 * Calls of socket(), bind(), getsockname(), setsockopt(), getsockopt() and close() in files that
 * include this header go through the library (<evl/net/socket-calls.h>). Elsewhere: a socket cannot be
 * made out-of-band; a bind() is noticed at the first oob call on the socket; a close(), or another file
 * under the number, is noticed at the next call of these or of an oob_ function on that number, or when
 * a new out-of-band socket gets it; no such call reaches the old socket, but until then it keeps its
 * port and the packets in its queue. dup() and its kin give an in-band descriptor only, whose end is
 * not the socket's.
 *
 * bind(): exactly a struct sockaddr_ll; sll_ifindex an enabled port, or 0 for every port that is
 * enabled at this moment; sll_protocol as above, 0 keeping that of socket(). EINVAL: not such an
 * address, not an enabled port; EBUSY: another program receives from the port. Binding again moves. A socket with
 * a protocol that was never bound binds itself to every port at its first oob_recvmsg(), which then
 * may wait for oobnetd. Binding with no protocol at all is enough to send, and claims nothing.
 *
 * Delivery: each ETH_P_ALL socket of the program that is bound to the port gets a packet, then the
 * ETH_P_IP socket that was bound last. SO_RCVBUF as it was when the socket was made limits the packets that
 * wait, each charged as a whole frame; at least 4 may. More are dropped and counted (rx nomem).
 * SO_PRIORITY, set through this header, chooses VLAN priority bits by the egress-qos map of the VLAN
 * device. Real-time unsafe: socket(), bind(), close(). In a forked child, sockets of the parent are not
 * out-of-band (EBADFD).
 * EVL: packet sockets.
 */
#define SOCK_OOB	O_OOB

struct timespec;

struct oob_msghdr {
	void *msg_name;
	socklen_t msg_namelen;
	struct iovec *msg_iov;
	size_t msg_iovlen;
	void *msg_control;
	size_t msg_controllen;
	int msg_flags;
};

/**
 * oob_recvmsg - receive a packet
 * @s: an out-of-band socket
 * @msghdr: msg_name, if not null, gets a struct sockaddr_ll (ifindex is that of the real device,
 *	protocol ETH_P_IP, the source's address, pkttype as the port sees it); msg_iov gets the Ethernet
 *	frame without its VLAN tag. msg_namelen, msg_controllen (0: no time stamps) and msg_flags are
 *	written back.
 * @timeout: absolute, CLOCK_MONOTONIC; null or {0, 0}: wait for ever
 * @flags: MSG_DONTWAIT; O_NONBLOCK of the descriptor counts as well
 *
 * Return: bytes stored; where the packet was longer, the rest is lost and MSG_TRUNC is in msg_flags.
 * -1 and errno: EPERM: the thread is not attached; EBADF, EBADFD: no descriptor, not out-of-band;
 * EINVAL: flags, timeout out of range, msg_name null but msg_namelen not 0 or too small, more than
 * 1024 iovecs, MSG_TIMESTAMP without time stamps turned on; EFAULT: @msghdr is null; EAGAIN; ETIMEDOUT;
 * EINTR: a signal; ENETDOWN: the ports that the socket was bound to have all been disabled, bind it
 * again; EBADF: closed while waiting. MSG_PEEK gives EINVAL, as EVL's code has it. Real-time safe.
 * EVL: sockets page.
 */
ssize_t oob_recvmsg(int s, struct oob_msghdr *msghdr, const struct timespec *timeout, int flags);

/**
 * oob_sendmsg - send an Ethernet frame
 * @s: an out-of-band socket
 * @msghdr: msg_name, if not null: a struct sockaddr_ll whose sll_ifindex is the port to send on; else the
 *	one port that the socket is bound to. msg_iov: the frame from its destination address on, without
 *	VLAN tag: the port's is added, and zeros up to the shortest frame of Ethernet.
 * @timeout, @flags: as oob_recvmsg(), for when every transmit frame is under way
 *
 * Return: bytes sent. -1 and errno as oob_recvmsg(), and: EINVAL: less than an Ethernet header, a name
 * that is no struct sockaddr_ll; EMSGSIZE: more than MTU and header (EVL refuses 18 bytes earlier);
 * ENXIO: the target is not an enabled port; ENETDOWN: it was disabled while waiting, or the link is
 * down. Real-time safe, but for the first frame that this program sends on a device which it has not
 * bound a socket to: that may wait for oobnetd.
 * EVL: sockets page.
 */
ssize_t oob_sendmsg(int s, const struct oob_msghdr *msghdr, const struct timespec *timeout, int flags);

/**
 * oob_setsockopt, oob_getsockopt - setsockopt() and getsockopt() for out-of-band sockets
 *
 * -1 and errno: EBADF, EBADFD as oob_recvmsg(); ENOSYS: SO_TIMESTAMP_OOB and SO_BUSY_POLL, which are later
 * work; else what setsockopt(2) gives for the in-band half. Not real-time safe.
 */
int oob_setsockopt(int s, int level, int optname, const void *optval, socklen_t optlen);
int oob_getsockopt(int s, int level, int optname, void *optval, socklen_t *optlen);

#ifdef __cplusplus
}
#endif

#include <evl/net/socket-calls.h>

#endif /* EVL_NET_SOCKET_H */
