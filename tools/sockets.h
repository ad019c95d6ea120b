/* SPDX-License-Identifier: MIT */
/* sockets.h - in-band TCP and UDP sockets on the addresses of an interface, and whose they are. */
#ifndef TOOLS_SOCKETS_H
#define TOOLS_SOCKETS_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { SOCKETS_MAX = 64 };

struct inband_socket {
	uint32_t inode;
	bool udp;
	bool connected;
	bool bound_to_device;
	struct in_addr local;
	struct in_addr remote;
	uint16_t local_port;
	uint16_t remote_port;
	pid_t pid;		/* 0: nobody that we can see has it open */
	char comm[16];
};

struct inband_sockets {
	struct inband_socket socket[SOCKETS_MAX];
	unsigned int nr;
	unsigned int more;	/* found, but not kept */
	unsigned int any;	/* bound to every address: listening, or unconnected UDP */
};

/**
 * inband_sockets_on - list the sockets of this network namespace that are bound to an IPv4 address of
 * an interface, or to the interface itself
 *
 * Asks the kernel by NETLINK_SOCK_DIAG; IPv6 sockets with a mapped address count, too. Then looks
 * through /proc for their owners, up to a bound. Sockets in a state of ending are left out.
 *
 * Return: 0, or a negative errno
 */
int inband_sockets_on(const char *ifname, int ifindex, struct inband_sockets *found);

#endif /* TOOLS_SOCKETS_H */
