// SPDX-License-Identifier: MIT
// known.c - what oobnetd says of the ports there are, without starting one.

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "port/daemon.h"
#include "tools/known.h"

enum { MAX_PORTS = OOB_MAX_DEVICES * OOB_MAX_PORTS };

/* Real devices seen so far; ports of one may come in any order. */
struct devices {
	int ifindex[OOB_MAX_DEVICES];
	unsigned int nr;
};

static void add_device(struct devices *devices, int ifindex)
{
	unsigned int n;

	for (n = 0; n < devices->nr; n++) {
		if (devices->ifindex[n] == ifindex)
			return;
	}
	if (devices->nr < OOB_MAX_DEVICES)
		devices->ifindex[devices->nr++] = ifindex;
}

static void add_port(struct known *known, const struct oob_port_status *status,
		     const struct link *port, const struct link *real, unsigned int vid)
{
	if (status->ifindex == port->ifindex) {
		known->is_port = true;
		known->port_vid = status->vid;
	}
	if (status->real_ifindex != real->ifindex)
		return;

	known->carries = true;
	known->mode = status->mode;
	known->plan.frame_size = status->frame_size;
	if (vid && status->vid == vid)
		memcpy(known->plan.rival, status->name, sizeof(known->plan.rival));
}

int known_of(struct say *why, const struct link *port, const struct link *real, unsigned int vid,
	     struct known *known)
{
	struct devices devices = { 0 };
	struct oob_reply reply;
	unsigned int n;
	int ret;

	memset(known, 0, sizeof(*known));
	for (n = 0; n < MAX_PORTS; n++) {
		struct oob_request request = { .op = OOB_ASK_LIST, .index = n };

		memset(&reply, 0, sizeof(reply));
		ret = oobnet_daemon_call(&request, &reply, NULL, NULL);
		if (ret == -ECONNREFUSED) {
			known->unattended = real->xdp_prog_id &&
					    access(OOB_KEEPER_SOCKET, F_OK) == 0;
			return 0;
		}
		if (ret == -ENOENT)
			break;
		if (ret)
			return say(why, ret, "%s", reply.text);
		add_device(&devices, reply.port.real_ifindex);
		add_port(known, &reply.port, port, real, vid);
	}
	known->plan.nr_devices = devices.nr;

	return 0;
}
