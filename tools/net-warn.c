// SPDX-License-Identifier: MIT
// net-warn.c - names the in-band sockets that a VLAN is taken away from.

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/link.h"
#include "tools/net.h"
#include "tools/sockets.h"

static void warn(const struct net_command *cmd, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void warn(const struct net_command *cmd, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	if (cmd->json)
		net_json_warning(cmd->json, text);
	else
		fprintf(stderr, "%s: %s\n", program_invocation_name, text);
}

void net_taken(struct net_taken *taken)
{
	struct oob_reply reply;
	unsigned int n;

	taken->nr = 0;
	for (n = 0; n < NET_PORTS_MAX; n++) {
		struct oob_request request = { .op = OOB_ASK_LIST, .index = n };

		if (net_ask(&request, &reply, NET_START_LEFTOVER))
			break;
		if (!reply.port.monitored)
			continue;
		taken->vlan[taken->nr].real_ifindex = reply.port.real_ifindex;
		taken->vlan[taken->nr].vid = reply.port.vid;
		taken->nr++;
	}
}

static bool has(const struct net_taken *taken, const struct net_vlan *vlan)
{
	unsigned int n;

	for (n = 0; n < taken->nr; n++) {
		if (taken->vlan[n].real_ifindex == vlan->real_ifindex &&
		    taken->vlan[n].vid == vlan->vid)
			return true;
	}

	return false;
}

/*
 * The VLAN device by which the kernel received the VLAN; without one it received nothing of it, even
 * where the port is on the real device by --vid.
 */
static bool find_device(const struct net_vlan *vlan, struct link *device)
{
	struct if_nameindex *names = if_nameindex(), *name;
	bool found = false;

	for (name = names; name && name->if_index && !found; name++)
		found = !link_by_index(NULL, name->if_index, device) &&
			strcmp(device->kind, "vlan") == 0 && !device->lower_elsewhere &&
			device->lower_ifindex == vlan->real_ifindex && device->vid == vlan->vid &&
			device->vlan_proto == 0x8100;
	if (names)
		if_freenameindex(names);

	return found;
}

static void describe(const struct inband_socket *sock, const char *ifname, char *text, size_t size)
{
	const char *protocol = sock->udp ? "UDP" : "TCP";
	char local[INET_ADDRSTRLEN + IFNAMSIZ + 1], remote[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &sock->local, local, INET_ADDRSTRLEN);
	inet_ntop(AF_INET, &sock->remote, remote, sizeof(remote));
	if (sock->bound_to_device && !sock->local.s_addr)
		snprintf(local, sizeof(local), "*%%%s", ifname);

	if (sock->connected)
		snprintf(text, size, "is connected from %s:%u to %s:%u (%s)", local,
			 sock->local_port, remote, sock->remote_port, protocol);
	else
		snprintf(text, size, "%s on %s:%u (%s)", sock->udp ? "receives" : "listens", local,
			 sock->local_port, protocol);
}

static void warn_of_vlan(const struct net_command *cmd, const struct net_vlan *vlan)
{
	struct inband_sockets found;
	struct link device;
	unsigned int n;
	int ret;

	if (!find_device(vlan, &device))
		return;
	ret = inband_sockets_on(device.name, device.ifindex, &found);
	if (ret) {
		warn(cmd, "VLAN %u is out-of-band: TCP and UDP on %s are silent from now on; "
		     "which programs that concerns cannot be told: %s",
		     vlan->vid, device.name, strerror(-ret));
		return;
	}

	for (n = 0; n < found.nr; n++) {
		const struct inband_socket *sock = &found.socket[n];
		char what[128];

		describe(sock, device.name, what, sizeof(what));
		if (sock->pid)
			warn(cmd, "%s (pid %d) %s: silent from now on, VLAN %u is out-of-band",
			     sock->comm, sock->pid, what, vlan->vid);
		else
			warn(cmd, "a process that cannot be seen %s: silent from now on, "
			     "VLAN %u is out-of-band", what, vlan->vid);
	}
	if (found.more)
		warn(cmd, "%u more are silent from now on, VLAN %u is out-of-band", found.more,
		     vlan->vid);
	/* There is nearly always one of these: no news of its own. */
	if (found.nr && found.any)
		warn(cmd, "sockets bound to every address lose VLAN %u, too: %u of them", vlan->vid,
		     found.any);
}

void net_warn(const struct net_command *cmd, const struct net_taken *before)
{
	struct net_taken now;
	unsigned int n;

	net_taken(&now);
	for (n = 0; n < now.nr; n++) {
		if (!has(before, &now.vlan[n]))
			warn_of_vlan(cmd, &now.vlan[n]);
	}
}
