/* SPDX-License-Identifier: MIT */
/* mounts.h - finding the project's own mounts, and taking them off again. */
#ifndef OOBNET_PSEUDO_MOUNTS_H
#define OOBNET_PSEUDO_MOUNTS_H

#include <stdbool.h>

/* By what /proc/self/mounts says of them, nothing else is ever taken for a mount of ours. */
struct mount_kind {
	const char *source;
	const char *path;
	const char *type;
};

extern const struct mount_kind mount_class;	/* the pseudo-files */
extern const struct mount_kind mount_sysfs;	/* what evl net --sysfs puts over /sys/class */

/* Is there a mount of this kind in the caller's mount namespace, be it below another one? */
bool mount_is_there(const struct mount_kind *kind);

/*
 * Detaches every mount of this kind, with all that is mounted below it; processes that are in it stay
 * where they are. Never asks the file system itself, so that a dead one does no harm. Needs root.
 * Returns 0, also when there was none; -EBUSY when somebody else's mount is on top; or another
 * negative errno of umount2(2).
 */
int mount_take_off(const struct mount_kind *kind);

#endif /* OOBNET_PSEUDO_MOUNTS_H */
