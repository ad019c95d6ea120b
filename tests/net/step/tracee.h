/* SPDX-License-Identifier: MIT */
/* tracee.h - a program under ptrace: started, run to its marks, stepped, watched, let go. */
#ifndef STEP_TRACEE_H
#define STEP_TRACEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum halt {
	HALT_STEP,		/* one more instruction is done */
	HALT_MARK,		/* the program has raised SIGUSR1 */
	HALT_BLOCKED,		/* nothing yet: it sleeps in the kernel */
	HALT_ENDED,
};

/* Starts the program, traced from its first instruction on. */
pid_t tracee_start(char *const argv[]);

/* Goes on by one instruction (a system call is one), or to the next mark; then tells how it came out. */
void tracee_step(pid_t pid);
void tracee_run(pid_t pid);
enum halt tracee_wait(pid_t pid);

/* Waits through being blocked, without end. */
enum halt tracee_wait_halt(pid_t pid);

uint64_t tracee_pc(pid_t pid);
bool tracee_at_syscall(pid_t pid);

/* "liboobnet.so.0.1.0+0x1234" */
void tracee_place(pid_t pid, uint64_t pc, char *text, size_t size);

void tracee_kill(pid_t pid);

/* Sends it SIGSTOP and stops tracing; it stands until SIGCONT. */
void tracee_stop(pid_t pid);

/* What the tracee shares with the keeper and with the kernel: its table, and the rings of its sockets. */
struct shared {
	unsigned int nr;
	struct {
		uint64_t start;
		size_t size;
	} map[64];
	size_t size;
	uint8_t *now, *before;
};

void shared_find(struct shared *shared, pid_t pid);

/* Whether anything of it has changed since the last look. */
bool shared_changed(struct shared *shared, pid_t pid);

void shared_free(struct shared *shared);

#endif /* STEP_TRACEE_H */
