/* SPDX-License-Identifier: MIT */
/* EVL's condition variables: none in this version; programs may include it all the same. */

#ifndef EVL_EVENT_H
#define EVL_EVENT_H

#include <evl/version.h>

#endif
