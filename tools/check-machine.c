// SPDX-License-Identifier: MIT
// check-machine.c - kernel, AF_XDP, BPF and limits, each by trying it.

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "daemon/attach.h"
#include "daemon/plan.h"
#include "tools/check.h"

#define KEEPER_PRIORITY 50	/* as that of the keeper's service thread */

static void as_root(struct check_item *item)
{
	check_means(item, "Whether it is there is not known: this user may not try it.");
	check_mend(item, "Run evl check as root.");
}

static void check_kernel(struct check_section *section, const struct utsname *uts)
{
	struct check_item *item;
	int major = 0, minor = 0;

	sscanf(uts->release, "%d.%d", &major, &minor);
	if (major > 6 || (major == 6 && minor >= 1)) {
		check_add(section, "kernel", CHECK_USEFUL, CHECK_OK, "%s %s", uts->sysname, uts->release);
		return;
	}
	item = check_add(section, "kernel", CHECK_USEFUL, CHECK_UNKNOWN, "%s %s", uts->sysname,
			 uts->release);
	check_means(item, "oobnet was never tried on a kernel older than 6.1.");
	check_mend(item, "Install a newer kernel, or see whether everything else here is ok.");
}

/* A port on a card with one queue, of the usual MTU. */
static unsigned int frames_of_a_port(void)
{
	const struct device_wish wish = { 0 };
	const struct link link = { .mtu = 1500 };
	struct oob_geometry geo = { 0 };

	plan_frames(NULL, &link, 1, &wish, &geo);

	return geo.nr_frames;
}

static int check_af_xdp(struct check_section *section)
{
	int ret = xsk_try_frames(1);
	struct check_item *item;

	if (!ret) {
		check_add(section, "AF_XDP", CHECK_NEEDED, CHECK_OK, "a socket can be made");
		return 0;
	}
	if (ret == -EPERM || ret == -EACCES) {
		item = check_add(section, "AF_XDP", CHECK_NEEDED, CHECK_UNKNOWN,
				 "a socket needs CAP_NET_RAW");
		as_root(item);
		return ret;
	}
	item = check_add(section, "AF_XDP", CHECK_NEEDED, CHECK_MISSING,
			 "a socket cannot be made: %s", strerror(-ret));
	check_means(item, "Without AF_XDP no packet gets to a program.");
	check_mend(item, "%s", ret == -EAFNOSUPPORT ?
		   "Use a kernel built with CONFIG_XDP_SOCKETS, as those of distributions are." :
		   "Mend what the error says, then check again.");

	return ret;
}

static void check_memlock(struct check_section *section, int af_xdp)
{
	unsigned int frames = frames_of_a_port();
	char limit[48] = "no limit";
	struct check_item *item;
	struct rlimit rlim;
	int ret;

	if (!getrlimit(RLIMIT_MEMLOCK, &rlim) && rlim.rlim_cur != RLIM_INFINITY)
		snprintf(limit, sizeof(limit), "limit %llu KiB", (unsigned long long)rlim.rlim_cur / 1024);

	if (af_xdp) {
		item = check_add(section, "memlock", CHECK_NEEDED, CHECK_UNKNOWN,
				 "%s; not tried, for want of an AF_XDP socket", limit);
		check_means(item, "The frames of a port are locked memory.");
		check_mend(item, "Mend AF_XDP first.");
		return;
	}
	ret = xsk_try_frames(frames);
	if (!ret) {
		check_add(section, "memlock", CHECK_NEEDED, CHECK_OK,
			  "%s; the %u KiB of a port with one queue can be locked", limit, frames * 2);
		return;
	}
	item = check_add(section, "memlock", CHECK_NEEDED, CHECK_MISSING,
			 "%s; the %u KiB of a port with one queue cannot be locked: %s", limit,
			 frames * 2, strerror(-ret));
	check_means(item, "A port with the default number of buffers cannot be enabled.");
	check_mend(item, "Give oobnetd CAP_IPC_LOCK or a higher limit (LimitMEMLOCK=, ulimit -l), "
			 "or enable ports with fewer buffers (-p).");
}

static void check_bpf(struct check_section *section)
{
	struct say why = { 0 };
	struct check_item *item;
	bool jited = false;
	int ret;

	ret = divert_probe(&why, &jited);
	if (ret == -EPERM && geteuid() != 0) {
		item = check_add(section, "BPF", CHECK_NEEDED, CHECK_UNKNOWN,
				 "loading a program needs CAP_BPF and CAP_NET_ADMIN");
		as_root(item);
		item = check_add(section, "BPF JIT", CHECK_USEFUL, CHECK_UNKNOWN,
				 "not seen, for no program was loaded");
		as_root(item);
		return;
	}
	if (ret) {
		item = check_add(section, "BPF", CHECK_NEEDED, CHECK_MISSING, "%s", why.text);
		check_means(item, "Without its XDP program oobnet cannot tell VLANs apart.");
		check_mend(item, "Use a kernel with CONFIG_BPF_SYSCALL and CONFIG_XDP_SOCKETS, and check "
				 "as root.");
		return;
	}
	check_add(section, "BPF", CHECK_NEEDED, CHECK_OK, "the divert program loads");
	if (jited) {
		check_add(section, "BPF JIT", CHECK_USEFUL, CHECK_OK,
			  "the divert program is machine code");
		return;
	}
	item = check_add(section, "BPF JIT", CHECK_USEFUL, CHECK_MISSING,
			 "the divert program is interpreted");
	check_means(item, "Every packet of the device, in-band or not, takes longer.");
	check_mend(item, "sysctl net.core.bpf_jit_enable=1");
}

/* Becomes a real-time thread for a moment. */
static int try_priority(void)
{
	const struct sched_param wanted = { .sched_priority = KEEPER_PRIORITY };
	struct sched_param before;
	int policy, ret;

	policy = sched_getscheduler(0);
	if (policy < 0 || sched_getparam(0, &before))
		return -errno;
	ret = sched_setscheduler(0, SCHED_FIFO, &wanted) ? -errno : 0;
	if (!ret)
		sched_setscheduler(0, policy, &before);

	return ret;
}

static void check_rtprio(struct check_section *section)
{
	struct check_item *item;
	struct rlimit rlim = { 0 };
	int ret;

	getrlimit(RLIMIT_RTPRIO, &rlim);
	ret = try_priority();
	if (!ret) {
		check_add(section, "rtprio", CHECK_USEFUL, CHECK_OK, "SCHED_FIFO %d can be had",
			  KEEPER_PRIORITY);
		return;
	}
	item = check_add(section, "rtprio", CHECK_USEFUL, CHECK_MISSING,
			 "SCHED_FIFO %d cannot be had: %s (RLIMIT_RTPRIO %llu)", KEEPER_PRIORITY,
			 strerror(-ret), (unsigned long long)rlim.rlim_cur);
	check_means(item, geteuid() ? "Programs of this user share the CPUs with everything else." :
		    "The keeper and programs share the CPUs with everything else.");
	check_mend(item, "%s", geteuid() ? "Set rtprio in /etc/security/limits.conf, or grant CAP_SYS_NICE." :
		   "Grant CAP_SYS_NICE, or give the control group a real-time budget (cpu.rt_runtime_us).");
}

static bool says_realtime(const struct utsname *uts)
{
	FILE *f = fopen("/sys/kernel/realtime", "re");
	int c = f ? fgetc(f) : EOF;

	if (f)
		fclose(f);

	return c == '1' || strstr(uts->version, "PREEMPT_RT");
}

static void check_preemption(struct check_section *section, const struct utsname *uts)
{
	struct check_item *item;

	if (says_realtime(uts)) {
		check_add(section, "PREEMPT_RT", CHECK_USEFUL, CHECK_OK, "this kernel is one");
		return;
	}
	item = check_add(section, "PREEMPT_RT", CHECK_USEFUL, CHECK_MISSING, "%s", uts->version);
	check_means(item, "Nothing bounds how long the kernel delays the driver or a program.");
	check_mend(item, "Install a PREEMPT_RT kernel (Debian: linux-image-rt-amd64).");
}

void check_machine(struct check_section *section)
{
	struct utsname uts;
	int af_xdp;

	uname(&uts);
	check_kernel(section, &uts);
	af_xdp = check_af_xdp(section);
	check_memlock(section, af_xdp);
	check_bpf(section);
	check_rtprio(section);
	check_preemption(section, &uts);
}
