// SPDX-License-Identifier: MIT
// net-port.c - evl net -e and -d: make an interface a port, and make it none.

#include <errno.h>
#include <stdio.h>

#include "tools/net.h"

static const char no_daemon[] = "oobnetd is not running, so no interface is an out-of-band port";

void net_enable(const struct net_command *cmd)
{
	struct oob_request request = {
		.op = OOB_ASK_ENABLE,
		.vid = cmd->vid,
		.pool = cmd->pool,
		.buf = cmd->buf,
	};
	struct oob_reply reply = { 0 };
	struct net_taken before;
	int ret;

	if (cmd->dry_run) {
		net_dry_run(cmd);
		return;
	}

	net_taken(&before);
	ret = net_name(&request, cmd->ifname) ?: net_ask(&request, &reply, NET_START);
	if (ret)
		net_fail(ret, reply.text, "cannot enable out-of-band port on %s", cmd->ifname);

	net_note(cmd, reply.text);
	net_warn(cmd, &before);
}

void net_disable(const struct net_command *cmd)
{
	struct oob_request request = { .op = OOB_ASK_DISABLE };
	struct oob_reply reply = { 0 };
	int ret;

	ret = net_name(&request, cmd->ifname) ?: net_ask(&request, &reply, NET_START_LEFTOVER);
	if (ret)
		net_fail(ret, ret == NET_NO_DAEMON ? no_daemon : reply.text,
			 "cannot disable out-of-band port on %s", cmd->ifname);

	net_note(cmd, reply.text);
}
