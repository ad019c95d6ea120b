// SPDX-License-Identifier: MIT OR GPL-2.0-only
// pass.bpf.c - somebody else's XDP program, for the test that it is left alone.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int let_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
