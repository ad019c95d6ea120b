// SPDX-License-Identifier: MIT
// claim.c - binding sockets to ports, and claiming the ports' packets for this program.

#include <errno.h>
#include <string.h>
#include <time.h>

#include "port/claim.h"
#include "port/daemon.h"
#include "port/device.h"
#include "port/explain.h"

#define REBUILD_TRIES	60
#define REBUILD_NAP_NS	50000000
#define MAX_TARGETS	(OOB_MAX_DEVICES * OOB_MAX_PORTS)

/* A port that a socket is about to be bound to. */
struct target {
	struct port_device *dev;
	unsigned int port;
	int ifindex;
	uint64_t epoch;
};

struct targets {
	unsigned int nr;
	struct target at[MAX_TARGETS];
};

/* Guarded by port_bind_lock: too large for the stack of a small thread. */
static struct targets bind_wanted, bind_left;

static int ask(uint32_t op, int ifindex)
{
	struct oob_request req = { .op = op, .ifindex = ifindex };
	struct oob_reply rep;

	return oobnet_daemon_call(&req, &rep, NULL, NULL);
}

/* EVL knows one error for what is not an enabled port; the sentence tells more. */
static int as_bind_error(int err)
{
	switch (err) {
	case -ECONNREFUSED:
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		return -EINVAL;
	default:
		return err;
	}
}

static void rejoin_all(void);

static bool any_live(void)
{
	for (int i = 0; i < OOB_MAX_DEVICES; i++)
		if (port_devices[i].state == PORT_LIVE)
			return true;
	return false;
}

/*
 * Who asks to attach where it is attached is taken for a program that was executed anew, and what it has is
 * taken back. So oobnetd is asked first: what it lists is on the board by then, and a port that is enabled
 * only after that is none yet. 0 or -errno.
 */
static int may_attach(int ifindex)
{
	struct oob_request req = { .op = OOB_ASK_LIST };
	struct oob_reply rep;
	int err;

	if (!any_live())
		return 0;
	for (;; req.index++) {
		err = oobnet_daemon_call(&req, &rep, NULL, NULL);
		if (err == -ENOENT)
			return oobnet_because(-EINVAL, "interface %d is not an out-of-band port", ifindex);
		if (err || rep.port.ifindex == ifindex)
			return err;
	}
}

static int find(int ifindex, struct target *target)
{
	int index, err;

	target->dev = port_lock_device(ifindex, &index);
	if (!target->dev) {
		err = may_attach(ifindex);
		if (err)
			return as_bind_error(err);
		target->dev = port_lock_device(ifindex, &index);
	}
	if (!target->dev) {
		err = port_attach(ifindex);
		if (err)
			return as_bind_error(err);
		rejoin_all();
		target->dev = port_lock_device(ifindex, &index);
		if (!target->dev)
			return oobnet_because_text(-EINVAL, "the port was disabled just now");
	}
	target->ifindex = ifindex;
	target->port = (unsigned int)index;
	target->epoch = target->dev->use[index].epoch;
	pthread_mutex_unlock(&target->dev->lock);
	return 0;
}

static int find_every(struct targets *targets)
{
	struct oob_request req = { .op = OOB_ASK_LIST };
	struct oob_reply rep;
	int err;

	for (targets->nr = 0; targets->nr < MAX_TARGETS; targets->nr++) {
		req.index = targets->nr;
		err = oobnet_daemon_call(&req, &rep, NULL, NULL);
		if (err == -ENOENT || err == -ECONNREFUSED)
			return 0;	/* no more, or none at all */
		if (!err)
			err = find(rep.port.ifindex, &targets->at[targets->nr]);
		if (err)
			return err;
	}
	return 0;
}

static struct port_use *use_of(const struct target *target)
{
	return &target->dev->use[target->port];
}

/* Makes the port's packets ours. One that was claimed for another socket is so already. */
static int claim(const struct target *target)
{
	struct port_device *dev = target->dev;
	bool have;
	int err;

	pthread_mutex_lock(&dev->lock);
	have = use_of(target)->claimed;
	pthread_mutex_unlock(&dev->lock);
	if (have)
		return 0;

	err = ask(OOB_ASK_CLAIM, target->ifindex);
	if (err)
		return as_bind_error(err);

	pthread_mutex_lock(&dev->lock);
	port_refresh(dev);
	if (dev->state == PORT_LIVE && use_of(target)->epoch == target->epoch)
		use_of(target)->claimed = true;
	else
		err = oobnet_because_text(-EINVAL, "the port was disabled just now");
	pthread_mutex_unlock(&dev->lock);
	return err;
}

/* Everything that is in the rings, as of now: a flood on another port must not keep us here. */
static void flush(struct port_device *dev)
{
	const uint32_t most = dev->geo.rx_ring * dev->geo.nr_queues;
	uint32_t n = 0, got = 1;

	while (got && n < most) {
		got = port_drain(dev, NULL);
		n += got;
	}
}

/*
 * Gives up a port that no socket uses any more. What is left in the rings goes home: nobody would take it.
 * Where oobnetd does not answer, the claim stays with this program, as the keeper has it, until it
 * claims again or ends.
 */
static void unclaim(const struct target *target)
{
	struct port_device *dev = target->dev;
	bool drop;

	pthread_mutex_lock(&dev->lock);
	drop = dev->state == PORT_LIVE && use_of(target)->claimed && !use_of(target)->users;
	pthread_mutex_unlock(&dev->lock);
	if (!drop || ask(OOB_ASK_UNCLAIM, target->ifindex))
		return;

	pthread_mutex_lock(&dev->lock);
	use_of(target)->claimed = false;
	port_refresh(dev);
	if (dev->state == PORT_LIVE)
		flush(dev);
	pthread_mutex_unlock(&dev->lock);
}

static void link_binding(struct port_device *dev, struct port_binding *b)
{
	if (b->linked)
		return;
	b->ports = 0;
	b->next = dev->bindings;
	dev->bindings = b;
	b->linked = true;
}

static void unlink_binding(struct port_device *dev, struct port_binding *b)
{
	struct port_binding **at = &dev->bindings;

	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	b->ports = b->lost = 0;
	b->linked = false;
}

/* Joins the socket to a port that is claimed. Old packets in the rings are not for it. */
static int join(struct port_sink *sink, const struct target *target)
{
	struct port_device *dev = target->dev;
	struct port_binding *b = &sink->on[dev->index];
	int err = 0;

	pthread_mutex_lock(&dev->lock);
	port_refresh(dev);
	if (dev->state != PORT_LIVE || use_of(target)->epoch != target->epoch) {
		err = oobnet_because_text(-EINVAL, "the port was disabled just now");
	} else {
		if (!use_of(target)->users)
			flush(dev);
		pthread_mutex_lock(&sink->lock);
		if (sink->closed) {
			err = -EBADF;
		} else {
			sink->nr_ports++;
			sink->down = false;
		}
		pthread_mutex_unlock(&sink->lock);
	}
	if (!err) {
		link_binding(dev, b);
		b->ports |= 1ull << target->port;
		use_of(target)->users++;
	}
	pthread_mutex_unlock(&dev->lock);
	return err;
}

static void rejoin_one(struct port_device *dev, struct port_binding *b, unsigned int port)
{
	struct target target = { .dev = dev, .port = port };

	pthread_mutex_lock(&dev->lock);
	target.ifindex = dev->conf.ports[port].ifindex;
	target.epoch = dev->use[port].epoch;
	pthread_mutex_unlock(&dev->lock);
	if (!claim(&target))
		join(b->sink, &target);
}

/*
 * A device that was lost is back: sockets that were bound to its ports are bound again. One that cannot
 * be, because the port was disabled or somebody else has it now, is told that its port is down. With
 * port_bind_lock, so the list stays as it is.
 */
static void rejoin(struct port_device *dev)
{
	for (struct port_binding *b = dev->bindings; b; b = b->next) {
		uint64_t lost = b->lost;

		b->lost = 0;
		for (unsigned int port = 0; port < OOB_MAX_PORTS; port++)
			if (lost >> port & 1)
				rejoin_one(dev, b, port);
		if (!lost)
			continue;
		pthread_mutex_lock(&dev->lock);
		if (dev->lost) {
			/* Once more: what could not be joined in time is not disabled. */
			b->lost |= lost;
		} else {
			pthread_mutex_lock(&b->sink->lock);
			b->sink->down = !b->sink->nr_ports;
			pthread_mutex_unlock(&b->sink->lock);
		}
		pthread_mutex_unlock(&dev->lock);
		port_sink_wake(b->sink);
	}
	pthread_mutex_lock(&dev->lock);
	port_ring_senders(dev);
	pthread_mutex_unlock(&dev->lock);
}

/* Whichever device has just been attached, and even if its port is disabled again: nobody waits for ever. */
static void rejoin_all(void)
{
	for (struct port_device *dev = port_devices; dev < port_devices + OOB_MAX_DEVICES; dev++)
		if (dev->state != PORT_FREE && !dev->lost)
			rejoin(dev);
}

void port_give_up(struct port_device *dev)
{
	pthread_mutex_lock(&port_bind_lock);
	pthread_mutex_lock(&dev->lock);
	if (dev->lost) {
		dev->lost = false;
		for (struct port_binding *b = dev->bindings; b; b = b->next) {
			pthread_mutex_lock(&b->sink->lock);
			b->sink->down |= b->lost && !b->sink->nr_ports;
			pthread_mutex_unlock(&b->sink->lock);
			b->lost = 0;
			port_sink_wake(b->sink);
		}
		port_ring_senders(dev);
	}
	pthread_mutex_unlock(&dev->lock);
	pthread_mutex_unlock(&port_bind_lock);
}

/* Leaves one device; the ports that the socket was bound to go to @left. */
static void leave(struct port_sink *sink, struct port_device *dev, struct targets *left)
{
	struct port_binding *b = &sink->on[dev->index];
	uint64_t ports;

	pthread_mutex_lock(&dev->lock);
	ports = b->ports;
	for (unsigned int i = 0; i < OOB_MAX_PORTS; i++) {
		if (!(ports >> i & 1))
			continue;
		dev->use[i].users--;
		left->at[left->nr++] = (struct target){
			.dev = dev,
			.port = i,
			.ifindex = dev->conf.ports[i].ifindex,
		};
	}
	unlink_binding(dev, b);
	pthread_mutex_unlock(&dev->lock);

	pthread_mutex_lock(&sink->lock);
	sink->nr_ports -= (uint32_t)__builtin_popcountll(ports);
	pthread_mutex_unlock(&sink->lock);
}

/* Packets that wait in the queue are of the old binding. */
static void drop_queue(struct port_sink *sink)
{
	struct port_item item;

	for (;;) {
		pthread_mutex_lock(&sink->lock);
		if (!sink->count) {
			sink->down = false;
			pthread_mutex_unlock(&sink->lock);
			return;
		}
		item = sink->items[sink->head++ & (PORT_SINK_MAX - 1)];
		sink->count--;
		sink->charged -= item.dev->geo.frame_size;
		atomic_fetch_add(&item.dev->borrowed, 1);
		pthread_mutex_unlock(&sink->lock);
		port_release(&item);
	}
}

static void leave_all(struct port_sink *sink, struct targets *left)
{
	left->nr = 0;
	for (int i = 0; i < OOB_MAX_DEVICES; i++)
		if (sink->on[i].linked)
			leave(sink, &port_devices[i], left);
	drop_queue(sink);
}

/* Claims each; on failure gives up those that were claimed for this socket only. */
static int claim_all(const struct targets *targets)
{
	unsigned int n;
	int err = 0;

	for (n = 0; n < targets->nr && !err; n++)
		err = claim(&targets->at[n]);
	while (err && n--)
		unclaim(&targets->at[n]);
	return err;
}

static int bind_to(struct port_sink *sink, uint16_t protocol, const struct targets *targets)
{
	int err = protocol ? claim_all(targets) : 0;
	unsigned int n;

	if (err)
		return err;
	leave_all(sink, &bind_left);
	sink->protocol = protocol;
	for (n = 0; protocol && n < targets->nr && !err; n++)
		err = join(sink, &targets->at[n]);
	for (n = 0; n < bind_left.nr; n++)
		unclaim(&bind_left.at[n]);
	/* Those that were claimed but not joined, because the socket has been closed meanwhile. */
	for (n = 0; err && n < targets->nr; n++)
		unclaim(&targets->at[n]);
	/* A thread that waits on the socket has to look at other devices now. */
	port_sink_wake(sink);
	return err;
}

static int bind_once(struct port_sink *sink, int ifindex, uint16_t protocol)
{
	int err;

	pthread_mutex_lock(&port_bind_lock);
	bind_wanted.nr = 1;
	err = ifindex ? find(ifindex, bind_wanted.at) : find_every(&bind_wanted);
	if (!err)
		err = bind_to(sink, protocol, &bind_wanted);
	pthread_mutex_unlock(&port_bind_lock);
	return err;
}

int port_bind(struct port_sink *sink, int ifindex, uint16_t protocol)
{
	const struct timespec nap = { .tv_nsec = REBUILD_NAP_NS };
	int err;

	/* A keeper that was killed has a successor in a moment: that is waited for. */
	for (int i = 0; (err = bind_once(sink, ifindex, protocol)) == -EAGAIN && i < REBUILD_TRIES; i++)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
	return err;
}

void port_unbind(struct port_sink *sink)
{
	pthread_mutex_lock(&port_bind_lock);
	leave_all(sink, &bind_left);
	for (unsigned int n = 0; n < bind_left.nr; n++)
		unclaim(&bind_left.at[n]);
	pthread_mutex_unlock(&port_bind_lock);
}

int port_require(int ifindex)
{
	struct target target;
	int err;

	pthread_mutex_lock(&port_bind_lock);
	err = find(ifindex, &target);
	pthread_mutex_unlock(&port_bind_lock);
	return err;
}

int port_address(int ifindex, uint8_t *mac)
{
	struct port_device *dev;
	int index;

	dev = port_lock_device(ifindex, &index);
	if (!dev)
		return -ENXIO;
	memcpy(mac, dev->conf.ports[index].mac, sizeof(dev->conf.ports[index].mac));
	pthread_mutex_unlock(&dev->lock);
	return 0;
}
