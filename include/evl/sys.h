/* SPDX-License-Identifier: MIT */
/* The library itself: initialization, version, what the machine can do. */

#ifndef EVL_SYS_H
#define EVL_SYS_H

#include <signal.h>
#include <stdbool.h>
#include <evl/version.h>

#ifdef __cplusplus
extern "C" {
#endif

struct evl_version {
	int api_level;			/* __EVL__ */
	int abi_level;			/* EVL_ABI_PREREQ */
	const char *version_string;	/* this library's */
};

/*
 * Prepares the process: locks its memory where it may (RLIMIT_MEMLOCK,
 * CAP_IPC_LOCK; where it may not, it goes on), starts the thread behind the
 * proxies, makes those of stdout and stderr, and takes over SIGINT and
 * SIGTERM where they have the default action (see <evl/proxy.h>). Further
 * calls do nothing. Attaching a thread and making a proxy call it.
 *
 * 0; -ENOMEM, -EMFILE, -ENFILE, -EAGAIN (no more threads). Not real-time
 * safe. EVL: init page.
 */
int evl_init(void);

/* What this library offers. Real-time safe. EVL: evl.h. */
struct evl_version evl_get_version(void);

/* The mode bits (EVL_T_...) of the calling thread, 0 if not attached. Real-time safe. */
int evl_get_current_mode(void);

/* Whether the processor has a floating-point unit. Real-time safe. */
bool evl_detect_fpu(void);

/*
 * A handler of SIGDEBUG for sigaction() with SA_SIGINFO: describes EVL's
 * diagnostic on stderr; a SIGXCPU without EVL's mark gets its default action.
 * Only where <signal.h> has siginfo_t. EVL: thread page, "health monitoring".
 */
#ifdef SA_SIGINFO
void evl_sigdebug_handler(int sig, siginfo_t *si, void *ctxt);
#endif

#ifdef __cplusplus
}
#endif

#endif
