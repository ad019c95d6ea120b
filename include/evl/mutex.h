/* SPDX-License-Identifier: MIT */
/* EVL's mutexes: none in this version; programs may include it all the same. */

#ifndef EVL_MUTEX_H
#define EVL_MUTEX_H

#include <evl/version.h>

#endif
