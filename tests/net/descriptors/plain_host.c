// SPDX-License-Identifier: MIT
// plain_host.c - an executable that knows nothing of the library and loads a module that does.
//
// usage: plain_host MODULE

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "module.h"

#define CHECK(what)								\
	do {									\
		if (!(what)) {							\
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);	\
			exit(1);						\
		}								\
	} while (0)

int main(int argc, char *argv[])
{
	const struct module *m;
	void *handle;
	int s, t;

	CHECK(argc == 2);
	handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		fprintf(stderr, "%s\n", dlerror());
	CHECK(handle);
	m = dlsym(handle, "module");
	CHECK(m && m->attach() >= 0);

	/* Closed by the host, the number used for something else. */
	s = m->open_port();
	CHECK(s >= 0 && m->exchange(s));
	CHECK(!close(s));
	t = open("/dev/null", O_RDWR);
	CHECK(t == s && m->is_refused(s));
	CHECK(write(t, "x", 1) == 1 && !close(t));
	CHECK(!m->is_oob(s));

	/* A copy of the host's is no out-of-band socket, and its end is not the socket's. */
	s = m->open_port();
	t = dup(s);
	CHECK(m->exchange(s) && m->is_refused(t));
	CHECK(!close(t) && m->exchange(s));
	CHECK(!m->close_here(s) && !m->is_oob(s));

	/* The module goes while a socket is bound: the library stays, and the program ends in good order. */
	s = m->open_port();
	CHECK(m->exchange(s));
	CHECK(!dlclose(handle));
	CHECK(!close(s));
	return 0;
}
