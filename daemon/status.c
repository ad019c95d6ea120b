// SPDX-License-Identifier: MIT
// status.c - everything that can be told about a port.

#include <errno.h>
#include <string.h>

#include "daemon/capability.h"
#include "daemon/daemon.h"
#include "daemon/divert.h"

static bool is_monitored(unsigned int vid)
{
	return daemon_state.state.vlans[vid / 64] >> (vid % 64) & 1;
}

static void describe(const struct device *dev, const struct oob_port_conf *port, struct oob_port_status *st)
{
	const struct state_device *record = state_device(&daemon_state.state, dev->info.ifindex);

	memcpy(st->name, port->name, sizeof(st->name));
	memcpy(st->real_name, dev->config.name, sizeof(st->real_name));
	st->ifindex = port->ifindex;
	st->real_ifindex = dev->info.ifindex;
	st->vid = port->vid;
	st->monitored = is_monitored(port->vid);
	st->mtu = port->mtu;
	st->mode = (dev->attachment.mode & OOB_MODE_NATIVE) | (dev->info.zerocopy ? OOB_MODE_ZEROCOPY : 0);
	st->lacks = capability_lacks(dev->config.name, st->mode);
	st->features_off = record && record->ifindex == dev->info.ifindex ? record->features_off : 0;
	st->nr_queues = dev->info.geometry.nr_queues;
	st->frame_size = dev->info.geometry.frame_size;
	st->program_id = dev->attachment.prog_id;
}

static void count(const struct oob_keeper_status *keeper, unsigned int number, struct oob_port_status *st)
{
	unsigned int claim = keeper->claims[number];

	if (claim != OOB_NO_SLOT) {
		st->holder_pid = keeper->clients[claim - 1].pid;
		memcpy(st->holder_comm, keeper->clients[claim - 1].comm, sizeof(st->holder_comm));
	}
	st->frames_free = keeper->tx_free;
	st->frames_total = keeper->tx_total;
	st->rx_frames_home = keeper->rx_free + keeper->rx_filled;
	st->rx_frames_total = keeper->rx_total;
	st->stats = keeper->ports[number];
	memcpy(st->rx_ring_full, keeper->rx_ring_full, sizeof(st->rx_ring_full));
	memcpy(st->rx_dropped, keeper->rx_dropped, sizeof(st->rx_dropped));
	memcpy(st->fill_empty, keeper->fill_empty, sizeof(st->fill_empty));
	st->tx_invalid = keeper->tx_invalid;
	st->bad_returns = keeper->bad_returns;
	st->bad_completions = keeper->bad_completions;
	st->reclaimed = keeper->reclaimed;
	st->timed_out = keeper->timed_out;
	st->tx_limbo = keeper->tx_limbo;
}

int port_status(struct say *why, struct device *dev, const struct oob_port_conf *port, struct oob_port_status *st)
{
	struct oob_keeper_request req = { .op = OOB_KEEP_STATUS };
	unsigned int number = port_number(dev, port);
	struct oob_keeper_reply rep;
	int err;

	memset(st, 0, sizeof(*st));
	describe(dev, port, st);

	err = device_call(dev, &req, &rep);
	/* Without a keeper there are no frames and no programs, but what was dropped meanwhile is counted. */
	if (dev->orphaned || err == -ECONNRESET) {
		memset(&rep, 0, sizeof(rep));
		err = 0;
	}
	if (!err)
		err = divert_read_port(dev->attachment.map_fds[OOB_MAP_COUNTERS], number, &st->divert);
	if (!err)
		err = divert_read_queues(dev->attachment.map_fds[OOB_MAP_QUEUES], st->nr_queues, st->queues);
	if (err)
		return say(why, err, "%s: its counters cannot be read: %s", port->name, strerror(-err));
	count(&rep.status, number, st);
	return 0;
}
