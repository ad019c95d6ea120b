// SPDX-License-Identifier: MIT
// say.c - an error with its sentence: what, why, and what to do about it.

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/say.h"

static const char more_to_say[] = "...";

static void append(struct say *say, size_t at, const char *fmt, va_list args)
{
	size_t room = sizeof(say->text) - at;
	int len;

	len = vsnprintf(say->text + at, room, fmt, args);
	if (len >= 0 && (size_t)len >= room)
		memcpy(say->text + sizeof(say->text) - sizeof(more_to_say), more_to_say,
		       sizeof(more_to_say));
}

int say(struct say *say, int err, const char *fmt, ...)
{
	va_list args;

	if (say) {
		va_start(args, fmt);
		append(say, 0, fmt, args);
		va_end(args);
	}

	return err;
}

int say_more(struct say *say, int err, const char *fmt, ...)
{
	va_list args;

	if (say) {
		va_start(args, fmt);
		append(say, strnlen(say->text, sizeof(say->text) - 1), fmt, args);
		va_end(args);
	}

	return err;
}
