// SPDX-License-Identifier: MIT
// rebuild.c - hands devices whose keeper has been killed to a new one.

#include <stdio.h>

#include "daemon/daemon.h"
#include "daemon/rebuild.h"

#define RETRY_MS 100

void rebuild_find_orphans(void)
{
	for (int i = 0; i < OOB_MAX_DEVICES; i++) {
		struct device *dev = &daemon_state.devices[i];

		if (!dev->used || dev->orphaned)
			continue;
		fprintf(stderr, "oobnetd: %s: the keeper has gone; building its data path anew\n", dev->config.name);
		dev->orphaned = true;
		dev->orphan_said = false;
	}
}

int rebuild_due(void)
{
	bool first = false;

	if (daemon_state.keeper.fd < 0)
		for (int i = 0; i < OOB_MAX_DEVICES; i++)
			first |= daemon_state.devices[i].used && !daemon_state.devices[i].orphaned;
	if (first)
		return 0;
	for (int i = 0; i < OOB_MAX_DEVICES; i++)
		if (daemon_state.devices[i].used && daemon_state.devices[i].orphaned)
			return RETRY_MS;
	return -1;
}

void rebuild_try(void)
{
	if (daemon_state.keeper.fd < 0)
		rebuild_find_orphans();
	for (int i = 0; i < OOB_MAX_DEVICES; i++) {
		struct device *dev = &daemon_state.devices[i];
		struct say why = { 0 };

		if (!dev->used || !dev->orphaned)
			continue;
		if (!device_hand_over(&why, dev)) {
			dev->orphaned = false;
			fprintf(stderr, "oobnetd: %s: its data path is back\n", dev->config.name);
		} else if (!dev->orphan_said) {
			/* Mostly a stopped program that cannot let go of its sockets: once is enough. */
			dev->orphan_said = true;
			fprintf(stderr, "oobnetd: %s; trying again\n", why.text);
		}
	}
}
