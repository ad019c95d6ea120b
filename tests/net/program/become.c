// SPDX-License-Identifier: MIT
// become.c - takes a port, and then becomes a program that knows nothing of oobnet.
//
// usage: become PORT PROGRAM [ARG...]

#include <errno.h>
#include <error.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <unistd.h>
#include <arpa/inet.h>

#include <evl/evl.h>
#include <evl/net/net.h>

int main(int argc, char **argv)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int s;

	if (argc < 3)
		return 2;
	if (evl_attach_self("become:%d", getpid()) < 0)
		return 1;
	/* Even the descriptor of the socket goes along: what counts is who has the rings. */
	s = socket(AF_PACKET, SOCK_RAW | SOCK_OOB, 0);
	addr.sll_ifindex = (int)if_nametoindex(argv[1]);
	if (s < 0 || bind(s, (struct sockaddr *)&addr, sizeof(addr)))
		error(1, errno, "%s", argv[1]);
	execvp(argv[2], argv + 2);
	error(1, errno, "%s", argv[2]);
}
