/* SPDX-License-Identifier: MIT */
/* EVL's semaphores: none in this version; programs may include it all the same. */

#ifndef EVL_SEM_H
#define EVL_SEM_H

#include <evl/version.h>

#endif
