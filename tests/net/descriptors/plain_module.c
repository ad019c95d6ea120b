// SPDX-License-Identifier: MIT
// plain_module.c - an executable that knows the library loads a module that does not: elsewhere.c.
//
// usage: plain_module MODULE

#include <dlfcn.h>
#include <fcntl.h>
#include <net/if.h>
#include <unistd.h>

#include "check.h"
#include "elsewhere.h"

static void *find(void *handle, const char *name)
{
	void *at = dlsym(handle, name);

	CHECK(at);
	return at;
}

int main(int argc, char *argv[])
{
	int (*close_there)(int), (*replace_there)(int, enum kind), (*bind_there)(int, int, int);
	int (*socket_there)(int, int, int);
	void *handle;
	int s;

	CHECK(argc == 2);
	read_setup();
	handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	CHECK(handle && evl_attach_self("host:%d", getpid()) >= 0);
	*(void **)&close_there = find(handle, "elsewhere_close");
	*(void **)&replace_there = find(handle, "elsewhere_replace");
	*(void **)&bind_there = find(handle, "elsewhere_bind");
	*(void **)&socket_there = find(handle, "elsewhere_socket");

	/* There a socket cannot be made out-of-band: the kernel refuses the type. */
	CHECK(REFUSED(socket_there(AF_PACKET, SOCK_RAW | SOCK_OOB, 0), EINVAL));

	s = open_bound(0);
	CHECK(echoes(s));
	CHECK(!close_there(s));
	check_not_oob(s, EBADF);

	for (int kind = KIND_MEMFD; kind < NR_KINDS; kind++) {
		s = open_bound(0);
		CHECK(!replace_there(s, (enum kind)kind));
		check_not_oob(s, EBADFD);
		CHECK(!close(s));
	}

	/* Bound there, it is out-of-band from the first call on. */
	s = make_socket(0);
	CHECK(!bind_there(s, (int)if_nametoindex(ifname), 0));
	CHECK(REFUSED(receive(s, MSG_DONTWAIT), EAGAIN));
	CHECK(echoes(s));
	CHECK(!dlclose(handle) && echoes(s) && !close(s));
	return 0;
}
