// SPDX-License-Identifier: MIT
// net-list.c - bare evl net: the ports and the monitored VLANs at a glance.

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/net.h"
#include "wire/vlanlist.h"

enum column { PORT, REAL, VID, MODE, HOLDER, RX, TX, NR_COLUMNS };

enum {
	MAX_PORTS = OOB_MAX_DEVICES * OOB_MAX_PORTS,
	CELL = 40,
};

struct row {
	char cell[NR_COLUMNS][CELL];
};

static const struct row heads = {
	.cell = { "PORT", "REAL", "VID", "MODE", "HOLDER", "RX", "TX" },
};

static void fill_row(struct row *row, const struct oob_port_status *port)
{
	snprintf(row->cell[PORT], CELL, "%.*s", OOB_IFNAMSIZ, port->name);
	snprintf(row->cell[REAL], CELL, "%.*s", OOB_IFNAMSIZ, port->real_name);
	if (port->vid)
		snprintf(row->cell[VID], CELL, "%u%s", port->vid, port->monitored ? "" : "!");
	else
		snprintf(row->cell[VID], CELL, "-");
	snprintf(row->cell[MODE], CELL, "%s,%s", port->mode & OOB_MODE_NATIVE ? "native" : "generic",
		 port->mode & OOB_MODE_ZEROCOPY ? "zero-copy" : "copy");
	if (port->holder_pid)
		snprintf(row->cell[HOLDER], CELL, "%.*s(%d)", (int)sizeof(port->holder_comm),
			 port->holder_comm, port->holder_pid);
	else
		snprintf(row->cell[HOLDER], CELL, "-");
	snprintf(row->cell[RX], CELL, "%llu", port->divert.rx_packets);
	snprintf(row->cell[TX], CELL, "%llu", port->stats.tx_packets);
}

static void print_row(const struct row *row, const int width[NR_COLUMNS])
{
	int column;

	for (column = 0; column < NR_COLUMNS - 1; column++)
		printf("%-*s  ", width[column], row->cell[column]);
	puts(row->cell[NR_COLUMNS - 1]);
}

static void print_table(const struct oob_port_status *ports, unsigned int nr)
{
	int width[NR_COLUMNS], column;
	unsigned int unmonitored = 0;
	unsigned int n;
	struct row row;

	for (column = 0; column < NR_COLUMNS; column++)
		width[column] = (int)strlen(heads.cell[column]);
	for (n = 0; n < nr; n++) {
		fill_row(&row, &ports[n]);
		for (column = 0; column < NR_COLUMNS; column++) {
			int len = (int)strlen(row.cell[column]);

			if (width[column] < len)
				width[column] = len;
		}
	}

	print_row(&heads, width);
	for (n = 0; n < nr; n++) {
		fill_row(&row, &ports[n]);
		print_row(&row, width);
		unmonitored += ports[n].vid && !ports[n].monitored;
	}
	if (unmonitored)
		puts("!: this VLAN is not monitored, its packets stay in-band");
}

/* All ports there are, in a new array. */
static struct oob_port_status *get_ports(unsigned int *nr)
{
	struct oob_port_status *ports = NULL, *more;
	struct oob_reply reply;
	unsigned int n;
	int ret = 0;

	for (n = 0; n < MAX_PORTS; n++) {
		struct oob_request request = { .op = OOB_ASK_LIST, .index = n };

		ret = net_ask(&request, &reply, NET_START_LEFTOVER);
		if (ret)
			break;
		more = reallocarray(ports, n + 1, sizeof(*ports));
		if (!more)
			net_fail(-ENOMEM, "", "cannot list out-of-band ports");
		ports = more;
		ports[n] = reply.port;
	}
	if (ret && ret != -ENOENT && ret != NET_NO_DAEMON)
		net_fail(ret, reply.text, "cannot list out-of-band ports");

	*nr = n;
	return ports;
}

void net_list(const struct net_command *cmd)
{
	char list[WIRE_VLANLIST_TEXT_MAX];
	uint64_t vlans[OOB_VLAN_WORDS];
	struct oob_port_status *ports;
	unsigned int nr, n;

	ports = get_ports(&nr);
	net_get_vlans(vlans);

	if (cmd->json) {
		struct json_object *array = json_object_new_array();

		for (n = 0; n < nr; n++)
			json_object_array_add(array, net_json_port(&ports[n]));
		json_object_object_add(cmd->json, "ports", array);
		net_json_vlans(cmd, vlans);
	} else {
		if (nr)
			print_table(ports, nr);
		else
			puts("no out-of-band ports");
		printf("monitored VLANs: %s\n",
		       wire_vlanlist_format(vlans, list, sizeof(list)) > 0 ? list : "none");
	}
	free(ports);
}
