/* SPDX-License-Identifier: MIT */
/* Which interface these headers offer. */

#ifndef EVL_VERSION_H
#define EVL_VERSION_H

/* The API level of libevl that programs may expect (EVL: evl.h). */
#define __EVL__ 35

/* The ABI level that EVL's core would have to have for that API level. */
#define EVL_ABI_PREREQ 43

/* These are oobnet's headers: EVL's interface on an unmodified kernel. */
#define __OOBNET__ 1

#endif
