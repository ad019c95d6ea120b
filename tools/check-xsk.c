// SPDX-License-Identifier: MIT
// check-xsk.c - tries of AF_XDP: a socket, its frames, zero-copy.

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keeper/xsk.h"
#include "tools/check.h"

enum {
	FRAME_SIZE = 2048,
	NR_FRAMES = 128,	/* to bind with */
	RING = 64,
};

/* A socket with frames of its own; its descriptor or -errno. *memory is to be unmapped after it is closed. */
static int open_socket(size_t size, void **memory)
{
	struct xdp_umem_reg umem = { .len = size, .chunk_size = FRAME_SIZE };
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	*memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	umem.addr = (uintptr_t)*memory;
	if (*memory == MAP_FAILED || setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem))) {
		int err = -errno;

		close(fd);
		if (*memory != MAP_FAILED)
			munmap(*memory, size);
		return err;
	}

	return fd;
}

int xsk_try_frames(unsigned int nr_frames)
{
	size_t size = (size_t)nr_frames * FRAME_SIZE;
	void *memory;
	int fd;

	fd = open_socket(size, &memory);
	if (fd < 0)
		return fd;
	close(fd);
	munmap(memory, size);

	return 0;
}

int xsk_try_zerocopy(int ifindex)
{
	static const enum xsk_ring_kind kinds[] = { XSK_FILL, XSK_COMPLETION, XSK_RX, XSK_TX };
	enum { NR_KINDS = sizeof(kinds) / sizeof(kinds[0]) };
	const size_t size = NR_FRAMES * FRAME_SIZE;
	struct xsk_ring rings[NR_KINDS] = { 0 };
	int fd, err = 0, n;
	void *memory;

	fd = open_socket(size, &memory);
	if (fd < 0)
		return fd;
	for (n = 0; n < NR_KINDS && !err; n++)
		err = xsk_ring_make(fd, kinds[n], RING, &rings[n]);
	if (!err)
		err = xsk_bind(fd, ifindex, 0, XDP_ZEROCOPY | XDP_USE_NEED_WAKEUP, 0);
	for (n = 0; n < NR_KINDS; n++)
		xsk_ring_unmap(&rings[n]);
	close(fd);
	munmap(memory, size);

	return err;
}
