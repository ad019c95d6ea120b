// SPDX-License-Identifier: MIT
// replay.c - sends frames from a file, and writes down which IPv4 packets came back for each of them.
//
// usage: replay INTERFACE FRAMES REPLIES WINDOW
//
// FRAMES    records of a 32-bit length, whose bit 31 is the in-band flag, and the frame. The first two records
//           are the sentinels, out-of-band and in-band: echo requests whose data ends with a magic word and a
//           32-bit number (0 here).
// REPLIES   records of struct record and the packet from its MAC addresses on, without the 802.1Q tag
// WINDOW    how many frames may be under way
//
// Each frame is followed by a numbered sentinel. All answers come in the order of the questions, so what comes
// before the answer to sentinel N is the answer to frame N; and a sentinel without answer, or out of order,
// shows a loss, and ends the program with status 1. A frame with the in-band flag takes another way through the
// target, where it may be overtaken: it has a sentinel that goes the same way, and nothing else is under way then.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define IN_BAND 0x80000000u
#define ANSWER_TIMEOUT 10000	/* ms */
#define LATE_TIME 300		/* ms; for what comes after the last sentinel */
#define FRAME_MAX 65536
#define RECEIVE_BUFFER (16 << 20)
#define MAC_HLEN 14
#define ICMP_HLEN 8

static const char magic[12] = "oob sentinel";

#define SENTINEL_ICMP_LEN (ICMP_HLEN + sizeof(magic) + sizeof(uint32_t))

struct record {
	uint32_t frame;		/* number of the frame that this answers, from 0 */
	uint32_t len;
	uint16_t tagged;
	uint16_t tci;
};

struct sentinel {
	uint8_t frame[128];
	size_t len;
};

struct replay {
	int sock;
	FILE *replies;
	struct sentinel sentinels[2];	/* out-of-band, in-band */
	uint32_t sent;		/* frames, each with its sentinel */
	uint32_t answered;	/* sentinels */
	uint32_t recorded;
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "replay: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint16_t checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t n = 0; n < len; n++)
		sum += n % 2 ? p[n] : p[n] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum);
}

static const uint8_t *map_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st))
		fail(path);
	p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		fail(path);
	close(fd);
	*len = st.st_size;
	return p;
}

static int open_socket(const char *ifname)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct packet_mreq promisc = { .mr_type = PACKET_MR_PROMISC };
	int sock = socket(AF_PACKET, SOCK_RAW, 0), one = 1, size = RECEIVE_BUFFER;

	addr.sll_ifindex = promisc.mr_ifindex = if_nametoindex(ifname);
	if (sock < 0 || !addr.sll_ifindex ||
	    setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(sock, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) ||
	    setsockopt(sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
	    setsockopt(sock, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof(promisc)) ||
	    bind(sock, (struct sockaddr *)&addr, sizeof(addr)))
		fail(ifname);
	return sock;
}

/* Veth takes frames where the sender runs: on two CPUs in turn they would overtake each other. */
static void stay_on_one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("sched_setaffinity");
}

static void send_frame(struct replay *r, const uint8_t *frame, size_t len)
{
	while (send(r->sock, frame, len, 0) < 0) {
		if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR) {
			fprintf(stderr, "replay: frame %u of %zu bytes: ", r->sent, len);
			fail("send");
		}
		sched_yield();
	}
}

static void send_sentinel(struct replay *r, bool in_band)
{
	struct sentinel *s = &r->sentinels[in_band];
	uint8_t *icmp = s->frame + s->len - SENTINEL_ICMP_LEN;
	uint32_t number = htonl(r->sent);
	uint16_t check;

	memcpy(icmp + SENTINEL_ICMP_LEN - sizeof(number), &number, sizeof(number));
	memset(icmp + 2, 0, sizeof(check));
	check = checksum(icmp, SENTINEL_ICMP_LEN);
	memcpy(icmp + 2, &check, sizeof(check));
	send_frame(r, s->frame, s->len);
}

/* Is it the answer to a sentinel? Then to which one. */
static bool is_sentinel(const uint8_t *frame, size_t len, uint32_t *number)
{
	const uint8_t *icmp = frame + MAC_HLEN + 20;

	if (len < MAC_HLEN + 20 + SENTINEL_ICMP_LEN || frame[MAC_HLEN] != 0x45 || icmp[0] != 0 ||
	    memcmp(icmp + ICMP_HLEN, magic, sizeof(magic)))
		return false;
	memcpy(number, icmp + ICMP_HLEN + sizeof(magic), sizeof(*number));
	*number = ntohl(*number);
	return true;
}

static void take(struct replay *r, const uint8_t *frame, struct record *record)
{
	uint32_t number;

	if (record->len < MAC_HLEN || frame[12] != 0x08 || frame[13] != 0x00)
		return;
	if (is_sentinel(frame, record->len, &number)) {
		if (number != r->answered) {
			fprintf(stderr, "replay: answer to sentinel %u, awaited was %u\n", number, r->answered);
			exit(1);
		}
		r->answered++;
		return;
	}
	record->frame = r->answered;
	if (fwrite(record, sizeof(*record), 1, r->replies) != 1 ||
	    fwrite(frame, record->len, 1, r->replies) != 1)
		fail("replies");
	r->recorded++;
}

/* Takes one frame if there is one. */
static bool receive(struct replay *r)
{
	static uint8_t frame[FRAME_MAX];
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec iov = { .iov_base = frame, .iov_len = sizeof(frame) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control),
	};
	struct record record = { 0 };
	struct cmsghdr *cmsg;
	ssize_t len = recvmsg(r->sock, &msg, MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (len < 0)
		fail("recvmsg");
	record.len = len;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		struct tpacket_auxdata aux;

		if (cmsg->cmsg_level != SOL_PACKET || cmsg->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(cmsg), sizeof(aux));
		record.tagged = !!(aux.tp_status & TP_STATUS_VLAN_VALID);
		record.tci = aux.tp_vlan_tci;
	}
	take(r, frame, &record);
	return true;
}

/* Until at most @most sentinels are unanswered. */
static void wait_answers(struct replay *r, uint32_t most)
{
	struct pollfd fd = { .fd = r->sock, .events = POLLIN };

	while (r->sent - r->answered > most) {
		if (receive(r))
			continue;
		if (poll(&fd, 1, ANSWER_TIMEOUT) == 0) {
			fprintf(stderr, "replay: no answer to sentinel %u, with frames sent up to %u\n",
				r->answered, r->sent);
			exit(1);
		}
	}
}

static const uint8_t *next_frame(const uint8_t **at, const uint8_t *end, size_t *len, bool *in_band)
{
	const uint8_t *frame;
	uint32_t word;

	if ((size_t)(end - *at) < sizeof(word))
		return NULL;
	memcpy(&word, *at, sizeof(word));
	*len = word & ~IN_BAND;
	*in_band = word & IN_BAND;
	frame = *at + sizeof(word);
	if (*len > (size_t)(end - frame)) {
		errno = EINVAL;
		fail("frames");
	}
	*at = frame + *len;
	return frame;
}

static void take_sentinel(struct sentinel *s, const uint8_t **at, const uint8_t *end)
{
	bool in_band;
	const uint8_t *frame = next_frame(at, end, &s->len, &in_band);

	if (!frame || s->len > sizeof(s->frame) || s->len < SENTINEL_ICMP_LEN) {
		errno = EINVAL;
		fail("sentinel");
	}
	memcpy(s->frame, frame, s->len);
}

int main(int argc, char **argv)
{
	struct tpacket_stats stats;
	socklen_t statlen = sizeof(stats);
	const uint8_t *at, *end, *frame;
	struct pollfd fd = { .events = POLLIN };
	struct replay r = { 0 };
	size_t size, len;
	bool in_band, last_in_band = false;
	int window;

	if (argc != 5 || (window = atoi(argv[4])) < 1) {
		fprintf(stderr, "usage: replay INTERFACE FRAMES REPLIES WINDOW\n");
		return 2;
	}
	stay_on_one_cpu();
	fd.fd = r.sock = open_socket(argv[1]);
	at = map_file(argv[2], &size);
	end = at + size;
	r.replies = fopen(argv[3], "w");
	if (!r.replies)
		fail(argv[3]);
	take_sentinel(&r.sentinels[0], &at, end);
	take_sentinel(&r.sentinels[1], &at, end);

	while ((frame = next_frame(&at, end, &len, &in_band))) {
		wait_answers(&r, in_band || last_in_band ? 0 : window - 1);
		send_frame(&r, frame, len);
		send_sentinel(&r, in_band);
		last_in_band = in_band;
		r.sent++;
		while (receive(&r))
			;
	}
	wait_answers(&r, 0);
	while (poll(&fd, 1, LATE_TIME) > 0)
		receive(&r);
	if (getsockopt(r.sock, SOL_PACKET, PACKET_STATISTICS, &stats, &statlen) || fclose(r.replies))
		fail("end");
	printf("{\"sent\": %u, \"answered\": %u, \"recorded\": %u, \"dropped\": %u}\n", r.sent, r.answered, r.recorded,
	       stats.tp_drops);
	return 0;
}
