/* SPDX-License-Identifier: MIT */
/* Threads that may use the out-of-band services. */

#ifndef EVL_THREAD_H
#define EVL_THREAD_H

#include <limits.h>
#include <stdbool.h>
#include <evl/element.h>
#include <evl/thread-abi.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A sensible stack size for threads with locked memory: the larger of
 * PTHREAD_STACK_MIN and 64 KiB (EVL: thread page).
 */
#ifdef PTHREAD_STACK_MIN
#define EVL_STACK_DEFAULT \
	((long)PTHREAD_STACK_MIN > 65536L ? (long)PTHREAD_STACK_MIN : 65536L)
#else
#define EVL_STACK_DEFAULT 65536L
#endif

/*
 * Attaches the calling thread, which keeps its scheduling policy and priority,
 * and runs evl_init() first where that has not been done. Afterwards the
 * thread counts as out-of-band. The thread is detached at its end if it did
 * not do so itself.
 *
 * @flags: EVL_CLONE_PRIVATE or EVL_CLONE_PUBLIC. @fmt: printf() format of the
 * name, at most 255 bytes; a leading '/' makes it public; null: no name.
 *
 * A descriptor (>= 0) that stands for the thread, close-on-exec. It may be
 * closed at any time; the thread stays attached. -EBUSY: already attached;
 * -EINVAL: unknown flag, name too long; -ENOSYS: EVL_CLONE_OBSERVABLE or
 * EVL_CLONE_UNICAST, which this version does not have; -ENOMEM, -EMFILE; the
 * errors of evl_init(). Allocates: not real-time safe. EVL: thread page.
 */
int evl_attach_thread(int flags, const char *fmt, ...);

/* Attaches the calling thread under a private name: evl_attach_self(fmt, ...). */
#define evl_attach_self(...) evl_attach_thread(EVL_CLONE_PRIVATE, __VA_ARGS__)

/*
 * Detaches the calling thread and closes its descriptor, unless the program
 * has closed that before. 0; -EINVAL: @flags is not 0; -EPERM: not attached.
 * Not real-time safe. EVL: thread page.
 */
int evl_detach_thread(int flags);

static inline int evl_detach_self(void)
{
	return evl_detach_thread(0);
}

/* The descriptor of the calling thread, or -EPERM. Real-time safe. EVL: thread page. */
int evl_get_self(void);

/*
 * Record that the calling thread goes out-of-band or in-band. They describe:
 * Linux schedules the thread as before. 0, or -EPERM if it is not attached.
 * Real-time safe. EVL: thread page.
 */
int evl_switch_oob(void);
int evl_switch_inband(void);

/*
 * Whether the calling thread is in-band: it is not attached, or its last
 * switch was evl_switch_inband(). Real-time safe. EVL: thread page.
 */
bool evl_is_inband(void);

/*
 * Set or clear mode bits (EVL_T_WOSS ... EVL_T_WOSO) of the thread @efd, of
 * this process; *@oldmask, unless null, gets the mask as it was. Bits are
 * recorded. 0; -EBADF: not a thread; -EINVAL: unknown bit. Real-time safe.
 * EVL: thread page.
 */
int evl_set_thread_mode(int efd, int mask, int *oldmask);
int evl_clear_thread_mode(int efd, int mask, int *oldmask);

/* Later work: these return -ENOSYS. EVL: thread page, observable page. */
int evl_unblock_thread(int efd);
int evl_demote_thread(int efd);
int evl_subscribe(int efd, unsigned int backlog_count, int flags);
int evl_unsubscribe(int efd);

#ifdef __cplusplus
}
#endif

#endif
