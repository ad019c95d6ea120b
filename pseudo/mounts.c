// SPDX-License-Identifier: MIT
// mounts.c - finding the project's own mounts, and taking them off again.

#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "bpf/layout.h"
#include "pseudo/mounts.h"

const struct mount_kind mount_class = { "oobnet", OOB_CLASS_DIR, "fuse.oobnet" };
const struct mount_kind mount_sysfs = { "oobnet", OOB_SYSFS_DIR, "tmpfs" };

struct found {
	unsigned int ours;
	bool on_top;	/* the last one mounted there is ours */
};

static struct found look(const struct mount_kind *kind)
{
	struct found found = { 0 };
	char text[4096];
	struct mntent entry;
	FILE *mounts;

	mounts = setmntent("/proc/self/mounts", "r");
	if (!mounts)
		return found;
	/* Mounts on the same place stand in the order in which they were made. */
	while (getmntent_r(mounts, &entry, text, sizeof(text))) {
		if (strcmp(entry.mnt_dir, kind->path))
			continue;
		found.on_top = !strcmp(entry.mnt_type, kind->type) && !strcmp(entry.mnt_fsname, kind->source);
		found.ours += found.on_top;
	}
	endmntent(mounts);
	return found;
}

bool mount_is_there(const struct mount_kind *kind)
{
	return look(kind).ours;
}

int mount_take_off(const struct mount_kind *kind)
{
	for (;;) {
		struct found found = look(kind);

		if (!found.ours)
			return 0;
		if (!found.on_top)
			return -EBUSY;
		/* EINVAL: somebody else has just taken it off. */
		if (umount2(kind->path, MNT_DETACH | UMOUNT_NOFOLLOW) && errno != EINVAL)
			return -errno;
	}
}
