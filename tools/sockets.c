// SPDX-License-Identifier: MIT
// sockets.c - in-band TCP and UDP sockets on the addresses of an interface, and whose they are.

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tools/sockets.h"

enum {
	ADDRESSES_MAX = 64,
	LINKS_MAX = 1000000,	/* descriptors looked at, of all processes together */
	ANSWER_SECONDS = 5,
	BUFFER = 32768,
};

struct search {
	struct in_addr address[ADDRESSES_MAX];
	unsigned int nr;
	int ifindex;
	struct inband_sockets *found;
};

/* ---- addresses ---- */

static int find_addresses(const char *ifname, struct search *search)
{
	size_t len = strlen(ifname);
	struct ifaddrs *list, *entry;

	if (getifaddrs(&list))
		return -errno;
	for (entry = list; entry && search->nr < ADDRESSES_MAX; entry = entry->ifa_next) {
		/* An address with a label has it for a name: eth0.42:1. */
		if (!entry->ifa_addr || entry->ifa_addr->sa_family != AF_INET ||
		    strncmp(entry->ifa_name, ifname, len) != 0 ||
		    (entry->ifa_name[len] && entry->ifa_name[len] != ':'))
			continue;
		search->address[search->nr++] = ((struct sockaddr_in *)entry->ifa_addr)->sin_addr;
	}
	freeifaddrs(list);

	return 0;
}

/* ---- sockets ---- */

/* The IPv4 address that a socket has; false when it has none. */
static bool ipv4_of(uint8_t family, const uint32_t words[4], struct in_addr *address)
{
	address->s_addr = words[0];
	if (family == AF_INET)
		return true;

	address->s_addr = words[3];
	if (words[0] || words[1])
		return false;
	return words[2] == htonl(0xffff) || (!words[2] && !words[3]);
}

static int find_only6(const struct nlattr *attr, void *data)
{
	bool *only6 = data;

	if (mnl_attr_get_type(attr) == INET_DIAG_SKV6ONLY && mnl_attr_get_payload_len(attr) >= 1)
		*only6 = mnl_attr_get_u8(attr);

	return MNL_CB_OK;
}

static bool wanted(const struct search *search, const struct inet_diag_msg *msg,
		   struct in_addr local)
{
	unsigned int n;

	if ((int)msg->id.idiag_if == search->ifindex)
		return true;
	for (n = 0; n < search->nr; n++) {
		if (search->address[n].s_addr == local.s_addr)
			return true;
	}

	return false;
}

static void keep(struct inband_sockets *found, const struct inet_diag_msg *msg, bool udp,
		 struct in_addr local)
{
	struct inband_socket *sock = &found->socket[found->nr];

	if (found->nr == SOCKETS_MAX) {
		found->more++;
		return;
	}
	memset(sock, 0, sizeof(*sock));
	sock->inode = msg->idiag_inode;
	sock->udp = udp;
	sock->connected = msg->idiag_state != TCP_LISTEN && msg->id.idiag_dport;
	sock->bound_to_device = msg->id.idiag_if != 0;
	sock->local = local;
	sock->local_port = ntohs(msg->id.idiag_sport);
	sock->remote_port = ntohs(msg->id.idiag_dport);
	ipv4_of(msg->idiag_family, msg->id.idiag_dst, &sock->remote);
	found->nr++;
}

static void take(struct search *search, const struct nlmsghdr *nlh, bool udp)
{
	const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	struct in_addr local;
	bool only6 = false;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*msg) ||
	    !ipv4_of(msg->idiag_family, msg->id.idiag_src, &local))
		return;
	if (wanted(search, msg, local)) {
		keep(search->found, msg, udp, local);
		return;
	}

	mnl_attr_parse(nlh, sizeof(*msg), find_only6, &only6);
	if (!local.s_addr && !msg->id.idiag_if && !msg->id.idiag_dport && !only6)
		search->found->any++;
}

static int take_tcp(const struct nlmsghdr *nlh, void *data)
{
	take(data, nlh, false);
	return MNL_CB_OK;
}

static int take_udp(const struct nlmsghdr *nlh, void *data)
{
	take(data, nlh, true);
	return MNL_CB_OK;
}

static int receive(struct mnl_socket *nl, mnl_cb_t callback, struct search *search)
{
	char buf[BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t len;
	int ret;

	do {
		len = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (len < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		ret = mnl_cb_run(buf, len, 0, mnl_socket_get_portid(nl), callback, search);
	} while (ret > 0);

	return ret < 0 ? -errno : 0;
}

static int dump(uint8_t family, uint8_t protocol, struct search *search)
{
	char buf[256] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct timeval timeout = { .tv_sec = ANSWER_SECONDS };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct inet_diag_req_v2 *req;
	struct mnl_socket *nl;
	int ret;

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	req = mnl_nlmsg_put_extra_header(nlh, sizeof(*req));
	req->sdiag_family = family;
	req->sdiag_protocol = protocol;
	/* An unconnected UDP socket is in TCP_CLOSE. */
	req->idiag_states = protocol == IPPROTO_UDP ? 1u << TCP_ESTABLISHED | 1u << TCP_CLOSE :
			    1u << TCP_ESTABLISHED | 1u << TCP_SYN_SENT | 1u << TCP_LISTEN;

	nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (!nl)
		return -errno;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) ||
	    setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		ret = -errno;
	else
		ret = receive(nl, protocol == IPPROTO_UDP ? take_udp : take_tcp, search);
	mnl_socket_close(nl);

	return ret;
}

/* ---- owners ---- */

static void read_comm(int proc_fd, char comm[16])
{
	int fd = openat(proc_fd, "comm", O_RDONLY | O_CLOEXEC);
	ssize_t len;

	len = fd < 0 ? 0 : read(fd, comm, 15);
	if (fd >= 0)
		close(fd);
	comm[len > 0 ? len : 0] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
}

static void claim(struct inband_sockets *found, unsigned long inode, pid_t pid, int proc_fd)
{
	unsigned int n;

	for (n = 0; n < found->nr; n++) {
		struct inband_socket *sock = &found->socket[n];

		if (sock->inode != inode || sock->pid)
			continue;
		sock->pid = pid;
		read_comm(proc_fd, sock->comm);
	}
}

static void look_at_process(struct inband_sockets *found, const char *pid, unsigned int *links)
{
	char path[sizeof("/proc//fd") + 16], target[64];
	struct dirent *entry;
	unsigned long inode;
	int proc_fd;
	ssize_t len;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.10s", pid);
	proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0)
		return;
	snprintf(path, sizeof(path), "/proc/%.10s/fd", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)) && *links < LINKS_MAX) {
		++*links;
		len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		if (len <= 0)
			continue;
		target[len] = '\0';
		if (sscanf(target, "socket:[%lu]", &inode) == 1)
			claim(found, inode, atoi(pid), proc_fd);
	}
	if (dir)
		closedir(dir);
	close(proc_fd);
}

static void find_owners(struct inband_sockets *found)
{
	DIR *dir = opendir("/proc");
	unsigned int links = 0;
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			look_at_process(found, entry->d_name, &links);
	}
	closedir(dir);
}

int inband_sockets_on(const char *ifname, int ifindex, struct inband_sockets *found)
{
	struct search search = { .ifindex = ifindex, .found = found };
	int ret;

	memset(found, 0, sizeof(*found));
	ret = find_addresses(ifname, &search) ?: dump(AF_INET, IPPROTO_TCP, &search) ?:
	      dump(AF_INET, IPPROTO_UDP, &search);
	if (ret)
		return ret;
	/* A kernel without IPv6 has none to list. */
	dump(AF_INET6, IPPROTO_TCP, &search);
	dump(AF_INET6, IPPROTO_UDP, &search);
	if (found->nr)
		find_owners(found);

	return 0;
}
