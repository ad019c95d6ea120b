/* SPDX-License-Identifier: MIT */
/* Out-of-band input and output on descriptors. */

#ifndef EVL_SYSCALL_H
#define EVL_SYSCALL_H

#include <sys/types.h>
#include <evl/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Read from, write to, control what a descriptor stands for: an out-of-band
 * socket (receive, send without a name) or a proxy. As their POSIX namesakes
 * they return -1 and set errno. EBADF: not a descriptor of these; EINVAL: the
 * element cannot do this; ENOTTY: unknown request; else what the element
 * gives. Real-time safe as far as the element is. EVL: "oob_read" ...
 */
ssize_t oob_read(int efd, void *buf, size_t count);
ssize_t oob_write(int efd, const void *buf, size_t count);
int oob_ioctl(int efd, unsigned long request, ...);

/*
 * close() for descriptors of the library and all others; what <evl/net/socket.h>
 * makes of close(). Wakes those who wait on the element. Returns as close().
 */
int oobnet_close(int fd);

#ifdef __cplusplus
}
#endif

#endif
