/* SPDX-License-Identifier: MIT */
/* EVL's read-write locks: none in this version; programs may include it all the same. */

#ifndef EVL_RWLOCK_H
#define EVL_RWLOCK_H

#include <evl/version.h>

#endif
