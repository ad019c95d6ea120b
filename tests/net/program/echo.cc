// SPDX-License-Identifier: MIT
// echo.cc - the same in C++, with names that a header full of macros would break.
//
// usage: echo IFNAME COUNT

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <iostream>
#include <string>
#include <system_error>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <unistd.h>

#include <evl/evl.h>
#include <evl/net/net.h>

using namespace std;

namespace {

class Port {
public:
	explicit Port(const string &ifname) : ifindex_(static_cast<int>(if_nametoindex(ifname.c_str())))
	{
		fd_ = ::socket(AF_PACKET, SOCK_RAW | SOCK_OOB, 0);
		check(fd_, "socket");
		bind();
	}

	~Port() { close(); }
	Port(const Port &) = delete;
	Port &operator=(const Port &) = delete;

	size_t receive(unsigned char *data, size_t size, sockaddr_ll &from)
	{
		iovec iov = { data, size };
		oob_msghdr msg = {};
		timespec deadline;

		evl_read_clock(EVL_CLOCK_MONOTONIC, &deadline);
		deadline.tv_sec += 5;
		msg.msg_name = &from;
		msg.msg_namelen = sizeof(from);
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		return static_cast<size_t>(check(oob_recvmsg(fd_, &msg, &deadline, 0), "oob_recvmsg"));
	}

	/* Unnamed: goes out by the port that the socket is bound to. */
	void send(unsigned char *data, size_t size)
	{
		iovec iov = { data, size };
		oob_msghdr msg = {};

		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		check(oob_sendmsg(fd_, &msg, nullptr, 0), "oob_sendmsg");
	}

private:
	void bind()
	{
		sockaddr_ll addr = {};

		addr.sll_family = AF_PACKET;
		addr.sll_protocol = htons(ETH_P_IP);
		addr.sll_ifindex = ifindex_;
		check(::bind(fd_, reinterpret_cast<sockaddr *>(&addr), sizeof(addr)), "bind");
	}

	void close() { ::close(fd_); }

	static ssize_t check(ssize_t ret, const char *what)
	{
		if (ret < 0)
			throw system_error(errno, generic_category(), what);
		return ret;
	}

	int fd_ = -1;
	int ifindex_;
};

void run(const string &ifname, int count)
{
	array<unsigned char, ETH_FRAME_LEN> frame;
	sockaddr_ll from;
	Port port(ifname);
	auto receive = std::bind(&Port::receive, &port, placeholders::_1, frame.size(), ref(from));

	evl_printf("ready\n");
	while (count--) {
		size_t len = receive(frame.data());

		evl_printf("count=%zu, proto=%#x, type=%u\n", len, ntohs(from.sll_protocol), from.sll_pkttype);
		swap_ranges(frame.begin(), frame.begin() + ETH_ALEN, frame.begin() + ETH_ALEN);
		port.send(frame.data(), len);
	}

	evl_net_devstat stat;
	int dev = evl_net_open_dev(ifname.c_str());

	if (dev >= 0 && !evl_net_query_dev(dev, &stat))
		evl_printf("port=%u, sent=%llu\n", stat.oob_port, static_cast<unsigned long long>(stat.tx_packets));
	close(dev);
}

} // namespace

int main(int argc, char *argv[])
{
	if (argc != 3)
		return 2;
	if (evl_attach_self("echo:%d", getpid()) < 0)
		return 1;
	try {
		run(argv[1], stoi(argv[2]));
	} catch (const system_error &err) {
		cerr << err.what() << '\n';
		return err.code().value() == ETIMEDOUT ? 3 : 1;
	}
	evl_detach_self();
}
