/* SPDX-License-Identifier: MIT */
/* The one table of the process from descriptor numbers to objects of the library. */

#ifndef OOBNET_CORE_FDTABLE_H
#define OOBNET_CORE_FDTABLE_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A descriptor is known by number AND by device and inode: where the program
 * closed it behind our back and the number now names something else, the old
 * object is not reached, and the stale entry goes.
 *
 * So the descriptor of an object needs an inode of its own: a socket (also
 * one end of a socketpair()), a pipe, a memfd, a file. eventfd, timerfd,
 * pidfd, epoll and BPF descriptors all share ONE inode number on Linux, so
 * that one of them cannot be told from another: do not install those.
 *
 * In a forked child every entry is dead: the objects belong to the parent,
 * and no callback is called for them. Entries that the child makes are its own.
 */

enum oobnet_fd_type {
	OOBNET_FD_ANY,		/* for lookups */
	OOBNET_FD_SOCKET,
	OOBNET_FD_DEVICE,
	OOBNET_FD_PROXY,
	OOBNET_FD_THREAD,
	OOBNET_FD_NR_TYPES,
};

/*
 * What oob_read(), oob_write() and oob_ioctl() do with objects of a type, and
 * how they end. All may be null. Errors are negative errno. @fd is the number
 * under which the program called.
 */
struct oobnet_fd_ops {
	ssize_t (*read)(void *obj, int fd, void *buf, size_t count);
	ssize_t (*write)(void *obj, int fd, const void *buf, size_t count);
	int (*ioctl)(void *obj, int fd, unsigned long request, unsigned long arg);
	/* The entry has just left the table; others may hold references: wake who waits. */
	void (*closing)(void *obj);
	/* The last reference has gone. Runs in whichever thread dropped it. */
	void (*release)(void *obj);
};

/* An entry. What a reference gives access to is constant while it is held. */
struct oobnet_fd {
	void *obj;
	enum oobnet_fd_type type;
	int fd;
	/* private to fdtable.c */
	dev_t dev;
	ino_t ino;
	_Atomic uint32_t word;
	struct oobnet_fd *next_free, *next_made;
};

/* Sets the operations of a type, once, before the first object of it. @ops must stay. */
void oobnet_fd_set_ops(enum oobnet_fd_type type, const struct oobnet_fd_ops *ops);
const struct oobnet_fd_ops *oobnet_fd_ops(enum oobnet_fd_type type);

/*
 * Enters @obj as the object of @fd; an older entry of that number goes first.
 * 0, -EBADF (not open), -EMFILE (number too large), -ENOMEM. Allocates: not
 * real-time safe.
 */
int oobnet_fd_install(int fd, enum oobnet_fd_type type, void *obj);

/*
 * The entry of @fd with a reference, or null where there is none of this type.
 * Lock-free, no allocation, one fstat(): real-time safe, except that finding a
 * stale entry ends that one here (closing and perhaps release are called).
 */
struct oobnet_fd *oobnet_fd_lookup(int fd, enum oobnet_fd_type type);

/* Gives a reference back. Real-time safe unless it was the last of a removed entry. */
void oobnet_fd_put(struct oobnet_fd *ref);

/*
 * Takes the entry of @fd out of the table; lookups that began before keep
 * their references. Call it before close(). Whether there was one. The second
 * form only takes out the entry of @obj.
 */
_Bool oobnet_fd_remove(int fd);
_Bool oobnet_fd_remove_object(int fd, const void *obj);

#endif
