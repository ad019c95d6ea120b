// SPDX-License-Identifier: MIT
// xdpfeatures.c - what a driver says that it can do with XDP.

#include <errno.h>
#include <linux/genetlink.h>
#include <string.h>

#include "daemon/netlink.h"
#include "daemon/xdpfeatures.h"

/* <linux/netdev.h> is younger than the headers of the oldest system that this is built on. */
#define FAMILY_NAME		"netdev"
#define FAMILY_VERSION		1
#define CMD_DEV_GET		1
#define DEV_IFINDEX		1
#define DEV_XDP_FEATURES	3
#define XDP_ACT_BASIC		0x1u
#define XDP_ACT_REDIRECT	0x2u
#define XDP_ACT_XSK_ZEROCOPY	0x8u

struct wanted {
	unsigned int type;
	const struct nlattr *attr;
};

static struct nlmsghdr *start(char *buf, uint16_t type, uint8_t cmd, uint8_t version)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));

	nlh->nlmsg_type = type;
	genl->cmd = cmd;
	genl->version = version;

	return nlh;
}

static int find(const struct nlattr *attr, void *data)
{
	struct wanted *wanted = data;

	if (mnl_attr_get_type(attr) == wanted->type)
		wanted->attr = attr;

	return MNL_CB_OK;
}

/* One attribute of the answer, of at least `size` bytes; NULL when there is none. */
static const struct nlattr *answer(const struct nlmsghdr *nlh, unsigned int type, size_t size)
{
	struct wanted wanted = { .type = type };

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct genlmsghdr))
		return NULL;
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), find, &wanted);

	return wanted.attr && mnl_attr_get_payload_len(wanted.attr) >= size ? wanted.attr : NULL;
}

static int find_family(char *buf, uint16_t *id)
{
	struct nlmsghdr *nlh = start(buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	const struct nlattr *attr;
	int err;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, FAMILY_NAME);
	err = netlink_ask_family(NETLINK_GENERIC, buf, NULL, 0);
	if (err)
		return err == -ENOENT ? -EOPNOTSUPP : err;
	attr = answer(nlh, CTRL_ATTR_FAMILY_ID, sizeof(*id));
	if (!attr)
		return -EPROTO;
	*id = mnl_attr_get_u16(attr);

	return 0;
}

int xdp_features_read(int ifindex, struct xdp_features *features)
{
	char buf[NETLINK_BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));
	const uint64_t native = XDP_ACT_BASIC | XDP_ACT_REDIRECT;
	const struct nlattr *attr;
	struct nlmsghdr *nlh;
	uint64_t bits;
	uint16_t id;
	int err;

	memset(features, 0, sizeof(*features));
	err = find_family(buf, &id);
	if (err)
		return err;

	nlh = start(buf, id, CMD_DEV_GET, FAMILY_VERSION);
	mnl_attr_put_u32(nlh, DEV_IFINDEX, ifindex);
	err = netlink_ask_family(NETLINK_GENERIC, buf, NULL, 0);
	if (err)
		return err;
	attr = answer(nlh, DEV_XDP_FEATURES, sizeof(bits));
	if (!attr)
		return -EOPNOTSUPP;

	bits = mnl_attr_get_u64(attr);
	features->native = (bits & native) == native;
	features->zerocopy = features->native && bits & XDP_ACT_XSK_ZEROCOPY;

	return 0;
}
