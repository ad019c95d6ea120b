// SPDX-License-Identifier: MIT
// packet.c - packet sockets: making them, binding them, their end.

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <unistd.h>

#include "port/claim.h"
#include "port/explain.h"
#include "port/lock.h"
#include "sock/sock.h"

#define TYPE_FLAGS	(SOCK_OOB | SOCK_CLOEXEC | SOCK_NONBLOCK)

static bool is_protocol(uint16_t protocol)
{
	return protocol == 0 || protocol == ETH_P_ALL || protocol == ETH_P_IP;
}

/*
 * The in-band half. Its protocol is 0: with another one it would be handed a copy of every frame of the
 * device, in the receive path of the regular stack, for nobody to read.
 */
static int open_inband(int type, bool *placeholder)
{
	int fd = socket(AF_PACKET, type & ~SOCK_OOB, 0);

	*placeholder = fd < 0 && (errno == EPERM || errno == EACCES);
	if (*placeholder)
		fd = socket(AF_UNIX, SOCK_DGRAM | (type & (SOCK_CLOEXEC | SOCK_NONBLOCK)), 0);
	return fd < 0 ? -errno : fd;
}

static struct oobnet_sock *make_sock(int fd, uint16_t protocol, bool placeholder)
{
	struct oobnet_sock *sock = calloc(1, sizeof(*sock));
	int room = 0;
	socklen_t len = sizeof(room);

	if (!sock)
		return NULL;
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, &len) || room < 0)
		room = 0;
	port_sink_init(&sock->sink, (uint32_t)room);
	port_lock_init(&sock->lock);
	sock->protocol = protocol;
	sock->placeholder = placeholder;
	return sock;
}

int oobnet_packet_socket(int type, int protocol)
{
	struct oobnet_sock *sock;
	bool placeholder;
	int fd, err;

	if ((type & ~TYPE_FLAGS) != SOCK_RAW)
		return oobnet_because_text(-ESOCKTNOSUPPORT, "out-of-band packet sockets are SOCK_RAW");
	if (protocol < 0 || protocol > UINT16_MAX || !is_protocol(ntohs((uint16_t)protocol)))
		return oobnet_because_text(-EPROTONOSUPPORT,
					   "out-of-band packet sockets have protocol 0, ETH_P_ALL or ETH_P_IP");

	fd = open_inband(type, &placeholder);
	if (fd < 0)
		return oobnet_because(fd, "cannot make the in-band half of the socket: %s", strerror(-fd));
	sock = make_sock(fd, ntohs((uint16_t)protocol), placeholder);
	err = sock ? port_waiter_reserve() : -ENOMEM;
	if (!err) {
		err = oobnet_fd_install(fd, OOBNET_FD_SOCKET, sock);
		if (err)
			port_waiter_unreserve();
	}
	if (err) {
		free(sock);
		close(fd);
		return oobnet_because(err, "cannot make the out-of-band half of the socket: %s", strerror(-err));
	}
	return fd;
}

static int check_address(const struct sockaddr_ll *ll, socklen_t len)
{
	if (!ll || len != sizeof(*ll))
		return oobnet_because_text(-EINVAL, "the address is not a struct sockaddr_ll");
	if (ll->sll_family != AF_PACKET)
		return oobnet_because_text(-EINVAL, "the address is not of family AF_PACKET");
	if (!is_protocol(ntohs(ll->sll_protocol)))
		return oobnet_because_text(-EINVAL,
					   "out-of-band packet sockets have protocol 0, ETH_P_ALL or ETH_P_IP");
	if (ll->sll_ifindex < 0)
		return oobnet_because_text(-EINVAL, "not the index of an interface");
	return 0;
}

/* With the lock. */
static int bind_oob(struct oobnet_sock *sock, int ifindex, uint16_t protocol)
{
	int err;

	if (!protocol)
		protocol = sock->protocol;
	err = port_bind(&sock->sink, ifindex, protocol);
	if (err)
		return err;
	sock->ifindex = ifindex;
	sock->bound_protocol = protocol;
	sock->bound = true;
	return 0;
}

int oobnet_packet_bind(struct oobnet_sock *sock, int fd, const struct sockaddr *addr, socklen_t len)
{
	const struct sockaddr_ll *ll = (const struct sockaddr_ll *)(const void *)addr;
	struct sockaddr_ll inband = { .sll_family = AF_PACKET };
	int err;

	err = check_address(ll, len);
	if (err)
		return err;

	pthread_mutex_lock(&sock->lock);
	err = bind_oob(sock, ll->sll_ifindex, ntohs(ll->sll_protocol));
	/* For getsockname() and for what the program sends in-band. */
	inband.sll_ifindex = ll->sll_ifindex;
	if (!err && !sock->placeholder && bind(fd, (const struct sockaddr *)&inband, sizeof(inband))) {
		err = oobnet_because(-errno, "cannot bind the in-band half of the socket: %s", strerror(errno));
		port_unbind(&sock->sink);
		sock->bound = false;
	}
	pthread_mutex_unlock(&sock->lock);
	return err;
}

int oobnet_packet_autobind(struct oobnet_sock *sock, int fd)
{
	struct sockaddr_ll ll = { 0 };
	socklen_t len = sizeof(ll);
	int err = 0;

	pthread_mutex_lock(&sock->lock);
	if (sock->bound)
		goto out;
	if (!sock->placeholder && getsockname(fd, (struct sockaddr *)&ll, &len)) {
		err = -errno;
		goto out;
	}
	if (!is_protocol(ntohs(ll.sll_protocol)))
		err = oobnet_because_text(-EINVAL,
					  "out-of-band packet sockets have protocol 0, ETH_P_ALL or ETH_P_IP");
	else if (ll.sll_ifindex || ll.sll_protocol || sock->protocol)
		err = bind_oob(sock, ll.sll_ifindex, ntohs(ll.sll_protocol));
out:
	pthread_mutex_unlock(&sock->lock);
	return err;
}

/* What the kernel answers for a bound packet socket. */
static void made_up_name(const struct oobnet_sock *sock, struct sockaddr_ll *ll, socklen_t *len)
{
	*len = offsetof(struct sockaddr_ll, sll_addr);
	ll->sll_family = AF_PACKET;
	ll->sll_ifindex = sock->bound ? sock->ifindex : 0;
	if (ll->sll_ifindex && !port_address(ll->sll_ifindex, ll->sll_addr)) {
		ll->sll_hatype = ARPHRD_ETHER;
		ll->sll_halen = ETH_ALEN;
		*len += ETH_ALEN;
	}
}

int oobnet_packet_name(struct oobnet_sock *sock, int fd, struct sockaddr *addr, socklen_t *len)
{
	struct sockaddr_ll ll = { 0 };
	socklen_t full = sizeof(ll);
	int err = 0;

	if (!addr || !len)
		return -EFAULT;
	pthread_mutex_lock(&sock->lock);
	if (sock->placeholder)
		made_up_name(sock, &ll, &full);
	else if (getsockname(fd, (struct sockaddr *)&ll, &full))
		err = -errno;
	/* The in-band half has none, unless a file without our header bound it. */
	if (!ll.sll_protocol)
		ll.sll_protocol = htons(sock->bound ? sock->bound_protocol : sock->protocol);
	pthread_mutex_unlock(&sock->lock);
	if (err)
		return err;

	memcpy(addr, &ll, *len < full ? *len : full);
	*len = full;
	return 0;
}

/* In the thread that closes, or that found the descriptor to be another file's. */
static void sock_closing(void *obj)
{
	struct oobnet_sock *sock = obj;

	port_sink_close(&sock->sink);
	port_unbind(&sock->sink);
}

static void sock_release(void *obj)
{
	struct oobnet_sock *sock = obj;

	port_waiter_unreserve();
	pthread_mutex_destroy(&sock->lock);
	pthread_mutex_destroy(&sock->sink.lock);
	free(sock);
}

static ssize_t sock_read(void *obj, int fd, void *buf, size_t count)
{
	struct iovec iov = { .iov_base = buf, .iov_len = count };
	struct oob_msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return count ? oobnet_recv(obj, fd, &msg, NULL, 0) : 0;
}

static ssize_t sock_write(void *obj, int fd, const void *buf, size_t count)
{
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = count };
	const struct oob_msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return count ? oobnet_send(obj, fd, &msg, NULL, 0) : 0;
}

static const struct oobnet_fd_ops sock_ops = {
	.read = sock_read,
	.write = sock_write,
	.closing = sock_closing,
	.release = sock_release,
};

__attribute__((constructor(103))) static void sock_init(void)
{
	oobnet_fd_set_ops(OOBNET_FD_SOCKET, &sock_ops);
}
