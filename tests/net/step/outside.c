// SPDX-License-Identifier: MIT
// outside.c - what the stepper sees from outside: oobnetd's books, and frames to and from the port.

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "outside.h"

#define TAGGED_HLEN	18
#define PAYLOAD		84	/* of a default ping */
#define COOKIE_AT	(PAYLOAD - sizeof(uint64_t))

void fail(const char *what)
{
	fprintf(stderr, "step: %s: %s\n", what, strerror(errno));
	exit(2);
}

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

void nap_ms(unsigned int ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
		;
}

static int dial(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = OOB_DAEMON_SOCKET };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		fail(OOB_DAEMON_SOCKET);
	return fd;
}

void ask_status(const char *ifname, struct oob_port_status *status)
{
	struct oob_request req = { .magic = OOB_MAGIC, .protocol = OOB_PROTOCOL, .op = OOB_ASK_STATUS };
	static struct oob_reply rep;
	static int conn = -1;
	ssize_t n;

	if (conn < 0)
		conn = dial();
	snprintf(req.name, sizeof(req.name), "%s", ifname);
	if (send(conn, &req, sizeof(req), 0) != (ssize_t)sizeof(req))
		fail("oobnetd");
	do
		n = recv(conn, &rep, sizeof(rep), 0);
	while (n < 0 && errno == EINTR);
	errno = -rep.err;
	if (n != (ssize_t)sizeof(rep) || rep.err)
		fail("status of the port");
	*status = rep.port;
}

unsigned int frames_away(const struct oob_port_status *status)
{
	return status->frames_total - status->frames_free + status->rx_frames_total - status->rx_frames_home;
}

void issuer_send(struct issuer *issuer)
{
	uint8_t frame[TAGGED_HLEN + PAYLOAD] = { 0 }, *at = frame;
	const uint16_t types[] = { htons(ETH_P_8021Q), htons(issuer->vid), htons(ETH_P_IP) };

	memcpy(at, issuer->target, ETH_ALEN);
	memcpy(at + ETH_ALEN, issuer->self, ETH_ALEN);
	memcpy(at + 2 * ETH_ALEN, types, sizeof(types));
	at += TAGGED_HLEN;
	*at = 0x45;
	issuer->cookie++;
	memcpy(at + COOKIE_AT, &issuer->cookie, sizeof(issuer->cookie));
	if (send(issuer->fd, frame, sizeof(frame), 0) != (ssize_t)sizeof(frame))
		fail("sending a frame");
}

/* The kernel has taken the tag off. */
static bool is_answer(const struct issuer *issuer, const uint8_t *frame, ssize_t len)
{
	return len == ETH_HLEN + PAYLOAD && !memcmp(frame, issuer->self, ETH_ALEN) &&
	       !memcmp(frame + ETH_ALEN, issuer->target, ETH_ALEN) &&
	       !memcmp(frame + ETH_HLEN + COOKIE_AT, &issuer->cookie, sizeof(issuer->cookie));
}

bool issuer_answered(struct issuer *issuer, double seconds)
{
	const double end = now() + seconds;
	struct pollfd pfd = { .fd = issuer->fd, .events = POLLIN };
	uint8_t frame[ETH_FRAME_LEN];
	double left;
	ssize_t n;

	while ((left = end - now()) > 0) {
		if (poll(&pfd, 1, (int)(left * 1e3) + 1) <= 0)
			continue;
		n = recv(issuer->fd, frame, sizeof(frame), MSG_DONTWAIT);
		if (is_answer(issuer, frame, n))
			return true;
	}
	return false;
}
