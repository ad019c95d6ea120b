/* SPDX-License-Identifier: MIT */
/* Thread mode bits and the codes of EVL's health monitoring. */

#ifndef EVL_THREAD_ABI_H
#define EVL_THREAD_ABI_H

#include <signal.h>
#include <evl/version.h>

/* EVL: thread page, "thread mode". Here they are recorded, nothing watches for them. */
#define EVL_T_WOSS	0x00008000	/* warn on stage switch */
#define EVL_T_WOLI	0x00010000	/* warn on lock inconsistency */
#define EVL_T_WOSX	0x00020000	/* warn on stage exclusion */
#define EVL_T_HMSIG	0x00100000	/* notify by a signal */
#define EVL_T_HMOBS	0x00200000	/* notify observers */
#define EVL_T_WOSO	0x00400000	/* warn on schedule overrun */

/* Older spelling of the same. */
#define T_WOSS	EVL_T_WOSS
#define T_WOLI	EVL_T_WOLI
#define T_WOSX	EVL_T_WOSX
#define T_HMSIG	EVL_T_HMSIG
#define T_HMOBS	EVL_T_HMOBS
#define T_WOSO	EVL_T_WOSO

/* EVL: thread page, "health monitoring": the first and the last code. */
#define EVL_HMDIAG_SIGDEMOTE	1
#define EVL_HMDIAG_OVERRUN	9

/* Diagnostics arrive as SIGDEBUG, whose value carries a mark and one of these codes. */
#define SIGDEBUG		SIGXCPU
#define sigdebug_marker		0xfccf0000
#define sigdebug_marked(__si)	\
	(((unsigned int)(__si)->si_value.sival_int & 0xffff0000u) == sigdebug_marker)
#define sigdebug_cause(__si)	\
	((unsigned int)(__si)->si_value.sival_int & 0xffu)

#endif
