/* SPDX-License-Identifier: MIT */
/* divert.h - reads and writes the maps of the divert program. */
#ifndef OOBNET_DAEMON_DIVERT_H
#define OOBNET_DAEMON_DIVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/layout.h"

/*
 * All take the descriptor of one map (enum oob_map), return 0 or the negative errno of bpf(2), and
 * work while the program runs. The claims and the sockets are the keeper's to write. Not real-time
 * safe.
 */

/*
 * OOB_MAP_VLANS: makes `set` the set of monitored VLAN ids. An id that is in the old set and in the
 * new one is monitored all the time.
 */
int divert_set_vlans(int vlans_fd, const uint64_t set[OOB_VLAN_WORDS]);

/*
 * OOB_MAP_PORTS: the port of VLAN id `vid` (0: untagged frames) counts and claims under `index`,
 * below OOB_MAX_PORTS. While it is not enabled its frames are the regular stack's. -EINVAL for
 * numbers out of range.
 */
int divert_set_port(int ports_fd, unsigned int vid, bool enabled, unsigned int index);

/* OOB_MAP_COUNTERS: the port's counters, summed up over the CPUs. */
int divert_read_port(int counters_fd, unsigned int index, struct oob_divert_counters *sum);

/*
 * OOB_MAP_COUNTERS: zeroes them. For a port that is not enabled: a running program could write old
 * values back.
 */
int divert_clear_port(int counters_fd, unsigned int index);

/*
 * OOB_MAP_QUEUES: the first `nr` receive queues' counters, summed up over the CPUs; nr up to
 * OOB_MAX_QUEUES.
 */
int divert_read_queues(int queues_fd, unsigned int nr, struct oob_divert_queue *queues);

#endif /* OOBNET_DAEMON_DIVERT_H */
