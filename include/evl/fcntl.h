/* SPDX-License-Identifier: MIT */
/* The regular open flags, and EVL's. */

#ifndef EVL_FCNTL_H
#define EVL_FCNTL_H

#include <fcntl.h>
#include <evl/fcntl-abi.h>

#endif
