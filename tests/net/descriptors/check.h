/* SPDX-License-Identifier: MIT */
/* check.h - what the cases have in common: checks that tell their line, sockets on the port, packets. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <evl/evl.h>
#include <evl/net/net.h>
#include <evl/net/oobnet.h>

#include "outside.h"

#define CHECK(what)									\
	do {										\
		if (!(what)) {								\
			fprintf(stderr, "%s:%d: %s; errno: %s; %s\n", __FILE__, __LINE__,	\
				#what, strerror(errno), oobnet_explain());		\
			exit(1);							\
		}									\
	} while (0)

/* It fails with this error. */
#define REFUSED(call, error)	(errno = 0, (call) == -1 && errno == (error))

/* From the environment: IFNAME; FD, VID, TARGET, SELF: a packet socket at the other end, MACs as 12 digits. */
void read_setup(void);
extern const char *ifname;
extern struct issuer issuer;

/* A socket for ETH_P_IP, with more flags of type; bound to the port. */
int make_socket(int flags);
int bind_socket(int s);
int open_bound(int flags);

/* What the other end sends is received on @s, sent back, and seen there again. */
bool echoes(int s);

ssize_t receive(int s, int flags);
ssize_t transmit(int s);

/* Whether another process can bind to the port and use it; that one runs this program anew, as `once`. */
bool other_can_bind(void);
int once(void);

/* Each call on @s that belongs to the library fails with EBADFD, or EBADF where no file is open. */
void check_not_oob(int s, int error);

bool frames_come_home(void);

#endif /* CHECK_H */
