// SPDX-License-Identifier: MIT
// tools_sockets.c - in-band sockets are found on the addresses of an interface, with their owner.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/prctl.h>
#include <sys/stat.h>

#include "tools/sockets.c"

static struct inband_sockets found;

static uint32_t inode_of(int fd)
{
	struct stat st;

	assert_return_code(fstat(fd, &st), errno);

	return (uint32_t)st.st_ino;
}

static const struct inband_socket *look_for(int fd)
{
	unsigned int n;

	assert_int_equal(inband_sockets_on("lo", (int)if_nametoindex("lo"), &found), 0);
	for (n = 0; n < found.nr; n++) {
		if (found.socket[n].inode == inode_of(fd))
			return &found.socket[n];
	}

	return NULL;
}

/* A socket on an address, a number of its own; *port gets it. */
static int open_on(int type, const char *address, uint16_t *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, type, 0);

	assert_return_code(fd, errno);
	assert_int_equal(inet_pton(AF_INET, address, &sin.sin_addr), 1);
	assert_return_code(bind(fd, (struct sockaddr *)&sin, len), errno);
	if (type == SOCK_STREAM)
		assert_return_code(listen(fd, 1), errno);
	assert_return_code(getsockname(fd, (struct sockaddr *)&sin, &len), errno);
	*port = ntohs(sin.sin_port);

	return fd;
}

static void has_owner(const struct inband_socket *sock)
{
	assert_int_equal(sock->pid, getpid());
	assert_string_equal(sock->comm, "listener");
}

static void test_bound(void **state)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	const struct inband_socket *sock;
	uint16_t port;
	size_t n;
	int fd;

	for (n = 0; n < 2; n++) {
		fd = open_on(types[n], "127.0.0.1", &port);
		sock = look_for(fd);
		assert_non_null(sock);
		assert_int_equal(sock->local.s_addr, htonl(INADDR_LOOPBACK));
		assert_int_equal(sock->local_port, port);
		assert_int_equal(sock->udp, types[n] == SOCK_DGRAM);
		assert_false(sock->connected);
		has_owner(sock);
		close(fd);
	}
}

static void test_connected(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	const struct inband_socket *sock;
	uint16_t port;
	int server, fd;

	server = open_on(SOCK_STREAM, "127.0.0.1", &port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(port);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_return_code(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), errno);
	sock = look_for(fd);
	assert_non_null(sock);
	assert_true(sock->connected);
	assert_int_equal(sock->remote_port, port);
	assert_int_equal(sock->remote.s_addr, htonl(INADDR_LOOPBACK));
	close(fd);
	close(server);
}

/* It loses one interface of many: counted, not named. */
static void test_on_every_address(void **state)
{
	uint16_t port;
	int fd = open_on(SOCK_DGRAM, "0.0.0.0", &port);

	assert_null(look_for(fd));
	assert_true(found.any >= 1);
	close(fd);
}

/* 127.0.0.2 can be bound, but it is no address that lo was given. */
static void test_on_another_address(void **state)
{
	uint16_t port;
	int fd = open_on(SOCK_STREAM, "127.0.0.2", &port);

	assert_null(look_for(fd));
	close(fd);
}

static void test_mapped_address(void **state)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	const struct inband_socket *sock;
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	if (fd < 0) {
		print_message("skipped: this kernel has no IPv6 sockets\n");
		skip();
	}
	assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &sin6.sin6_addr), 1);
	if (bind(fd, (struct sockaddr *)&sin6, sizeof(sin6))) {
		print_message("skipped: IPv6 is turned off here\n");
		skip();
	}
	sock = look_for(fd);
	assert_non_null(sock);
	assert_int_equal(sock->local.s_addr, htonl(INADDR_LOOPBACK));
	close(fd);
}

static void test_more_than_are_kept(void **state)
{
	enum { NR = SOCKETS_MAX + 5 };
	int fds[NR], n;
	uint16_t port;

	for (n = 0; n < NR; n++)
		fds[n] = open_on(SOCK_DGRAM, "127.0.0.1", &port);
	assert_int_equal(inband_sockets_on("lo", 1, &found), 0);
	assert_int_equal(found.nr, SOCKETS_MAX);
	assert_true(found.more >= 5);
	for (n = 0; n < NR; n++)
		close(fds[n]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_connected),
		cmocka_unit_test(test_on_every_address),
		cmocka_unit_test(test_on_another_address),
		cmocka_unit_test(test_mapped_address),
		cmocka_unit_test(test_more_than_are_kept),
	};

	prctl(PR_SET_NAME, "listener");

	return cmocka_run_group_tests(tests, NULL, NULL);
}
