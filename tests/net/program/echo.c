// SPDX-License-Identifier: MIT
// echo.c - a small program as one would write it for EVL: sends the frames of a port back to their senders.
//
// usage: echo IFNAME COUNT
// Ends after COUNT frames, or with status 3 when none comes for five seconds.

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <evl/evl.h>
#include <evl/net/net.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int open_port(const char *ifname, int *ifindex)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_OOB, 0);

	if (s < 0)
		die("socket");
	addr.sll_ifindex = *ifindex = (int)if_nametoindex(ifname);
	if (bind(s, (struct sockaddr *)&addr, sizeof(addr)))
		die("bind");
	return s;
}

static ssize_t receive(int s, unsigned char *frame, size_t size, struct sockaddr_ll *from)
{
	struct iovec iov = { .iov_base = frame, .iov_len = size };
	struct oob_msghdr msg = {
		.msg_name = from, .msg_namelen = sizeof(*from),
		.msg_iov = &iov, .msg_iovlen = 1,
	};
	struct timespec deadline;

	evl_read_clock(EVL_CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += 5;
	return oob_recvmsg(s, &msg, &deadline, 0);
}

static ssize_t send_back(int s, int ifindex, unsigned char *frame, size_t len)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = ifindex };
	struct iovec iov = { .iov_base = frame, .iov_len = len };
	const struct oob_msghdr msg = {
		.msg_name = &to, .msg_namelen = sizeof(to),
		.msg_iov = &iov, .msg_iovlen = 1,
	};
	unsigned char mac[ETH_ALEN];

	memcpy(mac, frame, ETH_ALEN);
	memcpy(frame, frame + ETH_ALEN, ETH_ALEN);
	memcpy(frame + ETH_ALEN, mac, ETH_ALEN);
	return oob_sendmsg(s, &msg, NULL, 0);
}

int main(int argc, char *argv[])
{
	struct evl_net_devstat stat;
	unsigned char frame[ETH_FRAME_LEN];
	struct sockaddr_ll from;
	int s, dev, ifindex, tfd;

	if (argc != 3)
		return 2;
	tfd = evl_attach_self("echo:%d", getpid());
	if (tfd < 0) {
		errno = -tfd;
		die("evl_attach_self");
	}
	s = open_port(argv[1], &ifindex);
	evl_printf("ready\n");

	for (int n = atoi(argv[2]); n > 0; n--) {
		ssize_t len = receive(s, frame, sizeof(frame), &from);

		if (len < 0)
			return errno == ETIMEDOUT ? 3 : 1;
		evl_printf("count=%zd, proto=%#x, type=%u\n", len, ntohs(from.sll_protocol), from.sll_pkttype);
		if (send_back(s, ifindex, frame, (size_t)len) != len)
			die("oob_sendmsg");
	}

	dev = evl_net_open_dev(argv[1]);
	if (dev >= 0 && !evl_net_query_dev(dev, &stat))
		evl_printf("port=%u, sent=%llu\n", stat.oob_port, (unsigned long long)stat.tx_packets);
	close(dev);
	close(s);
	evl_detach_self();
	return 0;
}
