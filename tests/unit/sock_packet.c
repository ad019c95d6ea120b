// SPDX-License-Identifier: MIT
// sock_packet.c - packet sockets as programs see them: arguments, errors, names, copies. No daemon is needed.

#include "port_fake.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if_arp.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <evl/net/net.h>
#include <evl/net/oobnet.h>
#include <evl/syscall.h>
#include <evl/thread.h>

#include "core/fdtable.h"
#include "sock/sock.h"

static struct fake f;
static int fd;

/* sock.h keeps socket() and its kin the C library's here: go through the library by name. */
#define socket __oobnet_socket
#define bind __oobnet_bind
#define getsockname __oobnet_getsockname
#define setsockopt __oobnet_setsockopt
#define close oobnet_close

static struct oobnet_sock *sock_of(int s)
{
	struct oobnet_fd *ref = oobnet_fd_lookup(s, OOBNET_FD_SOCKET);
	struct oobnet_sock *sock;

	assert_non_null(ref);
	sock = ref->obj;
	oobnet_fd_put(ref);
	return sock;
}

static void join(int s, unsigned int port, uint16_t protocol)
{
	fake_join(&f, &sock_of(s)->sink, port, protocol);
	sock_of(s)->ifindex = port ? FAKE_PORT_43 : FAKE_PORT_42;
	sock_of(s)->bound = true;
}

static int setup(void **state)
{
	fake_make(&f, 0);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_OOB, 0);
	assert_true(fd >= 0);
	join(fd, 0, ETH_P_ALL);
	/* What the fake device does not claim, nothing has to be asked of a daemon. */
	return 0;
}

static int teardown(void **state)
{
	close(fd);
	fake_end(&f);
	return 0;
}

#define assert_errno(call, err) do {		\
	errno = 0;				\
	assert_int_equal((call), -1);		\
	assert_int_equal(errno, (err));		\
} while (0)

static void test_types_and_protocols(void **state)
{
	int s;

	assert_errno(socket(AF_PACKET, SOCK_DGRAM | SOCK_OOB, 0), ESOCKTNOSUPPORT);
	assert_errno(socket(AF_PACKET, SOCK_RAW | SOCK_OOB, htons(ETH_P_ARP)), EPROTONOSUPPORT);
	assert_errno(socket(AF_PACKET, SOCK_RAW | SOCK_OOB, 1 << 20), EPROTONOSUPPORT);
	assert_errno(socket(AF_INET, SOCK_DGRAM | SOCK_OOB, 0), EPROTONOSUPPORT);
	assert_non_null(strstr(oobnet_explain(), "UDP"));
	assert_errno(socket(AF_INET6, SOCK_DGRAM | SOCK_OOB, 0), EAFNOSUPPORT);

	s = socket(AF_PACKET, SOCK_RAW | SOCK_OOB | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_IP));
	assert_true(s >= 0);
	assert_int_equal(fcntl(s, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(s, F_GETFL) & O_NONBLOCK);
	assert_int_equal(close(s), 0);
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static void test_regular_sockets_are_left_alone(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	struct oob_msghdr msg = { 0 };
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(s >= 0);
	assert_int_equal(bind(s, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(s, (struct sockaddr *)&in, &len), 0);
	assert_true(in.sin_port != 0);
	assert_errno(oob_recvmsg(s, &msg, NULL, MSG_DONTWAIT), EBADFD);
	assert_errno(oob_read(s, &in, 1), EBADF);
	assert_int_equal(close(s), 0);
	assert_errno(close(s), EBADF);
	assert_errno(oob_recvmsg(s, &msg, NULL, MSG_DONTWAIT), EBADF);
	assert_errno(oob_sendmsg(-1, &msg, NULL, 0), EBADF);
}

static void test_bind_arguments(void **state)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_ifindex = FAKE_PORT_42 + 7 };
	struct sockaddr *addr = (struct sockaddr *)&ll;

	assert_errno(bind(fd, addr, sizeof(ll) - 1), EINVAL);
	assert_errno(bind(fd, addr, sizeof(ll) + 1), EINVAL);
	assert_errno(bind(fd, NULL, sizeof(ll)), EINVAL);
	ll.sll_protocol = htons(ETH_P_IPV6);
	assert_errno(bind(fd, addr, sizeof(ll)), EINVAL);
	ll.sll_protocol = htons(ETH_P_ALL);
	assert_errno(bind(fd, addr, sizeof(ll)), EINVAL);	/* not a port */
	assert_string_not_equal(oobnet_explain(), "");
	ll.sll_family = AF_INET;
	assert_errno(bind(fd, addr, sizeof(ll)), EINVAL);
	/* None of these took the socket off its port. */
	assert_int_equal(sock_of(fd)->sink.nr_ports, 1);
}

/* Without a protocol nothing is claimed, so that the fake device will do. */
static void test_bind_to_send_and_name(void **state)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_ifindex = FAKE_PORT_43 };
	socklen_t len = sizeof(ll);
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_OOB, 0);

	sock_of(s)->placeholder = true;	/* the fake's interfaces are none of the kernel's */
	assert_int_equal(bind(s, (struct sockaddr *)&ll, sizeof(ll)), 0);
	memset(&ll, 0xff, sizeof(ll));
	assert_int_equal(getsockname(s, (struct sockaddr *)&ll, &len), 0);
	assert_int_equal(len, 18);
	assert_int_equal(ll.sll_family, AF_PACKET);
	assert_int_equal(ll.sll_ifindex, FAKE_PORT_43);
	assert_int_equal(ll.sll_protocol, 0);
	assert_int_equal(ll.sll_hatype, ARPHRD_ETHER);
	assert_memory_equal(ll.sll_addr, fake_mac, 6);
	close(s);
}

static void test_name_has_the_protocol(void **state)
{
	struct sockaddr_ll ll = { 0 };
	socklen_t len = sizeof(ll);
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_OOB, htons(ETH_P_ALL));

	assert_int_equal(getsockname(s, (struct sockaddr *)&ll, &len), 0);
	assert_int_equal(ll.sll_protocol, htons(ETH_P_ALL));
	assert_int_equal(ll.sll_ifindex, 0);
	len = 4;
	assert_int_equal(getsockname(s, (struct sockaddr *)&ll, &len), 0);
	assert_in_range(len, 5, sizeof(ll));
	close(s);
}

static void test_attached_threads_only(void **state)
{
	struct oob_msghdr msg = { 0 };

	evl_detach_self();
	assert_errno(oob_recvmsg(fd, &msg, NULL, MSG_DONTWAIT), EPERM);
	assert_errno(oob_sendmsg(fd, &msg, NULL, MSG_DONTWAIT), EPERM);
	assert_true(evl_attach_self("sock-test:%d", getpid()) >= 0);
	assert_errno(oob_recvmsg(fd, &msg, NULL, MSG_DONTWAIT), EAGAIN);
}

static void test_receive_arguments(void **state)
{
	struct timespec bad = { .tv_nsec = 1000000000 }, negative = { .tv_nsec = -1 }, past = { .tv_nsec = 1 };
	struct sockaddr_ll ll;
	struct oob_msghdr msg = { 0 };

	assert_errno(oob_recvmsg(fd, NULL, NULL, 0), EFAULT);
	assert_errno(oob_recvmsg(fd, &msg, NULL, MSG_PEEK), EINVAL);
	assert_errno(oob_recvmsg(fd, &msg, NULL, MSG_TIMESTAMP | MSG_DONTWAIT), EINVAL);
	assert_errno(oob_recvmsg(fd, &msg, &bad, 0), EINVAL);
	assert_errno(oob_recvmsg(fd, &msg, &negative, 0), EINVAL);
	assert_errno(oob_recvmsg(fd, &msg, &past, 0), ETIMEDOUT);
	msg.msg_namelen = 1;
	assert_errno(oob_recvmsg(fd, &msg, NULL, MSG_DONTWAIT), EINVAL);
	msg.msg_name = &ll;
	msg.msg_namelen = sizeof(ll) - 1;
	assert_errno(oob_recvmsg(fd, &msg, NULL, MSG_DONTWAIT), EINVAL);
	msg.msg_namelen = sizeof(ll);
	msg.msg_iovlen = 1025;
	assert_errno(oob_recvmsg(fd, &msg, NULL, MSG_DONTWAIT), EINVAL);
	msg.msg_iovlen = 0;
	msg.msg_controllen = 1;
	assert_errno(oob_recvmsg(fd, &msg, NULL, MSG_DONTWAIT), EINVAL);
}

static void test_receive(void **state)
{
	struct sockaddr_ll ll;
	uint8_t head[10], rest[200], control[64];
	struct iovec iov[] = { { head, sizeof(head) }, { NULL, 0 }, { rest, sizeof(rest) } };
	struct oob_msghdr msg = {
		.msg_name = &ll, .msg_namelen = sizeof(ll) + 20, .msg_iov = iov, .msg_iovlen = 3,
		.msg_control = control, .msg_controllen = sizeof(control),
	};

	memset(rest, 0xcc, sizeof(rest));
	fake_receive(&f, 42, 0x77);
	assert_int_equal(oob_recvmsg(fd, &msg, NULL, 0), 114);
	assert_int_equal(msg.msg_flags, 0);
	assert_int_equal(msg.msg_controllen, 0);
	assert_int_equal(msg.msg_namelen, sizeof(ll));
	assert_memory_equal(head, fake_mac, 6);
	assert_memory_equal(head + 6, fake_peer, 4);
	assert_memory_equal(rest, fake_peer + 4, 2);
	assert_memory_equal(rest + 2, "\x08\x00\x77", 3);	/* the tag is gone */
	assert_int_equal(rest[103], 0x77);
	assert_int_equal(rest[104], 0xcc);
	assert_int_equal(ll.sll_family, AF_PACKET);
	assert_int_equal(ll.sll_protocol, htons(ETH_P_IP));
	assert_int_equal(ll.sll_ifindex, FAKE_IFINDEX);
	assert_int_equal(ll.sll_hatype, ARPHRD_ETHER);
	assert_int_equal(ll.sll_pkttype, PACKET_HOST);
	assert_int_equal(ll.sll_halen, 6);
	assert_memory_equal(ll.sll_addr, fake_peer, 6);
	assert_int_equal(f.dev->queue[0].held, 0);
}

static void test_truncated(void **state)
{
	uint8_t small[13], buf[200];
	struct iovec iov = { small, sizeof(small) };
	struct oob_msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	fake_receive(&f, 42, 1);
	assert_int_equal(oob_recvmsg(fd, &msg, NULL, MSG_DONTWAIT), 13);
	assert_int_equal(msg.msg_flags, MSG_DONTWAIT | MSG_TRUNC);
	fake_receive(&f, 42, 1);
	msg.msg_iovlen = 0;
	assert_int_equal(oob_recvmsg(fd, &msg, NULL, 0), 0);
	assert_int_equal(msg.msg_flags, MSG_TRUNC);
	fake_receive(&f, 42, 1);
	assert_int_equal(oob_read(fd, buf, sizeof(buf)), 114);
	assert_int_equal(oob_read(fd, buf, 0), 0);
	assert_int_equal(f.dev->queue[0].held, 0);
}

static void test_nonblocking(void **state)
{
	struct oob_msghdr msg = { 0 };
	uint8_t buf[100];

	assert_int_equal(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
	assert_errno(oob_recvmsg(fd, &msg, NULL, 0), EAGAIN);
	assert_errno(oob_read(fd, buf, sizeof(buf)), EAGAIN);
}

static void test_port_disabled(void **state)
{
	struct oob_msghdr msg = { 0 };
	uint8_t frame[60] = { 0 };

	fake_disable(&f, 0);
	assert_errno(oob_recvmsg(fd, &msg, NULL, 0), ENETDOWN);
	assert_string_not_equal(oobnet_explain(), "");
	assert_errno(oob_write(fd, frame, sizeof(frame)), ENXIO);
}

static void test_send(void **state)
{
	uint8_t head[14] = "\x02\x00\x00\x00\x00\x63\x02\x00\x00\x00\x00\x2a\x08\x00", body[86], huge[1600] = { 0 };
	struct iovec iov[] = { { head, sizeof(head) }, { body, sizeof(body) } };
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_ifindex = FAKE_PORT_43 };
	struct oob_msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	const uint8_t *data;
	int priority = 3;

	for (uint32_t i = 0; i < FAKE_TX; i++)
		fake_grant(&f, FAKE_SLOT * FAKE_TX + i);
	memset(body, 0x5a, sizeof(body));
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)), 0);
	assert_int_equal(oob_sendmsg(fd, &msg, NULL, 0), 100);
	data = f.dev->umem + f.tx.desc[(uint32_t)FAKE_START & 7].addr;
	assert_memory_equal(data, head, 12);
	assert_memory_equal(data + 12, "\x81\x00\xa0\x2a\x08\x00\x5a", 7);

	msg.msg_name = &ll;
	msg.msg_namelen = sizeof(ll);
	assert_int_equal(oob_sendmsg(fd, &msg, NULL, MSG_DONTWAIT), 100);
	data = f.dev->umem + f.tx.desc[(uint32_t)(FAKE_START + 1) & 7].addr;
	assert_memory_equal(data + 12, "\x81\x00\xa0\x2b", 4);
	assert_int_equal(oob_write(fd, huge, 60), 60);
	assert_int_equal(oob_write(fd, huge, 0), 0);

	assert_errno(oob_sendmsg(fd, &msg, NULL, MSG_DONTROUTE), EINVAL);
	assert_errno(oob_write(fd, huge, 13), EINVAL);
	assert_errno(oob_write(fd, huge, 1515), EMSGSIZE);
	msg.msg_namelen = sizeof(ll) - 1;
	assert_errno(oob_sendmsg(fd, &msg, NULL, 0), EINVAL);
	msg.msg_namelen = sizeof(ll);
	ll.sll_ifindex = 0;
	assert_errno(oob_sendmsg(fd, &msg, NULL, 0), ENXIO);
	ll.sll_ifindex = FAKE_IFINDEX;	/* what oob_recvmsg() gave: the real device is no port */
	assert_errno(oob_sendmsg(fd, &msg, NULL, 0), ENXIO);
	ll.sll_family = AF_INET;
	assert_errno(oob_sendmsg(fd, &msg, NULL, 0), EINVAL);
	msg.msg_name = NULL;
	assert_errno(oob_sendmsg(fd, &msg, NULL, 0), EINVAL);
}

static void test_options(void **state)
{
	socklen_t len = sizeof(int);
	int val = EVL_SOF_TIMESTAMPS;

	assert_errno(setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP_OOB, &val, sizeof(val)), ENOSYS);
	assert_errno(oob_setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &val, sizeof(val)), ENOSYS);
	assert_errno(oob_getsockopt(fd, SOL_SOCKET, SO_TIMESTAMP_OOB, &val, &len), ENOSYS);
	assert_int_equal(oob_getsockopt(fd, SOL_SOCKET, SO_TYPE, &val, &len), 0);
	assert_errno(oob_setsockopt(0, SOL_SOCKET, SO_PRIORITY, &val, sizeof(val)), EBADFD);
}

static void *waiter(void *arg)
{
	struct oob_msghdr msg = { 0 };
	ssize_t ret;

	assert_true(evl_attach_self("waiter:%d", getpid()) >= 0);
	ret = oob_recvmsg(fd, &msg, NULL, 0);
	return (void *)(intptr_t)(ret < 0 ? errno : 0);
}

static void test_close_while_waiting(void **state)
{
	struct oobnet_sock *sock = sock_of(fd);
	pthread_t thread;
	void *ret;
	bool asleep = false;

	fake_receive(&f, 43, 1);	/* for nobody */
	assert_int_equal(pthread_create(&thread, NULL, waiter, NULL), 0);
	while (!asleep) {
		usleep(1000);
		pthread_mutex_lock(&sock->sink.lock);
		asleep = sock->sink.waiters;
		pthread_mutex_unlock(&sock->sink.lock);
	}
	assert_int_equal(close(fd), 0);
	pthread_join(thread, &ret);
	assert_int_equal((intptr_t)ret, EBADF);
	assert_null(f.dev->bindings);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_OOB, 0);
}

static void test_packets_of_a_closed_socket_go_home(void **state)
{
	uint32_t frame = fake_receive(&f, 42, 1);

	fake_drain(&f, NULL);
	assert_int_equal(f.dev->queue[0].held, 1);
	close(fd);
	assert_int_equal(fake_take_return(&f), frame);
	assert_int_equal(f.dev->queue[0].held, 0);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_OOB, 0);
}

static void test_forked_child(void **state)
{
	struct oob_msghdr msg = { 0 };
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (evl_attach_self("child:%d", getpid()) < 0)
			_exit(1);
		_exit(oob_recvmsg(fd, &msg, NULL, MSG_DONTWAIT) == -1 && errno == EBADFD ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* The parent's goes on. */
	fake_receive(&f, 42, 1);
	assert_int_equal(oob_recvmsg(fd, &msg, NULL, MSG_DONTWAIT), 0);
}

static void test_devices(void **state)
{
	struct evl_net_devstat devs;
	struct ifreq req = { .ifr_name = "lo" };
	int dev = evl_net_open_dev("lo");

	assert_true(dev >= 0);
	assert_int_equal(fcntl(dev, F_GETFD), FD_CLOEXEC);
	assert_int_equal(evl_net_open_dev("no-such-if"), -EINVAL);
	assert_int_equal(evl_net_open_dev("a-name-that-is-far-too-long"), -EINVAL);
	assert_int_equal(evl_net_open_dev(""), -EINVAL);
	assert_int_equal(evl_net_open_dev(NULL), -EINVAL);
	assert_int_equal(evl_net_query_dev(fd, &devs), -EBADF);
	assert_int_equal(evl_net_query_dev(dev, NULL), -EFAULT);
	assert_int_equal(evl_net_query_dev(-1, &devs), -EBADF);
	assert_int_equal(evl_net_disable_port(fd), -EBADF);
	assert_int_equal(evl_net_enable_port(fd, 0, 0), -EBADF);
	assert_int_equal(evl_net_set_filter(dev, NULL), -ENOSYS);
	assert_int_equal(evl_net_solicit(fd, NULL, 0), -ENOSYS);
	assert_int_equal(evl_net_open_port("lo"), -EINVAL);
	assert_int_equal(ioctl(fd, SIOCGIFINDEX, &req), 0);
	assert_int_equal(close(dev), 0);
	assert_int_equal(evl_net_query_dev(dev, &devs), -EBADF);
}

static int attach(void **state)
{
	return evl_attach_self("sock-test:%d", getpid()) < 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_types_and_protocols),
		TEST(test_regular_sockets_are_left_alone),
		TEST(test_bind_arguments),
		TEST(test_bind_to_send_and_name),
		TEST(test_name_has_the_protocol),
		TEST(test_attached_threads_only),
		TEST(test_receive_arguments),
		TEST(test_receive),
		TEST(test_truncated),
		TEST(test_nonblocking),
		TEST(test_port_disabled),
		TEST(test_send),
		TEST(test_options),
		TEST(test_close_while_waiting),
		TEST(test_packets_of_a_closed_socket_go_home),
		TEST(test_forked_child),
		TEST(test_devices),
	};

	return cmocka_run_group_tests(tests, attach, NULL);
}
