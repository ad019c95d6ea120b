/* SPDX-License-Identifier: MIT */
/* EVL's event flag groups: none in this version; programs may include it all the same. */

#ifndef EVL_FLAGS_H
#define EVL_FLAGS_H

#include <evl/version.h>

#endif
