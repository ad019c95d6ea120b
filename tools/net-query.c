// SPDX-License-Identifier: MIT
// net-query.c - evl net -Q: the state and the counters of a port, for people.

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "tools/net.h"

static const char letters[] = "RrTtosfacx";

const struct net_bit net_lacks[] = {
	{ OOB_LACKS_NATIVE, "native_xdp",
	  "native XDP: the driver has none, every frame takes the generic path" },
	{ OOB_LACKS_ZEROCOPY, "zero_copy",
	  "zero-copy: every frame is copied once each way" },
	{ OOB_LACKS_OWN_QUEUE, "own_queue",
	  "a receive queue of its own: in-band traffic shares it" },
	{ OOB_LACKS_NAPI, "realtime_napi",
	  "a real-time NAPI thread: the driver receives in softirq" },
	{ 0, NULL, NULL }
};

const struct net_bit net_features[] = {
	{ OOB_FEATURE_RXVLAN, "rx-vlan-offload", "rx-vlan-offload" },
	{ OOB_FEATURE_RXFILTER, "rx-vlan-filter", "rx-vlan-filter" },
	{ 0, NULL, NULL }
};

void net_check_query(const char *query)
{
	for (; *query; query++) {
		if (!strchr(letters, *query))
			net_fail(0, "", "invalid query modifer '%c'", *query);
	}
}

static const char *yes_or_no(const struct oob_port_status *port)
{
	return port->lacks ? "no" : "yes";
}

static void print_letter(char letter, const struct oob_port_status *port)
{
	switch (letter) {
	case 'R':
		printf("%llu", port->divert.rx_packets);
		break;
	case 'r':
		printf("%llu", port->divert.rx_bytes);
		break;
	case 'T':
		printf("%llu", port->stats.tx_packets);
		break;
	case 't':
		printf("%llu", port->stats.tx_bytes);
		break;
	case 'o':
		printf("%s", yes_or_no(port));
		break;
	case 's':
		printf("%u", port->frame_size);
		break;
	case 'f':
		printf("%u", port->frames_free);
		break;
	case 'a':
		printf("%u", port->frames_total);
		break;
	case 'c':
		printf("%llu", port->stats.csum_errors);
		break;
	case 'x':
		printf("%llu %llu", port->stats.rx_nomem, port->stats.tx_nomem);
		break;
	}
}

static void print_letters(const char *query, const struct oob_port_status *port)
{
	const char *p;

	for (p = query; *p; p++) {
		if (p != query)
			putchar(' ');
		print_letter(*p, port);
	}
	putchar('\n');
}

/* EVL's layout to the byte. */
static void print_block(const struct oob_port_status *port)
{
	printf("oob capability: %s\n", yes_or_no(port));
	printf("    rx packets: %llu\n", port->divert.rx_packets);
	printf("      rx bytes: %llu\n", port->divert.rx_bytes);
	printf("    tx packets: %llu\n", port->stats.tx_packets);
	printf("      tx bytes: %llu\n", port->stats.tx_bytes);
	printf("      skb size: %u\n", port->frame_size);
	printf("      skb free: %u / %u\n", port->frames_free, port->frames_total);
	printf("   csum errors: %llu\n", port->stats.csum_errors);
	printf("      rx nomem: %llu\n", port->stats.rx_nomem);
	printf("      tx nomem: %llu\n", port->stats.tx_nomem);
}

static void print_bits(const char *first, const char *next, const struct net_bit *bits,
		       uint32_t value)
{
	for (; bits->bit; bits++) {
		if (!(value & bits->bit))
			continue;
		printf("%s%s\n", first, bits->text);
		first = next;
	}
}

static void print_place(const struct oob_port_status *port)
{
	if (port->vid)
		printf("          port: %.*s, VLAN %u of %.*s\n", OOB_IFNAMSIZ, port->name, port->vid,
		       OOB_IFNAMSIZ, port->real_name);
	else
		printf("          port: %.*s, untagged\n", OOB_IFNAMSIZ, port->name);
	if (port->vid && !port->monitored)
		printf("     monitored: no, VLAN %u is not in the set: see 'evl net -N'\n", port->vid);
	else
		printf("     monitored: yes\n");
}

static void print_holder(const struct oob_port_status *port)
{
	if (port->holder_pid)
		printf("        holder: %.*s (pid %d)\n", (int)sizeof(port->holder_comm),
		       port->holder_comm, port->holder_pid);
	else
		printf("        holder: none\n");
}

static void print_queues(const struct oob_port_status *port)
{
	uint32_t n;

	printf("        queues: %u\n", port->nr_queues);
	for (n = 0; n < port->nr_queues && n < OOB_MAX_QUEUES; n++) {
		printf("      queue %2u: %llu diverted, %llu passed in-band, %llu ring full, "
		       "%llu no frame, %llu refused\n", n, port->queues[n].diverted,
		       port->queues[n].passed, port->rx_ring_full[n], port->fill_empty[n],
		       port->rx_dropped[n]);
	}
}

static void print_drops(const struct oob_port_status *port)
{
	const struct net_drop *drop;
	const char *label = "         drops:";

	for (drop = net_drops; drop->name; drop++) {
		printf("%s %" PRIu64 " %s\n", label, drop->count(port), drop->text);
		label = "               ";
	}
}

/* What EVL has no word for. */
static void print_rest(const struct oob_port_status *port)
{
	print_bits("         lacks: ", "                ", net_lacks, port->lacks);
	print_place(port);
	printf("          mode: %s, %s\n", port->mode & OOB_MODE_NATIVE ? "native" : "generic",
	       port->mode & OOB_MODE_ZEROCOPY ? "zero-copy" : "copy");
	print_holder(port);
	print_bits("  offloads off: ", "                ", net_features, port->features_off);
	if (!port->features_off)
		printf("  offloads off: none\n");
	printf("   XDP program: id %u\n", port->program_id);
	printf("           mtu: %u\n", port->mtu);
	printf("     rx frames: %u home / %u\n", port->rx_frames_home, port->rx_frames_total);
	printf("     reclaimed: %llu frames of programs that ended, %u under way\n",
	       port->reclaimed, port->tx_limbo);
	printf("       refused: %llu returned, %llu completed frame numbers\n",
	       port->bad_returns, port->bad_completions);
	print_queues(port);
	print_drops(port);
}

void net_query(const struct net_command *cmd)
{
	struct oob_request request = { .op = OOB_ASK_STATUS };
	struct oob_reply reply = { 0 };
	int ret;

	ret = net_name(&request, cmd->ifname) ?: net_ask(&request, &reply, NET_START_LEFTOVER);
	if (ret == NET_NO_DAEMON)
		snprintf(reply.text, sizeof(reply.text),
			 "oobnetd is not running: 'evl net -ei %s' starts it and makes %s a port",
			 cmd->ifname, cmd->ifname);
	if (ret)
		net_fail(ret, reply.text, "cannot query out-of-band port on %s", cmd->ifname);

	if (cmd->json)
		json_object_object_add(cmd->json, "port", net_json_port(&reply.port));
	else if (cmd->query)
		print_letters(cmd->query, &reply.port);
	else {
		print_block(&reply.port);
		print_rest(&reply.port);
	}
}
