/* SPDX-License-Identifier: MIT */
/* Flags with which elements (threads, proxies, ...) are made. */

#ifndef EVL_ELEMENT_H
#define EVL_ELEMENT_H

#include <evl/version.h>

/*
 * EVL: elements. On EVL a public element appears under /dev/evl; here the
 * flag (or a leading '/' in the name) is accepted, and nothing appears.
 */
#define EVL_CLONE_PRIVATE	0
#define EVL_CLONE_PUBLIC	(1 << 16)
#define EVL_CLONE_OBSERVABLE	(1 << 17)
#define EVL_CLONE_NONBLOCK	(1 << 18)
#define EVL_CLONE_UNICAST	(1 << 19)
#define EVL_CLONE_INPUT		(1 << 20)
#define EVL_CLONE_OUTPUT	(1 << 21)
#define EVL_CLONE_SHAREABLE	(1 << 22)

#endif
