// SPDX-License-Identifier: MIT
// evl-check.c - evl check: what this machine has, and lacks, for out-of-band networking.

#include <errno.h>
#include <error.h>
#include <getopt.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/plan.h"
#include "tools/check.h"

enum {
	MISSING_MAX = 125,	/* what an exit status can count */
	EXIT_NOT_CHECKED = 126,	/* a bad option, or no such interface */
};

struct options {
	const char *ifname;	/* NULL: every interface */
	bool live;
	bool json;
	bool quiet;
};

struct report {
	struct check_section *section;	/* the first is the machine */
	unsigned int nr;
};

static void print_usage(FILE *out)
{
	fprintf(out, "usage: evl-check [options]:\n"
		"-i --interface <ifname>  only this interface\n"
		"   --live                with -i: try native XDP and zero-copy; may reset the link\n"
		"   --json                print JSON\n"
		"-q --quiet               print nothing: the exit status tells\n"
		"-h --help                print this help\n"
		"The exit status is the number of missing things that oobnet is impossible without.\n");
}

static void parse(struct options *opts, int argc, char *argv[])
{
	static const struct option long_options[] = {
		{ "interface", required_argument, NULL, 'i' },
		{ "live", no_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "@i:qh", long_options, NULL)) != -1) {
		switch (c) {
		case '@':
			puts("check the machine for out-of-band networking");
			exit(0);
		case 'i':
			opts->ifname = optarg;
			break;
		case 'l':
			opts->live = true;
			break;
		case 'j':
			opts->json = true;
			break;
		case 'q':
			opts->quiet = true;
			break;
		case 'h':
			print_usage(stderr);
			exit(0);
		default:
			print_usage(stderr);
			exit(EXIT_NOT_CHECKED);
		}
	}
	if (optind < argc || (opts->live && !opts->ifname)) {
		fprintf(stderr, "%s: ", program_invocation_name);
		if (optind < argc)
			fprintf(stderr, "unexpected argument '%s'\n", argv[optind]);
		else
			fprintf(stderr, "--live goes with -i, for it may reset the link\n");
		print_usage(stderr);
		exit(EXIT_NOT_CHECKED);
	}
}

static struct check_section *add_section(struct report *report)
{
	struct check_section *more;

	more = reallocarray(report->section, report->nr + 1, sizeof(*more));
	if (!more)
		error(EXIT_NOT_CHECKED, ENOMEM, "cannot check");
	report->section = more;
	memset(&more[report->nr], 0, sizeof(*more));

	return &more[report->nr++];
}

/* The one interface that is asked for, or the device below it. */
static unsigned int check_one(struct report *report, const struct options *opts)
{
	const struct port_wish wish = { .name = opts->ifname };
	struct check_section *section;
	struct say why = { 0 };
	struct plan plan;

	if (plan_resolve(&why, &wish, &plan)) {
		fprintf(stderr, "%s: %s\n", program_invocation_name, why.text);
		exit(EXIT_NOT_CHECKED);
	}
	section = add_section(report);
	if (opts->live)
		check_live(section, &plan.real);
	else
		check_interface(section, &plan.real);

	return check_missing(section);
}

/*
 * Every device that a port could stand on. Only one of them has to be fit: what the others lack makes
 * nothing impossible.
 */
static void check_all(struct report *report)
{
	struct if_nameindex *names = if_nameindex(), *name;
	struct check_item *item;
	unsigned int fit = 0;
	struct link link;

	for (name = names; name && name->if_index; name++) {
		struct check_section *section;

		if (link_by_index(NULL, name->if_index, &link) || link.type != ARPHRD_ETHER ||
		    strcmp(link.kind, "vlan") == 0)
			continue;
		section = add_section(report);
		check_interface(section, &link);
		fit += check_missing(section) == 0;
	}
	if (names)
		if_freenameindex(names);

	if (fit) {
		check_add(&report->section[0], "interfaces", CHECK_NEEDED, CHECK_OK,
			  "%u of %u are fit for ports", fit, report->nr - 1);
		return;
	}
	item = check_add(&report->section[0], "interfaces", CHECK_NEEDED, CHECK_MISSING,
			 "%u that are Ethernet devices, none of them fit for ports", report->nr - 1);
	check_means(item, "There is nothing that a port could stand on.");
	check_mend(item, "%s", report->nr > 1 ? "Mend one of them, as said below." :
		   "Add a card, or load its driver.");
}

static unsigned int count_unknown(const struct report *report)
{
	unsigned int unknown = 0, s, n;

	for (s = 0; s < report->nr; s++) {
		for (n = 0; n < report->section[s].nr; n++)
			unknown += report->section[s].item[n].need == CHECK_NEEDED &&
				   report->section[s].item[n].state == CHECK_UNKNOWN;
	}

	return unknown;
}

int main(int argc, char *argv[])
{
	struct options opts = { 0 };
	struct report report = { 0 };
	unsigned int missing = 0;

	program_invocation_name = program_invocation_short_name;
	if (argc)
		argv[0] = program_invocation_short_name;
	parse(&opts, argc, argv);

	check_machine(add_section(&report));
	if (opts.ifname)
		missing = check_one(&report, &opts);
	else
		check_all(&report);
	missing += check_missing(&report.section[0]);

	if (opts.json && !opts.quiet) {
		check_json(report.section, report.nr, missing);
	} else if (!opts.quiet) {
		check_print(report.section, report.nr);
		printf("\nneeded and missing: %u, not known: %u\n", missing, count_unknown(&report));
	}
	free(report.section);
	if (fflush(stdout) || ferror(stdout))
		error(EXIT_NOT_CHECKED, errno, "cannot write the result");

	return missing > MISSING_MAX ? MISSING_MAX : (int)missing;
}
