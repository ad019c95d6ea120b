// SPDX-License-Identifier: MIT
// echo.c - what the stepper steps through: a program for EVL that sends frames back, with marks on its way.
//
// usage: echo IFNAME [empty]
// Raises SIGUSR1, which only a tracer notices: when it is bound, after its first round, before and after its
// second. With `empty` it sends until it has no frame left to send with before the second.

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <evl/evl.h>
#include <evl/net/net.h>

static unsigned char frame[ETH_FRAME_LEN];

static ssize_t receive(int s)
{
	struct iovec iov = { .iov_base = frame, .iov_len = sizeof(frame) };
	struct sockaddr_ll from;
	struct oob_msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from),
		.msg_iov = &iov, .msg_iovlen = 1,
	};

	return oob_recvmsg(s, &msg, NULL, 0);
}

static ssize_t send_frame(int s, size_t len, int flags)
{
	struct iovec iov = { .iov_base = frame, .iov_len = len };
	const struct oob_msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return oob_sendmsg(s, &msg, NULL, flags);
}

static ssize_t send_back(int s, size_t len)
{
	unsigned char mac[ETH_ALEN];

	memcpy(mac, frame, ETH_ALEN);
	memcpy(frame, frame + ETH_ALEN, ETH_ALEN);
	memcpy(frame + ETH_ALEN, mac, ETH_ALEN);
	return send_frame(s, len, 0);
}

static int round_trip(int s)
{
	ssize_t len = receive(s);

	return len < 0 || send_back(s, (size_t)len) != len;
}

int main(int argc, char *argv[])
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	int s;

	if (argc < 2 || evl_attach_self("step:%d", getpid()) < 0)
		return 2;
	signal(SIGUSR1, SIG_IGN);
	s = socket(AF_PACKET, SOCK_RAW | SOCK_OOB, 0);
	addr.sll_ifindex = (int)if_nametoindex(argv[1]);
	if (s < 0 || bind(s, (struct sockaddr *)&addr, sizeof(addr))) {
		perror("bind");
		return 1;
	}

	raise(SIGUSR1);
	if (round_trip(s))
		return 1;
	raise(SIGUSR1);
	while (argc > 2 && send_frame(s, ETH_ZLEN, MSG_DONTWAIT) > 0)
		;
	raise(SIGUSR1);
	if (round_trip(s))
		return 1;
	raise(SIGUSR1);
	while (!round_trip(s))
		;
	perror("oob");
	return 1;
}
