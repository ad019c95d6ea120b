// SPDX-License-Identifier: MIT
// evl.c - the front end: `evl CMD` runs evl-CMD (EVL: commands, "evl").

#include <errno.h>
#include <error.h>
#include <getopt.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/layout.h"
#include "evl/version.h"

#define TRACEDIR "/sys/kernel/debug/tracing"

enum {
	EXIT_USAGE = 2,		/* a bad option of evl itself */
	EXIT_NOEXEC = 127,	/* of the child, when nothing could be run */
};

static const char short_options[] = "+P:Vvh";

static const struct option long_options[] = {
	{ "prefix", required_argument, NULL, 'P' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ }
};

static void print_usage(FILE *out)
{
	fprintf(out, "usage: evl [options] [<command> [<args>]]\n"
		"-P --prefix=<path>   the tree evl is installed in\n"
		"-V -v --version      print the version\n"
		"-h --help            print this help and the commands\n");
}

/* asprintf() that cannot fail; the caller frees. */
static char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static char *format(const char *fmt, ...)
{
	char *text;
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (ret < 0)
		error(1, ENOMEM, "evl");

	return text;
}

/* The installation stands around the running file, so that a staged or moved one works alike. */
static char *own_prefix(void)
{
	char path[PATH_MAX];
	int level;
	ssize_t n;

	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n < 0)
		error(1, errno, "cannot find where evl is installed");
	path[n] = '\0';

	for (level = 0; level < 2; level++) {
		char *slash = strrchr(path, '/');

		if (slash)
			*slash = '\0';
	}

	return format("%s", path);
}

static void export(const char *name, const char *value)
{
	if (setenv(name, value, 1))
		error(1, errno, "cannot set %s", name);
}

static void export_environment(const char *prefix, const char *cmddir)
{
	const char *path = getenv("PATH");
	char *testdir = format("%s/tests", prefix);
	char *longer = path && *path ? format("%s:%s", cmddir, path) : format("%s", cmddir);

	export("EVL_CMDDIR", cmddir);
	export("EVL_TESTDIR", testdir);
	export("EVL_SYSDIR", OOB_CLASS_DIR);
	export("EVL_TRACEDIR", TRACEDIR);
	export("PATH", longer);
	free(longer);
	free(testdir);
}

/* Reads the line by which a command says what it is for; false when it says nothing. */
static bool ask_purpose(const char *command, char *line, int size)
{
	int out[2], status;
	bool said = false;
	pid_t pid;
	FILE *in;

	if (pipe(out))
		error(1, errno, "cannot ask %s", command);

	pid = fork();
	if (pid < 0)
		error(1, errno, "cannot ask %s", command);
	if (pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		close(out[1]);
		execl(command, command, "-@", NULL);
		_exit(EXIT_NOEXEC);
	}
	close(out[1]);

	in = fdopen(out[0], "r");
	if (in) {
		said = fgets(line, size, in) != NULL;
		fclose(in);
	} else {
		close(out[0]);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;

	line[said ? strcspn(line, "\n") : 0] = '\0';

	return said && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void list_commands(const char *cmddir)
{
	char *pattern = format("%s/evl-*", cmddir);
	glob_t found;
	size_t n;

	printf("\navailable commands:\n\n");
	fflush(stdout);

	if (glob(pattern, 0, NULL, &found) == 0) {
		for (n = 0; n < found.gl_pathc; n++) {
			const char *path = found.gl_pathv[n];
			const char *name = path + strlen(pattern) - 1;
			char line[256];

			if (access(path, X_OK) == 0 && ask_purpose(path, line, sizeof(line)))
				printf("%-12s %s\n", name, line);
		}
		globfree(&found);
	}
	free(pattern);
}

static int print_version(void)
{
	printf("%s [requires ABI %d]\n", OOBNET_VERSION, EVL_ABI_PREREQ);

	return fflush(stdout) ? 1 : 0;
}

static int print_help(const char *cmddir)
{
	print_usage(stdout);
	list_commands(cmddir);

	return fflush(stdout) ? 1 : 0;
}

static int run_command(char **argv)
{
	char *program = format("evl-%s", argv[0]);
	const char *name = argv[0];

	/* With a slash, execvp() would take it for a path and run what is no command. */
	if (strchr(name, '/')) {
		errno = ENOENT;
	} else {
		argv[0] = program;
		execvp(program, argv);
	}

	if (errno == ENOENT)
		fprintf(stderr, "evl: no '%s' command. Try 'evl --help'.\n", name);
	else
		error(0, errno, "cannot run %s", program);
	free(program);

	return 1;
}

int main(int argc, char *argv[])
{
	bool want_version = false, want_help = false;
	char *prefix = NULL, *cmddir;
	int c, ret;

	program_invocation_name = program_invocation_short_name;
	if (argc)
		argv[0] = program_invocation_short_name;

	while ((c = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		switch (c) {
		case 'P':
			free(prefix);
			prefix = format("%s", optarg);
			break;
		case 'V':
		case 'v':
			want_version = true;
			break;
		case 'h':
			want_help = true;
			break;
		default:
			free(prefix);
			print_usage(stderr);
			return EXIT_USAGE;
		}
	}

	if (!prefix)
		prefix = own_prefix();
	cmddir = format("%s/libexec/evl", prefix);
	export_environment(prefix, cmddir);

	if (want_version)
		ret = print_version();
	else if (want_help || optind >= argc || strcmp(argv[optind], "help") == 0)
		ret = print_help(cmddir);
	else
		ret = run_command(argv + optind);
	free(cmddir);
	free(prefix);

	return ret;
}
