// SPDX-License-Identifier: MIT
// monitor.c - the kernel's announcements about interfaces.

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/monitor.h"
#include "daemon/netlink.h"

#define DATAGRAMS_AT_ONCE 64

int monitor_open(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int fd;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		int err = -errno;

		close(fd);
		return err;
	}

	return fd;
}

static void tell(const struct nlmsghdr *nlh, const struct monitor_ops *ops, void *ctx)
{
	const struct ifinfomsg *ifinfo = mnl_nlmsg_get_payload(nlh);
	struct link link;

	if (nlh->nlmsg_type != RTM_NEWLINK && nlh->nlmsg_type != RTM_DELLINK)
		return;
	/* A bridge announces its ports by the same types, and "deletes" one that only leaves. */
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifinfo) || ifinfo->ifi_family != AF_UNSPEC)
		return;
	if (link_parse(nlh, &link))
		return;

	if (nlh->nlmsg_type == RTM_NEWLINK)
		ops->changed(ctx, &link);
	else
		ops->gone(ctx, &link);
}

int monitor_read(int fd, const struct monitor_ops *ops, void *ctx)
{
	char buf[NETLINK_BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *nlh;
	struct sockaddr_nl from;
	socklen_t from_len;
	ssize_t got;
	int i, len;

	for (i = 0; i < DATAGRAMS_AT_ONCE; i++) {
		from_len = sizeof(from);
		got = recvfrom(fd, buf, sizeof(buf), MSG_TRUNC, (struct sockaddr *)&from,
			       &from_len);
		if (got < 0 && errno == EAGAIN)
			return 0;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno != ENOBUFS)
			return -errno;
		if (got < 0 || got > (ssize_t)sizeof(buf)) {
			ops->resync(ctx);
			continue;
		}
		/* Other processes may send to us; only the kernel's word counts. */
		if (from_len != sizeof(from) || from.nl_pid != 0)
			continue;

		len = got;
		for (nlh = (struct nlmsghdr *)buf; mnl_nlmsg_ok(nlh, len);
		     nlh = mnl_nlmsg_next(nlh, &len))
			tell(nlh, ops, ctx);
	}

	return 0;
}
