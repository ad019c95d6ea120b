// SPDX-License-Identifier: MIT
// dress.c - EVL's directory in /sys/class: made aside, put in place in one step, taken away.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/layout.h"
#include "ipc/message.h"
#include "pseudo/dress.h"
#include "pseudo/mounts.h"

#define LOCK_FILE	OOB_RUN_DIR "/sysfs.lock"
#define EVL_DIR		OOB_SYSFS_DIR "/evl"
#define EVL_SOURCE	OOB_CLASS_DIR "/evl"
#define EVL_FILE	EVL_DIR "/net/vlans"

/* What the process that makes the tree tells the one that wants it; with a descriptor if err is 0. */
struct made {
	int err;
	char why[512];
};

static int because(struct made *made, const char *what)
{
	made->err = -errno;
	snprintf(made->why, sizeof(made->why), "%s: %s", what, strerror(errno));
	return made->err;
}

static int bind_directory(struct made *made, int dir, const char *name, const char *target)
{
	int tree;

	if (mkdir(target, 0755))
		return because(made, target);
	tree = open_tree(dir, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree < 0)
		return because(made, name);
	if (move_mount(tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH))
		because(made, target);
	close(tree);
	return made->err;
}

static int copy_link(struct made *made, int dir, const char *name, const char *target)
{
	char value[PATH_MAX];
	ssize_t n = readlinkat(dir, name, value, sizeof(value) - 1);

	if (n < 0)
		return because(made, target);
	value[n] = '\0';
	return symlink(value, target) ? because(made, target) : 0;
}

/* Every class of `real` gets its place in the tmpfs that covers it. */
static int bind_classes(struct made *made, DIR *real)
{
	const struct dirent *entry;
	char target[sizeof(OOB_SYSFS_DIR) + NAME_MAX + 1];
	struct stat st;

	while ((errno = 0, entry = readdir(real))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(target, sizeof(target), OOB_SYSFS_DIR "/%s", entry->d_name);
		if (fstatat(dirfd(real), entry->d_name, &st, AT_SYMLINK_NOFOLLOW)) {
			/* A class may go with its module. */
			if (errno == ENOENT)
				continue;
			return because(made, target);
		}
		if (S_ISDIR(st.st_mode))
			bind_directory(made, dirfd(real), entry->d_name, target);
		else if (S_ISLNK(st.st_mode))
			copy_link(made, dirfd(real), entry->d_name, target);
		if (made->err)
			return made->err;
	}
	return errno ? because(made, OOB_SYSFS_DIR) : 0;
}

/* In a mount namespace of our own, which goes with us, whatever happens. Returns the tree. */
static int make_tree(struct made *made)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	int tree = -1;
	DIR *real;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return because(made, "no mount namespace to make it in");
	real = opendir(OOB_SYSFS_DIR);
	if (!real)
		return because(made, OOB_SYSFS_DIR);
	if (!faccessat(dirfd(real), "evl", F_OK, AT_SYMLINK_NOFOLLOW)) {
		errno = EEXIST;
		because(made, EVL_DIR " is there: this kernel has EVL itself");
	} else if (mount(mount_sysfs.source, mount_sysfs.path, mount_sysfs.type, flags, "mode=755,size=1m")) {
		because(made, OOB_SYSFS_DIR);
	} else if (!bind_classes(made, real) && !bind_directory(made, AT_FDCWD, EVL_SOURCE, EVL_DIR)) {
		/* Read-only from here on: what is mounted in it is not. */
		if (mount(NULL, OOB_SYSFS_DIR, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL))
			because(made, OOB_SYSFS_DIR);
		else
			tree = open_tree(AT_FDCWD, OOB_SYSFS_DIR, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
		if (!made->err && tree < 0)
			because(made, OOB_SYSFS_DIR);
	}
	closedir(real);
	return tree;
}

static int receive_made(int sock, struct made *made)
{
	int tree = -1, nr = 0;
	ssize_t n;

	do
		n = message_receive(sock, made, sizeof(*made), &tree, 1, &nr, 0);
	while (n == -EINTR);
	if (n != sizeof(*made) || (!made->err && !nr)) {
		errno = EPIPE;
		because(made, "the process that makes it ended");
	}
	return nr ? tree : -1;
}

/* The whole tree, mounted nowhere; or a negative errno. */
static int tree_from_child(struct made *made)
{
	int pair[2], tree = -1;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return because(made, "no socket");
	pid = fork();
	if (!pid) {
		tree = make_tree(made);
		_exit(message_send(pair[1], made, sizeof(*made), &tree, tree >= 0, 0) != 0);
	}
	close(pair[1]);
	if (pid < 0) {
		because(made, "no process to make it in");
	} else {
		tree = receive_made(pair[0], made);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close(pair[0]);
	return made->err ? made->err : tree;
}

/* Asks the one who serves the files, so it must not be that one who calls. */
static bool is_alive(void)
{
	return access(EVL_FILE, F_OK) == 0;
}

static int put_in_place(struct made *made)
{
	int tree;

	if (dress_is_on() && is_alive())
		return 0;
	made->err = dress_off();
	if (made->err) {
		errno = -made->err;
		return because(made, "what is left of an earlier time cannot be taken off " OOB_SYSFS_DIR);
	}
	tree = tree_from_child(made);
	if (tree < 0)
		return tree;
	if (move_mount(tree, "", AT_FDCWD, OOB_SYSFS_DIR, MOVE_MOUNT_F_EMPTY_PATH))
		because(made, OOB_SYSFS_DIR);
	close(tree);
	/*
	 * oobclass, when it ends, takes the tree off after it has stopped serving: whatever was put in place
	 * before that, it finds; what comes later gets no answer here.
	 */
	if (!made->err && !is_alive()) {
		because(made, EVL_FILE);
		dress_off();
	}
	return made->err;
}

int dress_on(char *why, size_t size)
{
	struct made made = { 0 };
	int lock;

	/* Two at the same time would put one tree over the other. */
	lock = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0 || flock(lock, LOCK_EX))
		because(&made, LOCK_FILE);
	else
		put_in_place(&made);
	if (lock >= 0)
		close(lock);
	snprintf(why, size, "%s", made.why);
	return made.err;
}

int dress_off(void)
{
	return mount_take_off(&mount_sysfs);
}

bool dress_is_on(void)
{
	return mount_is_there(&mount_sysfs);
}
