/* SPDX-License-Identifier: MIT */
/* For tests of what happens to a whole process: a child with its output in pipes. */

#ifndef TESTS_UNIT_CORE_CHILD_H
#define TESTS_UNIT_CORE_CHILD_H

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
	pid_t pid;
	int out, err;		/* what it writes to stdout and stderr */
};

/* Runs @body in a child whose stdout is a pipe of one page; what it returns is the exit status. */
static inline struct child child_start(int (*body)(void))
{
	struct child child;
	int out[2], err[2];

	assert_return_code(pipe2(out, O_CLOEXEC), 0);
	assert_return_code(pipe2(err, O_CLOEXEC), 0);
	assert_return_code(fcntl(out[1], F_SETPIPE_SZ, 4096), 0);
	child.pid = fork();
	assert_return_code(child.pid, 0);
	if (!child.pid) {
		dup2(out[1], 1);
		dup2(err[1], 2);
		close(out[0]);
		close(out[1]);
		close(err[0]);
		close(err[1]);
		/* A script's background job, as a test may be, has it ignored. */
		signal(SIGINT, SIG_DFL);
		exit(body());
	}
	close(out[1]);
	close(err[1]);
	child.out = out[0];
	child.err = err[0];
	return child;
}

/* All there is until end of file, as a string; the descriptor is closed. */
static inline size_t child_read_all(int fd, char *buf, size_t size)
{
	size_t used = 0;
	ssize_t ret;

	while (used < size - 1 && (ret = read(fd, buf + used, size - 1 - used)) > 0)
		used += (size_t)ret;
	buf[used] = '\0';
	close(fd);
	return used;
}

static inline int child_wait(struct child *child)
{
	int status;

	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	return status;
}

#endif
