// SPDX-License-Identifier: MIT
// self.c - this host's addresses, and which of them are the interface's, followed by rtnetlink.

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>

#include "tidbits/self.h"

#define DUMP_SIZE 32768	/* as the kernel likes to fill a dump */

struct table {
	struct wire_echo_self self;
	struct wire_echo_addr addrs[SELF_MAX_ADDRS];
};

struct self {
	pthread_mutex_t lock;
	struct table current;
	struct table next;	/* being filled from dumps */
	bool elsewhere;		/* whose addresses are taken from the dump: other interfaces' */
	int ifindex;
	struct mnl_socket *events;
};

const struct wire_echo_self *self_get(struct self *self)
{
	pthread_mutex_lock(&self->lock);
	return &self->current.self;
}

void self_put(struct self *self)
{
	pthread_mutex_unlock(&self->lock);
}

static uint32_t netmask(unsigned int prefix)
{
	return prefix ? htonl(~0u << (32 - prefix)) : 0;
}

static int on_address(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct self *self = arg;
	bool elsewhere = (int)ifa->ifa_index != self->ifindex;
	struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWADDR || elsewhere != self->elsewhere ||
	    ifa->ifa_family != AF_INET || ifa->ifa_prefixlen > 32)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*ifa)) {
		struct wire_echo_addr *next = &self->next.addrs[self->next.self.count];

		if (mnl_attr_get_type(attr) != IFA_LOCAL || mnl_attr_get_payload_len(attr) < sizeof(uint32_t))
			continue;
		if (self->next.self.count == SELF_MAX_ADDRS)
			break;
		memcpy(&next->addr, mnl_attr_get_payload(attr), sizeof(next->addr));
		next->netmask = netmask(ifa->ifa_prefixlen);
		next->elsewhere = elsewhere;
		self->next.self.count++;
	}
	return MNL_CB_OK;
}

static int on_link(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct self *self = arg;
	struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWLINK || ifi->ifi_index != self->ifindex)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*ifi))
		if (mnl_attr_get_type(attr) == IFLA_ADDRESS &&
		    mnl_attr_get_payload_len(attr) == sizeof(self->next.self.mac))
			memcpy(self->next.self.mac, mnl_attr_get_payload(attr), sizeof(self->next.self.mac));
	return MNL_CB_OK;
}

static int ask(struct self *self, uint16_t type, mnl_cb_t callback)
{
	char buf[DUMP_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	ssize_t n = -1;

	if (!nl)
		return -1;
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = 1;
	if (type == RTM_GETADDR) {
		struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));

		ifa->ifa_family = AF_INET;
	} else {
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	}
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 && mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) >= 0) {
		n = 1;
		while (n > 0) {
			n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
			if (n > 0)
				n = mnl_cb_run(buf, n, 1, mnl_socket_get_portid(nl), callback, self);
		}
	}
	mnl_socket_close(nl);
	return n < 0 ? -1 : 0;
}

static int refresh(struct self *self)
{
	memset(&self->next, 0, sizeof(self->next));
	if (ask(self, RTM_GETLINK, on_link))
		return -1;
	/* The interface's own ones first: they are not to be crowded out. */
	for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
		self->elsewhere = elsewhere;
		if (ask(self, RTM_GETADDR, on_address))
			return -1;
	}

	pthread_mutex_lock(&self->lock);
	self->current = self->next;
	self->current.self.addrs = self->current.addrs;
	pthread_mutex_unlock(&self->lock);
	return 0;
}

/* Whatever has been announced, or lost: the dump tells how it is now. */
static void *follow(void *arg)
{
	char buf[DUMP_SIZE];
	struct self *self = arg;

	while (mnl_socket_recvfrom(self->events, buf, sizeof(buf)) >= 0 || errno == ENOBUFS || errno == EINTR)
		if (refresh(self))
			break;
	fprintf(stderr, "oob-net-icmp: the interface's addresses can no longer be followed: %s\n", strerror(errno));
	return NULL;
}

struct self *self_follow(int ifindex)
{
	struct self *self = calloc(1, sizeof(*self));
	pthread_mutexattr_t attr;
	pthread_t thread;

	if (!self)
		return NULL;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&self->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	self->ifindex = ifindex;

	/* Joined first, so that no change falls between the dump and the announcements. */
	self->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (self->events && !mnl_socket_bind(self->events, RTMGRP_IPV4_IFADDR | RTMGRP_LINK, MNL_SOCKET_AUTOPID) &&
	    !refresh(self)) {
		errno = pthread_create(&thread, NULL, follow, self);
		if (!errno)
			return self;
	}
	if (self->events)
		mnl_socket_close(self->events);
	free(self);
	return NULL;
}
