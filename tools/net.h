/* SPDX-License-Identifier: MIT */
/* What the parts of evl-net share: the command line as parsed, and the ways to ask and to fail. */
#ifndef TOOLS_NET_H
#define TOOLS_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>

#include "bpf/layout.h"

struct json_object;

struct net_command {
	unsigned int actions;	/* 1 << index into the table of actions */
	const char *ifname;
	const char *query;	/* letters of -Q; NULL: everything */
	uint64_t vlans[OOB_VLAN_WORDS];
	uint64_t pool;
	uint64_t buf;
	uint32_t vid;		/* 0: as the kind of the interface says */
	bool dry_run;		/* -e tells only what it would do */
	struct json_object *json;	/* what --json prints in the end; NULL: text */
};

/* ---- net-ask.c ---- */

/* May oobnetd be started for this? */
enum net_start {
	NET_START,		/* yes */
	NET_START_LEFTOVER,	/* only to take over, or clean up, what an earlier one left */
};

/**
 * net_ask - ask oobnetd
 * @request: op and its arguments; the rest is filled in here
 * @reply: on error, its text says why and what helps, or is empty
 *
 * Return: 0 or a negative errno. NET_NO_DAEMON: there is none, and @start did not allow to start it.
 */
int net_ask(struct oob_request *request, struct oob_reply *reply, enum net_start start);

#define NET_NO_DAEMON	(-ECONNREFUSED)

/** net_name - put the name of an interface into a request; -ENODEV if no interface can have it */
int net_name(struct oob_request *request, const char *ifname);

/**
 * net_fail - end as error(1, errno, ...) does, then say why
 * @err: negative errno, or 0 for none
 * @why: a sentence for the next line; may be empty
 */
noreturn void net_fail(int err, const char *why, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** net_note - tell the user what an action has to say: a line, or with --json one of "notes" */
void net_note(const struct net_command *cmd, const char *text);

/* ---- actions, in the order of their execution; all of them end the program on error ---- */

void net_disable(const struct net_command *cmd);
void net_enable(const struct net_command *cmd);
void net_set_vlans(const struct net_command *cmd);
void net_no_sysfs(const struct net_command *cmd);
void net_sysfs(const struct net_command *cmd);
void net_show_vlans(const struct net_command *cmd);
void net_query(const struct net_command *cmd);
void net_list(const struct net_command *cmd);

/* ---- net-dry.c ---- */

/** net_dry_run - tell what -e would do, and change nothing; ends the program where it would be refused */
void net_dry_run(const struct net_command *cmd);

/* ---- net-warn.c ---- */

enum { NET_PORTS_MAX = OOB_MAX_DEVICES * OOB_MAX_PORTS };

struct net_vlan {
	int real_ifindex;
	unsigned int vid;
};

/* The VLANs that are taken away from the kernel: monitored, and with a port. */
struct net_taken {
	unsigned int nr;
	struct net_vlan vlan[NET_PORTS_MAX];
};

/** net_taken - the VLANs that are taken now; none where no oobnetd runs */
void net_taken(struct net_taken *taken);

/**
 * net_warn - name the in-band sockets on VLANs that are taken now, and were not taken @before
 *
 * A line on standard error for each, or with --json one of "warnings".
 */
void net_warn(const struct net_command *cmd, const struct net_taken *before);

/* ---- net-vlans.c ---- */

/** net_parse_vlans - read a VLAN list; ends the program, naming what is wrong, if it cannot be set */
void net_parse_vlans(const char *list, uint64_t vlans[OOB_VLAN_WORDS]);

/** net_get_vlans - the set in force, empty without a daemon; ends the program on error */
void net_get_vlans(uint64_t vlans[OOB_VLAN_WORDS]);

/* ---- net-query.c ---- */

/** net_check_query - end the program if a letter of -Q is none */
void net_check_query(const char *letters);

/* Why a port is not oob capable, and what was turned off: words for the bits of layout.h. */
struct net_bit {
	uint32_t bit;
	const char *name;	/* in JSON */
	const char *text;	/* for people */
};

extern const struct net_bit net_lacks[];	/* the last has bit 0 */
extern const struct net_bit net_features[];

/* ---- net-counters.c ---- */

/* Where the drops of a port, or of its real device, are counted, and what they are called. */
struct net_drop {
	const char *name;	/* in JSON */
	const char *text;	/* for people */
	uint64_t (*count)(const struct oob_port_status *port);
};

extern const struct net_drop net_drops[];	/* the last has no name */

/* ---- net-json.c ---- */

/** net_json_vlans - add "vlan_ids" and "vlan_list" to @cmd's object */
void net_json_vlans(const struct net_command *cmd, const uint64_t vlans[OOB_VLAN_WORDS]);

/** net_json_port - an object that holds all that is known of a port */
struct json_object *net_json_port(const struct oob_port_status *port);

/** net_json_note, net_json_warning - add a line to "notes", to "warnings" */
void net_json_note(struct json_object *json, const char *text);
void net_json_warning(struct json_object *json, const char *text);

#endif /* TOOLS_NET_H */
