// SPDX-License-Identifier: MIT
// netlink.c - one request to netlink and its answer.

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "daemon/netlink.h"

#define ANSWER_SECONDS 5

static int open_socket(int protocol)
{
	const struct timeval timeout = { .tv_sec = ANSWER_SECONDS };
	int fd, on = 1;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on))) {
		int err = -errno;

		close(fd);
		return err;
	}

	return fd;
}

/* NETLINK_CAP_ACK: the attributes follow struct nlmsgerr directly. */
static void copy_words(const struct nlmsghdr *nlh, char *words, size_t size)
{
	const struct nlattr *attr;

	if (!words || !size || !(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;

	mnl_attr_for_each(attr, nlh, sizeof(struct nlmsgerr))
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			snprintf(words, size, "%s", mnl_attr_get_str(attr));
}

static int receive(int fd, char *buf, char *words, size_t size)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	const struct nlmsgerr *error;
	ssize_t len;

	do {
		len = recv(fd, buf, NETLINK_BUFFER, MSG_TRUNC);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (len > NETLINK_BUFFER || !mnl_nlmsg_ok(nlh, len))
		return -EPROTO;
	if (nlh->nlmsg_type != NLMSG_ERROR)
		return 0;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*error))
		return -EPROTO;

	copy_words(nlh, words, size);
	error = mnl_nlmsg_get_payload(nlh);

	return error->error;
}

int netlink_ask_family(int protocol, char buf[NETLINK_BUFFER], char *words, size_t size)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	int fd, err = 0;

	if (words && size)
		words[0] = '\0';

	fd = open_socket(protocol);
	if (fd < 0)
		return fd;

	/* A socket of its own for each request: no late answer can be taken for that of another. */
	nlh->nlmsg_flags |= NLM_F_REQUEST;
	nlh->nlmsg_seq = 1;
	if (sendto(fd, buf, nlh->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		err = -errno;
	else
		err = receive(fd, buf, words, size);
	close(fd);

	return err;
}

int netlink_ask(char buf[NETLINK_BUFFER], char *words, size_t size)
{
	return netlink_ask_family(NETLINK_ROUTE, buf, words, size);
}
