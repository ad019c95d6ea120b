// SPDX-License-Identifier: MIT
// capability.c - whether a device is "oob capable" in the strict sense, and what it lacks.

#include <dirent.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/layout.h"
#include "daemon/capability.h"

static bool read_line(const char *path, char *line, int size)
{
	bool ok;
	FILE *f;

	f = fopen(path, "re");
	if (!f)
		return false;
	ok = fgets(line, size, f) != NULL;
	fclose(f);
	if (ok)
		line[strcspn(line, "\n")] = '\0';

	return ok;
}

static bool napi_is_threaded(const char *ifname)
{
	char path[64 + IFNAMSIZ], line[16];

	snprintf(path, sizeof(path), "/sys/class/net/%.*s/threaded", IFNAMSIZ - 1, ifname);

	return read_line(path, line, sizeof(line)) && atoi(line) > 0;
}

/* The kernel names them napi/IF-ID. */
static bool is_napi_thread(const char *pid, const char *ifname)
{
	char path[300], comm[64], prefix[8 + IFNAMSIZ];
	size_t len, digits;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	if (!read_line(path, comm, sizeof(comm)))
		return false;

	len = snprintf(prefix, sizeof(prefix), "napi/%.*s-", IFNAMSIZ - 1, ifname);
	if (strncmp(comm, prefix, len))
		return false;
	digits = strspn(comm + len, "0123456789");

	return digits && !comm[len + digits];
}

static bool is_realtime(pid_t pid)
{
	int policy = sched_getscheduler(pid);

	if (policy < 0)
		return false;
	policy &= ~SCHED_RESET_ON_FORK;

	return policy == SCHED_FIFO || policy == SCHED_RR || policy == SCHED_DEADLINE;
}

static bool napi_is_realtime(const char *ifname)
{
	unsigned int threads = 0, realtime = 0;
	struct dirent *entry;
	DIR *dir;

	if (!napi_is_threaded(ifname))
		return false;
	dir = opendir("/proc");
	if (!dir)
		return false;

	while ((entry = readdir(dir))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    !is_napi_thread(entry->d_name, ifname))
			continue;
		threads++;
		realtime += is_realtime(atoi(entry->d_name));
	}
	closedir(dir);

	return threads && realtime == threads;
}

unsigned int capability_lacks(const char *real_ifname, unsigned int mode)
{
	unsigned int lacks = OOB_LACKS_OWN_QUEUE;

	if (!(mode & OOB_MODE_NATIVE))
		lacks |= OOB_LACKS_NATIVE;
	if (!(mode & OOB_MODE_ZEROCOPY))
		lacks |= OOB_LACKS_ZEROCOPY;
	if (!napi_is_realtime(real_ifname))
		lacks |= OOB_LACKS_NAPI;

	return lacks;
}
