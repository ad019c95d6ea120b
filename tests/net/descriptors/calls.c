// SPDX-License-Identifier: MIT
// calls.c - the regular socket calls as C programs use them: before the header, by name, by pointer, in structures.

#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is here is compiled before the library's header is known. */
static int close_early(int fd)
{
	return close(fd);
}

static int (*const pointer_early)(int) = close;

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <stdio.h>

#include <evl/net/socket.h>

struct operations {
	int (*socket)(int domain, int type, int protocol);
	int (*bind)(int fd, const struct sockaddr *addr, socklen_t len);
	int (*close)(int fd);
};

static int fails(int line)
{
	fprintf(stderr, "calls.c:%d: errno %d\n", line, errno);
	return 1;
}

#define CHECK(what) do { if (!(what)) return fails(__LINE__); } while (0)

static int is_oob(int s)
{
	int value;
	socklen_t len = sizeof(value);

	return !oob_getsockopt(s, SOL_SOCKET, SO_TYPE, &value, &len) && value == SOCK_RAW;
}

static int make(void)
{
	return socket(AF_PACKET, SOCK_RAW | SOCK_OOB, 0);
}

/* All of these reach the library, or at least do not hide from it that the socket has gone. */
static int check_close(int (*by)(int))
{
	int s = make();

	CHECK(s >= 0 && is_oob(s));
	CHECK(!by(s));
	CHECK(!is_oob(s) && errno == EBADF);
	CHECK(by(s) == -1 && errno == EBADF);
	return 0;
}

static int close_by_name(int fd)
{
	return close(fd);
}

static int check_pointers(void)
{
	/* Volatile: where the compiler sees which function it is, the call is one by name. */
	volatile struct operations there = { socket, bind, &close };

	/* A pointer is the C library's: it makes no out-of-band sockets. */
	CHECK(there.socket(AF_PACKET, SOCK_RAW | SOCK_OOB, 0) == -1 && errno == EINVAL);
	CHECK(there.bind(-1, NULL, 0) == -1 && errno == EBADF);
	return check_close(there.close);
}

static int check_names(void)
{
	struct sockaddr_storage storage;
	struct sockaddr_ll ll = { .sll_family = AF_PACKET };
	socklen_t len = sizeof(storage);
	int value = 1, s = make();

	CHECK(!setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)));
	value = 0;
	len = sizeof(value);
	CHECK(!getsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &value, &len) && value == 1);
	CHECK(setsockopt(s, SOL_SOCKET, SO_TIMESTAMP_OOB, &value, sizeof(value)) == -1 && errno == ENOSYS);
	CHECK(bind(s, (struct sockaddr *)&storage, 3) == -1 && errno == EINVAL);
	ll.sll_protocol = htons(0x86dd);
	CHECK(bind(s, (struct sockaddr *)&ll, sizeof(ll)) == -1 && errno == EINVAL);
	len = sizeof(storage);
	CHECK(!getsockname(s, (struct sockaddr *)&storage, &len) && storage.ss_family == AF_PACKET);
	CHECK(!close(s));
	return 0;
}

/* What is not the library's goes through unchanged. */
static int check_others(void)
{
	int value, s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(value);

	CHECK(s >= 0 && !is_oob(s) && errno == EBADFD);
	CHECK(!getsockopt(s, SOL_SOCKET, SO_TYPE, &value, &len) && value == SOCK_STREAM);
	CHECK(!close(s) && close(s) == -1 && errno == EBADF);
	CHECK(socket(-1, 0, 0) == -1 && errno == EAFNOSUPPORT);
	return 0;
}

int main(void)
{
	return check_close(close_early) || check_close(pointer_early) || check_close(close_by_name) ||
	       check_pointers() || check_names() || check_others();
}
