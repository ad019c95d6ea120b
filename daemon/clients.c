// SPDX-License-Identifier: MIT
// clients.c - programs on ports: who may, who does, and whose a port's frames are.

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "daemon/daemon.h"

#define DEATH_TRIES	100
#define DEATH_PAUSE_NS	10000000

static int find_port(struct say *why, int ifindex, struct device **dev, struct oob_port_conf **port)
{
	*port = port_by_index(ifindex, dev);
	if (!*port)
		return say(why, -EINVAL, "interface %d is not an out-of-band port", ifindex);
	if ((*dev)->orphaned)
		return say(why, -EAGAIN, "%s: the keeper has gone, and the data path is being built anew",
			   (*dev)->config.name);
	return 0;
}

static int status_of(struct say *why, struct device *dev, struct oob_keeper_reply *rep)
{
	struct oob_keeper_request req = { .op = OOB_KEEP_STATUS };
	int err = device_call(dev, &req, rep);

	if (err)
		say(why, err, "%s: the keeper does not answer: %s", dev->config.name, strerror(-err));
	return err;
}

/* The slot of a process on the device, or -1. */
static int slot_of(const struct oob_keeper_status *status, pid_t pid)
{
	for (int slot = 0; slot < OOB_MAX_SLOTS; slot++)
		if (status->clients[slot].pid == pid)
			return slot;
	return -1;
}

static bool has_ended(pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	bool ended;

	if (fd < 0)
		return errno == ESRCH;
	ended = poll(&poll_fd, 1, 0) > 0;
	close(fd);
	return ended;
}

static int part(struct device *dev, unsigned int slot)
{
	struct oob_keeper_request req = { .op = OOB_KEEP_PART, .slot = slot };
	struct oob_keeper_reply rep;

	return device_call(dev, &req, &rep);
}

static int is_used(struct say *why, const struct oob_port_conf *port, const struct oob_keeper_client *holder)
{
	return say(why, -EBUSY, "%s is used by %s (pid %d)", port->name, holder->comm, holder->pid);
}

int client_attach(struct say *why, const struct peer *peer, int ifindex, struct oob_reply *rep, int *fds, int *nr)
{
	struct oob_keeper_request req = { .op = OOB_KEEP_JOIN, .pid = peer->pid };
	struct oob_keeper_reply before, answer;
	struct oob_port_conf *port;
	struct device *dev;
	unsigned int claim;
	int slot, err;

	err = find_port(why, ifindex, &dev, &port);
	if (!err)
		err = status_of(why, dev, &before);
	if (err)
		return err;
	claim = before.status.claims[port_number(dev, port)];

	/* An earlier program of the same process (exec), or a half-made attachment: its frames come back first. */
	slot = slot_of(&before.status, peer->pid);
	if (slot >= 0)
		part(dev, slot);

	fds[0] = syscall(SYS_pidfd_open, peer->pid, 0);
	if (fds[0] < 0)
		return say(why, -errno, "process %d has ended", peer->pid);
	req.device = dev->kept;
	slot = fds[0];
	err = keeper_call(&daemon_state.keeper, &req, &answer, fds, 1, nr);
	close(slot);
	/* Larger would be of no use where another program has the port. */
	if (err == -ENOSPC && claim != OOB_NO_SLOT)
		return is_used(why, port, &before.status.clients[claim - 1]);
	if (err == -ENOSPC)
		return say(why, err, "%s: %u programs use it already, as many as its pool of %u buffers serves; "
			   "enable it with a larger pool (-p)", dev->config.name, dev->info.geometry.nr_slots,
			   dev->info.geometry.nr_tx);
	if (err)
		return say(why, err, "%s: the keeper cannot admit another program: %s", dev->config.name, strerror(-err));

	rep->slot = answer.slot;
	rep->geometry = dev->info.geometry;
	rep->real_ifindex = dev->info.ifindex;
	return 0;
}

static int own_slot(struct say *why, const struct peer *peer, struct device *dev, struct oob_keeper_reply *rep)
{
	int err = status_of(why, dev, rep), slot;

	if (err)
		return err;
	slot = slot_of(&rep->status, peer->pid);
	return slot >= 0 ? slot : say(why, -ENOTCONN, "process %d is not attached to %s", peer->pid, dev->config.name);
}

/* The port, and the caller's slot on its device, or -errno. */
static int find_port_and_slot(struct say *why, const struct peer *peer, int ifindex, struct device **dev,
			      struct oob_port_conf **port, struct oob_keeper_reply *rep)
{
	int err = find_port(why, ifindex, dev, port);

	return err ? err : own_slot(why, peer, *dev, rep);
}

int client_ready(struct say *why, const struct peer *peer, int ifindex)
{
	struct oob_keeper_request req = { .op = OOB_KEEP_BIND };
	struct oob_keeper_reply answer;
	struct oob_port_conf *port;
	struct device *dev;
	int slot, err;

	slot = find_port_and_slot(why, peer, ifindex, &dev, &port, &answer);
	if (slot < 0)
		return slot;
	req.slot = slot;
	err = device_call(dev, &req, &answer);
	if (err)
		return say(why, err, "%s: the AF_XDP sockets cannot be bound: %s", dev->config.name, strerror(-err));
	return 0;
}

static int set_claim(struct device *dev, const struct oob_port_conf *port, unsigned int claim)
{
	struct oob_keeper_request req = { .op = OOB_KEEP_CLAIM, .port = port_number(dev, port), .slot = claim };
	struct oob_keeper_reply answer;

	return device_call(dev, &req, &answer);
}

int client_claim(struct say *why, const struct peer *peer, int ifindex)
{
	const struct timespec pause = { .tv_nsec = DEATH_PAUSE_NS };
	const struct oob_keeper_client *holder;
	struct oob_keeper_reply answer;
	struct oob_port_conf *port;
	struct device *dev;
	unsigned int claim;
	int slot, err;

	err = find_port(why, ifindex, &dev, &port);
	if (err)
		return err;

	for (int i = 0;; i++) {
		slot = own_slot(why, peer, dev, &answer);
		if (slot < 0)
			return slot;
		claim = answer.status.claims[port_number(dev, port)];
		if (claim == OOB_NO_SLOT || claim == slot + 1u)
			break;
		holder = &answer.status.clients[claim - 1];
		/* A holder that has just been killed: the keeper is taking its things back. */
		if (i == DEATH_TRIES || (holder->pid && !has_ended(holder->pid)))
			return is_used(why, port, holder);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}

	err = set_claim(dev, port, slot + 1);
	if (err)
		return say(why, err, "%s: the keeper does not take the claim: %s", port->name, strerror(-err));
	return 0;
}

int client_unclaim(struct say *why, const struct peer *peer, int ifindex)
{
	struct oob_keeper_reply answer;
	struct oob_port_conf *port;
	struct device *dev;
	int slot;

	slot = find_port_and_slot(why, peer, ifindex, &dev, &port, &answer);
	if (slot < 0)
		return slot;
	if (answer.status.claims[port_number(dev, port)] != slot + 1u)
		return 0;
	return set_claim(dev, port, OOB_NO_SLOT);
}

bool clients_any(void)
{
	struct oob_keeper_reply answer;

	for (int i = 0; i < OOB_MAX_DEVICES; i++) {
		struct device *dev = &daemon_state.devices[i];

		if (!dev->used)
			continue;
		/* Not known: better to leave a port to a program than to take it away from one. */
		if (status_of(NULL, dev, &answer))
			return true;
		for (int slot = 0; slot < OOB_MAX_SLOTS; slot++)
			if (answer.status.clients[slot].pid)
				return true;
	}
	return false;
}
