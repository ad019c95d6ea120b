/* SPDX-License-Identifier: MIT */
/* A socket of the library: the in-band descriptor's other half. */
#ifndef SOCK_SOCK_H
#define SOCK_SOCK_H

#define OOBNET_NO_SOCKET_CALLS	/* here, socket() is the C library's */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <linux/if_packet.h>
#include <evl/net/socket.h>

#include "core/core.h"
#include "port/sink.h"
#include "port/wait.h"

struct oobnet_sock {
	struct port_sink sink;
	uint16_t protocol;		/* of socket(), host order */
	bool placeholder;		/* the in-band half is no packet socket */
	pthread_mutex_t lock;		/* binding, and what follows; taken before port_bind_lock */
	_Atomic bool bound;
	_Atomic int ifindex;		/* bound to; 0: every port */
	uint16_t bound_protocol;	/* as the program asked for it, host order */
	_Atomic uint32_t priority;	/* SO_PRIORITY */
	_Atomic int sent_to;		/* the last ifindex whose device was asked of oobnetd in order to send */
};

/* ---- packet.c: making, binding ---- */

/* socket(AF_PACKET, SOCK_RAW | SOCK_OOB | ..., protocol): a descriptor or a negative errno. */
int oobnet_packet_socket(int type, int protocol);

/* bind() for such a socket: 0 or a negative errno. */
int oobnet_packet_bind(struct oobnet_sock *sock, int fd, const struct sockaddr *addr, socklen_t len);

/*
 * Binds a socket that has not been bound through the library: as the in-band half is, where a file
 * without our header bound it, else by its protocol to every port. 0: bound, or nothing to bind to.
 */
int oobnet_packet_autobind(struct oobnet_sock *sock, int fd);

/* getsockname(): what the program bound. 0 or a negative errno. */
int oobnet_packet_name(struct oobnet_sock *sock, int fd, struct sockaddr *addr, socklen_t *len);

/* ---- recv.c, send.c: negative errno ---- */

ssize_t oobnet_recv(struct oobnet_sock *sock, int fd, struct oob_msghdr *msg, const struct timespec *timeout,
		    int flags);
ssize_t oobnet_send(struct oobnet_sock *sock, int fd, const struct oob_msghdr *msg,
		    const struct timespec *timeout, int flags);

/* ---- options.c ---- */

int oobnet_sock_setopt(struct oobnet_sock *sock, int fd, int level, int optname, const void *val, socklen_t len);
int oobnet_sock_getopt(struct oobnet_sock *sock, int fd, int level, int optname, void *val, socklen_t *len);

/* ---- calls.c ---- */

/* The socket behind @s with a reference, or NULL and *err: -EBADF or -EBADFD. Real-time safe. */
struct oobnet_fd *oobnet_sock_get(int s, int *err);

/*
 * How long to wait, from EVL's timeout: null and {0, 0} are for ever. 0 or -EINVAL.
 */
int oobnet_wait_until(struct port_wait *wait, const struct timespec *timeout);

/* The bytes that an iovec has room for or holds, -EINVAL, or -EFAULT for a null pointer. */
ssize_t oobnet_iov_length(const struct iovec *iov, size_t n);

#endif /* SOCK_SOCK_H */
