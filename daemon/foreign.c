// SPDX-License-Identifier: MIT
// foreign.c - names an XDP program that is in the way.

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/foreign.h"

/* The bpf_link that holds the program, 0 when it is held otherwise or we may not see it. */
static uint32_t find_link(uint32_t prog_id)
{
	struct bpf_link_info info;
	uint32_t id = 0, len;
	int fd, err;

	while (!bpf_link_get_next_id(id, &id)) {
		fd = bpf_link_get_fd_by_id(id);
		if (fd < 0)
			continue;
		memset(&info, 0, sizeof(info));
		len = sizeof(info);
		err = bpf_obj_get_info_by_fd(fd, &info, &len);
		close(fd);
		if (!err && info.type == BPF_LINK_TYPE_XDP && info.prog_id == prog_id)
			return id;
	}

	return 0;
}

void foreign_name(uint32_t prog_id, char text[FOREIGN_NAME_SIZE])
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd;

	text[0] = '\0';
	fd = bpf_prog_get_fd_by_id(prog_id);
	if (fd < 0)
		return;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.name[0])
		snprintf(text, FOREIGN_NAME_SIZE, " (%.*s)", (int)sizeof(info.name), info.name);
	close(fd);
}

/* How iproute2 calls a mode when it is to remove a program. */
static const char *iproute_mode(uint8_t mode)
{
	switch (mode) {
	case XDP_ATTACHED_SKB:
		return "xdpgeneric";
	case XDP_ATTACHED_HW:
		return "xdpoffload";
	default:
		return "xdp";
	}
}

int foreign_refuse(struct say *why, const struct link *link)
{
	char name[FOREIGN_NAME_SIZE];
	uint32_t link_id;

	foreign_name(link->xdp_prog_id, name);
	link_id = find_link(link->xdp_prog_id);
	say(why, 0, "%s: XDP program %u%s is attached already; ", link->name, link->xdp_prog_id,
	    name);
	if (link_id)
		return say_more(why, -EBUSY,
				"end the process that holds it (bpftool link show id %u names it), "
				"or use another card",
				link_id);

	return say_more(why, -EBUSY, "remove it (ip link set dev %s %s off), or use another card",
			link->name, iproute_mode(link->xdp_mode));
}
