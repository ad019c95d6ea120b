// SPDX-License-Identifier: MIT
// divert.c - reads and writes the maps of the divert program.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/divert.h"

/* The kernel rounds each CPU's value up to 8 bytes. */
_Static_assert(sizeof(struct oob_divert_counters) % 8 == 0, "per-CPU values stand side by side");
_Static_assert(sizeof(struct oob_divert_queue) % 8 == 0, "per-CPU values stand side by side");

/*
 * Word by word. Even half-written, a word has every bit that its old and its new value share, which
 * is why this needs no second copy of the set.
 */
int divert_set_vlans(int vlans_fd, const uint64_t set[OOB_VLAN_WORDS])
{
	uint64_t old;
	__u32 word;

	for (word = 0; word < OOB_VLAN_WORDS; word++) {
		if (bpf_map_lookup_elem(vlans_fd, &word, &old))
			return -errno;
		if (old != set[word] && bpf_map_update_elem(vlans_fd, &word, &set[word], BPF_EXIST))
			return -errno;
	}

	return 0;
}

int divert_set_port(int ports_fd, unsigned int vid, bool enabled, unsigned int index)
{
	struct oob_divert_port port = { .index = index };

	if (vid >= OOB_NR_VIDS || index >= OOB_MAX_PORTS)
		return -EINVAL;

	/* The program must never see an enabled port with the index of the last one. */
	if (bpf_map_update_elem(ports_fd, &vid, &port, BPF_EXIST))
		return -errno;
	port.enabled = enabled;
	if (enabled && bpf_map_update_elem(ports_fd, &vid, &port, BPF_EXIST))
		return -errno;

	return 0;
}

/* One value for each possible CPU, zeroed; *nr_cpus may be NULL. */
static void *alloc_values(size_t size, int *nr_cpus)
{
	int nr = libbpf_num_possible_cpus();

	if (nr <= 0) {
		errno = nr ? -nr : EIO;
		return NULL;
	}
	if (nr_cpus)
		*nr_cpus = nr;

	return calloc(nr, size);
}

int divert_read_port(int counters_fd, unsigned int index, struct oob_divert_counters *sum)
{
	struct oob_divert_counters *values;
	int cpu, nr_cpus, err = 0;

	memset(sum, 0, sizeof(*sum));
	values = alloc_values(sizeof(*values), &nr_cpus);
	if (!values)
		return -errno;

	if (bpf_map_lookup_elem(counters_fd, &index, values))
		err = -errno;
	for (cpu = 0; !err && cpu < nr_cpus; cpu++) {
		sum->rx_packets += values[cpu].rx_packets;
		sum->rx_bytes += values[cpu].rx_bytes;
		sum->nobody += values[cpu].nobody;
		sum->no_socket += values[cpu].no_socket;
	}
	free(values);

	return err;
}

int divert_clear_port(int counters_fd, unsigned int index)
{
	struct oob_divert_counters *values;
	int err = 0;

	values = alloc_values(sizeof(*values), NULL);
	if (!values)
		return -errno;
	if (bpf_map_update_elem(counters_fd, &index, values, BPF_EXIST))
		err = -errno;
	free(values);

	return err;
}

int divert_read_queues(int queues_fd, unsigned int nr, struct oob_divert_queue *queues)
{
	struct oob_divert_queue *values;
	int cpu, nr_cpus, err = 0;
	__u32 queue;

	memset(queues, 0, nr * sizeof(*queues));
	values = alloc_values(sizeof(*values), &nr_cpus);
	if (!values)
		return -errno;

	for (queue = 0; !err && queue < nr; queue++) {
		if (bpf_map_lookup_elem(queues_fd, &queue, values)) {
			err = -errno;
			break;
		}
		for (cpu = 0; cpu < nr_cpus; cpu++) {
			queues[queue].diverted += values[cpu].diverted;
			queues[queue].passed += values[cpu].passed;
		}
	}
	free(values);

	return err;
}
