// SPDX-License-Identifier: MIT
// oob-net-icmp.c - answers ICMP echo requests that arrive out-of-band: the page's example.
//
// A packet socket on the port receives every diverted frame; wire/echo.h decides what the in-band
// kernel would answer, and builds the answer. No packet can stop the program.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <evl/evl.h>
#include <evl/net/net.h>
#ifdef __OOBNET__
#include <evl/net/oobnet.h>
#endif

#include "tidbits/self.h"
#include "wire/echo.h"

#define FRAME_MAX 4096
#define PRIORITY 1

enum {
	EXIT_USAGE = 2,
	EXIT_NO_INTERFACE = 3,
	EXIT_NO_PORT = 4,
	EXIT_BUSY = 5,
	EXIT_PORT_LOST = 6,
};

struct responder {
	const char *ifname;
	int ifindex;
	int sock;
	int verbose;	/* 0 silent, 1 a line a frame, 2 headers too */
	struct self *self;
	unsigned int replies;
	_Atomic unsigned long answered;
	_Atomic unsigned long refused[WIRE_ECHO_REFUSALS + 1];
	_Atomic unsigned long unsent;
};

static struct responder responder;	/* the signal thread shows its counters */

static const char *why(void)
{
#ifdef __OOBNET__
	if (*oobnet_explain())
		return oobnet_explain();
#endif
	return strerror(errno);
}

static _Noreturn void fail(int status, const char *what)
{
	fprintf(stderr, "oob-net-icmp: %s: %s\n", what, why());
	exit(status);
}

static void usage(void)
{
	fprintf(stderr, "usage: oob-net-icmp -i <network-interface> [-d][-s]\n");
}

/* Through the proxy, behind the last trace; past it when nobody reads that. */
static void say(const char *line)
{
	if (evl_printf("%s", line) < 0)
		fputs(line, stderr);
}

static void show_counters(const struct responder *r)
{
	char line[128];

	fcntl(evl_outfd, F_SETFL, O_NONBLOCK);
	snprintf(line, sizeof(line), "--- %s: %lu echo requests answered ---\n", r->ifname, atomic_load(&r->answered));
	say(line);
	for (int i = 1; i <= WIRE_ECHO_REFUSALS; i++) {
		unsigned long n = atomic_load(&r->refused[i]);

		if (!n)
			continue;
		snprintf(line, sizeof(line), "%lu refused: %s\n", n, wire_echo_refusal_name(-i));
		say(line);
	}
	if (atomic_load(&r->unsent)) {
		snprintf(line, sizeof(line), "%lu replies could not be sent\n", atomic_load(&r->unsent));
		say(line);
	}
}

/* SIGINT and SIGTERM: a thread waits for them, so that none falls between a test and a wait. */
static void *take_signals(void *arg)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigwait(&set, &sig);

	/* A second one ends the program at once. */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	show_counters(arg);
	exit(EXIT_SUCCESS);
}

static void watch_signals(void)
{
	pthread_t thread;
	sigset_t set;

	/* The shell has SIGINT ignored in a script's background jobs, and what is ignored cannot be waited for. */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	errno = pthread_create(&thread, NULL, take_signals, &responder);
	if (errno)
		fail(EXIT_FAILURE, "no thread for signals");
}

static void be_real_time(void)
{
	struct sched_param param = { .sched_priority = PRIORITY };
	int err = pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);

	if (err)
		fprintf(stderr, "oob-net-icmp: runs without real-time priority: %s\n", strerror(err));
}

static void open_port(struct responder *r)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct ifreq ifr = { 0 };
	int err;

	if (strlen(r->ifname) >= sizeof(ifr.ifr_name)) {
		errno = ENODEV;
		fail(EXIT_NO_INTERFACE, r->ifname);
	}
	err = evl_attach_self("oob-net-icmp:%d", getpid());
	if (err < 0) {
		errno = -err;
		fail(EXIT_FAILURE, "evl_attach_self()");
	}
	r->sock = socket(AF_PACKET, SOCK_RAW | SOCK_OOB, 0);
	if (r->sock < 0)
		fail(EXIT_FAILURE, "cannot create out-of-band packet socket");

	memcpy(ifr.ifr_name, r->ifname, strlen(r->ifname));
	if (ioctl(r->sock, SIOCGIFINDEX, &ifr)) {
		fprintf(stderr, "oob-net-icmp: %s: no such interface (%s)\n", r->ifname, strerror(errno));
		exit(EXIT_NO_INTERFACE);
	}
	r->ifindex = ifr.ifr_ifindex;

	addr.sll_ifindex = r->ifindex;
	if (bind(r->sock, (struct sockaddr *)&addr, sizeof(addr))) {
		if (errno != EINVAL)
			fail(errno == EBUSY ? EXIT_BUSY : EXIT_FAILURE, r->ifname);
		fprintf(stderr, "oob-net-icmp: %s is not an out-of-band port (%s); to make it one: evl net -ei %s\n",
			r->ifname, why(), r->ifname);
		exit(EXIT_NO_PORT);
	}
	r->self = self_follow(r->ifindex);
	if (!r->self)
		fail(EXIT_FAILURE, "the interface's addresses cannot be read");
}

static void trace_frame(const struct responder *r, const struct wire_echo_info *info, const struct sockaddr_ll *from)
{
	const unsigned char *mac = from->sll_addr;

	evl_printf("[%d] count=%zd, proto=%#hx, ifindex=%d, type=%u, halen=%u, mac=%.2x:%.2x:%.2x:%.2x:%.2x:%.2x\n",
		   r->replies, info->count, ntohs(from->sll_protocol), from->sll_ifindex, from->sll_pkttype,
		   from->sll_halen, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

/* The first bytes of a frame, 16 a line: what a person looks at. */
static void dump(const char *what, const uint8_t *frame, size_t len)
{
	char line[3 * 16 + 1];

	evl_printf("== dumping %s, length=%zu\n", what, len);
	for (size_t i = 0; i < len && i < 64; i += 16) {
		size_t n = 0;

		for (size_t k = i; k < i + 16 && k < len; k++)
			n += snprintf(line + n, sizeof(line) - n, " %.2x", frame[k]);
		evl_printf("  %.4zx:%s\n", i, line);
	}
}

static void trace_reply(const struct responder *r, const uint8_t *reply, size_t len, ssize_t sent)
{
	const uint8_t *mac = reply + ETH_ALEN;

	evl_printf("sending via %s (if%d), mac=%.2x:%.2x:%.2x:%.2x:%.2x:%.2x\n", r->ifname, r->ifindex, mac[0], mac[1],
		   mac[2], mac[3], mac[4], mac[5]);
	dump("ICMP reply", reply, len);
	evl_printf("  .. ICMP reply sent: %zd\n", sent);
}

/* The port was disabled, or its device has gone: nothing will come any more. */
static _Noreturn void port_lost(const struct responder *r)
{
	int err = errno;

	show_counters(r);
	fprintf(stderr, "oob-net-icmp: %s is no longer an out-of-band port: %s\n", r->ifname, strerror(err));
	exit(EXIT_PORT_LOST);
}

static bool is_lost(int err)
{
	return err == ENETDOWN || err == ENXIO || err == ENODEV;
}

static ssize_t send_reply(struct responder *r, struct sockaddr_ll *to, uint8_t *reply, size_t len)
{
	struct iovec iov = { .iov_base = reply, .iov_len = len };
	struct oob_msghdr msg = {
		.msg_name = to, .msg_namelen = sizeof(*to),
		.msg_iov = &iov, .msg_iovlen = 1,
	};
	ssize_t sent;

	/* What was received names the real device; replies leave by the port. */
	to->sll_ifindex = r->ifindex;
	do
		sent = oob_sendmsg(r->sock, &msg, NULL, 0);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && is_lost(errno))
		port_lost(r);
	if (sent < 0)
		r->unsent++;
	else
		r->answered++;
	return sent;
}

static void answer(struct responder *r, const struct sockaddr_ll *from, const uint8_t *frame, size_t len)
{
	struct sockaddr_ll to = *from;
	struct wire_echo_info info;
	uint8_t reply[FRAME_MAX];
	ssize_t sent = 0;
	int n;

	n = wire_echo_reply(frame, len, self_get(r->self), reply, sizeof(reply), &info);
	self_put(r->self);

	/* The reply first: whatever the trace costs, the peer does not pay for it. */
	if (n > 0)
		sent = send_reply(r, &to, reply, n);
	else
		r->refused[-n]++;

	if (r->verbose > 0)
		trace_frame(r, &info, from);
	if (r->verbose > 1)
		dump("received frame", frame, len);
	if (n < 0 && r->verbose > 0)
		evl_printf("  *** not an ICMP request - dropped\n");
	if (n > 0 && r->verbose > 1)
		trace_reply(r, reply, n, sent);
	if (n > 0)
		r->replies++;
}

static _Noreturn void respond(struct responder *r)
{
	uint8_t frame[FRAME_MAX];

	for (;;) {
		struct iovec iov = { .iov_base = frame, .iov_len = sizeof(frame) };
		struct sockaddr_ll from;
		struct oob_msghdr msg = {
			.msg_name = &from, .msg_namelen = sizeof(from),
			.msg_iov = &iov, .msg_iovlen = 1,
		};
		ssize_t len = oob_recvmsg(r->sock, &msg, NULL, 0);

		if (len >= 0)
			answer(r, &from, frame, len);
		else if (is_lost(errno))
			port_lost(r);
		else if (errno != EINTR)
			fail(EXIT_FAILURE, "oob_recvmsg()");
	}
}

int main(int argc, char **argv)
{
	struct responder *r = &responder;
	int c;

	r->verbose = 1;
	while ((c = getopt(argc, argv, "i:ds")) != -1) {
		switch (c) {
		case 'i':
			r->ifname = optarg;
			break;
		case 'd':
			r->verbose = 2;
			break;
		case 's':
			r->verbose = 0;
			break;
		default:
			usage();
			return EXIT_FAILURE;
		}
	}
	if (optind < argc) {
		usage();
		return EXIT_FAILURE;
	}
	if (!r->ifname) {
		usage();
		return EXIT_USAGE;
	}

	watch_signals();
	be_real_time();
	open_port(r);
	evl_printf("listening to interface %s\n", r->ifname);
	respond(r);
}
