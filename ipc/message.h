/* SPDX-License-Identifier: MIT */
/* message.h - one message with descriptors over a unix socket of type SOCK_SEQPACKET. */
#ifndef OOBNET_IPC_MESSAGE_H
#define OOBNET_IPC_MESSAGE_H

#include <stddef.h>
#include <sys/types.h>

#define MESSAGE_MAX_FDS 128

/*
 * Sends size bytes and nr descriptors (up to MESSAGE_MAX_FDS). `flags` as for sendmsg(2); MSG_NOSIGNAL is
 * added. 0 or -errno. The descriptors stay the caller's. Not real-time safe.
 */
int message_send(int sock, const void *data, size_t size, const int *fds, int nr, int flags);

/*
 * Receives one message of up to size bytes and up to room descriptors (MESSAGE_MAX_FDS at most), which
 * are made close-on-exec. With room 0 descriptors that are sent are never received. `flags` as for
 * recvmsg(2). The number of bytes, 0 at the end, -EPROTO where the message was longer,
 * -EMFILE where there were too many descriptors or the process may have no more (what came is closed
 * then), or another -errno. Not real-time safe.
 */
ssize_t message_receive(int sock, void *data, size_t size, int *fds, int room, int *nr, int flags);

#endif /* OOBNET_IPC_MESSAGE_H */
