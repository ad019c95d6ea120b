// SPDX-License-Identifier: MIT
// state.c - what must outlive both oobnetd and the keeper.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/state.h"

#define STATE_NEW OOB_STATE_FILE ".new"

static void state_empty(struct state *state)
{
	memset(state, 0, sizeof(*state));
	state->magic = OOB_MAGIC;
	state->protocol = OOB_PROTOCOL;
}

void state_load(struct state *state)
{
	int fd = open(OOB_STATE_FILE, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;

	if (fd >= 0) {
		n = read(fd, state, sizeof(*state));
		close(fd);
	}
	if (n != sizeof(*state) || state->magic != OOB_MAGIC || state->protocol != OOB_PROTOCOL)
		state_empty(state);
	for (int i = 0; i < OOB_MAX_DEVICES; i++)
		state->devices[i].name[OOB_IFNAMSIZ - 1] = '\0';
}

int state_save(const struct state *state)
{
	int fd = open(STATE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;
	n = write(fd, state, sizeof(*state));
	err = n < 0 ? -errno : n != sizeof(*state) ? -ENOSPC : 0;
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(STATE_NEW, OOB_STATE_FILE))
		err = -errno;
	if (err)
		unlink(STATE_NEW);
	return err;
}

struct state_device *state_device(struct state *state, int ifindex)
{
	struct state_device *empty = NULL;

	for (int i = 0; i < OOB_MAX_DEVICES; i++) {
		struct state_device *dev = &state->devices[i];

		if (dev->ifindex == ifindex)
			return dev;
		if (!dev->ifindex && !empty)
			empty = dev;
	}
	return empty;
}
