// SPDX-License-Identifier: MIT
// server.c - answers the requests of programs and of evl net.

#include <errno.h>
#include <string.h>

#include "daemon/daemon.h"

static int only_root(struct say *why, const struct peer *peer, const char *what)
{
	if (peer->uid == 0)
		return 0;
	return say(why, -EPERM, "only root may %s", what);
}

/* Names come from whoever asks: never unterminated, never empty. */
static int check_name(struct say *why, const struct oob_request *req)
{
	if (!memchr(req->name, '\0', sizeof(req->name)) || !req->name[0])
		return say(why, -EINVAL, "an interface name has 1 to %d characters", OOB_IFNAMSIZ - 1);
	return 0;
}

static int enable(struct say *why, const struct peer *peer, const struct oob_request *req)
{
	const struct port_wish wish = { .name = req->name, .vid = req->vid, .pool = req->pool, .buf = req->buf };
	int err = only_root(why, peer, "enable a port");

	if (!err)
		err = check_name(why, req);
	return err ? err : port_enable(why, &wish);
}

static int disable(struct say *why, const struct peer *peer, const struct oob_request *req)
{
	int err = only_root(why, peer, "disable a port");

	if (!err)
		err = check_name(why, req);
	return err ? err : port_disable(why, req->name);
}

static int status(struct say *why, const struct oob_request *req, struct oob_reply *rep)
{
	const struct oob_port_conf *port;
	struct device *dev;
	int err = check_name(why, req);

	if (err)
		return err;
	port = port_by_name(req->name, &dev);
	if (!port)
		return say(why, -EINVAL, "%s is not an out-of-band port; to make it one: evl net -ei %s", req->name,
			   req->name);
	return port_status(why, dev, port, &rep->port);
}

static int list(struct say *why, unsigned int index, struct oob_reply *rep)
{
	for (int i = 0; i < OOB_MAX_DEVICES; i++) {
		struct device *dev = &daemon_state.devices[i];

		for (unsigned int n = 0; dev->used && n < dev->config.nr_ports; n++) {
			if (!(dev->config.ports[n].flags & OOB_PORT_ENABLED) || index--)
				continue;
			return port_status(why, dev, &dev->config.ports[n], &rep->port);
		}
	}
	return -ENOENT;
}

static int set_vlans(struct say *why, const struct peer *peer, const struct oob_request *req)
{
	int err = only_root(why, peer, "change the set of monitored VLAN ids");

	return err ? err : vlans_set(why, req->vlans);
}

static int attach(struct say *why, const struct peer *peer, int ifindex, struct oob_reply *rep, int *fds, int *nr)
{
	int err = only_root(why, peer, "use a port, until there is a group for it");

	return err ? err : client_attach(why, peer, ifindex, rep, fds, nr);
}

bool serve(const struct peer *peer, const struct oob_request *req, struct oob_reply *rep, int *fds, int *nr)
{
	struct say why = { 0 };
	bool stop = false;

	switch (req->op) {
	case OOB_ASK_ENABLE:
		rep->err = enable(&why, peer, req);
		break;
	case OOB_ASK_DISABLE:
		rep->err = disable(&why, peer, req);
		break;
	case OOB_ASK_STATUS:
		rep->err = status(&why, req, rep);
		break;
	case OOB_ASK_LIST:
		rep->err = list(&why, req->index, rep);
		break;
	case OOB_ASK_SET_VLANS:
		rep->err = set_vlans(&why, peer, req);
		break;
	case OOB_ASK_GET_VLANS:
		memcpy(rep->vlans, daemon_state.state.vlans, sizeof(rep->vlans));
		break;
	case OOB_ASK_ATTACH:
		rep->err = attach(&why, peer, req->ifindex, rep, fds, nr);
		break;
	case OOB_ASK_READY:
		rep->err = client_ready(&why, peer, req->ifindex);
		break;
	case OOB_ASK_CLAIM:
		rep->err = client_claim(&why, peer, req->ifindex);
		break;
	case OOB_ASK_UNCLAIM:
		rep->err = client_unclaim(&why, peer, req->ifindex);
		break;
	case OOB_ASK_STOP:
		rep->err = only_root(&why, peer, "stop oobnetd");
		stop = !rep->err;
		break;
	default:
		rep->err = say(&why, -EOPNOTSUPP, "oobnetd does not know request %u", req->op);
		break;
	}
	memcpy(rep->text, why.text, sizeof(rep->text));
	return stop;
}
