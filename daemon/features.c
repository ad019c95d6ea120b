// SPDX-License-Identifier: MIT
// features.c - turns off device features that hide VLAN tags or frames from XDP, and on again.

#include <errno.h>
#include <linux/ethtool.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/features.h"
#include "daemon/link.h"

#define NR_FEATURES 2

static const struct {
	unsigned int bit;
	const char *name; /* ethtool's, which users know */
	const char *kernel;
	const char *why;
	const char *remedy;
} features[NR_FEATURES] = {
	{
		OOB_FEATURE_RXVLAN, "rx-vlan-offload", "rx-vlan-hw-parse",
		"the card takes VLAN tags away before the divert program sees them",
		"use another card or driver",
	}, {
		OOB_FEATURE_RXFILTER, "rx-vlan-filter", "rx-vlan-filter",
		"the card drops frames of a VLAN that has no VLAN device",
		"make a VLAN device (ip link add ... type vlan) and enable that",
	},
};

/* Where the features stand in the kernel's bit sets; nr_bits when it does not know one. */
struct feature_map {
	unsigned int nr_bits;
	unsigned int bit[NR_FEATURES];
};

static int count_features(const char *ifname, unsigned int *count)
{
	char buf[sizeof(struct ethtool_sset_info) + sizeof(__u32)] __attribute__((aligned(8))) = "";
	struct ethtool_sset_info *info = (struct ethtool_sset_info *)buf;
	int err;

	info->cmd = ETHTOOL_GSSET_INFO;
	info->sset_mask = 1ull << ETH_SS_FEATURES;
	err = link_ethtool(ifname, info);
	if (err)
		return err;
	*count = info->sset_mask ? info->data[0] : 0;

	return *count ? 0 : -EOPNOTSUPP;
}

static int map_features(const char *ifname, struct feature_map *map)
{
	struct ethtool_gstrings *strings;
	unsigned int i, f;
	int err;

	err = count_features(ifname, &map->nr_bits);
	if (err)
		return err;

	strings = calloc(1, sizeof(*strings) + (size_t)map->nr_bits * ETH_GSTRING_LEN);
	if (!strings)
		return -ENOMEM;
	strings->cmd = ETHTOOL_GSTRINGS;
	strings->string_set = ETH_SS_FEATURES;
	strings->len = map->nr_bits;
	err = link_ethtool(ifname, strings);

	for (f = 0; f < NR_FEATURES; f++) {
		map->bit[f] = map->nr_bits;
		for (i = 0; !err && i < map->nr_bits; i++)
			if (!strncmp((char *)strings->data + i * ETH_GSTRING_LEN,
				     features[f].kernel, ETH_GSTRING_LEN))
				map->bit[f] = i;
	}
	free(strings);

	return err;
}

static unsigned int nr_blocks(const struct feature_map *map)
{
	return (map->nr_bits + 31) / 32;
}

static int read_mapped(const char *ifname, const struct feature_map *map,
		       struct feature_state *state)
{
	const struct ethtool_get_features_block *block;
	struct ethtool_gfeatures *get;
	unsigned int f;
	__u32 bit;
	int err;

	get = calloc(1, sizeof(*get) + nr_blocks(map) * sizeof(get->features[0]));
	if (!get)
		return -ENOMEM;
	get->cmd = ETHTOOL_GFEATURES;
	get->size = nr_blocks(map);
	err = link_ethtool(ifname, get);

	state->on = 0;
	state->fixed = 0;
	for (f = 0; !err && f < NR_FEATURES; f++) {
		if (map->bit[f] == map->nr_bits) {
			state->fixed |= features[f].bit;
			continue;
		}
		block = &get->features[map->bit[f] / 32];
		bit = 1u << map->bit[f] % 32;
		if (block->active & bit)
			state->on |= features[f].bit;
		if (!(block->available & bit) || (block->never_changed & bit))
			state->fixed |= features[f].bit;
	}
	free(get);

	return err;
}

static int write_mapped(const char *ifname, const struct feature_map *map, unsigned int mask,
			bool on)
{
	struct ethtool_sfeatures *set;
	unsigned int f;
	__u32 bit;
	int err;

	set = calloc(1, sizeof(*set) + nr_blocks(map) * sizeof(set->features[0]));
	if (!set)
		return -ENOMEM;
	set->cmd = ETHTOOL_SFEATURES;
	set->size = nr_blocks(map);
	for (f = 0; f < NR_FEATURES; f++) {
		if (!(mask & features[f].bit) || map->bit[f] == map->nr_bits)
			continue;
		bit = 1u << map->bit[f] % 32;
		set->features[map->bit[f] / 32].valid |= bit;
		if (on)
			set->features[map->bit[f] / 32].requested |= bit;
	}
	err = link_ethtool(ifname, set);
	free(set);

	return err;
}

static int cannot_read(struct say *why, const char *ifname, int err)
{
	if (err == -ENODEV)
		return say(why, err, "%s: no such interface; ip link lists those there are",
			   ifname);

	return say(why, err, "%s: its offloads cannot be read: %s", ifname, strerror(-err));
}

static int cannot_write(struct say *why, const char *ifname, bool on, int err)
{
	return say(why, err, "%s: its offloads cannot be turned %s: %s%s", ifname,
		   on ? "on again" : "off", strerror(-err),
		   err == -EPERM ? "; oobnetd needs CAP_NET_ADMIN, so start it as root" : "");
}

int features_read(struct say *why, const char *ifname, struct feature_state *state)
{
	struct feature_map map;
	int err;

	err = map_features(ifname, &map);
	if (!err)
		err = read_mapped(ifname, &map, state);

	return err ? cannot_read(why, ifname, err) : 0;
}

static int refused(struct say *why, const char *ifname, unsigned int mask)
{
	unsigned int f;

	for (f = 0; f < NR_FEATURES; f++)
		if (mask & features[f].bit)
			return say(
				why, -EOPNOTSUPP,
				"%s: %s cannot be turned off on this driver, and with it on %s; %s",
				ifname, features[f].name, features[f].why, features[f].remedy);

	return 0;
}

int features_plan(struct say *why, const char *ifname, unsigned int wanted, unsigned int *would)
{
	struct feature_state now;
	int err;

	*would = 0;
	err = features_read(why, ifname, &now);
	if (err)
		return err;
	*would = wanted & now.on;

	return refused(why, ifname, *would & now.fixed);
}

int features_off(struct say *why, const char *ifname, unsigned int wanted, unsigned int *turned_off)
{
	struct feature_state before, after;
	struct feature_map map;
	int err;

	*turned_off = 0;
	err = map_features(ifname, &map);
	if (!err)
		err = read_mapped(ifname, &map, &before);
	if (err)
		return cannot_read(why, ifname, err);

	wanted &= before.on;
	if (!wanted)
		return 0;
	err = refused(why, ifname, wanted & before.fixed);
	if (err)
		return err;

	err = write_mapped(ifname, &map, wanted, false);
	if (err)
		return cannot_write(why, ifname, false, err);

	/* The driver may have overruled the request without an error. */
	err = read_mapped(ifname, &map, &after);
	if (err)
		cannot_read(why, ifname, err);
	else
		err = refused(why, ifname, wanted & after.on);
	if (err) {
		write_mapped(ifname, &map, wanted, true);
		return err;
	}
	*turned_off = wanted;

	return 0;
}

int features_restore(struct say *why, const char *ifname, unsigned int mask)
{
	struct feature_state state;
	struct feature_map map;
	unsigned int f;
	int err;

	if (!mask)
		return 0;

	err = map_features(ifname, &map);
	if (err)
		return cannot_read(why, ifname, err);
	err = write_mapped(ifname, &map, mask, true);
	if (err)
		return cannot_write(why, ifname, true, err);
	err = read_mapped(ifname, &map, &state);
	if (err)
		return cannot_read(why, ifname, err);

	for (f = 0; f < NR_FEATURES; f++)
		if (mask & ~state.on & features[f].bit)
			return say(why, -EOPNOTSUPP,
				   "%s: the driver does not turn %s on again; "
				   "try ethtool -K %s %s on",
				   ifname, features[f].name, ifname, features[f].name);

	return 0;
}
