// SPDX-License-Identifier: MIT
// Formatted output through proxies.

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <evl/proxy.h>
#include <evl/thread.h>
#include "core.h"

#define LINE_SIZE 1024

/* The length of what was formatted into @line, cut to what it holds, or -EINVAL. */
__attribute__((__format__(__printf__, 2, 0)))
static ssize_t format(char *line, const char *fmt, va_list ap)
{
	int len = vsnprintf(line, LINE_SIZE, fmt, ap);

	if (len < 0)
		return -EINVAL;
	return len < LINE_SIZE ? len : LINE_SIZE - 1;
}

__oobnet_api ssize_t evl_vprint_proxy(int efd, const char *fmt, va_list ap)
{
	char line[LINE_SIZE];
	ssize_t len = format(line, fmt, ap);

	return len < 0 ? len : evl_write_proxy(efd, line, (size_t)len);
}

__oobnet_api ssize_t evl_print_proxy(int efd, const char *fmt, ...)
{
	ssize_t ret;
	va_list ap;

	va_start(ap, fmt);
	ret = evl_vprint_proxy(efd, fmt, ap);
	va_end(ap);
	return ret;
}

/* To a standard proxy; while there is none, straight to stderr if the caller may wait for it. */
__attribute__((__format__(__printf__, 2, 0)))
static ssize_t vprint_std(int efd, const char *fmt, va_list ap)
{
	char line[LINE_SIZE];
	ssize_t len, ret;

	if (efd >= 0)
		return evl_vprint_proxy(efd, fmt, ap);
	if (!evl_is_inband() || oobnet_is_initialized())
		return -EBADFD;
	len = format(line, fmt, ap);
	if (len < 0)
		return len;
	ret = write(STDERR_FILENO, line, (size_t)len);
	return ret < 0 ? -errno : ret;
}

__oobnet_api ssize_t evl_printf(const char *fmt, ...)
{
	ssize_t ret;
	va_list ap;

	va_start(ap, fmt);
	ret = vprint_std(evl_outfd, fmt, ap);
	va_end(ap);
	return ret;
}

__oobnet_api ssize_t evl_eprintf(const char *fmt, ...)
{
	ssize_t ret;
	va_list ap;

	va_start(ap, fmt);
	ret = vprint_std(evl_errfd, fmt, ap);
	va_end(ap);
	return ret;
}
