// SPDX-License-Identifier: MIT
// explain.c - the sentence that goes with the last failure of a thread.

#include <stdarg.h>
#include <stdio.h>

#include <evl/net/oobnet.h>

#include "port/explain.h"

static __thread char buffer[256];
static __thread const char *last;

__attribute__((visibility("default"))) const char *oobnet_explain(void)
{
	return last ? last : "";
}

int oobnet_because(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buffer, sizeof(buffer), fmt, ap);
	va_end(ap);
	last = buffer;
	return err;
}

int oobnet_because_text(int err, const char *text)
{
	last = text;
	return err;
}
