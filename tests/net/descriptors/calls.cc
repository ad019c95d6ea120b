// SPDX-License-Identifier: MIT
// calls.cc - the regular socket calls as C++ programs use them.

#include <cerrno>
#include <cstdio>
#include <functional>
#include <memory>
#include <sys/socket.h>
#include <unistd.h>

static int close_early(int fd)
{
	return ::close(fd);
}

#include <evl/evl.h>
#include <evl/net/net.h>

using namespace std;

static bool is_oob(int s)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return !oob_getsockopt(s, SOL_SOCKET, SO_TYPE, &value, &len) && value == SOCK_RAW;
}

namespace net {

/* Methods of the same names as the calls. */
class Socket {
public:
	explicit Socket(int protocol = 0) : fd(::socket(AF_PACKET, SOCK_RAW | SOCK_OOB, protocol)) {}
	~Socket() { if (fd >= 0) ::close(fd); }
	int close() { int old = fd; fd = -1; return ::close(old); }
	int bind(const sockaddr &addr, socklen_t len) { return ::bind(fd, &addr, len); }
	template <typename T> int setsockopt(int level, int name, const T &value)
	{
		return ::setsockopt(fd, level, name, &value, sizeof(value));
	}
	int number() const { return fd; }
private:
	int fd;
};

} // namespace net

static int fails(int line)
{
	fprintf(stderr, "calls.cc:%d: errno %d\n", line, errno);
	return 1;
}

#define CHECK(what) do { if (!(what)) return fails(__LINE__); } while (0)

static int check_close(const function<int(int)> &by)
{
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_OOB, 0);

	CHECK(s >= 0 && is_oob(s));
	CHECK(!by(s));
	CHECK(!is_oob(s) && errno == EBADF);
	return 0;
}

struct Closer {
	void operator()(const int *fd) const { ::close(*fd); }
};

static int check_class()
{
	net::Socket s;
	sockaddr addr = {};
	int number = s.number();

	CHECK(is_oob(number));
	CHECK(!s.setsockopt(SOL_SOCKET, SO_PRIORITY, 2));
	CHECK(s.bind(addr, sizeof(addr)) == -1 && errno == EINVAL);
	CHECK(!s.close() && !is_oob(number));

	number = net::Socket().number();
	CHECK(!is_oob(number) && errno == EBADF);

	number = socket(AF_PACKET, SOCK_RAW | SOCK_OOB, 0);
	{
		unique_ptr<int, Closer> owner(&number);
		CHECK(is_oob(*owner));
	}
	CHECK(!is_oob(number) && errno == EBADF);
	return 0;
}

int main()
{
	int (*pointer)(int) = &::close;

	return check_close(close_early) || check_close(pointer) || check_close(close) ||
	       check_close([](int fd) { return close(fd); }) || check_class();
}
