// SPDX-License-Identifier: MIT
// check-interface.c - what a real device can do, told without touching it, or tried.

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/attach.h"
#include "daemon/carrier.h"
#include "daemon/features.h"
#include "daemon/foreign.h"
#include "daemon/xdpfeatures.h"
#include "tools/check.h"
#include "tools/known.h"

#define CARRIER_TIMEOUT_MS 10000

static const char slower[] = "Generic XDP mode is used, which is slower; all else works.";
static const char copied[] = "The kernel copies every packet once more; all else works.";
static const char other_card[] = "Use another card or driver, or a newer kernel.";
static const char not_told[] = "How fast a port will be is not known before it is enabled.";

static void check_driver(struct check_section *section, const struct link *real)
{
	if (link_driver(real->name, section->driver, sizeof(section->driver)))
		check_add(section, "driver", CHECK_USEFUL, CHECK_UNKNOWN, "the driver does not tell");
	else
		check_add(section, "driver", CHECK_USEFUL, CHECK_OK, "%s", section->driver);
}

static void check_up(struct check_section *section, const struct link *real)
{
	struct check_item *item;

	if (real->flags & IFF_UP) {
		check_add(section, "link", CHECK_NEEDED, CHECK_OK, "up%s",
			  real->carrier ? "" : ", without a carrier");
		return;
	}
	item = check_add(section, "link", CHECK_NEEDED, CHECK_MISSING, "down");
	check_means(item, "No port can be enabled.");
	check_mend(item, "ip link set %s up", real->name);
}

static void check_tags(struct check_section *section, const struct link *real)
{
	struct feature_state state;
	struct say why = { 0 };
	struct check_item *item;

	if (features_read(&why, real->name, &state)) {
		item = check_add(section, "tag stripping", CHECK_NEEDED, CHECK_UNKNOWN, "%s", why.text);
		check_means(item, "Tags that the card takes away are never seen.");
		check_mend(item, "Look with ethtool -k %s (rx-vlan-offload).", real->name);
		return;
	}
	if (!(state.on & OOB_FEATURE_RXVLAN)) {
		check_add(section, "tag stripping", CHECK_NEEDED, CHECK_OK, "rx-vlan-offload is off%s",
			  state.fixed & OOB_FEATURE_RXVLAN ? ", fixed" : "");
		return;
	}
	if (!(state.fixed & OOB_FEATURE_RXVLAN)) {
		check_add(section, "tag stripping", CHECK_NEEDED, CHECK_OK,
			  "rx-vlan-offload is on; evl net -e turns it off");
		return;
	}
	item = check_add(section, "tag stripping", CHECK_NEEDED, CHECK_MISSING,
			 "rx-vlan-offload is on, fixed");
	check_means(item, "The card takes VLAN tags away before oobnet sees them.");
	check_mend(item, "Use another card or driver.");
}

static void check_mtu(struct check_section *section, const struct link *real)
{
	struct say why = { 0 };
	struct check_item *item;

	if (!plan_mtu_fits(&why, real->name, real->mtu, 4096)) {
		check_add(section, "MTU", CHECK_NEEDED, CHECK_OK, "%u fits a buffer of %d bytes",
			  real->mtu, real->mtu <= plan_max_mtu(2048) ? 2048 : 4096);
		return;
	}
	item = check_add(section, "MTU", CHECK_NEEDED, CHECK_MISSING, "%s", why.text);
	check_means(item, "No port can be enabled.");
}

static void add_queues(struct check_section *section, const struct link *real, unsigned int queues)
{
	struct check_item *item;

	if (queues <= OOB_MAX_QUEUES) {
		check_add(section, "receive queues", CHECK_NEEDED, CHECK_OK, "%u", queues);
		return;
	}
	item = check_add(section, "receive queues", CHECK_NEEDED, CHECK_MISSING,
			 "%u, and %d can be served", queues, OOB_MAX_QUEUES);
	check_means(item, "No port can be enabled.");
	check_mend(item, "ethtool -L %s combined %d", real->name, OOB_MAX_QUEUES);
}

/* ---- without touching the device ---- */

static void not_probed(struct check_section *section, const struct link *real, const char *what)
{
	struct check_item *item;

	item = check_add(section, what, CHECK_USEFUL, CHECK_UNKNOWN,
			 "not probed: this kernel does not tell, and a try may reset the link");
	check_means(item, not_told);
	check_mend(item, "evl check --live -i %s", real->name);
}

/* How a mode is known, and whether it is there. */
static void add_mode(struct check_section *section, bool native, bool zerocopy, const char *how)
{
	struct check_item *item;

	item = check_add(section, "native XDP", CHECK_USEFUL, native ? CHECK_OK : CHECK_MISSING,
			 "%s, %s", native ? "yes" : "no", how);
	if (!native) {
		check_means(item, slower);
		check_mend(item, "%s", other_card);
	}
	item = check_add(section, "zero-copy", CHECK_USEFUL, zerocopy ? CHECK_OK : CHECK_MISSING,
			 "%s, %s", zerocopy ? "yes" : "no", how);
	if (!zerocopy) {
		check_means(item, copied);
		check_mend(item, "%s", other_card);
	}
}

static void told_mode(struct check_section *section, const struct link *real,
		      const struct known *known)
{
	struct xdp_features features;

	if (known->carries) {
		add_mode(section, known->mode & OOB_MODE_NATIVE, known->mode & OOB_MODE_ZEROCOPY,
			 "as its ports run");
	} else if (!xdp_features_read(real->ifindex, &features)) {
		add_mode(section, features.native, features.zerocopy, "as the driver announces");
	} else {
		not_probed(section, real, "native XDP");
		not_probed(section, real, "zero-copy");
	}
}

static void check_program(struct check_section *section, const struct link *real,
			  const struct known *known)
{
	char name[FOREIGN_NAME_SIZE];
	struct check_item *item;
	struct say why = { 0 };

	if (!real->xdp_prog_id) {
		check_add(section, "XDP program", CHECK_NEEDED, CHECK_OK, "none in the way");
		return;
	}
	foreign_name(real->xdp_prog_id, name);
	if (known->carries) {
		check_add(section, "XDP program", CHECK_NEEDED, CHECK_OK, "%u%s, oobnet's own",
			  real->xdp_prog_id, name);
		return;
	}
	if (known->unattended) {
		item = check_add(section, "XDP program", CHECK_NEEDED, CHECK_UNKNOWN,
				 "%u%s, perhaps oobnet's own", real->xdp_prog_id, name);
		check_means(item, "oobnetd was killed, and its ports may still run.");
		check_mend(item, "evl net, as root, starts one that takes over.");
		return;
	}
	foreign_refuse(&why, real);
	item = check_add(section, "XDP program", CHECK_NEEDED, CHECK_MISSING, "%s", why.text);
	check_means(item, "It is not replaced: no port can be enabled.");
}

static void look(struct check_section *section, const struct link *real, struct known *known)
{
	struct say why = { 0 };

	memcpy(section->name, real->name, sizeof(section->name));
	/* An oobnetd that does not answer is no news about the device. */
	if (known_of(&why, real, real, 0, known))
		memset(known, 0, sizeof(*known));
	check_driver(section, real);
	check_up(section, real);
	check_program(section, real, known);
	check_tags(section, real);
	check_mtu(section, real);
}

void check_interface(struct check_section *section, const struct link *real)
{
	struct known known;

	look(section, real, &known);
	add_queues(section, real, link_rx_queues(real));
	told_mode(section, real, &known);
}

/* ---- by trying ---- */

static void add_zerocopy(struct check_section *section, int err)
{
	struct check_item *item;

	if (!err) {
		check_add(section, "zero-copy", CHECK_USEFUL, CHECK_OK, "yes, tried on queue 0");
		return;
	}
	item = check_add(section, "zero-copy", CHECK_USEFUL, CHECK_MISSING, "no, tried on queue 0: %s",
			 strerror(-err));
	check_means(item, copied);
	check_mend(item, "%s", other_card);
}

static void add_resets(struct check_section *section, const struct link *before)
{
	struct check_item *item;
	struct say why = { 0 };
	struct link after;

	if (link_wait_carrier(&why, before, CARRIER_TIMEOUT_MS) ||
	    link_by_index(&why, before->ifindex, &after)) {
		item = check_add(section, "link reset", CHECK_USEFUL, CHECK_MISSING, "%s", why.text);
		check_means(item, "The try has cost the link.");
		return;
	}
	if (after.carrier_downs == before->carrier_downs)
		check_add(section, "link reset", CHECK_USEFUL, CHECK_OK, "the link stayed up");
	else
		check_add(section, "link reset", CHECK_USEFUL, CHECK_OK,
			  "the link was lost %u times while this was tried, and is back",
			  after.carrier_downs - before->carrier_downs);
}

static void add_native(struct check_section *section, const struct attachment *attachment,
		       const struct say *why)
{
	struct check_item *item;

	if (attachment->mode & OOB_MODE_NATIVE) {
		check_add(section, "native XDP", CHECK_USEFUL, CHECK_OK, "yes, tried");
		return;
	}
	item = check_add(section, "native XDP", CHECK_USEFUL, CHECK_MISSING, "no, tried: %s", why->text);
	check_means(item, slower);
	check_mend(item, "%s", other_card);
}

static void try_mode(struct check_section *section, const struct link *real)
{
	struct attachment attachment;
	struct check_item *item;
	struct say why = { 0 };
	int err, zerocopy;

	err = divert_attach(&why, real->ifindex, &attachment);
	if (err) {
		add_queues(section, real, link_rx_queues(real));
		item = check_add(section, "native XDP", CHECK_NEEDED,
				 err == -EPERM ? CHECK_UNKNOWN : CHECK_MISSING, "%s", why.text);
		check_means(item, "The divert program cannot be attached: no port can be enabled.");
		return;
	}
	/* Some drivers reset the link a moment after. */
	link_wait_carrier(NULL, real, CARRIER_TIMEOUT_MS);
	/* As oobkeep, which never binds zero-copy under generic mode. */
	zerocopy = attachment.mode & OOB_MODE_NATIVE ? xsk_try_zerocopy(real->ifindex) : -EOPNOTSUPP;
	divert_close(&attachment);

	add_queues(section, real, attachment.nr_queues);
	add_native(section, &attachment, &why);
	add_zerocopy(section, zerocopy);
	add_resets(section, real);
}

void check_live(struct check_section *section, const struct link *real)
{
	struct known known;

	look(section, real, &known);
	if (!real->xdp_prog_id && real->flags & IFF_UP) {
		try_mode(section, real);
		return;
	}
	/* What is there must not be disturbed, and what is down tells nothing. */
	add_queues(section, real, link_rx_queues(real));
	told_mode(section, real, &known);
}
