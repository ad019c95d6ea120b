// SPDX-License-Identifier: MIT
// evl-net.c - the command line of evl net (EVL: commands, "evl net").

#include <ctype.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/net.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

enum { VID_MIN = 2, VID_MAX = 4094 };	/* ids that can be monitored */

/* In the order of execution, whatever the order on the command line. */
enum action { DISABLE, ENABLE, FILTER, SET_VLANS, NO_SYSFS, SYSFS, SHOW_VLANS, SOLICIT, QUERY, NR_ACTIONS };

static const struct {
	bool needs_interface;
	void (*run)(const struct net_command *cmd);
} actions[NR_ACTIONS] = {
	[DISABLE] = { true, net_disable },
	[ENABLE] = { true, net_enable },
	[FILTER] = { true, NULL },
	[SET_VLANS] = { false, net_set_vlans },
	[NO_SYSFS] = { false, net_no_sysfs },
	[SYSFS] = { false, net_sysfs },
	[SHOW_VLANS] = { false, net_show_vlans },
	[SOLICIT] = { false, NULL },
	[QUERY] = { true, net_query },
};

static void print_usage(FILE *out);

/* The command line makes no sense: say so, and what would. */
static noreturn void misused(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static noreturn void misused(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	print_usage(stderr);
	exit(1);
}

static uint64_t number(const char *option, const char *arg)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(arg, &end, 0);
	if (errno || end == arg || *end || !isdigit((unsigned char)*arg))
		misused("%s wants a number, not '%s'", option, arg);

	return value;
}

static void want(struct net_command *cmd, enum action action)
{
	cmd->actions |= 1u << action;
}

static noreturn void not_implemented(const char *what)
{
	net_fail(0, "", "%s is not implemented yet", what);
}

static void take_interface(struct net_command *cmd, const char *arg)
{
	cmd->ifname = arg;
}

static void take_enable(struct net_command *cmd, const char *arg)
{
	want(cmd, ENABLE);
}

static void take_disable(struct net_command *cmd, const char *arg)
{
	want(cmd, DISABLE);
}

static void take_pool(struct net_command *cmd, const char *arg)
{
	cmd->pool = number("--pool-size", arg);
}

static void take_buf(struct net_command *cmd, const char *arg)
{
	cmd->buf = number("--buffer-size", arg);
}

static void take_vid(struct net_command *cmd, const char *arg)
{
	uint64_t vid = number("--vid", arg);

	if (vid < VID_MIN || vid > VID_MAX)
		net_fail(0, "", "VLAN id %s cannot be monitored: it must be %d to %d", arg,
			 VID_MIN, VID_MAX);
	cmd->vid = (uint32_t)vid;
}

static void take_solicit(struct net_command *cmd, const char *arg)
{
	want(cmd, SOLICIT);
}

static void take_gateway(struct net_command *cmd, const char *arg)
{
	not_implemented("soliciting through a gateway (-g)");
}

static void take_filter(struct net_command *cmd, const char *arg)
{
	want(cmd, FILTER);
}

static void take_query(struct net_command *cmd, const char *arg)
{
	if (arg)
		net_check_query(arg);
	cmd->query = arg;
	want(cmd, QUERY);
}

static void take_set_vlans(struct net_command *cmd, const char *arg)
{
	net_parse_vlans(arg ?: "", cmd->vlans);
	want(cmd, SET_VLANS);
}

static void take_show_vlans(struct net_command *cmd, const char *arg)
{
	want(cmd, SHOW_VLANS);
}

static void take_dry_run(struct net_command *cmd, const char *arg)
{
	cmd->dry_run = true;
}

static void take_sysfs(struct net_command *cmd, const char *arg)
{
	want(cmd, SYSFS);
}

static void take_no_sysfs(struct net_command *cmd, const char *arg)
{
	want(cmd, NO_SYSFS);
}

static void take_json(struct net_command *cmd, const char *arg)
{
	if (!cmd->json)
		cmd->json = json_object_new_object();
}

static void take_purpose(struct net_command *cmd, const char *arg)
{
	puts("manage the EVL out-of-band networking stack");
	exit(0);
}

static void take_help(struct net_command *cmd, const char *arg)
{
	print_usage(stderr);
	exit(0);
}

/* Letters and long names are EVL's, but for those without a letter. */
static const struct {
	char letter;		/* 0: long name only */
	const char *name;	/* NULL: letter only */
	int has_arg;
	const char *arg;
	const char *help;	/* NULL: not for people */
	void (*take)(struct net_command *cmd, const char *arg);
} options[] = {
	{ '@', NULL, no_argument, "",
	  NULL, take_purpose },
	{ 'i', "interface", required_argument, " <ifname>",
	  "the interface to act on", take_interface },
	{ 'e', "enable-port", no_argument, "",
	  "make the interface an out-of-band port", take_enable },
	{ 'd', "disable-port", no_argument, "",
	  "make it a regular interface again", take_disable },
	{ 'p', "pool-size", required_argument, " <n>",
	  "with -e: number of buffers to send with", take_pool },
	{ 'b', "buffer-size", required_argument, " <n>",
	  "with -e: bytes of a buffer", take_buf },
	{ 0, "vid", required_argument, " <n>",
	  "with -e: VLAN id, if the interface is no VLAN device", take_vid },
	{ 's', "solicit", required_argument, " <host>",
	  "resolve the address of a peer (not yet)", take_solicit },
	{ 'S', "solicit-permanent", required_argument, " <host>",
	  "the same, and keep it for good (not yet)", take_solicit },
	{ 'g', "allow-gateway", no_argument, "",
	  "with -s, -S: the peer may be behind a gateway (not yet)", take_gateway },
	{ 'Q', "query-port", optional_argument, "[RrTtosfacx]",
	  "show the state of a port, or single values", take_query },
	{ 'F', "filter", optional_argument, "[<file>]",
	  "set the eBPF filter of a port, or remove it (not yet)", take_filter },
	{ 'N', "set-vlan-ids", optional_argument, "[<list>]",
	  "set the list of monitored VLANs, or clear it", take_set_vlans },
	{ 'n', "print-vlan-ids", no_argument, "",
	  "print the list of monitored VLANs", take_show_vlans },
	{ 0, "dry-run", no_argument, "",
	  "with -e: tell what it would do, and do nothing", take_dry_run },
	{ 0, "sysfs", no_argument, "",
	  "show EVL's files at /sys/class/evl", take_sysfs },
	{ 0, "no-sysfs", no_argument, "",
	  "undo --sysfs", take_no_sysfs },
	{ 0, "json", no_argument, "",
	  "with -Q, -n or alone: print JSON", take_json },
	{ 'h', "help", no_argument, "",
	  "print this help", take_help },
};

/* What getopt_long() returns for options[n] without a letter, less n. */
enum { LONG_ONLY = 256 };

static void print_usage(FILE *out)
{
	size_t n;

	fprintf(out, "usage: evl-net [options]:\n");
	for (n = 0; n < ARRAY_SIZE(options); n++) {
		char spelling[64];

		if (!options[n].help)
			continue;
		if (options[n].letter)
			snprintf(spelling, sizeof(spelling), "-%c --%s%s%s", options[n].letter,
				 options[n].name,
				 options[n].has_arg == optional_argument ? "=" : "", options[n].arg);
		else
			snprintf(spelling, sizeof(spelling), "   --%s%s", options[n].name,
				 options[n].arg);
		fprintf(out, "%-34s %s\n", spelling, options[n].help);
	}
	fprintf(out, "Without options: list ports and monitored VLANs.\n"
		"The argument of -Q, -F and -N is glued to the letter: -N42-45,100\n");
}

static void take_option(struct net_command *cmd, int c)
{
	size_t n;

	for (n = 0; n < ARRAY_SIZE(options); n++) {
		if (c == (options[n].letter ?: LONG_ONLY + (int)n)) {
			options[n].take(cmd, optarg);
			return;
		}
	}

	/* getopt_long() has named the bad option already. */
	print_usage(stderr);
	exit(1);
}

static void parse(struct net_command *cmd, int argc, char *argv[])
{
	struct option long_options[ARRAY_SIZE(options) + 1] = { };
	char short_options[3 * ARRAY_SIZE(options) + 1];
	struct option *next = long_options;
	char *p = short_options;
	size_t n;
	int c;

	for (n = 0; n < ARRAY_SIZE(options); n++) {
		int has_arg = options[n].has_arg;

		if (options[n].letter) {
			*p++ = options[n].letter;
			p = stpcpy(p, has_arg == optional_argument ? "::" :
				   has_arg == required_argument ? ":" : "");
		}
		if (options[n].name)
			*next++ = (struct option){
				.name = options[n].name,
				.has_arg = has_arg,
				.val = options[n].letter ?: LONG_ONLY + (int)n,
			};
	}
	*p = '\0';

	while ((c = getopt_long(argc, argv, short_options, long_options, NULL)) != -1)
		take_option(cmd, c);

	if (optind < argc)
		misused("unexpected argument '%s'", argv[optind]);
}

static void check(const struct net_command *cmd)
{
	enum action action;

	if (!cmd->actions)
		misused("no command given");

	for (action = 0; action < NR_ACTIONS; action++) {
		if (cmd->actions & 1u << action && actions[action].needs_interface && !cmd->ifname)
			misused("a network interface must be specified");
	}
	if (cmd->vid && !(cmd->actions & 1u << ENABLE))
		misused("--vid goes with -e");
	if (cmd->dry_run && cmd->actions != 1u << ENABLE)
		misused("--dry-run goes with -e alone");
	if (cmd->actions & 1u << FILTER)
		not_implemented("setting an eBPF filter (-F)");
	if (cmd->actions & 1u << SOLICIT)
		not_implemented("soliciting a peer (-s, -S)");
}

/* Where a standard stream is closed, the next file opened would be in its place, and be printed into. */
static void fill_closed_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char *argv[])
{
	struct net_command cmd = { 0 };
	enum action action;

	fill_closed_streams();
	/* error() and getopt_long() shall both speak of evl-net, not of where it is. */
	program_invocation_name = program_invocation_short_name;
	if (argc)
		argv[0] = program_invocation_short_name;

	parse(&cmd, argc, argv);

	if (argc <= 1 || (argc == 2 && cmd.json)) {
		net_list(&cmd);
	} else {
		check(&cmd);
		for (action = 0; action < NR_ACTIONS; action++) {
			if (cmd.actions & 1u << action)
				actions[action].run(&cmd);
		}
	}

	if (cmd.json) {
		puts(json_object_to_json_string_ext(cmd.json, JSON_C_TO_STRING_PRETTY |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(cmd.json);
	}
	if (fflush(stdout) || ferror(stdout))
		error(1, errno, "cannot write the result");

	return 0;
}
