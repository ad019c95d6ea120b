// SPDX-License-Identifier: MIT
// check.c - what the cases have in common: sockets on the port, packets, another process.

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define HOME_S		3.0
#define ANSWER_S	2.0

const char *ifname;
struct issuer issuer = { .fd = -1 };

static unsigned char frame[ETH_FRAME_LEN];

void read_setup(void)
{
	ifname = getenv("IFNAME");
	issuer.fd = atoi(getenv("FD"));
	issuer.vid = (uint16_t)atoi(getenv("VID"));
	issuer.cookie = (uint64_t)getpid() << 32;
	for (int i = 0; i < ETH_ALEN; i++) {
		CHECK(sscanf(getenv("TARGET") + 2 * i, "%2hhx", &issuer.target[i]) == 1);
		CHECK(sscanf(getenv("SELF") + 2 * i, "%2hhx", &issuer.self[i]) == 1);
	}
}

int make_socket(int flags)
{
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_OOB | flags, htons(ETH_P_IP));

	CHECK(s >= 0);
	return s;
}

int bind_socket(int s)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(ifname) };

	return bind(s, (struct sockaddr *)&addr, sizeof(addr));
}

int open_bound(int flags)
{
	int s = make_socket(flags);

	CHECK(!bind_socket(s));
	return s;
}

ssize_t receive(int s, int flags)
{
	struct iovec iov = { .iov_base = frame, .iov_len = sizeof(frame) };
	struct oob_msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return oob_recvmsg(s, &msg, NULL, flags);
}

ssize_t transmit(int s)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(ifname) };
	struct iovec iov = { .iov_base = frame, .iov_len = ETH_ZLEN };
	const struct oob_msghdr msg = {
		.msg_name = &to, .msg_namelen = sizeof(to),
		.msg_iov = &iov, .msg_iovlen = 1,
	};

	return oob_sendmsg(s, &msg, NULL, 0);
}

bool echoes(int s)
{
	struct oob_msghdr msg;
	struct timespec until;
	struct iovec iov;
	ssize_t len;

	issuer_send(&issuer);
	do {
		evl_read_clock(EVL_CLOCK_MONOTONIC, &until);
		until.tv_sec += (time_t)ANSWER_S;
		iov = (struct iovec){ .iov_base = frame, .iov_len = sizeof(frame) };
		msg = (struct oob_msghdr){ .msg_iov = &iov, .msg_iovlen = 1 };
		len = oob_recvmsg(s, &msg, &until, 0);
		if (len < 0)
			return false;
	} while (memcmp(frame + len - sizeof(issuer.cookie), &issuer.cookie, sizeof(issuer.cookie)));

	memcpy(frame, issuer.self, ETH_ALEN);
	memcpy(frame + ETH_ALEN, issuer.target, ETH_ALEN);
	iov.iov_len = (size_t)len;
	msg = (struct oob_msghdr){ .msg_iov = &iov, .msg_iovlen = 1 };
	return oob_sendmsg(s, &msg, NULL, 0) == len && issuer_answered(&issuer, ANSWER_S);
}

/* The exit status of `once`, in a process of its own: 0, or the errno of bind(). */
int once(void)
{
	int s, fd = evl_attach_self("once:%d", getpid());

	CHECK(fd >= 0);
	s = make_socket(0);
	if (bind_socket(s))
		return errno;
	CHECK(echoes(s));
	close(s);
	return 0;
}

bool other_can_bind(void)
{
	char *const argv[] = { (char *)"/proc/self/exe", (char *)"once", NULL };
	extern char **environ;
	int status;
	pid_t pid;

	CHECK(!posix_spawn(&pid, argv[0], NULL, NULL, argv, environ));
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	CHECK(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == EBUSY);
	return !WEXITSTATUS(status);
}

void check_not_oob(int s, int error)
{
	int value = 1;
	socklen_t len = sizeof(value);

	CHECK(REFUSED(receive(s, MSG_DONTWAIT), error));
	CHECK(REFUSED(transmit(s), error));
	CHECK(REFUSED(oob_setsockopt(s, SOL_SOCKET, SO_PRIORITY, &value, sizeof(value)), error));
	CHECK(REFUSED(oob_getsockopt(s, SOL_SOCKET, SO_PRIORITY, &value, &len), error));
	CHECK(REFUSED(oob_read(s, frame, sizeof(frame)), EBADF));
	CHECK(REFUSED(oob_write(s, frame, ETH_ZLEN), EBADF));
	CHECK(REFUSED(oob_ioctl(s, 0, 0), EBADF));
}

bool frames_come_home(void)
{
	const double end = now() + HOME_S;
	struct oob_port_status status;

	do {
		ask_status(ifname, &status);
		if (!frames_away(&status))
			return true;
		nap_ms(5);
	} while (now() < end);
	return false;
}
