/* SPDX-License-Identifier: MIT */
/* Proxies: output of real-time threads that never waits for the file it goes to. */

#ifndef EVL_PROXY_H
#define EVL_PROXY_H

#include <stdarg.h>
#include <stddef.h>
#include <sys/types.h>
#include <evl/element.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What is written to a proxy is put into a ring; one thread of the library,
 * of normal priority, writes it to the target file, in order. A writer waits
 * for room in the ring only, never for the file.
 *
 * At exit() and at a SIGINT or SIGTERM that the program left to its default
 * action, what is in the rings is written for at most one second; what is left
 * then is counted on stderr. A second signal ends the program at once. _exit()
 * and SIGKILL lose it.
 *
 * A proxy descriptor is one end of a socket pair, close-on-exec, so that
 * regular calls work too: write() reaches the target as well (behind
 * everything that was put into the ring before; ring writes that follow may
 * overtake it), read() and poll(POLLIN) see the input of an input proxy, and
 * poll(POLLOUT) says that a write() will not wait, not that the ring is empty.
 * O_NONBLOCK works by fcntl(). close(), in a program that includes
 * <evl/net/socket.h>, wakes blocked callers with -EBADF. Different from EVL,
 * bytes accepted before are still written: poll() cannot tell when they are.
 *
 * In a forked child there are no proxies: evl_*_proxy() give -EBADF, and
 * evl_printf() and evl_eprintf() write to descriptor 2 as before evl_init(),
 * until the child calls evl_init() itself.
 */

/* The proxies of stdout and stderr, 16384 bytes each, once evl_init() has run; else -1. */
extern int evl_outfd;
extern int evl_errfd;

/* Older names. */
#define proxy_outfd evl_outfd
#define proxy_errfd evl_errfd

/*
 * Makes a proxy of the open file @targetfd, which it holds open by itself.
 *
 * @bufsz: size of the ring in bytes, 1 to 2^30, a multiple of @granularity.
 * @granularity: the target is read and written in units of exactly this many
 * bytes (8 for an eventfd); 0: in any portions. @flags: EVL_CLONE_OUTPUT
 * (implied when there is neither), EVL_CLONE_INPUT, EVL_CLONE_NONBLOCK,
 * EVL_CLONE_PUBLIC. @fmt: printf() format of the name, at most 255 bytes; a
 * leading '/' makes it public; null: no name.
 *
 * A descriptor, or: -EINVAL (size, granularity, flag, name); -EBADF:
 * @targetfd is not open; -ENOSYS: size 0 without direction (EVL's proxy for
 * mapping only), EVL_CLONE_OBSERVABLE, _UNICAST, _SHAREABLE; -EAGAIN: there
 * are 64 already; -ENOMEM, -EMFILE; the errors of evl_init(), which is
 * called. Allocates: not real-time safe. EVL: proxy page.
 */
int evl_create_proxy(int targetfd, size_t bufsz, size_t granularity, int flags,
		     const char *fmt, ...);

/* An output proxy, granularity 0, private: evl_new_proxy(targetfd, bufsz, fmt, ...). */
#define evl_new_proxy(__targetfd, __bufsz, ...) \
	evl_create_proxy(__targetfd, __bufsz, 0, EVL_CLONE_PRIVATE, __VA_ARGS__)

/*
 * Puts @count bytes into the ring, all or none, never mixed with those of
 * other writers. Where there is no room, waits for it (without limit); with
 * O_NONBLOCK -EAGAIN.
 *
 * @count, or: -EBADF: not a proxy, or closed while waiting; -ENXIO: not an
 * output proxy; -EFBIG: more than the ring holds; -EINVAL: not a multiple of
 * the granularity; -EINTR: a signal was handled while waiting; -EDEADLK:
 * called by a signal handler that interrupted a write to the same proxy. A
 * write error of the target loses that portion and is not reported.
 *
 * Any thread, attached or not, real-time safe: a copy under a lock with
 * priority inheritance, no allocation; a system call to find the descriptor,
 * and one to wake the writing thread if it sleeps. EVL: proxy page.
 */
ssize_t evl_write_proxy(int efd, const void *buf, size_t count);

/* Older name. */
ssize_t evl_send_proxy(int efd, const void *buf, size_t count);

/*
 * Takes up to @count bytes of an input proxy, waits until there is at least
 * one; with O_NONBLOCK -EAGAIN. The number of bytes, 0 at the end of the
 * target file; -EBADF, -EINTR as above; -ENXIO: not an input proxy; -EINVAL:
 * @count is not a multiple of the granularity. Any thread. EVL: proxy page.
 */
ssize_t evl_read_proxy(int efd, void *buf, size_t count);

/*
 * Format into a buffer of 1024 bytes on the stack, cut what does not fit
 * (1023 bytes remain), and evl_write_proxy() the result. The number of bytes
 * or an error of evl_write_proxy(); -EINVAL: bad format. EVL: proxy page.
 */
ssize_t evl_vprint_proxy(int efd, const char *fmt, va_list ap)
	__attribute__((__format__(__printf__, 2, 0)));
ssize_t evl_print_proxy(int efd, const char *fmt, ...)
	__attribute__((__format__(__printf__, 2, 3)));

/*
 * The same to stdout and stderr. Before evl_init() an in-band caller's text
 * goes to descriptor 2 at once; -EBADFD where the caller is out-of-band, or
 * where evl_init() found the descriptor closed. EVL: proxy page.
 */
ssize_t evl_printf(const char *fmt, ...)
	__attribute__((__format__(__printf__, 1, 2)));
ssize_t evl_eprintf(const char *fmt, ...)
	__attribute__((__format__(__printf__, 1, 2)));

#ifdef __cplusplus
}
#endif

#endif
