/* SPDX-License-Identifier: MIT */
/* The open flag that asks for an out-of-band file. */

#ifndef EVL_FCNTL_ABI_H
#define EVL_FCNTL_ABI_H

#include <evl/version.h>

/* EVL: fcntl-abi.h. Unused by the regular kernel on every architecture. */
#define O_OOB 010000000000

#endif
