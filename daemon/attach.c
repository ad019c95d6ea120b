// SPDX-License-Identifier: MIT
// attach.c - loads the divert program and attaches it to a real device.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/attach.h"
#include "daemon/foreign.h"
#include "daemon/netlink.h"
#include "divert.skel.h"

/* libbpf explains itself by a callback without a context: its first warning during a load. */
static _Thread_local char libbpf_said[128];

static int hear_libbpf(enum libbpf_print_level level, const char *fmt, va_list args)
{
	static const char prefix[] = "libbpf: ";
	size_t len;

	if (level != LIBBPF_WARN || libbpf_said[0])
		return 0;

	vsnprintf(libbpf_said, sizeof(libbpf_said), fmt, args);
	len = strlen(prefix);
	if (!strncmp(libbpf_said, prefix, len))
		memmove(libbpf_said, libbpf_said + len, strlen(libbpf_said + len) + 1);
	libbpf_said[strcspn(libbpf_said, "\n")] = '\0';

	return 0;
}

static int load(struct say *why, const char *ifname, struct divert **divert)
{
	int err;

	libbpf_said[0] = '\0';
	libbpf_set_print(hear_libbpf);

	*divert = divert__open_and_load();
	if (*divert)
		return 0;

	err = errno ? -errno : -EINVAL;
	if (err == -EPERM)
		return say(why, err,
			   "%s: this process may not load BPF programs; oobnetd needs CAP_BPF and "
			   "CAP_NET_ADMIN, so start it as root",
			   ifname);

	return say(why, err, "%s: the kernel does not load the divert program: %s (%s)", ifname,
		   strerror(-err), libbpf_said[0] ? libbpf_said : "libbpf says no more");
}

/*
 * Asks the driver once more by netlink, because a bpf_link attachment tells an error number only.
 * Should it succeed this time, the program is taken off again, and the error stands.
 */
static void ask_reason(int ifindex, int prog_fd, char *words, size_t size)
{
	char buf[NETLINK_BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = prog_fd);
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifinfo;
	struct nlattr *nest;

	nlh->nlmsg_type = RTM_SETLINK;
	nlh->nlmsg_flags = NLM_F_ACK;
	ifinfo = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifinfo));
	ifinfo->ifi_family = AF_UNSPEC;
	ifinfo->ifi_index = ifindex;
	nest = mnl_attr_nest_start(nlh, IFLA_XDP);
	mnl_attr_put_u32(nlh, IFLA_XDP_FD, prog_fd);
	mnl_attr_put_u32(nlh, IFLA_XDP_FLAGS, XDP_FLAGS_DRV_MODE | XDP_FLAGS_UPDATE_IF_NOEXIST);
	mnl_attr_nest_end(nlh, nest);

	if (!netlink_ask(buf, words, size))
		bpf_xdp_detach(ifindex, XDP_FLAGS_DRV_MODE, &opts);
}

static int refuse_native(struct say *why, const struct link *link, int err, const char *words)
{
	say(why, 0, "%s: cannot attach in native XDP mode: %s (%s)", link->name, strerror(-err),
	    words[0] ? words : "the driver does not say why");

	switch (err) {
	case -EPERM:
		return say_more(why, err,
				"; oobnetd needs CAP_BPF and CAP_NET_ADMIN, so start it as root");
	case -ERANGE:
		return say_more(why, err,
				"; the MTU is too large for XDP: ip link set dev %s mtu 1500 "
				"(on a veth, the peer's)",
				link->name);
	case -EINVAL:
		return say_more(why, err,
				"; mend what it names, else try ip link set dev %s mtu 1500, or "
				"ethtool -K %s lro off",
				link->name, link->name);
	case -ENOMEM:
	case -ENOSPC:
		return say_more(why, err,
				"; mend what it names, else change the number of queues "
				"(ethtool -L %s)",
				link->name);
	default:
		return say_more(why, err, "; mend what it names, then enable the port again");
	}
}

static int create_link(int prog_fd, int ifindex, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	int fd;

	fd = bpf_link_create(prog_fd, ifindex, BPF_XDP, &opts);

	return fd < 0 ? -errno : fd;
}

static int attach_generic(struct say *why, const struct link *link, int prog_fd, const char *words)
{
	int fd;

	fd = create_link(prog_fd, link->ifindex, XDP_FLAGS_SKB_MODE);
	if (fd < 0)
		return say(why, fd,
			   "%s: cannot attach in native XDP mode (%s), nor in generic mode: %s; "
			   "use another card or driver",
			   link->name, words, strerror(-fd));

	return say(why, fd,
		   "%s: generic XDP mode, which is slower, for native mode cannot be had (%s)",
		   link->name, words[0] ? words : "the driver does not support it");
}

/* Returns the descriptor of the link. */
static int attach(struct say *why, const struct link *link, int prog_fd, unsigned int *mode)
{
	struct link now;
	char words[96];
	int fd;

	*mode = OOB_MODE_NATIVE;
	fd = create_link(prog_fd, link->ifindex, XDP_FLAGS_DRV_MODE);
	if (fd >= 0)
		return fd;

	ask_reason(link->ifindex, prog_fd, words, sizeof(words));
	if (fd == -EOPNOTSUPP) {
		*mode = 0;
		return attach_generic(why, link, prog_fd, words);
	}

	/* Somebody else may have come first since we looked. */
	if ((fd == -EBUSY || fd == -EEXIST) && !link_by_index(why, link->ifindex, &now) &&
	    now.xdp_prog_id)
		return foreign_refuse(why, &now);

	return refuse_native(why, link, fd, words);
}

static int program_id(int prog_fd, uint32_t *id)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len))
		return -errno;
	*id = info.id;

	return 0;
}

int divert_probe(struct say *why, bool *jited)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	struct divert *divert;
	int err;

	err = load(why, "BPF", &divert);
	if (err)
		return err;
	*jited = !bpf_obj_get_info_by_fd(bpf_program__fd(divert->progs.oobnet_divert), &info, &len) &&
		 info.jited_prog_len;
	divert__destroy(divert);

	return 0;
}

/* Of what outlives the skeleton. */
static int take(struct attachment *attachment, const struct divert *divert)
{
	const struct bpf_map *const maps[OOB_NR_MAPS] = {
		[OOB_MAP_XSKS] = divert->maps.xsks,
		[OOB_MAP_CLAIMS] = divert->maps.claims,
		[OOB_MAP_PORTS] = divert->maps.ports,
		[OOB_MAP_VLANS] = divert->maps.vlans,
		[OOB_MAP_COUNTERS] = divert->maps.counters,
		[OOB_MAP_QUEUES] = divert->maps.queues,
	};
	int i;

	for (i = 0; i < OOB_NR_MAPS; i++) {
		attachment->map_fds[i] = fcntl(bpf_map__fd(maps[i]), F_DUPFD_CLOEXEC, 3);
		if (attachment->map_fds[i] < 0)
			return -errno;
	}

	return program_id(bpf_program__fd(divert->progs.oobnet_divert), &attachment->prog_id);
}

static int attach_loaded(struct say *why, const struct link *link, const struct divert *divert,
			 struct attachment *attachment)
{
	int err;

	err = take(attachment, divert);
	if (err)
		return say(why, err, "%s: cannot keep the divert program's maps: %s", link->name,
			   strerror(-err));

	attachment->link_fd =
		attach(why, link, bpf_program__fd(divert->progs.oobnet_divert), &attachment->mode);
	if (attachment->link_fd < 0)
		return attachment->link_fd;

	attachment->nr_queues = link_rx_queues(link);
	if (attachment->nr_queues > OOB_MAX_QUEUES)
		return say(why, -E2BIG,
			   "%s: has %u receive queues, and %d can be served; lower their number "
			   "(ethtool -L %s combined %d)",
			   link->name, attachment->nr_queues, OOB_MAX_QUEUES, link->name,
			   OOB_MAX_QUEUES);

	return 0;
}

int divert_attach(struct say *why, int ifindex, struct attachment *attachment)
{
	struct divert *divert;
	struct link link;
	int err;

	memset(attachment, 0, sizeof(*attachment));
	attachment->link_fd = -1;
	memset(attachment->map_fds, -1, sizeof(attachment->map_fds));

	err = link_by_index(why, ifindex, &link);
	if (err)
		return err;
	if (link.xdp_prog_id)
		return foreign_refuse(why, &link);

	err = load(why, link.name, &divert);
	if (err)
		return err;
	err = attach_loaded(why, &link, divert, attachment);
	divert__destroy(divert);
	if (err)
		divert_close(attachment);

	return err;
}

void divert_close(struct attachment *attachment)
{
	int i;

	if (attachment->link_fd >= 0)
		close(attachment->link_fd);
	attachment->link_fd = -1;
	for (i = 0; i < OOB_NR_MAPS; i++) {
		if (attachment->map_fds[i] >= 0)
			close(attachment->map_fds[i]);
		attachment->map_fds[i] = -1;
	}
}
