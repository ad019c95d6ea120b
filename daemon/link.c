// SPDX-License-Identifier: MIT
// link.c - what the kernel says of a network interface.

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <net/if.h>
#include <linux/if.h> /* IFF_LOWER_UP; only in this order do the two agree */

#include "daemon/link.h"
#include "daemon/netlink.h"

/* A table of attributes indexed by type, filled by collect(). */
struct attributes {
	const struct nlattr *tb[IFLA_MAX + 1];
	unsigned int max;
};

static int collect(const struct nlattr *attr, void *data)
{
	struct attributes *attrs = data;
	unsigned int type = mnl_attr_get_type(attr);

	/* A kernel newer than the headers has types that we do not know. */
	if (type <= attrs->max)
		attrs->tb[type] = attr;

	return MNL_CB_OK;
}

static void collect_nested(const struct nlattr *nest, unsigned int max, struct attributes *attrs)
{
	memset(attrs, 0, sizeof(*attrs));
	attrs->max = max;
	if (nest)
		mnl_attr_parse_nested(nest, collect, attrs);
}

static const void *get(const struct nlattr *attr, size_t size)
{
	return attr && mnl_attr_get_payload_len(attr) >= size ? mnl_attr_get_payload(attr) : NULL;
}

static uint32_t get_u32(const struct nlattr *attr)
{
	return get(attr, sizeof(uint32_t)) ? mnl_attr_get_u32(attr) : 0;
}

static uint16_t get_u16(const struct nlattr *attr)
{
	return get(attr, sizeof(uint16_t)) ? mnl_attr_get_u16(attr) : 0;
}

static uint8_t get_u8(const struct nlattr *attr)
{
	return get(attr, sizeof(uint8_t)) ? mnl_attr_get_u8(attr) : 0;
}

static void get_name(const struct nlattr *attr, char *name, size_t size)
{
	if (attr)
		snprintf(name, size, "%.*s", (int)mnl_attr_get_payload_len(attr),
			 mnl_attr_get_str(attr));
}

static void parse_egress(const struct nlattr *nest, struct link *link)
{
	const struct ifla_vlan_qos_mapping *mapping;
	const struct nlattr *attr;

	if (!nest)
		return;

	mnl_attr_for_each_nested(attr, nest) {
		mapping = get(attr, sizeof(*mapping));
		if (mnl_attr_get_type(attr) != IFLA_VLAN_QOS_MAPPING || !mapping)
			continue;
		if (link->nr_egress == OOB_EGRESS_MAX) {
			link->egress_cut = true;
			break;
		}
		link->egress[link->nr_egress].priority = mapping->from;
		link->egress[link->nr_egress].pcp = mapping->to & 7;
		link->nr_egress++;
	}
}

static void parse_vlan(const struct nlattr *data, const struct attributes *of_link,
		       struct link *link)
{
	struct attributes attrs;

	collect_nested(data, IFLA_VLAN_MAX, &attrs);
	link->vid = get_u16(attrs.tb[IFLA_VLAN_ID]);
	link->vlan_proto = ntohs(get_u16(attrs.tb[IFLA_VLAN_PROTOCOL]));
	parse_egress(attrs.tb[IFLA_VLAN_EGRESS_QOS], link);

	link->lower_ifindex = get_u32(of_link->tb[IFLA_LINK]);
	link->lower_elsewhere = of_link->tb[IFLA_LINK_NETNSID] != NULL;
}

/* Programs can be attached in several modes at once; any will do to say that there is one. */
static void parse_xdp(const struct nlattr *nest, struct link *link)
{
	static const struct {
		uint8_t mode;
		uint16_t attr;
	} modes[] = {
		{ XDP_ATTACHED_DRV, IFLA_XDP_DRV_PROG_ID },
		{ XDP_ATTACHED_SKB, IFLA_XDP_SKB_PROG_ID },
		{ XDP_ATTACHED_HW, IFLA_XDP_HW_PROG_ID },
	};
	struct attributes attrs;
	unsigned int i;

	collect_nested(nest, IFLA_XDP_MAX, &attrs);
	link->xdp_mode = get_u8(attrs.tb[IFLA_XDP_ATTACHED]);
	link->xdp_prog_id = get_u32(attrs.tb[IFLA_XDP_PROG_ID]);
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]) && !link->xdp_prog_id; i++) {
		link->xdp_prog_id = get_u32(attrs.tb[modes[i].attr]);
		if (link->xdp_prog_id)
			link->xdp_mode = modes[i].mode;
	}
}

int link_parse(const struct nlmsghdr *nlh, struct link *link)
{
	const unsigned int passes = IFF_LOWER_UP | IFF_RUNNING;
	struct attributes attrs = { .max = IFLA_MAX }, info;
	const struct ifinfomsg *ifinfo;

	memset(link, 0, sizeof(*link));
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifinfo))
		return -EPROTO;

	ifinfo = mnl_nlmsg_get_payload(nlh);
	mnl_attr_parse(nlh, sizeof(*ifinfo), collect, &attrs);

	link->ifindex = ifinfo->ifi_index;
	link->type = ifinfo->ifi_type;
	link->flags = ifinfo->ifi_flags;
	link->carrier = (link->flags & passes) == passes;
	link->carrier_downs = get_u32(attrs.tb[IFLA_CARRIER_DOWN_COUNT]);
	link->mtu = get_u32(attrs.tb[IFLA_MTU]);
	get_name(attrs.tb[IFLA_IFNAME], link->name, sizeof(link->name));
	if (attrs.tb[IFLA_ADDRESS] &&
	    mnl_attr_get_payload_len(attrs.tb[IFLA_ADDRESS]) == sizeof(link->mac))
		memcpy(link->mac, mnl_attr_get_payload(attrs.tb[IFLA_ADDRESS]), sizeof(link->mac));

	collect_nested(attrs.tb[IFLA_LINKINFO], IFLA_INFO_MAX, &info);
	get_name(info.tb[IFLA_INFO_KIND], link->kind, sizeof(link->kind));
	if (!strcmp(link->kind, "vlan"))
		parse_vlan(info.tb[IFLA_INFO_DATA], &attrs, link);
	parse_xdp(attrs.tb[IFLA_XDP], link);

	return link->name[0] ? 0 : -EPROTO;
}

/* By index when it is not 0, else by name. */
static int ask(int ifindex, const char *name, struct link *link)
{
	char buf[NETLINK_BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifinfo;
	int err;

	nlh->nlmsg_type = RTM_GETLINK;
	ifinfo = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifinfo));
	ifinfo->ifi_family = AF_UNSPEC;
	ifinfo->ifi_index = ifindex;
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (!ifindex)
		mnl_attr_put_strz(nlh, IFLA_IFNAME, name);

	err = netlink_ask(buf, NULL, 0);
	if (err)
		return err;

	return nlh->nlmsg_type == RTM_NEWLINK ? link_parse(nlh, link) : -EPROTO;
}

int link_by_name(struct say *why, const char *name, struct link *link)
{
	const char *at = strchr(name, '@');
	int err;

	memset(link, 0, sizeof(*link));
	if (at)
		return say(why, -ENODEV,
			   "%s: no such interface; ip link prints its name as %.*s, "
			   "and after the @ what it stands on",
			   name, (int)(at - name), name);
	if (!name[0])
		return say(why, -ENODEV, "an interface has a name; ip link lists those there are");
	if (strlen(name) >= IFNAMSIZ)
		return say(why, -ENODEV,
			   "%.32s: no such interface; a name has at most %d characters", name,
			   IFNAMSIZ - 1);

	err = ask(0, name, link);
	if (err == -ENODEV)
		return say(why, err, "%s: no such interface; ip link lists those there are", name);
	if (err)
		return say(why, err, "%s: the kernel does not describe it: %s", name,
			   strerror(-err));

	return 0;
}

int link_by_index(struct say *why, int ifindex, struct link *link)
{
	int err;

	memset(link, 0, sizeof(*link));
	err = ifindex > 0 ? ask(ifindex, NULL, link) : -ENODEV;
	if (err == -ENODEV)
		return say(why, err,
			   "there is no interface of index %d; ip link lists those there are",
			   ifindex);
	if (err)
		return say(why, err, "interface %d: the kernel does not describe it: %s", ifindex,
			   strerror(-err));

	return 0;
}

static int check_vlan(struct say *why, const struct link *port, unsigned int vid)
{
	if (port->vlan_proto != ETH_P_8021Q)
		return say(why, -EINVAL,
			   "%s: has tags of protocol 0x%04x (802.1ad); only 802.1Q is supported, "
			   "which a VLAN device has when made without a protocol",
			   port->name, port->vlan_proto);
	if (!port->vid)
		return say(why, -EINVAL,
			   "%s: VLAN id 0 is a priority tag and stays with the regular stack; "
			   "use an id from 2 to 4094",
			   port->name);
	if (vid && vid != port->vid)
		return say(why, -EINVAL,
			   "%s: is the VLAN device of id %u, not %u; leave the id out, "
			   "or name the device below it",
			   port->name, port->vid, vid);
	if (port->lower_elsewhere)
		return say(why, -EXDEV,
			   "%s: the device below it is in another network namespace; "
			   "run oobnetd there, with the VLAN device",
			   port->name);
	if (port->egress_cut)
		return say(why, -E2BIG,
			   "%s: its egress-qos map has more than %d entries; "
			   "make the VLAN device anew with fewer",
			   port->name, OOB_EGRESS_MAX);

	return 0;
}

int link_resolve_port(struct say *why, const char *name, unsigned int vid, struct link *port,
		      struct link *real, uint16_t *port_vid)
{
	int err;

	if (vid == 1 || vid > 4094)
		return say(why, -EINVAL,
			   "%s: VLAN id %u cannot be out-of-band; use one from 2 to 4094", name,
			   vid);

	err = link_by_name(why, name, port);
	if (err)
		return err;
	if (port->type != ARPHRD_ETHER)
		return say(why, -EINVAL, "%s: is not an Ethernet device; name one that is",
			   port->name);

	if (strcmp(port->kind, "vlan")) {
		*real = *port;
		*port_vid = vid;
		return 0;
	}

	err = check_vlan(why, port, vid);
	if (err)
		return err;
	err = link_by_index(why, port->lower_ifindex, real);
	if (err)
		return err;
	if (!strcmp(real->kind, "vlan"))
		return say(why, -EINVAL,
			   "%s: stands on VLAN device %s; frames with two tags stay with the "
			   "regular stack, so use a VLAN device that stands on a card",
			   port->name, real->name);
	*port_vid = port->vid;

	return 0;
}

int link_ethtool(const char *ifname, void *command)
{
	struct ifreq ifr = { .ifr_data = command };
	int fd, err = 0;

	if (strlen(ifname) >= sizeof(ifr.ifr_name))
		return -ENODEV;
	strcpy(ifr.ifr_name, ifname);

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* ETHTOOL_SFEATURES answers with flags above 0 when it did only a part. */
	if (ioctl(fd, SIOCETHTOOL, &ifr) < 0)
		err = -errno;
	close(fd);

	return err;
}

int link_driver(const char *ifname, char *driver, size_t size)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	int err;

	err = link_ethtool(ifname, &info);
	snprintf(driver, size, "%.*s", err ? 0 : (int)sizeof(info.driver), info.driver);

	return err;
}

static void sysfs_line(const char *ifname, const char *file, char *line, int size)
{
	char path[64 + IFNAMSIZ];
	FILE *f;

	line[0] = '\0';
	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", ifname, file);
	f = fopen(path, "re");
	if (!f)
		return;
	if (!fgets(line, size, f))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	fclose(f);
}

/* A sysfs shows the namespace it was mounted in, which may have another device of this name. */
static bool sysfs_shows(const struct link *link)
{
	char line[32], mac[32];

	sysfs_line(link->name, "ifindex", line, sizeof(line));
	if (atoi(line) != link->ifindex)
		return false;

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", link->mac[0], link->mac[1],
		 link->mac[2], link->mac[3], link->mac[4], link->mac[5]);
	sysfs_line(link->name, "address", line, sizeof(line));

	return !strcmp(line, mac);
}

static unsigned int sysfs_rx_queues(const struct link *link)
{
	char path[64 + IFNAMSIZ];
	unsigned int count = 0;
	struct dirent *entry;
	DIR *dir;

	if (!sysfs_shows(link))
		return 0;

	snprintf(path, sizeof(path), "/sys/class/net/%s/queues", link->name);
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		count += !strncmp(entry->d_name, "rx-", 3);
	closedir(dir);

	return count;
}

unsigned int link_rx_queues(const struct link *link)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	unsigned int count;

	if (!link_ethtool(link->name, &channels) && channels.rx_count + channels.combined_count)
		return channels.rx_count + channels.combined_count;

	count = sysfs_rx_queues(link);

	return count ? count : 1;
}
