// SPDX-License-Identifier: MIT
// step.c - kills a program after every instruction of its receive, return and send paths, and counts frames.
//
// usage: step -i IFNAME -f FD -t MAC -s MAC -v VID [-b FRAMES] [-k PID] [-a] [-S] -- PROGRAM ARG...
//   FD: a packet socket at the other end; MACs of the target and of that socket's interface, 12 digits
//   -b: that many frames are there before the path begins; else one comes while the program sleeps
//   -k: the keeper, which stands still until the program sleeps: a program that emptied its pool has to wait
//   -a: kill after every instruction; else around each change of what is shared with others
//   -S: stop it there first, with traffic; every other time let it go on and answer before it is killed
//
// Between two changes of shared memory and two system calls, all places where a program may be killed look
// the same to keeper and kernel. One round first walks the path and records where these are.
//
// Each round: start the program, see it answer, step it N instructions, kill it; then all frames have to
// come home. That the next program answers shows that the port is usable again at once.

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "outside.h"
#include "tracee.h"

#define MAX_STEPS	200000u
#define HOME_S		3.0	/* a frame whose completion does not come is waited for one second */
#define ANSWER_S	2.0
#define STOPPED_FRAMES	400	/* more than the RX ring holds */
#define STOPPED_MS	20
#define STOP_MS		10	/* until each thread of the keeper has come out of its nap, and stands */
#define RETRY_S		0.1
#define MAX_LOSSES	8	/* that is enough to see where */

static struct {
	const char *ifname;
	struct issuer issuer;
	unsigned int burst;
	pid_t keeper;
	bool all;
	bool stop;
	char **program;
} setup = { .issuer.fd = -1 };

/* The path as it was walked once. after[n]: n instructions have been done. */
static struct {
	unsigned int steps;
	unsigned int sleeps_at;		/* here it sleeps until it is woken */
	unsigned int states;		/* changes of what is shared */
	unsigned int calls;		/* system calls */
	uint8_t kill_after[MAX_STEPS + 2];
} path;

static struct {
	unsigned int kills, losses, resumed, ended_early;
	unsigned int missing;		/* frames that have not come home, and will not */
	double slowest_home, slowest_answer;
	struct oob_port_status first, last;
} sum;

static void expect_mark(pid_t pid, const char *what)
{
	tracee_run(pid);
	if (tracee_wait_halt(pid) != HALT_MARK) {
		fprintf(stderr, "step: the program did not come to the mark: %s\n", what);
		exit(2);
	}
}

/* A program that is bound, has answered one frame, and stands before its next round. */
static pid_t begin_round(void)
{
	double began = now(), took;
	pid_t pid;

	pid = tracee_start(setup.program);
	expect_mark(pid, "bound");
	issuer_send(&setup.issuer);
	expect_mark(pid, "one round done");
	if (!issuer_answered(&setup.issuer, ANSWER_S)) {
		fprintf(stderr, "step: a new program does not answer, after %u kills\n", sum.kills);
		exit(1);
	}
	took = now() - began;
	if (took > sum.slowest_answer)
		sum.slowest_answer = took;
	if (setup.keeper) {
		kill(setup.keeper, SIGSTOP);
		nap_ms(STOP_MS);
	}
	expect_mark(pid, "before the path");
	for (unsigned int i = 0; i < setup.burst; i++)
		issuer_send(&setup.issuer);
	return pid;
}

/* What a program waits for that sleeps on the path. */
static void wake(void)
{
	if (setup.keeper)
		kill(setup.keeper, SIGCONT);
	else
		issuer_send(&setup.issuer);
}

static void end_round(pid_t pid)
{
	tracee_kill(pid);
	if (setup.keeper)
		kill(setup.keeper, SIGCONT);
}

/* Waits for a step; a program that has gone to sleep is woken. Whether it is still on the path. */
static bool finish_step(pid_t pid, bool *slept)
{
	enum halt halt = tracee_wait(pid);

	*slept = halt == HALT_BLOCKED;
	if (*slept) {
		wake();
		halt = tracee_wait_halt(pid);
	}
	if (halt == HALT_ENDED) {
		fprintf(stderr, "step: the program ended by itself\n");
		exit(1);
	}
	return halt == HALT_STEP;
}

static void mark_around(unsigned int n)
{
	if (n)
		path.kill_after[n - 1] = 1;
	path.kill_after[n] = path.kill_after[n + 1] = 1;
}

static void record(void)
{
	pid_t pid = begin_round();
	struct shared shared;
	bool on_path, slept, call;

	shared_find(&shared, pid);
	path.sleeps_at = MAX_STEPS;
	do {
		call = tracee_at_syscall(pid);
		tracee_step(pid);
		on_path = finish_step(pid, &slept);
		if (slept && path.sleeps_at == MAX_STEPS)
			path.sleeps_at = path.steps;
		path.steps++;
		if (shared_changed(&shared, pid)) {
			path.states++;
			mark_around(path.steps);
		}
		if (call) {
			path.calls++;
			mark_around(path.steps);
		}
	} while (on_path && path.steps < MAX_STEPS);
	shared_free(&shared);
	end_round(pid);
	if (on_path) {
		fprintf(stderr, "step: the path has no end\n");
		exit(2);
	}
}

/* Steps it @n instructions into the path; false where this time the path was shorter. */
static bool step_into(pid_t pid, unsigned int n)
{
	bool slept;

	for (unsigned int i = 0; i < n; i++) {
		/* So as not to have to find out that it sleeps. The keeper would be too early: it answers by itself. */
		if (i == path.sleeps_at && !setup.keeper)
			wake();
		tracee_step(pid);
		if (!finish_step(pid, &slept))
			return false;
	}
	return true;
}

/* Stands still while packets come, more than it has room for; then perhaps goes on. */
static void stop_for_a_while(pid_t pid, bool go_on)
{
	double end = now() + ANSWER_S;
	int status;

	tracee_stop(pid);
	for (int i = 0; i < STOPPED_FRAMES; i++)
		issuer_send(&setup.issuer);
	nap_ms(STOPPED_MS);
	if (!go_on)
		return;

	kill(pid, SIGCONT);
	do {
		if (now() > end || waitpid(pid, &status, WNOHANG)) {
			fprintf(stderr, "step: stopped and continued, it does not answer\n");
			exit(1);
		}
		issuer_send(&setup.issuer);
	} while (!issuer_answered(&setup.issuer, RETRY_S));
	sum.resumed++;
}

/* Whether every frame came home that was not missing before. */
static bool wait_home(void)
{
	double began = now(), took;
	unsigned int away;

	do {
		ask_status(setup.ifname, &sum.last);
		away = frames_away(&sum.last);
		took = now() - began;
	} while (away > sum.missing && took < HOME_S && (nap_ms(1), true));
	if (took > sum.slowest_home)
		sum.slowest_home = took;
	if (away <= sum.missing)
		return true;
	sum.missing = away;
	sum.losses++;
	return false;
}

static void report_loss(unsigned int n, const char *place)
{
	const struct oob_port_status *s = &sum.last;

	fprintf(stderr, "step: killed after %u instructions at %s: transmit frames %u of %u, receive frames %u of %u, "
		"limbo %u\n", n, place, s->frames_free, s->frames_total, s->rx_frames_home, s->rx_frames_total,
		s->tx_limbo);
}

static void kill_after(unsigned int n)
{
	pid_t pid = begin_round();
	char place[300];

	sum.ended_early += !step_into(pid, n);
	tracee_place(pid, tracee_pc(pid), place, sizeof(place));
	if (setup.stop)
		stop_for_a_while(pid, sum.kills & 1);
	end_round(pid);
	sum.kills++;
	if (!wait_home())
		report_loss(n, place);
}

static void kill_everywhere(void)
{
	for (unsigned int n = 0; n < path.steps && sum.losses < MAX_LOSSES; n++)
		if (setup.all || path.kill_after[n])
			kill_after(n);
}

static bool parse_mac(const char *text, uint8_t *mac)
{
	return sscanf(text, "%2hhx%2hhx%2hhx%2hhx%2hhx%2hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) == 6;
}

static bool parse(int argc, char *argv[])
{
	int opt;

	while ((opt = getopt(argc, argv, "+i:f:t:s:v:b:k:aS")) != -1) {
		switch (opt) {
		case 'i':
			setup.ifname = optarg;
			break;
		case 'f':
			setup.issuer.fd = atoi(optarg);
			break;
		case 't':
		case 's':
			if (!parse_mac(optarg, opt == 't' ? setup.issuer.target : setup.issuer.self))
				return false;
			break;
		case 'v':
			setup.issuer.vid = (uint16_t)atoi(optarg);
			break;
		case 'b':
			setup.burst = (unsigned int)atoi(optarg);
			break;
		case 'k':
			setup.keeper = atoi(optarg);
			break;
		case 'a':
			setup.all = true;
			break;
		case 'S':
			setup.stop = true;
			break;
		default:
			return false;
		}
	}
	setup.program = argv + optind;
	return setup.ifname && setup.issuer.fd >= 0 && optind < argc;
}

int main(int argc, char *argv[])
{
	double began = now();
	pid_t pid;

	if (!parse(argc, argv)) {
		fprintf(stderr, "usage: step -i IFNAME -f FD -t MAC -s MAC -v VID [-b FRAMES] "
			"[-k PID] [-a] [-S] -- PROGRAM ARG...\n");
		return 2;
	}
	record();
	wait_home();
	ask_status(setup.ifname, &sum.first);
	kill_everywhere();

	/* Whoever comes after the last one that was killed. */
	pid = begin_round();
	end_round(pid);
	wait_home();

	printf("instructions=%u states=%u calls=%u kills=%u ended-early=%u resumed=%u missing=%u timed-out=%llu bad=%llu "
	       "home-ms=%.0f answer-ms=%.0f seconds=%.0f\n", path.steps, path.states, path.calls, sum.kills,
	       sum.ended_early, sum.resumed, sum.missing, (unsigned long long)(sum.last.timed_out - sum.first.timed_out),
	       (unsigned long long)(sum.last.bad_returns + sum.last.bad_completions + sum.last.tx_invalid),
	       1e3 * sum.slowest_home, 1e3 * sum.slowest_answer, now() - began);
	return sum.losses ? 1 : 0;
}
