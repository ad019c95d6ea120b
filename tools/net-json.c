// SPDX-License-Identifier: MIT
// net-json.c - what evl net --json prints; evl-net(8) documents every key.

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tools/net.h"
#include "wire/vlanlist.h"

static void add(struct json_object *object, const char *key, struct json_object *value)
{
	json_object_object_add(object, key, value);
}

static void add_count(struct json_object *object, const char *key, uint64_t value)
{
	add(object, key, json_object_new_uint64(value));
}

static void add_bool(struct json_object *object, const char *key, bool value)
{
	add(object, key, json_object_new_boolean(value));
}

static void add_text(struct json_object *object, const char *key, const char *text, size_t size)
{
	add(object, key, json_object_new_string_len(text, strnlen(text, size)));
}

static void add_bits(struct json_object *object, const char *key, const struct net_bit *bits,
		     uint32_t value)
{
	struct json_object *names = json_object_new_array();

	for (; bits->bit; bits++) {
		if (value & bits->bit)
			json_object_array_add(names, json_object_new_string(bits->name));
	}
	add(object, key, names);
}

static void add_line(struct json_object *json, const char *key, const char *text)
{
	struct json_object *lines;

	if (!json_object_object_get_ex(json, key, &lines)) {
		lines = json_object_new_array();
		add(json, key, lines);
	}
	json_object_array_add(lines, json_object_new_string(text));
}

void net_json_note(struct json_object *json, const char *text)
{
	add_line(json, "notes", text);
}

void net_json_warning(struct json_object *json, const char *text)
{
	add_line(json, "warnings", text);
}

void net_json_vlans(const struct net_command *cmd, const uint64_t vlans[OOB_VLAN_WORDS])
{
	struct json_object *ids = json_object_new_array();
	char list[WIRE_VLANLIST_TEXT_MAX];
	unsigned int vid;

	for (vid = 0; vid < OOB_NR_VIDS; vid++) {
		if (wire_vlanlist_has(vlans, vid))
			json_object_array_add(ids, json_object_new_int((int)vid));
	}
	add(cmd->json, "vlan_ids", ids);

	wire_vlanlist_format(vlans, list, sizeof(list));
	add(cmd->json, "vlan_list", json_object_new_string(list));
}

static struct json_object *holder_of(const struct oob_port_status *port)
{
	struct json_object *holder;

	if (!port->holder_pid)
		return NULL;	/* json-c's null */

	holder = json_object_new_object();
	add(holder, "pid", json_object_new_int(port->holder_pid));
	add_text(holder, "program", port->holder_comm, sizeof(port->holder_comm));

	return holder;
}

static struct json_object *drops_of(const struct oob_port_status *port)
{
	struct json_object *drops = json_object_new_object();
	const struct net_drop *drop;

	for (drop = net_drops; drop->name; drop++)
		add_count(drops, drop->name, drop->count(port));

	return drops;
}

static struct json_object *queues_of(const struct oob_port_status *port)
{
	struct json_object *queues = json_object_new_array();
	uint32_t n;

	for (n = 0; n < port->nr_queues && n < OOB_MAX_QUEUES; n++) {
		struct json_object *queue = json_object_new_object();

		add_count(queue, "queue", n);
		add_count(queue, "diverted", port->queues[n].diverted);
		add_count(queue, "passed", port->queues[n].passed);
		add_count(queue, "ring_full", port->rx_ring_full[n]);
		add_count(queue, "no_frame", port->fill_empty[n]);
		add_count(queue, "socket_refused", port->rx_dropped[n]);
		json_object_array_add(queues, queue);
	}

	return queues;
}

static struct json_object *frames_of(const struct oob_port_status *port)
{
	struct json_object *frames = json_object_new_object();

	add_count(frames, "size", port->frame_size);
	add_count(frames, "tx_free", port->frames_free);
	add_count(frames, "tx_total", port->frames_total);
	add_count(frames, "tx_limbo", port->tx_limbo);
	add_count(frames, "rx_home", port->rx_frames_home);
	add_count(frames, "rx_total", port->rx_frames_total);
	add_count(frames, "reclaimed", port->reclaimed);
	add_count(frames, "bad_returns", port->bad_returns);
	add_count(frames, "bad_completions", port->bad_completions);

	return frames;
}

struct json_object *net_json_port(const struct oob_port_status *port)
{
	struct json_object *object = json_object_new_object();

	add_text(object, "name", port->name, sizeof(port->name));
	add(object, "ifindex", json_object_new_int(port->ifindex));
	add_text(object, "real_name", port->real_name, sizeof(port->real_name));
	add(object, "real_ifindex", json_object_new_int(port->real_ifindex));
	add_count(object, "vid", port->vid);
	add_bool(object, "monitored", port->monitored);
	add_count(object, "mtu", port->mtu);

	add_bool(object, "oob_capable", !port->lacks);
	add_bits(object, "lacks", net_lacks, port->lacks);
	add_bool(object, "native", port->mode & OOB_MODE_NATIVE);
	add_bool(object, "zero_copy", port->mode & OOB_MODE_ZEROCOPY);
	add_bits(object, "offloads_off", net_features, port->features_off);
	add_count(object, "program_id", port->program_id);
	add(object, "holder", holder_of(port));

	add_count(object, "rx_packets", port->divert.rx_packets);
	add_count(object, "rx_bytes", port->divert.rx_bytes);
	add_count(object, "tx_packets", port->stats.tx_packets);
	add_count(object, "tx_bytes", port->stats.tx_bytes);
	add_count(object, "csum_errors", port->stats.csum_errors);
	add_count(object, "rx_nomem", port->stats.rx_nomem);
	add_count(object, "tx_nomem", port->stats.tx_nomem);

	add(object, "drops", drops_of(port));
	add(object, "frames", frames_of(port));
	add(object, "queues", queues_of(port));

	return object;
}
