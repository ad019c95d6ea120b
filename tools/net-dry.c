// SPDX-License-Identifier: MIT
// net-dry.c - evl net -e --dry-run: what enabling a port would do, and why it would be refused.

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/plan.h"
#include "daemon/xdpfeatures.h"
#include "tools/known.h"
#include "tools/net.h"

/* What can be told of a thing that only trying makes certain. */
enum guess { GUESS_NO, GUESS_YES, GUESS_UNKNOWN };

struct prospect {
	struct plan plan;
	struct known known;
	char driver[32];
	enum guess native;
	enum guess zerocopy;
	enum guess reset;	/* of the real device's link */
};

/* Drivers that we have seen attach; of all others nothing is known. */
static const struct {
	const char *driver;
	enum guess reset;
} resets[] = {
	{ "veth", GUESS_NO },
	{ "e1000", GUESS_YES },
	{ "e1000e", GUESS_YES },
};

static void guess_mode(struct prospect *prospect)
{
	struct xdp_features features;

	prospect->native = prospect->zerocopy = GUESS_UNKNOWN;
	if (prospect->known.carries) {
		prospect->native = prospect->known.mode & OOB_MODE_NATIVE ? GUESS_YES : GUESS_NO;
		prospect->zerocopy = prospect->known.mode & OOB_MODE_ZEROCOPY ? GUESS_YES : GUESS_NO;
	} else if (!xdp_features_read(prospect->plan.real.ifindex, &features)) {
		prospect->native = features.native ? GUESS_YES : GUESS_NO;
		/* A driver may announce it, and refuse it on the queues that it has just now. */
		if (!features.zerocopy)
			prospect->zerocopy = GUESS_NO;
	}
}

static void guess_reset(struct prospect *prospect)
{
	size_t n;

	prospect->reset = prospect->known.carries ? GUESS_NO : GUESS_UNKNOWN;
	for (n = 0; !prospect->known.carries && n < sizeof(resets) / sizeof(resets[0]); n++) {
		if (strcmp(prospect->driver, resets[n].driver) == 0)
			prospect->reset = resets[n].reset;
	}
}

static uint64_t memory(const struct prospect *prospect)
{
	const struct oob_geometry *geo = &prospect->plan.geometry;

	return (uint64_t)geo->nr_frames * geo->frame_size;
}

static unsigned int frame_size(const struct prospect *prospect)
{
	return prospect->known.carries ? prospect->known.plan.frame_size :
					 prospect->plan.geometry.frame_size;
}

static void print_mode(const struct prospect *prospect)
{
	static const char *const native[] = {
		[GUESS_NO] = "generic, for the driver announces no native XDP",
		[GUESS_YES] = "native, as the driver announces",
		[GUESS_UNKNOWN] = "unknown until tried: this kernel does not tell",
	};
	static const char *const zerocopy[] = {
		[GUESS_NO] = "no",
		[GUESS_YES] = "yes",
		[GUESS_UNKNOWN] = "unknown until tried",
	};
	static const char *const reset[] = {
		[GUESS_NO] = "stays as it is",
		[GUESS_YES] = "will be reset: packets are lost or late for some seconds",
		[GUESS_UNKNOWN] = "may be reset by the driver, for some seconds",
	};

	if (prospect->known.carries)
		printf("  mode         %s, as it runs already\n",
		       prospect->native == GUESS_YES ? "native" : "generic");
	else
		printf("  mode         %s\n", native[prospect->native]);
	printf("  zero-copy    %s\n", zerocopy[prospect->zerocopy]);
	printf("  link         %s\n", reset[prospect->reset]);
}

static void print_frames(const struct prospect *prospect)
{
	const struct oob_geometry *geo = &prospect->plan.geometry;

	if (prospect->known.carries) {
		printf("  frames       those of %s, of %u bytes\n", prospect->plan.real.name,
		       frame_size(prospect));
		return;
	}
	printf("  queues       %u\n", geo->nr_queues);
	printf("  frames       %u of %u bytes, %u of them to send with\n", geo->nr_frames,
	       geo->frame_size, geo->nr_tx);
	printf("  memory       %.1f MiB\n", (double)memory(prospect) / (1 << 20));
}

static void print_text(const struct prospect *prospect)
{
	const struct plan *plan = &prospect->plan;
	const struct net_bit *bit;
	const char *comma = "";

	printf("%s would become an out-of-band port: VLAN %u of %s (%s)\n", plan->port.name, plan->vid,
	       plan->real.name, prospect->driver[0] ? prospect->driver : "driver unknown");
	print_mode(prospect);

	printf("  turned off   ");
	for (bit = net_features; bit->bit; bit++) {
		if (!(plan->would_turn_off & bit->bit))
			continue;
		printf("%s%s", comma, bit->name);
		comma = ", ";
	}
	puts(*comma ? "" : "nothing");

	printf("  XDP program  %s\n", prospect->known.carries ? "oobnet's own" : "none in the way");
	printf("  MTU          %u; %u is the most with buffers of %u bytes\n", plan->port.mtu,
	       plan_max_mtu(frame_size(prospect)), frame_size(prospect));
	print_frames(prospect);
	if (plan_port_down(plan))
		printf("  still to do  %s is down: ip link set %s up\n", plan->port.name, plan->port.name);
}

static struct json_object *json_guess(enum guess guess)
{
	return guess == GUESS_UNKNOWN ? NULL : json_object_new_boolean(guess == GUESS_YES);
}

static void add(struct json_object *object, const char *key, struct json_object *value)
{
	json_object_object_add(object, key, value);
}

static void print_json(const struct net_command *cmd, const struct prospect *prospect)
{
	struct json_object *dry = json_object_new_object(), *off = json_object_new_array();
	const struct plan *plan = &prospect->plan;
	const struct net_bit *bit;

	for (bit = net_features; bit->bit; bit++) {
		if (plan->would_turn_off & bit->bit)
			json_object_array_add(off, json_object_new_string(bit->name));
	}

	add(dry, "name", json_object_new_string(plan->port.name));
	add(dry, "real_name", json_object_new_string(plan->real.name));
	add(dry, "vid", json_object_new_int(plan->vid));
	add(dry, "driver", json_object_new_string(prospect->driver));
	add(dry, "already_port", json_object_new_boolean(prospect->known.is_port));
	add(dry, "native", json_guess(prospect->native));
	add(dry, "zero_copy", json_guess(prospect->zerocopy));
	add(dry, "link_reset", json_guess(prospect->reset));
	add(dry, "offloads_off", off);
	add(dry, "mtu", json_object_new_int64(plan->port.mtu));
	add(dry, "mtu_max", json_object_new_int64(plan_max_mtu(frame_size(prospect))));
	add(dry, "frame_size", json_object_new_int64(frame_size(prospect)));
	if (!prospect->known.carries) {
		add(dry, "queues", json_object_new_int64(plan->geometry.nr_queues));
		add(dry, "frames", json_object_new_int64(plan->geometry.nr_frames));
		add(dry, "frames_tx", json_object_new_int64(plan->geometry.nr_tx));
		add(dry, "memory", json_object_new_int64((int64_t)memory(prospect)));
	}
	add(cmd->json, "dry_run", dry);
}

static int look(struct say *why, const struct net_command *cmd, struct prospect *prospect)
{
	const struct port_wish wish = {
		.name = cmd->ifname,
		.vid = cmd->vid,
		.pool = cmd->pool,
		.buf = cmd->buf,
	};
	struct plan *plan = &prospect->plan;
	int ret;

	ret = plan_resolve(why, &wish, plan) ?:
	      known_of(why, &plan->port, &plan->real, plan->vid, &prospect->known);
	if (ret)
		return ret;
	if (prospect->known.unattended)
		return say(why, -EAGAIN,
			   "%s: oobnetd was killed and its port may still run; evl net, as root, starts "
			   "one that takes over: ask again after that",
			   plan->real.name);

	link_driver(plan->real.name, prospect->driver, sizeof(prospect->driver));
	ret = prospect->known.is_port ? plan_same(why, &wish, prospect->known.port_vid) :
					plan_check(why, &prospect->known.plan, plan);
	if (ret)
		return ret;
	guess_mode(prospect);
	guess_reset(prospect);

	return 0;
}

void net_dry_run(const struct net_command *cmd)
{
	struct prospect prospect = { 0 };
	struct say why = { 0 };
	int ret;

	ret = look(&why, cmd, &prospect);
	if (ret)
		net_fail(ret, why.text, "cannot enable out-of-band port on %s", cmd->ifname);

	if (cmd->json)
		print_json(cmd, &prospect);
	else if (prospect.known.is_port)
		printf("%s is an out-of-band port already: nothing would change\n",
		       prospect.plan.port.name);
	else
		print_text(&prospect);

	if (geteuid() != 0) {
		fflush(stdout);
		net_fail(-EPERM, "only root may enable a port",
			 "cannot enable out-of-band port on %s", cmd->ifname);
	}
}
