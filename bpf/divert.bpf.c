// SPDX-License-Identifier: MIT OR GPL-2.0-only
// divert.bpf.c - decides which frames of a real device are out-of-band, and whose they are.
//
// IPv4 under a single 802.1Q tag whose id is monitored, on an enabled port, goes to the program that
// claims the port. Whatever else (ARP, IPv6, other tags, second tags, VID 0) is the regular stack's.
// What is diverted never falls back in-band: with nobody to take it, it is dropped and counted, as in EVL.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/layout.h"

#define VLAN_VID_MASK 0x0fff

struct vlan_tag {
	__be16 tci;
	__be16 proto;
};

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, OOB_MAX_SLOTS * OOB_MAX_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, OOB_MAX_PORTS);
	__type(key, __u32);
	__type(value, __u32);	/* slot + 1, or OOB_NO_SLOT */
} claims SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, OOB_NR_VIDS);
	__type(key, __u32);
	__type(value, struct oob_divert_port);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, OOB_VLAN_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} vlans SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, OOB_MAX_PORTS);
	__type(key, __u32);
	__type(value, struct oob_divert_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, OOB_MAX_QUEUES);
	__type(key, __u32);
	__type(value, struct oob_divert_queue);
} queues SEC(".maps");

/* The monitored VLAN id of an IPv4 frame under a single tag, 0 when the frame is not ours. */
static __always_inline __u32 monitored_vid(void *data, void *data_end)
{
	struct ethhdr *eth = data;
	struct vlan_tag *tag = (void *)(eth + 1);
	__u32 vid, word;
	__u64 *bits;

	if ((void *)(tag + 1) > data_end)
		return 0;
	if (eth->h_proto != bpf_htons(ETH_P_8021Q) || tag->proto != bpf_htons(ETH_P_IP))
		return 0;

	vid = bpf_ntohs(tag->tci) & VLAN_VID_MASK;
	word = vid / 64;
	bits = bpf_map_lookup_elem(&vlans, &word);
	if (!bits || !(*bits & (1ull << (vid % 64))))
		return 0;

	return vid;
}

static __always_inline int to_program(struct xdp_md *ctx, __u32 index, __u64 bytes)
{
	struct oob_divert_counters *count;
	__u32 *claim, socket;
	int verdict;

	count = bpf_map_lookup_elem(&counters, &index);
	claim = bpf_map_lookup_elem(&claims, &index);
	if (!count || !claim)
		return XDP_DROP;

	count->rx_packets++;
	count->rx_bytes += bytes;

	if (*claim == OOB_NO_SLOT) {
		count->nobody++;
		return XDP_DROP;
	}

	socket = (*claim - 1) * OOB_MAX_QUEUES + ctx->rx_queue_index;
	verdict = ctx->rx_queue_index < OOB_MAX_QUEUES ?
		  bpf_redirect_map(&xsks, socket, XDP_DROP) : XDP_DROP;
	if (verdict != XDP_REDIRECT)
		count->no_socket++;

	return verdict;
}

SEC("xdp")
int oobnet_divert(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	void *data = (void *)(long)ctx->data;
	struct oob_divert_queue *queue;
	struct oob_divert_port *port;
	__u32 vid, rxq;

	rxq = ctx->rx_queue_index;
	queue = bpf_map_lookup_elem(&queues, &rxq);
	vid = monitored_vid(data, data_end);
	port = vid ? bpf_map_lookup_elem(&ports, &vid) : NULL;

	if (!port || !port->enabled) {
		if (queue)
			queue->passed++;
		return XDP_PASS;
	}
	if (queue)
		queue->diverted++;

	return to_program(ctx, port->index, data_end - data - sizeof(struct vlan_tag));
}

char _license[] SEC("license") = "Dual MIT/GPL";
