/* SPDX-License-Identifier: MIT */
/* check.h - what the parts of evl-check share: findings, and where they are written down. */
#ifndef TOOLS_CHECK_H
#define TOOLS_CHECK_H

#include <stdbool.h>

#include "daemon/link.h"

enum check_state {
	CHECK_OK,
	CHECK_MISSING,
	CHECK_UNKNOWN,	/* could not be tried, or not without disturbing something */
};

enum check_need {
	CHECK_USEFUL,	/* oobnet works without it */
	CHECK_NEEDED,	/* oobnet is impossible without it */
};

/* One thing that was looked at. */
struct check_item {
	const char *name;
	enum check_need need;
	enum check_state state;
	char found[256];	/* what was seen */
	char means[256];	/* what follows from it; empty if nothing does */
	char mend[256];		/* what helps; empty if nothing is to be done, or `found` says it */
};

enum { CHECK_ITEMS_MAX = 12 };

/* The machine, or one interface. */
struct check_section {
	char name[IFNAMSIZ];	/* of the interface; empty: the machine */
	char driver[32];
	unsigned int nr;
	struct check_item item[CHECK_ITEMS_MAX];
};

/** check_add - a new item of a section, with what was seen; the caller adds what it means */
struct check_item *check_add(struct check_section *section, const char *name, enum check_need need,
			     enum check_state state, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/** check_means, check_mend - what follows from it, and what helps */
void check_means(struct check_item *item, const char *text);
void check_mend(struct check_item *item, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** check_missing - how many needed items are missing */
unsigned int check_missing(const struct check_section *section);

/** check_print, check_json - write sections for people, and for programs (evl-check(8)) */
void check_print(const struct check_section *sections, unsigned int nr);
void check_json(const struct check_section *sections, unsigned int nr, unsigned int missing);

/** check_machine - kernel, AF_XDP, BPF, limits: all tried, nothing is left behind */
void check_machine(struct check_section *section);

/** check_interface - what a real device can do, as far as it can be told without touching it */
void check_interface(struct check_section *section, const struct link *real);

/**
 * check_live - the same, and native XDP and zero-copy by trying them
 *
 * Attaches the divert program, which diverts nothing, and binds an AF_XDP socket to queue 0, for a
 * moment; the driver may reset the link twice. Waits for it to come back.
 */
void check_live(struct check_section *section, const struct link *real);

/* ---- tries of AF_XDP (check-xsk.c) ---- */

/** xsk_try_frames - make an AF_XDP socket and give it that many frames of 2048 bytes; 0 or -errno */
int xsk_try_frames(unsigned int nr_frames);

/** xsk_try_zerocopy - bind an AF_XDP socket to queue 0 of a device, zero-copy or not at all; 0 or -errno */
int xsk_try_zerocopy(int ifindex);

#endif /* TOOLS_CHECK_H */
