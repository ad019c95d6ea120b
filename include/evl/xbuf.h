/* SPDX-License-Identifier: MIT */
/* EVL's cross-buffers: none in this version; programs may include it all the same. */

#ifndef EVL_XBUF_H
#define EVL_XBUF_H

#include <evl/version.h>

#endif
