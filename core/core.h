/* SPDX-License-Identifier: MIT */
/* What the rest of liboobnet may use of core/: attachment, endings, memory locks. */

#ifndef OOBNET_CORE_CORE_H
#define OOBNET_CORE_CORE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include "fdtable.h"

/*
 * The library is built with -fvisibility=hidden; every definition that
 * programs may link to carries this mark. Public headers do not need it.
 */
#define __oobnet_api __attribute__((visibility("default")))

/*
 * Thread-local data of core/ is read on the data path: this model needs
 * neither an allocation nor a call.
 */
#define oobnet_tls __thread __attribute__((tls_model("initial-exec")))

struct oobnet_thread;
extern oobnet_tls struct oobnet_thread *oobnet_self;

/* Whether the calling thread is attached (EVL: thread page). Real-time safe, no system call. */
static inline bool oobnet_is_attached(void)
{
	return oobnet_self != NULL;
}

/* How much of the process is locked in memory since evl_init(). */
enum oobnet_memlock {
	OOBNET_MEMLOCK_NONE,	/* nothing: refused, or evl_init() was not called */
	OOBNET_MEMLOCK_CURRENT,	/* what was mapped at evl_init(), later mappings not */
	OOBNET_MEMLOCK_ALL,	/* everything, now and later */
};

enum oobnet_memlock oobnet_memlock_state(void);

/* Whether evl_init() has succeeded in this process (in a forked child: since the fork). */
bool oobnet_is_initialized(void);

/*
 * True as soon as SIGINT or SIGTERM, left to their default action by the
 * program, have begun to end the process. A wait that gives EINTR then calls
 * oobnet_wait_end() rather than going back into the program, which would
 * take it for an error. Both real-time safe and async-signal-safe.
 */
bool oobnet_is_ending(void);
_Noreturn void oobnet_wait_end(void);

/* Moves a new internal descriptor out of 0..2, which belong to the program; errors pass through. */
int oobnet_fd_above_std(int fd);

/* Parts of evl_init(), and what a forked child does with its copies of them. */
int oobnet_threads_init(void);
int oobnet_proxies_init(void);
void oobnet_endings_init(void);
void oobnet_threads_after_fork(void);
void oobnet_proxies_after_fork(void);
void oobnet_endings_after_fork(void);

/*
 * The name of an element from its printf() format: at most OOBNET_NAME_MAX
 * bytes, else -EINVAL. A leading '/' is taken off and sets *public. A null
 * format gives an empty name.
 */
#define OOBNET_NAME_MAX 255

struct oobnet_name {
	char text[OOBNET_NAME_MAX + 1];
	bool is_public;
};

int oobnet_format_name(struct oobnet_name *name, const char *fmt, va_list ap);

#endif
