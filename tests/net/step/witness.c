// SPDX-License-Identifier: MIT
// witness.c - another program on the same device, which must not notice: sends a numbered frame every few milliseconds.
//
// usage: witness IFNAME DEST-MAC SOURCE-MAC (12 hexadecimal digits each)
// Claims no port. Ends with status 1 when a frame cannot be sent.

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <evl/evl.h>
#include <evl/net/net.h>

#define PERIOD_NS	5000000
#define FRAME_SIZE	60

static int parse_mac(const char *text, unsigned char *mac)
{
	return sscanf(text, "%2hhx%2hhx%2hhx%2hhx%2hhx%2hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) == 6;
}

int main(int argc, char *argv[])
{
	unsigned char frame[FRAME_SIZE] = { [12] = ETH_P_IP >> 8, [13] = ETH_P_IP & 0xff };
	struct iovec iov = { .iov_base = frame, .iov_len = sizeof(frame) };
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	const struct oob_msghdr msg = {
		.msg_name = &to, .msg_namelen = sizeof(to),
		.msg_iov = &iov, .msg_iovlen = 1,
	};
	const struct timespec period = { .tv_nsec = PERIOD_NS };
	int s;

	if (argc != 4 || !parse_mac(argv[2], frame) || !parse_mac(argv[3], frame + ETH_ALEN))
		return 2;
	if (evl_attach_self("witness:%d", getpid()) < 0)
		return 1;
	s = socket(AF_PACKET, SOCK_RAW | SOCK_OOB, 0);
	to.sll_ifindex = (int)if_nametoindex(argv[1]);
	for (uint32_t n = 0; s >= 0; n++) {
		memcpy(frame + ETH_HLEN, "witness", 8);
		memcpy(frame + ETH_HLEN + 8, &n, sizeof(n));
		if (oob_sendmsg(s, &msg, NULL, 0) != FRAME_SIZE)
			break;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &period, NULL);
	}
	perror("witness");
	return 1;
}
