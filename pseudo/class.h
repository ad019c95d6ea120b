/* SPDX-License-Identifier: MIT */
/*
 * class.h - the tree of pseudo-files (EVL: /sys/class/evl/net/vlans, /sys/class/net/IF/oob_port) as
 * operations of FUSE. oobclass(8) says what they do.
 */
#ifndef OOBNET_PSEUDO_CLASS_H
#define OOBNET_PSEUDO_CLASS_H

#include <time.h>

#define FUSE_USE_VERSION 314
#include <fuse.h>
#include <fuse_lowlevel.h>

/* What fuse_new() is given for its private data. */
struct class {
	struct timespec born;	/* CLOCK_REALTIME: the time of every file */
};

/* For one thread: requests to oobnetd change the process's user id for a moment. */
extern const struct fuse_operations class_operations;

#endif /* OOBNET_PSEUDO_CLASS_H */
