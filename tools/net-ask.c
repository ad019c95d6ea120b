// SPDX-License-Identifier: MIT
// net-ask.c - how evl-net asks oobnetd, and how it says that something failed.

#include <errno.h>
#include <error.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <evl/net/oobnet.h>

#include "port/daemon.h"
#include "tools/net.h"

/*
 * Something is left of a daemon that did not end in good order: ports that run in the keeper, or, for
 * root to see to, a set of VLANs and offloads to turn on again.
 */
static bool left_over(void)
{
	return access(OOB_KEEPER_SOCKET, F_OK) == 0 ||
	       (geteuid() == 0 && access(OOB_STATE_FILE, F_OK) == 0);
}

static int start_daemon(struct oob_reply *reply)
{
	int ret;

	if (geteuid() != 0) {
		snprintf(reply->text, sizeof(reply->text),
			 "oobnetd is not running, and only root can start it");
		return -EPERM;
	}

	ret = oobnet_daemon_start();
	if (ret)
		snprintf(reply->text, sizeof(reply->text), "%s", oobnet_explain());

	return ret;
}

int net_ask(struct oob_request *request, struct oob_reply *reply, enum net_start start)
{
	int ret;

	memset(reply, 0, sizeof(*reply));
	ret = oobnet_daemon_call(request, reply, NULL, NULL);
	if (ret != NET_NO_DAEMON)
		return ret;
	if (start == NET_START_LEFTOVER && !left_over())
		return ret;

	return start_daemon(reply) ?: oobnet_daemon_call(request, reply, NULL, NULL);
}

int net_name(struct oob_request *request, const char *ifname)
{
	size_t len = strlen(ifname);

	if (!len || len >= sizeof(request->name))
		return -ENODEV;
	memcpy(request->name, ifname, len + 1);

	return 0;
}

void net_fail(int err, const char *why, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	error(0, -err, "%s", text);
	if (*why)
		fprintf(stderr, "%s\n", why);
	exit(1);
}

void net_note(const struct net_command *cmd, const char *text)
{
	if (!*text)
		return;
	if (cmd->json)
		net_json_note(cmd->json, text);
	else
		puts(text);
}
