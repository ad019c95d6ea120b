/* SPDX-License-Identifier: MIT */
/* bpfmap.h - the two things the keeper does to BPF maps, by the bare system call. */
#ifndef OOBNET_KEEPER_BPFMAP_H
#define OOBNET_KEEPER_BPFMAP_H

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int bpfmap_set(int fd, uint32_t key, uint32_t value)
{
	union bpf_attr attr = {
		.map_fd = fd,
		.key = (uintptr_t)&key,
		.value = (uintptr_t)&value,
		.flags = BPF_ANY,
	};

	return syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)) ? -errno : 0;
}

static inline int bpfmap_delete(int fd, uint32_t key)
{
	union bpf_attr attr = {
		.map_fd = fd,
		.key = (uintptr_t)&key,
	};

	return syscall(SYS_bpf, BPF_MAP_DELETE_ELEM, &attr, sizeof(attr)) ? -errno : 0;
}

#endif /* OOBNET_KEEPER_BPFMAP_H */
