// SPDX-License-Identifier: MIT
// elsewhere.c - what a file does to descriptors that knows nothing of the library: none of its headers is here.

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "elsewhere.h"

int elsewhere_close(int fd)
{
	return close(fd);
}

int elsewhere_socket(int domain, int type, int protocol)
{
	return socket(domain, type, protocol);
}

int elsewhere_bind(int fd, int ifindex, int protocol)
{
	const struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons((unsigned short)protocol),
		.sll_ifindex = ifindex,
	};

	return bind(fd, (const struct sockaddr *)&addr, sizeof(addr));
}

static int make(enum kind kind)
{
	int ends[2];

	switch (kind) {
	case KIND_MEMFD:
		return memfd_create("other", 0);
	case KIND_EVENTFD:
		return eventfd(0, EFD_NONBLOCK);
	case KIND_PIPE:
		if (pipe(ends))
			return -1;
		close(ends[1]);
		return ends[0];
	case KIND_UNIX:
		return socket(AF_UNIX, SOCK_DGRAM, 0);
	case KIND_UDP:
		return socket(AF_INET, SOCK_DGRAM, 0);
	case KIND_PACKET:
		return socket(AF_PACKET, SOCK_RAW, 0);
	case KIND_EPOLL:
		return epoll_create1(0);
	default:
		return dup(STDERR_FILENO);
	}
}

int elsewhere_replace(int fd, enum kind kind)
{
	int other;

	if (close(fd) || kind == KIND_NOTHING)
		return 0;
	other = make(kind);
	if (other < 0 || other == fd)
		return other < 0 ? -1 : 0;
	if (dup2(other, fd) != fd)
		return -1;
	return close(other);
}
