/* SPDX-License-Identifier: MIT */
/*
 * dress.h - EVL's directory in /sys/class, which takes no new entries: a tmpfs is mounted over it that has
 * every class there was, bound from below, and `evl` besides.
 */
#ifndef OOBNET_PSEUDO_DRESS_H
#define OOBNET_PSEUDO_DRESS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Dresses /sys/class in the caller's mount namespace, and in those that get its mounts. The new tree is
 * made where nobody sees it and put in place in one step: all of it is there or nothing. Does nothing
 * when it is there already, with pseudo-files that are alive. Needs root, and oobclass.
 *
 * Returns 0 or, with a sentence in `why` (never empty then), a negative errno: -EEXIST when the kernel
 * has EVL itself, -ENOTCONN when nobody serves the pseudo-files, and those of mount(2) and its kin.
 */
int dress_on(char *why, size_t size);

/* Undoes it. 0, also when nothing was there; else a negative errno, as mount_take_off(). */
int dress_off(void);

bool dress_is_on(void);

#endif /* OOBNET_PSEUDO_DRESS_H */
