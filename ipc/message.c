// SPDX-License-Identifier: MIT
// message.c - one message with descriptors over a unix socket.

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/message.h"

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(MESSAGE_MAX_FDS * sizeof(int))];
};

int message_send(int sock, const void *data, size_t size, const int *fds, int nr, int flags)
{
	struct iovec iov = { .iov_base = (void *)data, .iov_len = size };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	struct cmsghdr *cmsg;

	if (nr < 0 || nr > MESSAGE_MAX_FDS)
		return -EINVAL;
	if (nr) {
		memset(&control, 0, sizeof(control));
		hdr.msg_control = &control;
		hdr.msg_controllen = CMSG_SPACE(nr * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&hdr);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nr * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nr * sizeof(int));
	}
	return sendmsg(sock, &hdr, flags | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Those beyond room are closed: nobody knows of them. */
static void take_fds(struct msghdr *hdr, int *fds, int room, int *nr)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(hdr); cmsg; cmsg = CMSG_NXTHDR(hdr, cmsg)) {
		size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
			if (*nr < room)
				fds[(*nr)++] = fd;
			else
				close(fd);
		}
	}
}

ssize_t message_receive(int sock, void *data, size_t size, int *fds, int room, int *nr, int flags)
{
	struct iovec iov = { .iov_base = data, .iov_len = size };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	int got = 0;
	ssize_t n;

	if (room > MESSAGE_MAX_FDS)
		room = MESSAGE_MAX_FDS;
	if (room > 0) {
		hdr.msg_control = &control;
		hdr.msg_controllen = CMSG_SPACE(room * sizeof(int));
	}
	n = recvmsg(sock, &hdr, flags | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	if (room > 0)
		take_fds(&hdr, fds, room, &got);
	/* Without room for any, descriptors are cut off by the kernel, which is as it should be. */
	if (hdr.msg_flags & MSG_TRUNC || (room > 0 && hdr.msg_flags & MSG_CTRUNC)) {
		while (got)
			close(fds[--got]);
		n = hdr.msg_flags & MSG_TRUNC ? -EPROTO : -EMFILE;
	}
	if (nr)
		*nr = got;
	return n;
}
