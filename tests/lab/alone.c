// SPDX-License-Identifier: MIT
// alone.c - a program that needs nobody: enables its port, answers pings, closes, disables. EVL's API only.
//
// usage: alone PORT COUNT

#include <error.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>

#include <evl/evl.h>
#include <evl/net/net.h>

#define VLANS "/run/oobnet/class/evl/net/vlans"

static void must(long ret, const char *what)
{
	if (ret < 0)
		error(1, (int)-ret, "%s", what);
}

static void monitor_vlan_42(void)
{
	int fd = open(VLANS, O_WRONLY);

	if (fd < 0 || write(fd, "42\n", 3) != 3)
		error(1, errno, VLANS);
	close(fd);
}

/* Turns a request into its reply in place; 0 where it is none. */
static int turn_round(unsigned char *frame, ssize_t len)
{
	struct iphdr *ip = (struct iphdr *)(frame + ETH_HLEN);
	struct icmphdr *icmp = (struct icmphdr *)(ip + 1);
	unsigned char mac[ETH_ALEN];
	unsigned int sum;
	in_addr_t addr;

	if (len < (ssize_t)(ETH_HLEN + sizeof(*ip) + sizeof(*icmp)) || ip->ihl != 5 || ip->protocol != IPPROTO_ICMP ||
	    icmp->type != ICMP_ECHO)
		return 0;
	memcpy(mac, frame, ETH_ALEN);
	memcpy(frame, frame + ETH_ALEN, ETH_ALEN);
	memcpy(frame + ETH_ALEN, mac, ETH_ALEN);
	addr = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = addr;
	sum = ntohs(icmp->checksum) + (ICMP_ECHO << 8);
	icmp->checksum = htons((sum & 0xffff) + (sum >> 16));
	icmp->type = ICMP_ECHOREPLY;
	return 1;
}

static void answer(int s, int ifindex, int count)
{
	while (count > 0) {
		unsigned char frame[1518];
		struct iovec iov = { .iov_base = frame, .iov_len = sizeof(frame) };
		struct sockaddr_ll from;
		struct oob_msghdr msg = {
			.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1,
		};
		ssize_t len = oob_recvmsg(s, &msg, NULL, 0);

		must(len < 0 ? -errno : 0, "oob_recvmsg()");
		if (!turn_round(frame, len))
			continue;
		from.sll_ifindex = ifindex;
		iov.iov_len = (size_t)len;
		must(oob_sendmsg(s, &msg, NULL, 0) < 0 ? -errno : 0, "oob_sendmsg()");
		count--;
	}
}

static void show_port(int dev, const char *when)
{
	struct evl_net_devstat stat;

	must(evl_net_query_dev(dev, &stat), "evl_net_query_dev()");
	printf("%s: port %d, received %llu, sent %llu\n", when, stat.oob_port, (unsigned long long)stat.rx_packets,
	       (unsigned long long)stat.tx_packets);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int dev, s;

	if (argc != 3)
		return 2;
	must(evl_attach_self("alone:%d", getpid()), "evl_attach_self()");
	dev = evl_net_open_dev(argv[1]);
	must(dev, "evl_net_open_dev()");
	must(evl_net_enable_port(dev, 0, 0), "evl_net_enable_port()");
	monitor_vlan_42();

	s = socket(AF_PACKET, SOCK_RAW | SOCK_OOB, 0);
	must(s < 0 ? -errno : 0, "socket()");
	addr.sll_ifindex = (int)if_nametoindex(argv[1]);
	must(bind(s, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : 0, "bind()");
	show_port(dev, "listening");

	answer(s, addr.sll_ifindex, atoi(argv[2]));
	must(close(s) ? -errno : 0, "close()");
	show_port(dev, "closed");
	getchar();	/* whoever watches has seen that the port stays */

	must(evl_net_disable_port(dev), "evl_net_disable_port()");
	puts("disabled");
	return 0;
}
