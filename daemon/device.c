// SPDX-License-Identifier: MIT
// device.c - the data path of one real device: built, taken over, taken away.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/carrier.h"
#include "daemon/daemon.h"
#include "daemon/divert.h"
#include "daemon/features.h"
#include "daemon/rebuild.h"

#define CARRIER_TIMEOUT_MS	10000

struct device *device_of(int ifindex)
{
	for (int i = 0; i < OOB_MAX_DEVICES; i++)
		if (daemon_state.devices[i].used && daemon_state.devices[i].info.ifindex == ifindex)
			return &daemon_state.devices[i];
	return NULL;
}

static int open_board(struct say *why, struct device *dev)
{
	int fd = memfd_create("oobnet-board", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *map;

	if (fd < 0)
		return say(why, -errno, "no memory for the board: %s", strerror(errno));
	dev->board_fd = fd;
	/* Programs get it read-only; the mode keeps those that are not root from opening it anew. */
	if (fchmod(fd, 0600) || ftruncate(fd, sizeof(*dev->board)) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return say(why, -errno, "the board cannot be set up: %s", strerror(errno));
	map = mmap(NULL, sizeof(*dev->board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return say(why, -errno, "no memory for the board: %s", strerror(errno));
	dev->board = map;
	dev->board->magic = OOB_MAGIC;
	dev->board->protocol = OOB_PROTOCOL;
	return 0;
}

void device_publish(struct device *dev)
{
	__u64 next = dev->board->sequence + 1;
	struct oob_keeper_request req = { .op = OOB_KEEP_RING };
	struct oob_keeper_reply rep;

	dev->board->config[next & 1] = dev->config;
	__atomic_store_n(&dev->board->sequence, next, __ATOMIC_RELEASE);
	device_call(dev, &req, &rep);
}

int device_call(struct device *dev, struct oob_keeper_request *req, struct oob_keeper_reply *rep)
{
	if (dev->orphaned)
		return -EAGAIN;
	req->device = dev->kept;
	return keeper_call(&daemon_state.keeper, req, rep, NULL, 0, NULL);
}

static bool same_file(int a, int b)
{
	struct stat one, other;

	return !fstat(a, &one) && !fstat(b, &other) && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* A device of a keeper that lives: by its board it is known to be ours. What is nobody's goes. */
static void resume(unsigned int kept)
{
	struct oob_keeper_request req = { .op = OOB_KEEP_GET, .device = kept };
	struct device *dev = NULL;
	struct oob_keeper_reply rep;
	int fds[OOB_MAX_FDS], nr = 0;

	if (keeper_call(&daemon_state.keeper, &req, &rep, fds, 0, &nr))
		return;
	for (int i = 0; i < OOB_MAX_DEVICES && nr == OOB_NR_DEVFDS && !dev; i++)
		if (daemon_state.devices[i].used && daemon_state.devices[i].orphaned &&
		    same_file(daemon_state.devices[i].board_fd, fds[OOB_DEVFD_BOARD]))
			dev = &daemon_state.devices[i];
	while (nr)
		close(fds[--nr]);
	if (!dev) {
		req.op = OOB_KEEP_REMOVE;
		keeper_call(&daemon_state.keeper, &req, &rep, NULL, 0, NULL);
		return;
	}
	fprintf(stderr, "oobnetd: %s: its keeper lives, after all\n", dev->config.name);
	dev->kept = kept;
	dev->info = rep.info;
	dev->orphaned = false;
	/* What changed meanwhile has rung nobody. */
	device_publish(dev);
}

/* A keeper that only answered too late still has its devices. 1, 0: none runs, or -errno. */
static int reconnect(struct say *why)
{
	struct oob_keeper_request req = { .op = OOB_KEEP_HELLO };
	int got = keeper_connect(why, &daemon_state.keeper), err;
	struct oob_keeper_reply rep;

	if (got <= 0)
		return got;
	err = keeper_call(&daemon_state.keeper, &req, &rep, NULL, 0, NULL);
	if (err)
		return say(why, err, "the keeper does not answer: %s", strerror(-err));
	for (unsigned int i = 0; i < OOB_MAX_DEVICES; i++)
		if (rep.devices & 1u << i)
			resume(i);
	return 1;
}

static int ensure_keeper(struct say *why)
{
	int got;

	if (daemon_state.keeper.fd >= 0)
		return 0;
	rebuild_find_orphans();
	got = reconnect(why);
	return got > 0 ? 0 : got < 0 ? got : keeper_start(why, &daemon_state.keeper);
}

int device_hand_over(struct say *why, struct device *dev)
{
	struct oob_keeper_request req = { .op = OOB_KEEP_ADD, .info = dev->info };
	struct oob_keeper_reply rep;
	int fds[OOB_NR_DEVFDS], err = -ECONNRESET;
	bool orphaned = dev->orphaned;

	fds[OOB_DEVFD_BOARD] = dev->board_fd;
	fds[OOB_DEVFD_LINK] = dev->attachment.link_fd;
	memcpy(fds + OOB_DEVFD_MAPS, dev->attachment.map_fds, sizeof(dev->attachment.map_fds));

	/* A keeper whose end is noticed only now gets one successor. */
	for (int i = 0; i < 2 && err == -ECONNRESET; i++) {
		err = ensure_keeper(why);
		if (err || (orphaned && !dev->orphaned))
			return err;
		err = keeper_call(&daemon_state.keeper, &req, &rep, fds, OOB_NR_DEVFDS, NULL);
	}
	if (err == -EBUSY)
		return say(why, err, "%s: its receive queues are in use by other AF_XDP sockets (of a program that "
			   "has not ended, perhaps); end that program", dev->config.name);
	if (err)
		return say(why, err, "%s: AF_XDP sockets cannot be set up: %s", dev->config.name, strerror(-err));
	dev->kept = rep.device;
	dev->info = rep.info;
	return 0;
}

static void forget(struct device *dev)
{
	divert_close(&dev->attachment);
	if (dev->board)
		munmap(dev->board, sizeof(*dev->board));
	if (dev->board_fd >= 0)
		close(dev->board_fd);
	memset(dev, 0, sizeof(*dev));
}

/* Restores what the record says was turned off, and then drops the record. */
static void restore_features(const char *name, int ifindex)
{
	struct state_device *record = state_device(&daemon_state.state, ifindex);
	struct say why = { 0 };
	int err;

	if (!record || record->ifindex != ifindex)
		return;
	err = features_restore(&why, name, record->features_off);
	if (err && err != -ENODEV)
		fprintf(stderr, "oobnetd: %s\n", why.text);
	memset(record, 0, sizeof(*record));
	err = state_save(&daemon_state.state);
	if (err)
		fprintf(stderr, "oobnetd: %s: %s\n", OOB_STATE_FILE, strerror(-err));
}

/* The record is written before the device is changed, with all that might be: a crash restores too much, never too little. */
static int turn_features_off(struct say *why, const struct link *real, unsigned int wanted)
{
	struct state_device *record = state_device(&daemon_state.state, real->ifindex);
	struct feature_state now;
	unsigned int off = 0;
	int err;

	if (!record)
		return plan_no_room(why, real);
	err = features_read(why, real->name, &now);
	if (err)
		return err;

	record->ifindex = real->ifindex;
	record->features_off = now.on & wanted;
	memcpy(record->name, real->name, sizeof(record->name));
	err = state_save(&daemon_state.state);
	if (err)
		say(why, err, "%s: %s; the device's settings could not be restored later", OOB_STATE_FILE,
		    strerror(-err));
	else
		err = features_off(why, real->name, wanted, &off);
	if (err)
		memset(record, 0, sizeof(*record));
	return err;
}

static int build(struct say *why, const struct link *real, const struct device_wish *wish, struct device *dev)
{
	int err;

	memcpy(dev->config.name, real->name, sizeof(dev->config.name));
	dev->config.ifindex = real->ifindex;
	dev->info.ifindex = real->ifindex;

	err = divert_attach(why, real->ifindex, &dev->attachment);
	if (err)
		return err;
	if (!(dev->attachment.mode & OOB_MODE_NATIVE))
		dev->info.bind_flags |= OOB_BIND_GENERIC;
	/* Some drivers change their queues when a program is attached: counted only now. */
	err = plan_frames(why, real, dev->attachment.nr_queues, wish, &dev->info.geometry);
	if (!err)
		err = open_board(why, dev);
	if (!err)
		err = device_hand_over(why, dev);
	return err;
}

int device_open(struct say *why, const struct link *real, const struct device_wish *wish, struct device **out)
{
	struct oob_keeper_request req = { .op = OOB_KEEP_REMOVE };
	struct oob_keeper_reply rep;
	struct device *dev = NULL;
	int err;

	for (int i = 0; i < OOB_MAX_DEVICES && !dev; i++)
		if (!daemon_state.devices[i].used)
			dev = &daemon_state.devices[i];
	if (!dev)
		return plan_no_room(why, real);

	err = turn_features_off(why, real, wish->features_off);
	if (err)
		return err;

	dev->board_fd = dev->attachment.link_fd = -1;
	for (int i = 0; i < OOB_NR_MAPS; i++)
		dev->attachment.map_fds[i] = -1;
	err = build(why, real, wish, dev);
	if (!err) {
		err = link_wait_carrier(why, real, CARRIER_TIMEOUT_MS);
		if (err)
			device_call(dev, &req, &rep);
	}
	if (err) {
		forget(dev);
		restore_features(real->name, real->ifindex);
		return err;
	}

	dev->used = true;
	divert_set_vlans(dev->attachment.map_fds[OOB_MAP_VLANS],
			 (const uint64_t *)daemon_state.state.vlans);
	*out = dev;
	return 0;
}

void device_close(struct device *dev)
{
	struct oob_keeper_request req = { .op = OOB_KEEP_REMOVE };
	struct oob_keeper_reply rep;
	char name[OOB_IFNAMSIZ];
	int ifindex = dev->info.ifindex;

	memcpy(name, dev->config.name, sizeof(name));
	/* A keeper that answered too late, but lives, would go on holding the link. */
	if (dev->orphaned && daemon_state.keeper.fd < 0)
		reconnect(NULL);
	device_call(dev, &req, &rep);
	forget(dev);
	restore_features(name, ifindex);
}

int device_adopt(struct say *why, unsigned int kept)
{
	struct oob_keeper_request req = { .op = OOB_KEEP_GET, .device = kept };
	struct oob_keeper_reply rep;
	struct device *dev = &daemon_state.devices[kept];
	int fds[OOB_MAX_FDS], nr = 0, err;
	struct link real;
	void *map;

	err = keeper_call(&daemon_state.keeper, &req, &rep, fds, 0, &nr);
	if (err)
		return say(why, err, "the keeper does not hand over device %u: %s", kept, strerror(-err));
	if (nr != OOB_NR_DEVFDS)
		return say(why, -EPROTO, "the keeper hands over %d descriptors where %d are expected", nr, OOB_NR_DEVFDS);

	dev->kept = kept;
	dev->info = rep.info;
	dev->board_fd = fds[OOB_DEVFD_BOARD];
	map = mmap(NULL, sizeof(*dev->board), PROT_READ | PROT_WRITE, MAP_SHARED, dev->board_fd, 0);
	if (map == MAP_FAILED)
		return say(why, -errno, "the board cannot be mapped: %s", strerror(errno));
	dev->board = map;
	dev->config = dev->board->config[dev->board->sequence & 1];
	dev->used = true;
	dev->attachment.link_fd = fds[OOB_DEVFD_LINK];
	memcpy(dev->attachment.map_fds, fds + OOB_DEVFD_MAPS, sizeof(dev->attachment.map_fds));
	dev->attachment.nr_queues = dev->info.geometry.nr_queues;
	dev->attachment.mode = dev->info.bind_flags & OOB_BIND_GENERIC ? 0 : OOB_MODE_NATIVE;
	/* The set is written down first: an earlier daemon may have been killed before the program had it. */
	divert_set_vlans(dev->attachment.map_fds[OOB_MAP_VLANS], (const uint64_t *)daemon_state.state.vlans);
	err = link_by_index(why, dev->info.ifindex, &real);
	if (!err)
		dev->attachment.prog_id = real.xdp_prog_id;
	/* One that has gone meanwhile is found out by the look at all interfaces, and given up then. */
	return err == -ENODEV ? 0 : err;
}
