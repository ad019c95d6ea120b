/* SPDX-License-Identifier: MIT */
/* EVL's scheduling policies beyond those of Linux: none in this version; programs may include it all the same. */

#ifndef EVL_SCHED_H
#define EVL_SCHED_H

#include <evl/version.h>

#endif
