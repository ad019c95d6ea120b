// SPDX-License-Identifier: MIT
// class.c - the tree of pseudo-files, as operations of FUSE.

#include "pseudo/class.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bpf/layout.h"
#include "pseudo/ask.h"
#include "wire/vlanlist.h"

#define FILE_SIZE	4096	/* what sysfs says of each of its files */
#define WRITE_MAX	65536	/* more than any list in canonical form has; FUSE cuts at 1 MiB */
#define NUMBER_MAX	32

enum node { ROOT, EVL, EVL_NET, VLANS, NET, INTERFACE, OOB_PORT };

static const struct {
	const char *path;
	enum node node;
} fixed[] = {
	{ "/", ROOT },
	{ "/evl", EVL },
	{ "/evl/net", EVL_NET },
	{ "/evl/net/vlans", VLANS },
	{ "/net", NET },
};

/* An open file: what a reader began to read is what it reads to the end. */
struct reading {
	size_t len;
	char text[WIRE_VLANLIST_TEXT_MAX + 1];
};

/* By the name that sysfs shows, not by one of the alternative names that the kernel takes for it, too. */
static bool is_interface(const char *name)
{
	char real[IF_NAMESIZE];
	unsigned int index = if_nametoindex(name);

	return index && if_indextoname(index, real) && !strcmp(real, name);
}

/* The node of a path, and the name of the interface that it is about; -ENOENT. */
static int find(const char *path, char ifname[OOB_IFNAMSIZ])
{
	const char *name, *rest;
	size_t len;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (!strcmp(path, fixed[i].path))
			return fixed[i].node;

	if (strncmp(path, "/net/", 5))
		return -ENOENT;
	name = path + 5;
	rest = strchrnul(name, '/');
	len = rest - name;
	if (len >= OOB_IFNAMSIZ || (*rest && strcmp(rest, "/oob_port")))
		return -ENOENT;
	memcpy(ifname, name, len);
	ifname[len] = '\0';
	if (!is_interface(ifname))
		return -ENOENT;
	return *rest ? OOB_PORT : INTERFACE;
}

static int class_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	const struct class *class = fuse_get_context()->private_data;
	char ifname[OOB_IFNAMSIZ];
	int node = find(path, ifname);

	if (node < 0)
		return node;
	memset(st, 0, sizeof(*st));
	if (node == VLANS || node == OOB_PORT) {
		st->st_mode = S_IFREG | 0644;
		st->st_nlink = 1;
		st->st_size = FILE_SIZE;
	} else {
		st->st_mode = S_IFDIR | 0755;
		st->st_nlink = 2;
	}
	st->st_atim = st->st_mtim = st->st_ctim = class->born;
	return 0;
}

static int list_interfaces(void *buf, fuse_fill_dir_t fill)
{
	struct if_nameindex *names = if_nameindex();

	if (!names)
		return -errno;
	for (const struct if_nameindex *n = names; n->if_index; n++)
		fill(buf, n->if_name, NULL, 0, 0);
	if_freenameindex(names);
	return 0;
}

static int class_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *fi,
			 enum fuse_readdir_flags flags)
{
	char ifname[OOB_IFNAMSIZ];
	int node = find(path, ifname);

	if (node < 0)
		return node;
	fill(buf, ".", NULL, 0, 0);
	fill(buf, "..", NULL, 0, 0);
	switch (node) {
	case ROOT:
		fill(buf, "evl", NULL, 0, 0);
		fill(buf, "net", NULL, 0, 0);
		return 0;
	case EVL:
		fill(buf, "net", NULL, 0, 0);
		return 0;
	case EVL_NET:
		fill(buf, "vlans", NULL, 0, 0);
		return 0;
	case NET:
		return list_interfaces(buf, fill);
	case INTERFACE:
		fill(buf, "oob_port", NULL, 0, 0);
		return 0;
	default:
		return -ENOTDIR;
	}
}

static int class_open(const char *path, struct fuse_file_info *fi)
{
	struct reading *reading = calloc(1, sizeof(*reading));

	if (!reading)
		return -ENOMEM;
	/* The kernel keeps it for us: what a later operation writes there is lost. */
	fi->fh = (uintptr_t)reading;
	fi->direct_io = 1;
	return 0;
}

static int class_release(const char *path, struct fuse_file_info *fi)
{
	free((struct reading *)(uintptr_t)fi->fh);
	return 0;
}

/* As in sysfs: to cut a file, which `>` does before anything is written, changes no value. */
static int class_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	return 0;
}

static int class_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	return -EACCES;
}

static int read_vlans(uid_t uid, struct reading *reading)
{
	struct oob_request req = { .op = OOB_ASK_GET_VLANS };
	uint64_t vlans[OOB_VLAN_WORDS];
	struct oob_reply rep;
	int err = ask(uid, &req, &rep);

	if (err)
		return err;
	memcpy(vlans, rep.vlans, sizeof(vlans));
	return wire_vlanlist_format(vlans, reading->text, WIRE_VLANLIST_TEXT_MAX);
}

static int read_oob_port(uid_t uid, const char *ifname, struct reading *reading)
{
	struct oob_request req = { .op = OOB_ASK_STATUS };
	struct oob_reply rep;
	int err;

	strcpy(req.name, ifname);
	err = ask(uid, &req, &rep);
	/* EINVAL: an interface that is no port. */
	if (err && err != -EINVAL)
		return err;
	reading->text[0] = err ? '0' : '1';
	return 1;
}

static int fill_reading(const char *path, struct reading *reading)
{
	uid_t uid = fuse_get_context()->uid;
	char ifname[OOB_IFNAMSIZ];
	int node = find(path, ifname), len;

	if (node < 0)
		return node;
	len = node == VLANS ? read_vlans(uid, reading) : read_oob_port(uid, ifname, reading);
	if (len < 0)
		return len;
	reading->text[len] = '\n';
	reading->len = len + 1;
	return 0;
}

static int class_read(const char *path, char *buf, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct reading *reading = (struct reading *)(uintptr_t)fi->fh;
	int err;

	if (!offset || !reading->len) {
		err = fill_reading(path, reading);
		if (err)
			return err;
	}
	if (offset >= (off_t)reading->len)
		return 0;
	if (size > reading->len - offset)
		size = reading->len - offset;
	memcpy(buf, reading->text + offset, size);
	return size;
}

static int write_vlans(uid_t uid, const char *text, size_t size)
{
	struct oob_request req = { .op = OOB_ASK_SET_VLANS };
	uint64_t vlans[OOB_VLAN_WORDS];
	struct oob_reply rep;
	int err = wire_vlanlist_parse(text, size, vlans);

	if (err)
		return err;
	memcpy(req.vlans, vlans, sizeof(req.vlans));
	return ask(uid, &req, &rep);
}

/* As sysfs reads numbers: decimal, 0x or 0 before it, a sign, at most one newline behind it. */
static int parse_number(const char *text, size_t size, bool *nonzero)
{
	char copy[NUMBER_MAX + 1] = { 0 };
	unsigned long value;
	char *end;

	size = strnlen(text, size);
	if (!size || size > NUMBER_MAX)
		return -EINVAL;
	memcpy(copy, text, size);
	if (!isdigit((unsigned char)copy[copy[0] == '+']))
		return -EINVAL;
	errno = 0;
	value = strtoul(copy, &end, 0);
	if (errno)
		return -errno;
	if (*end == '\n')
		end++;
	if (*end)
		return -EINVAL;
	*nonzero = value;
	return 0;
}

static int write_oob_port(uid_t uid, const char *ifname, const char *text, size_t size)
{
	struct oob_request req = { .op = OOB_ASK_DISABLE };
	struct oob_reply rep;
	bool enable;
	int err;

	err = parse_number(text, size, &enable);
	if (err)
		return err;
	if (enable)
		req.op = OOB_ASK_ENABLE;
	strcpy(req.name, ifname);
	err = ask(uid, &req, &rep);
	/* EINVAL: it is no port, which is what was asked for. */
	return !enable && err == -EINVAL ? 0 : err;
}

/* As in sysfs, each write is a value of its own, wherever in the file it goes. */
static int class_write(const char *path, const char *buf, size_t size, off_t offset, struct fuse_file_info *fi)
{
	uid_t uid = fuse_get_context()->uid;
	char ifname[OOB_IFNAMSIZ];
	int node = find(path, ifname), err;

	if (node < 0)
		return node;
	if (size > WRITE_MAX)
		return -EINVAL;
	err = node == VLANS ? write_vlans(uid, buf, size) : write_oob_port(uid, ifname, buf, size);
	return err ? err : (int)size;
}

static void *class_init(struct fuse_conn_info *conn, struct fuse_config *config)
{
	/* Interfaces come and go without a word to the kernel's cache of this tree. */
	config->entry_timeout = 0;
	config->attr_timeout = 0;
	config->negative_timeout = 0;
	return fuse_get_context()->private_data;
}

const struct fuse_operations class_operations = {
	.init = class_init,
	.getattr = class_getattr,
	.readdir = class_readdir,
	.create = class_create,
	.open = class_open,
	.release = class_release,
	.truncate = class_truncate,
	.read = class_read,
	.write = class_write,
};
