// SPDX-License-Identifier: MIT
// net-vlans.c - evl net -N and -n: the set of monitored VLANs.

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/net.h"
#include "wire/vlanlist.h"

static const char separators[] = ", \t\n\v\f\r";

static bool is_empty(const uint64_t vlans[OOB_VLAN_WORDS])
{
	int word;

	for (word = 0; word < OOB_VLAN_WORDS; word++) {
		if (vlans[word])
			return false;
	}

	return true;
}

/* One id of an item, or "N", the last one; NULL when there is none. */
static const char *scan_id(const char *p, unsigned long *id)
{
	char *end;

	if (*p == 'N') {
		*id = WIRE_VLAN_IDS - 1;
		return p + 1;
	}
	if (*p < '0' || *p > '9')
		return NULL;
	*id = strtoul(p, &end, 10);

	return end;
}

/* What is wrong with an item that wire_vlanlist_parse() refused with -EINVAL. */
static void explain_item(const char *item, char *why, size_t size)
{
	unsigned long first, last, used, group;
	const char *p;

	if (strcasecmp(item, "all") == 0)
		goto reserved;

	p = scan_id(item, &first);
	if (!p)
		goto junk;
	last = first;
	if (*p == '-') {
		p = scan_id(p + 1, &last);
		if (!p)
			goto junk;
		if (last < first) {
			snprintf(why, size, "'%s' is a reversed range", item);
			return;
		}
	}
	if (*p == ':') {
		p = scan_id(p + 1, &used);
		if (!p || *p != '/')
			goto junk;
		p = scan_id(p + 1, &group);
		if (!p)
			goto junk;
		if (!group || used > group) {
			snprintf(why, size, "'%s' takes more ids than its groups have", item);
			return;
		}
	}
	if (*p)
		goto junk;
reserved:
	snprintf(why, size, "VLAN ids 0, 1 and 4095 cannot be monitored");
	return;
junk:
	snprintf(why, size, "'%s' is neither a VLAN id nor a range of them", item);
}

static void explain_list(const char *list, char *why, size_t size)
{
	uint64_t ignored[OOB_VLAN_WORDS];
	char *copy, *rest, *item;

	copy = rest = strdup(list);
	while (copy && (item = strsep(&rest, separators))) {
		switch (wire_vlanlist_parse(item, strlen(item), ignored)) {
		case 0:
			continue;
		case -ERANGE:
			snprintf(why, size, "'%s' goes beyond VLAN id 4094", item);
			break;
		default:
			explain_item(item, why, size);
		}
		break;
	}
	free(copy);
}

void net_parse_vlans(const char *list, uint64_t vlans[OOB_VLAN_WORDS])
{
	char why[256] = "it is no VLAN list";

	if (wire_vlanlist_parse(list, strlen(list), vlans) == 0)
		return;

	explain_list(list, why, sizeof(why));
	net_fail(0, "", "cannot set VLAN list '%s': %s", list, why);
}

void net_set_vlans(const struct net_command *cmd)
{
	struct oob_request request = { .op = OOB_ASK_SET_VLANS };
	char list[WIRE_VLANLIST_TEXT_MAX];
	bool clear = is_empty(cmd->vlans);
	struct net_taken before;
	struct oob_reply reply;
	int ret;

	net_taken(&before);
	memcpy(request.vlans, cmd->vlans, sizeof(request.vlans));
	ret = net_ask(&request, &reply, clear ? NET_START_LEFTOVER : NET_START);
	if (clear && ret == NET_NO_DAEMON) {
		/* There is nothing left to clear, but not for everyone to say so. */
		ret = geteuid() == 0 ? 0 : -EPERM;
		if (!ret)
			reply.text[0] = '\0';
	}
	if (ret && clear)
		net_fail(ret, reply.text, "cannot clear VLAN list");
	if (ret) {
		if (wire_vlanlist_format(cmd->vlans, list, sizeof(list)) < 0)
			list[0] = '\0';
		net_fail(ret, reply.text, "cannot set VLAN list '%s'", list);
	}

	if (clear)
		net_note(cmd, "VLAN filter cleared");
	net_note(cmd, reply.text);
	net_warn(cmd, &before);
}

void net_get_vlans(uint64_t vlans[OOB_VLAN_WORDS])
{
	struct oob_request request = { .op = OOB_ASK_GET_VLANS };
	struct oob_reply reply;
	int ret;

	ret = net_ask(&request, &reply, NET_START_LEFTOVER);
	if (ret && ret != NET_NO_DAEMON)
		net_fail(ret, reply.text, "cannot get VLAN list");

	memcpy(vlans, reply.vlans, sizeof(reply.vlans));
}

void net_show_vlans(const struct net_command *cmd)
{
	char list[WIRE_VLANLIST_TEXT_MAX];
	uint64_t vlans[OOB_VLAN_WORDS];

	net_get_vlans(vlans);
	if (cmd->json)
		net_json_vlans(cmd, vlans);
	else if (wire_vlanlist_format(vlans, list, sizeof(list)) > 0)
		puts(list);
}
