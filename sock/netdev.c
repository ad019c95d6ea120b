// SPDX-License-Identifier: MIT
// netdev.c - network devices and ports: evl_net_open_dev() and what goes with it.

#include "sock/sock.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <evl/net/net.h>

#include "port/daemon.h"
#include "port/explain.h"

/* Behind a descriptor of evl_net_open_dev(). */
struct netdev {
	int ifindex;
};

static void netdev_release(void *obj)
{
	free(obj);
}

static const struct oobnet_fd_ops netdev_ops = {
	.release = netdev_release,
};

__attribute__((constructor(103))) static void netdev_init(void)
{
	oobnet_fd_set_ops(OOBNET_FD_DEVICE, &netdev_ops);
}

static int find_interface(int fd, const char *ifname, int *ifindex)
{
	struct ifreq req = { 0 };

	if (!ifname || !*ifname || strlen(ifname) >= sizeof(req.ifr_name))
		return oobnet_because_text(-EINVAL, "not the name of an interface");
	memcpy(req.ifr_name, ifname, strlen(ifname));
	if (ioctl(fd, SIOCGIFINDEX, &req))
		return oobnet_because(-EINVAL, "there is no interface %s", ifname);
	*ifindex = req.ifr_ifindex;
	return 0;
}

__oobnet_api int evl_net_open_dev(const char *ifname)
{
	struct netdev *dev = malloc(sizeof(*dev));
	int fd, err;

	if (!dev)
		return -ENOMEM;
	/* A socket, because the table of descriptors wants an inode of its own for each. */
	fd = oobnet_fd_above_std(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	if (fd < 0) {
		free(dev);
		return oobnet_because(fd, "cannot make a descriptor: %s", strerror(-fd));
	}
	err = find_interface(fd, ifname, &dev->ifindex);
	if (!err)
		err = oobnet_fd_install(fd, OOBNET_FD_DEVICE, dev);
	if (err) {
		close(fd);
		free(dev);
		return err;
	}
	return fd;
}

/* The device's name as it is today. */
static int name_of(int devfd, char *name)
{
	struct oobnet_fd *ref = oobnet_fd_lookup(devfd, OOBNET_FD_DEVICE);
	struct ifreq req = { 0 };
	int err = 0;

	if (!ref)
		return oobnet_because_text(-EBADF, "not a descriptor of evl_net_open_dev()");
	req.ifr_ifindex = ((const struct netdev *)ref->obj)->ifindex;
	if (ioctl(devfd, SIOCGIFNAME, &req))
		err = oobnet_because_text(-ENODEV, "the interface has gone");
	else
		memcpy(name, req.ifr_name, OOB_IFNAMSIZ);
	oobnet_fd_put(ref);
	return err;
}

static uint32_t clamp32(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static void fill_in(struct evl_net_devstat *devs, const struct oob_port_status *port)
{
	devs->rx_packets = port->divert.rx_packets;
	devs->rx_bytes = port->divert.rx_bytes;
	devs->tx_packets = port->stats.tx_packets;
	devs->tx_bytes = port->stats.tx_bytes;
	devs->skb_size = port->frame_size;
	devs->skb_free = port->frames_free;
	devs->skb_total = port->frames_total;
	devs->csum_errors = clamp32(port->stats.csum_errors);
	devs->rx_nomem = clamp32(port->stats.rx_nomem);
	devs->tx_nomem = clamp32(port->stats.tx_nomem);
	devs->oob_capable = !port->lacks;
	devs->oob_port = 1;
}

/* Not running, or not a port: then the device is no port, which is an answer. */
static bool is_no_port(int err)
{
	return err == -ECONNREFUSED || err == -EINVAL || err == -ENXIO || err == -ENOENT;
}

__oobnet_api int evl_net_query_dev(int devfd, struct evl_net_devstat *devs)
{
	struct oob_request req = { .op = OOB_ASK_STATUS };
	struct oob_reply rep;
	int err;

	if (!devs)
		return -EFAULT;
	err = name_of(devfd, req.name);
	if (err)
		return err;
	memset(devs, 0, sizeof(*devs));
	err = oobnet_daemon_call(&req, &rep, NULL, NULL);
	if (!err)
		fill_in(devs, &rep.port);
	return is_no_port(err) ? 0 : err;
}

__oobnet_api int evl_net_enable_port(int devfd, size_t poolsz, size_t bufsz)
{
	struct oob_request req = { .op = OOB_ASK_ENABLE, .pool = poolsz, .buf = bufsz };
	struct oob_reply rep;
	int err;

	err = name_of(devfd, req.name);
	if (err)
		return err;
	err = oobnet_daemon_call(&req, &rep, NULL, NULL);
	if (err != -ECONNREFUSED)
		return err;
	err = oobnet_daemon_start();
	return err ? err : oobnet_daemon_call(&req, &rep, NULL, NULL);
}

__oobnet_api int evl_net_disable_port(int devfd)
{
	struct oob_request req = { .op = OOB_ASK_DISABLE };
	struct oob_reply rep;
	int err;

	err = name_of(devfd, req.name);
	if (err)
		return err;
	err = oobnet_daemon_call(&req, &rep, NULL, NULL);
	return err == -ECONNREFUSED ? -EINVAL : err;
}

__oobnet_api int evl_net_set_filter(int devfd, const char *modpath)
{
	return oobnet_because_text(-ENOSYS, "this version of oobnet has no filters: they are yet to come");
}

__oobnet_api int evl_net_solicit(int s, const struct sockaddr *peer, int flags)
{
	return oobnet_because_text(-ENOSYS, "this version of oobnet has no UDP: it is yet to come");
}

__oobnet_api int evl_net_open_device(const char *ifname)
{
	return evl_net_open_dev(ifname);
}

__oobnet_api int evl_net_open_port(const char *ifname)
{
	struct evl_net_devstat devs;
	int fd, err;

	fd = evl_net_open_dev(ifname);
	if (fd < 0)
		return fd;
	err = evl_net_query_dev(fd, &devs);
	if (!err && !devs.oob_port)
		err = oobnet_because(-EINVAL, "%s is not an out-of-band port", ifname);
	if (!err)
		return fd;
	oobnet_fd_remove(fd);
	close(fd);
	return err;
}

__oobnet_api int evl_net_query_port(int fd, struct evl_net_devstat *devs)
{
	return evl_net_query_dev(fd, devs);
}
