// SPDX-License-Identifier: MIT
// module.c - an EVL-style part of a program that is loaded by dlopen(): here the headers are known.

#include <unistd.h>

#include "check.h"
#include "module.h"

static int attach(void)
{
	read_setup();
	return evl_attach_self("module:%d", getpid());
}

static int open_port(void)
{
	return open_bound(0);
}

static int is_oob(int s)
{
	int value;
	socklen_t len = sizeof(value);

	return !oob_getsockopt(s, SOL_SOCKET, SO_TYPE, &value, &len);
}

static int is_refused(int s)
{
	check_not_oob(s, EBADFD);
	return 1;
}

static int exchange(int s)
{
	return echoes(s);
}

static int close_here(int s)
{
	return close(s);
}

const struct module module = {
	.attach = attach,
	.open_port = open_port,
	.is_oob = is_oob,
	.is_refused = is_refused,
	.exchange = exchange,
	.close_here = close_here,
};
