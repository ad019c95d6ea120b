// SPDX-License-Identifier: MIT
// tracee.c - a program under ptrace: started, run to its marks, stepped, watched, let go.

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outside.h"
#include "tracee.h"

#define LOOK_US		5000	/* how often a wait is interrupted to see whether the tracee sleeps */
#define BLOCKED_LOOKS	3

#if defined(__x86_64__)
#define PC(regs)	((regs).rip)
static const uint8_t syscall_code[] = { 0x0f, 0x05 };
#elif defined(__aarch64__)
#define PC(regs)	((regs).pc)
static const uint8_t syscall_code[] = { 0x01, 0x00, 0x00, 0xd4 };
#else
#error "say where the program counter is, and how a system call looks"
#endif

static void look_up(int sig)
{
	(void)sig;
}

/* Without SA_RESTART: it interrupts waitpid(). Not inherited by what is executed. */
static void start_looking(void)
{
	const struct itimerval period = { { .tv_usec = LOOK_US }, { .tv_usec = LOOK_US } };
	const struct sigaction action = { .sa_handler = look_up };

	if (sigaction(SIGALRM, &action, NULL) || setitimer(ITIMER_REAL, &period, NULL))
		fail("timer");
}

enum halt tracee_wait(pid_t pid)
{
	int status, looks = 0;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			fail("waitpid");
		if (++looks == BLOCKED_LOOKS)
			return HALT_BLOCKED;
	}
	if (!WIFSTOPPED(status))
		return HALT_ENDED;
	if (WSTOPSIG(status) == SIGUSR1)
		return HALT_MARK;
	if (WSTOPSIG(status) == SIGTRAP)
		return HALT_STEP;
	fprintf(stderr, "step: the program got signal %d\n", WSTOPSIG(status));
	exit(2);
}

enum halt tracee_wait_halt(pid_t pid)
{
	enum halt halt;

	do
		halt = tracee_wait(pid);
	while (halt == HALT_BLOCKED);
	return halt;
}

/* Tracer and tracee take turns: on one processor neither has to be woken on another. The tracee inherits it. */
static void stay_here(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	if (sched_setaffinity(0, sizeof(here), &here))
		fail("sched_setaffinity");
}

pid_t tracee_start(char *const argv[])
{
	static bool looking;
	pid_t pid;

	if (!looking) {
		/* The path has to be the same in each round, whichever function happened to be called before it. */
		setenv("LD_BIND_NOW", "1", 1);
		stay_here();
		start_looking();
	}
	looking = true;
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (!pid) {
		if (!ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			execv(argv[0], argv);
		fail(argv[0]);
	}
	if (tracee_wait_halt(pid) != HALT_STEP || ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL))
		fail("ptrace");
	return pid;
}

void tracee_step(pid_t pid)
{
	if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL))
		fail("PTRACE_SINGLESTEP");
}

void tracee_run(pid_t pid)
{
	if (ptrace(PTRACE_CONT, pid, NULL, NULL))
		fail("PTRACE_CONT");
}

uint64_t tracee_pc(pid_t pid)
{
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov))
		fail("PTRACE_GETREGSET");
	return PC(regs);
}

static void read_memory(pid_t pid, uint64_t from, void *to, size_t size)
{
	struct iovec here = { to, size }, there = { (void *)(uintptr_t)from, size };

	if (process_vm_readv(pid, &here, 1, &there, 1, 0) != (ssize_t)size)
		fail("process_vm_readv");
}

bool tracee_at_syscall(pid_t pid)
{
	uint8_t code[sizeof(syscall_code)];

	read_memory(pid, tracee_pc(pid), code, sizeof(code));
	return !memcmp(code, syscall_code, sizeof(code));
}

struct mapping {
	uint64_t start, end, offset;
	char perms[8];
	char path[256];
};

static FILE *open_maps(pid_t pid)
{
	char path[64];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		fail(path);
	return maps;
}

static bool next_mapping(FILE *maps, struct mapping *map)
{
	char line[512];

	if (!fgets(line, sizeof(line), maps))
		return false;
	map->path[0] = '\0';
	return sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %*s %255[^\n]", &map->start, &map->end,
		      map->perms, &map->offset, map->path) >= 4;
}

void tracee_place(pid_t pid, uint64_t pc, char *text, size_t size)
{
	FILE *maps = open_maps(pid);
	struct mapping map;
	const char *base;

	snprintf(text, size, "%#" PRIx64, pc);
	while (next_mapping(maps, &map)) {
		if (pc < map.start || pc >= map.end)
			continue;
		base = strrchr(map.path, '/');
		snprintf(text, size, "%s+%#" PRIx64, base ? base + 1 : map.path, pc - map.start + map.offset);
	}
	fclose(maps);
}

void tracee_kill(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 || WIFSTOPPED(status))
		if (errno != EINTR && errno != 0)
			return;
}

void tracee_stop(pid_t pid)
{
	if (ptrace(PTRACE_DETACH, pid, NULL, (void *)(uintptr_t)SIGSTOP))
		fail("PTRACE_DETACH");
}

/* The UMEM is left out: what is in a frame tells nobody whose it is. */
static bool is_shared(const struct mapping *map)
{
	return map->perms[3] == 's' && map->perms[1] == 'w' &&
	       (strstr(map->path, "oobnet-table") || !strncmp(map->path, "socket:", 7));
}

void shared_find(struct shared *shared, pid_t pid)
{
	FILE *maps = open_maps(pid);
	struct mapping map;

	memset(shared, 0, sizeof(*shared));
	while (next_mapping(maps, &map)) {
		if (!is_shared(&map) || shared->nr == sizeof(shared->map) / sizeof(shared->map[0]))
			continue;
		shared->map[shared->nr].start = map.start;
		shared->map[shared->nr++].size = map.end - map.start;
		shared->size += map.end - map.start;
	}
	fclose(maps);
	shared->now = calloc(2, shared->size);
	if (shared->nr < 3 || !shared->now) {
		fprintf(stderr, "step: table and rings of the program are not found\n");
		exit(2);
	}
	shared->before = shared->now + shared->size;
	shared_changed(shared, pid);
}

bool shared_changed(struct shared *shared, pid_t pid)
{
	uint8_t *swap = shared->before;
	size_t at = 0;

	shared->before = shared->now;
	shared->now = swap;
	for (unsigned int i = 0; i < shared->nr; i++) {
		read_memory(pid, shared->map[i].start, shared->now + at, shared->map[i].size);
		at += shared->map[i].size;
	}
	return memcmp(shared->now, shared->before, shared->size) != 0;
}

void shared_free(struct shared *shared)
{
	free(shared->now < shared->before ? shared->now : shared->before);
}
