// SPDX-License-Identifier: MIT
// net-sysfs.c - evl net --sysfs and --no-sysfs: EVL's own path /sys/class/evl, and away with it.

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "pseudo/dress.h"
#include "tools/net.h"

static const char only_root[] = "only root may change what /sys/class shows";

/* The process that listens where requests go: 0 if it cannot be seen from here, or a negative errno. */
static pid_t daemon_pid(void)
{
	const struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = OOB_DAEMON_SOCKET };
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), err = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		err = -errno;
	close(fd);

	return err ? err : cred.pid;
}

static bool is_same(pid_t pid, const char *what)
{
	struct stat mine, its;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/%s", what);
	if (stat(path, &mine))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);

	return !stat(path, &its) && mine.st_dev == its.st_dev && mine.st_ino == its.st_ino;
}

/* What is mounted elsewhere than where oobnetd is, nobody could undo when it ends. */
static void check_place(void)
{
	pid_t pid = daemon_pid();
	char why[128];

	if (pid < 0)
		net_fail(pid, "", "cannot dress /sys/class");
	if (pid && is_same(pid, "ns/mnt") && is_same(pid, "root"))
		return;
	if (pid)
		snprintf(why, sizeof(why), "oobnetd runs in another mount namespace: "
			 "nsenter -t %d -m evl net --sysfs", pid);
	else
		snprintf(why, sizeof(why), "oobnetd runs outside this container");
	net_fail(-EXDEV, why, "cannot dress /sys/class");
}

void net_sysfs(const struct net_command *cmd)
{
	struct oob_request request = { .op = OOB_ASK_GET_VLANS };
	struct oob_reply reply = { 0 };
	char why[512] = "";
	int ret;

	if (geteuid() != 0)
		net_fail(-EPERM, only_root, "cannot dress /sys/class");
	/* The connection stays until this process ends: as long as it is there, so is oobnetd. */
	ret = net_ask(&request, &reply, NET_START);
	if (ret)
		net_fail(ret, reply.text, "cannot dress /sys/class");
	check_place();
	if (access(OOB_CLASS_DIR "/evl/net/vlans", F_OK))
		net_fail(-errno, "there are no pseudo-files in " OOB_CLASS_DIR "; "
			 OOB_RUN_DIR "/oobnetd.log may say why", "cannot dress /sys/class");
	ret = dress_on(why, sizeof(why));
	if (ret)
		net_fail(ret, why, "cannot dress /sys/class");
}

void net_no_sysfs(const struct net_command *cmd)
{
	int ret;

	if (geteuid() != 0)
		net_fail(-EPERM, only_root, "cannot undress /sys/class");
	ret = dress_off();
	if (ret)
		net_fail(ret, ret == -EBUSY ? "something else is mounted over it" : "",
			 "cannot undress /sys/class");
}
