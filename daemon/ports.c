// SPDX-License-Identifier: MIT
// ports.c - ports are enabled, disabled and kept true to what the kernel says of their interfaces.

#include <errno.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/divert.h"
#include "daemon/monitor.h"

struct oob_port_conf *port_by_index(int ifindex, struct device **dev)
{
	for (int i = 0; i < OOB_MAX_DEVICES; i++) {
		struct device *d = &daemon_state.devices[i];

		for (unsigned int n = 0; d->used && n < d->config.nr_ports; n++) {
			struct oob_port_conf *port = &d->config.ports[n];

			if (port->ifindex == ifindex && port->flags & OOB_PORT_ENABLED) {
				*dev = d;
				return port;
			}
		}
	}
	return NULL;
}

struct oob_port_conf *port_by_name(const char *name, struct device **dev)
{
	for (int i = 0; i < OOB_MAX_DEVICES; i++) {
		struct device *d = &daemon_state.devices[i];

		for (unsigned int n = 0; d->used && n < d->config.nr_ports; n++) {
			struct oob_port_conf *port = &d->config.ports[n];

			if (!strncmp(port->name, name, sizeof(port->name)) && port->flags & OOB_PORT_ENABLED) {
				*dev = d;
				return port;
			}
		}
	}
	return NULL;
}

unsigned int port_number(const struct device *dev, const struct oob_port_conf *port)
{
	return port - dev->config.ports;
}

static unsigned int enabled_on(const struct device *dev)
{
	unsigned int enabled = 0;

	for (unsigned int n = 0; n < dev->config.nr_ports; n++)
		enabled += !!(dev->config.ports[n].flags & OOB_PORT_ENABLED);
	return enabled;
}

unsigned int ports_enabled(void)
{
	unsigned int enabled = 0;

	for (int i = 0; i < OOB_MAX_DEVICES; i++)
		if (daemon_state.devices[i].used)
			enabled += enabled_on(&daemon_state.devices[i]);
	return enabled;
}

/* The entry that the interface had before, so that its counters go on, or a fresh one. */
static struct oob_port_conf *entry_for(struct device *dev, int ifindex, uint16_t vid)
{
	for (unsigned int n = 0; n < dev->config.nr_ports; n++)
		if (dev->config.ports[n].ifindex == ifindex && dev->config.ports[n].vid == vid)
			return &dev->config.ports[n];
	if (dev->config.nr_ports == OOB_MAX_PORTS)
		return NULL;
	return &dev->config.ports[dev->config.nr_ports];
}

static const struct oob_port_conf *enabled_vid(const struct device *dev, uint16_t vid)
{
	for (unsigned int n = 0; n < dev->config.nr_ports; n++)
		if (dev->config.ports[n].vid == vid && dev->config.ports[n].flags & OOB_PORT_ENABLED)
			return &dev->config.ports[n];
	return NULL;
}

static void describe(struct oob_port_conf *port, const struct link *link)
{
	port->mtu = link->mtu;
	port->nr_egress = link->nr_egress;
	memcpy(port->mac, link->mac, sizeof(port->mac));
	memcpy(port->name, link->name, sizeof(port->name));
	memcpy(port->egress, link->egress, sizeof(port->egress));
}

static int add_port(struct say *why, struct device *dev, const struct link *link, uint16_t vid)
{
	struct oob_port_conf *port = entry_for(dev, link->ifindex, vid);
	int err;

	if (!port)
		return say(why, -ENOSPC, "%s: %s has had %d ports, which is the maximum; disable all its ports first",
			   link->name, dev->config.name, OOB_MAX_PORTS);

	err = divert_set_port(dev->attachment.map_fds[OOB_MAP_PORTS], vid, true, port_number(dev, port));
	if (err)
		return say(why, err, "%s: the divert program does not take the port: %s", link->name, strerror(-err));

	if (port_number(dev, port) == dev->config.nr_ports)
		dev->config.nr_ports++;
	port->ifindex = link->ifindex;
	port->vid = vid;
	port->flags = OOB_PORT_ENABLED;
	port->epoch++;
	describe(port, link);
	device_publish(dev);
	return 0;
}

static void note(struct say *why, const char *text)
{
	if (why->text[0])
		say_more(why, 0, "; ");
	say_more(why, 0, "%s", text);
}

/* What plan_check() has to know of the ports there are. */
static void know(const struct plan *plan, struct device *dev, struct plan_known *known)
{
	const struct oob_port_conf *other = dev ? enabled_vid(dev, plan->vid) : NULL;

	memset(known, 0, sizeof(*known));
	for (int i = 0; i < OOB_MAX_DEVICES; i++)
		known->nr_devices += daemon_state.devices[i].used;
	if (dev)
		known->frame_size = dev->info.geometry.frame_size;
	if (other)
		memcpy(known->rival, other->name, sizeof(known->rival));
}

int port_enable(struct say *why, const struct port_wish *wish)
{
	const struct oob_port_conf *present;
	struct plan_known known;
	struct device *dev;
	struct plan plan;
	char down[96];
	int err;

	err = plan_resolve(why, wish, &plan);
	if (err)
		return err;
	/* As in EVL, a port that is enabled already stays as it is, whatever sizes are asked for. */
	present = port_by_index(plan.port.ifindex, &dev);
	if (present)
		return plan_same(why, wish, present->vid);

	dev = device_of(plan.real.ifindex);
	know(&plan, dev, &known);
	/* What can be refused without touching the device is refused first. */
	err = plan_check(why, &known, &plan);
	if (err)
		return err;
	if (!dev) {
		err = device_open(why, &plan.real, &plan.device, &dev);
		if (err)
			return err;
	}

	err = add_port(why, dev, &plan.port, plan.vid);
	if (err) {
		if (!enabled_on(dev))
			device_close(dev);
		return err;
	}
	if (plan_port_down(&plan)) {
		snprintf(down, sizeof(down), "%s is down: ip link set %s up", plan.port.name, plan.port.name);
		note(why, down);
	}
	return 0;
}

static void disable(struct device *dev, struct oob_port_conf *port)
{
	struct oob_keeper_request req = { .op = OOB_KEEP_CLAIM, .port = port_number(dev, port), .slot = OOB_NO_SLOT };
	struct oob_keeper_reply rep;

	divert_set_port(dev->attachment.map_fds[OOB_MAP_PORTS], port->vid, false, port_number(dev, port));
	device_call(dev, &req, &rep);
	port->flags &= ~OOB_PORT_ENABLED;
	port->epoch++;
	device_publish(dev);
	if (!enabled_on(dev))
		device_close(dev);
}

int port_disable(struct say *why, const char *name)
{
	struct oob_port_conf *port;
	struct device *dev;

	port = port_by_name(name, &dev);
	if (!port)
		return say(why, -EINVAL, "%s is not an out-of-band port", name);
	disable(dev, port);
	return 0;
}

void port_disable_all(void)
{
	for (int i = 0; i < OOB_MAX_DEVICES; i++) {
		struct device *dev = &daemon_state.devices[i];

		for (unsigned int n = 0; dev->used && n < dev->config.nr_ports; n++)
			if (dev->config.ports[n].flags & OOB_PORT_ENABLED)
				disable(dev, &dev->config.ports[n]);
	}
}

void ports_close_unused(void)
{
	for (int i = 0; i < OOB_MAX_DEVICES; i++)
		if (daemon_state.devices[i].used && !enabled_on(&daemon_state.devices[i]))
			device_close(&daemon_state.devices[i]);
}

int vlans_set(struct say *why, const __u64 *vlans)
{
	struct state next = daemon_state.state;
	int err;

	/* Neither of these three can be in the set: wire/vlanlist refuses them, and so does whoever asks past it. */
	if (vlans[0] & 3 || vlans[OOB_VLAN_WORDS - 1] >> 63)
		return say(why, -EINVAL, "VLAN ids 0, 1 and 4095 cannot be monitored");

	memcpy(next.vlans, vlans, sizeof(next.vlans));
	err = state_save(&next);
	if (err)
		return say(why, err, "%s: %s", OOB_STATE_FILE, strerror(-err));
	daemon_state.state = next;
	for (int i = 0; i < OOB_MAX_DEVICES; i++) {
		struct device *dev = &daemon_state.devices[i];

		if (!dev->used)
			continue;
		err = divert_set_vlans(dev->attachment.map_fds[OOB_MAP_VLANS], (const uint64_t *)vlans);
		if (err)
			return say(why, err, "%s: the divert program does not take the set: %s", dev->config.name,
				   strerror(-err));
	}
	return 0;
}

static void disable_ports_of(struct device *dev, int ifindex, const char *why)
{
	for (unsigned int n = 0; dev->used && n < dev->config.nr_ports; n++) {
		struct oob_port_conf *port = &dev->config.ports[n];

		if (!(port->flags & OOB_PORT_ENABLED) || (ifindex && port->ifindex != ifindex))
			continue;
		fprintf(stderr, "oobnetd: %s: port disabled: %s\n", port->name, why);
		disable(dev, port);
	}
}

static void on_changed(void *ctx, const struct link *announced)
{
	struct oob_port_conf *port;
	struct device *dev;
	struct link link;

	/* What is announced may be older than what we did since: only the present counts. */
	if (link_by_index(NULL, announced->ifindex, &link))
		return;

	dev = device_of(link.ifindex);
	if (dev) {
		memcpy(dev->config.name, link.name, sizeof(dev->config.name));
		/* As in EVL: it does not come back by itself. */
		if (!(link.flags & IFF_UP))
			disable_ports_of(dev, 0, "its real device has been set down");
	}
	port = port_by_index(link.ifindex, &dev);
	if (port) {
		struct oob_port_conf before = *port;

		describe(port, &link);
		if (memcmp(&before, port, sizeof(before)))
			device_publish(dev);
	}
}

static void on_gone(void *ctx, const struct link *link)
{
	struct oob_port_conf *port;
	struct device *dev;

	dev = device_of(link->ifindex);
	if (dev)
		disable_ports_of(dev, 0, "its real device has gone");
	port = port_by_index(link->ifindex, &dev);
	if (port)
		disable_ports_of(dev, port->ifindex, "its interface has gone");
}

static void look_again(int ifindex)
{
	struct link link;
	int err = link_by_index(NULL, ifindex, &link);

	if (err == -ENODEV) {
		memset(&link, 0, sizeof(link));
		link.ifindex = ifindex;
		on_gone(NULL, &link);
	} else if (!err) {
		on_changed(NULL, &link);
	}
}

static void on_resync(void *ctx)
{
	for (int i = 0; i < OOB_MAX_DEVICES; i++) {
		struct device *dev = &daemon_state.devices[i];

		for (unsigned int n = 0; dev->used && n < dev->config.nr_ports; n++)
			if (dev->config.ports[n].flags & OOB_PORT_ENABLED)
				look_again(dev->config.ports[n].ifindex);
		if (dev->used)
			look_again(dev->info.ifindex);
	}
}

const struct monitor_ops ports_monitor = {
	.changed = on_changed,
	.gone = on_gone,
	.resync = on_resync,
};
