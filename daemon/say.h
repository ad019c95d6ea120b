/* SPDX-License-Identifier: MIT */
/* say.h - an error with its sentence: what, why, and what to do about it. */
#ifndef OOBNET_DAEMON_SAY_H
#define OOBNET_DAEMON_SAY_H

/*
 * A function that can fail for a reason that a user can remove takes one of these and leaves a
 * sentence, "eth0: the reason; the remedy", without a full stop and without a newline. The size is
 * that of oob_reply.text, which carries it to the user. Zero it before use.
 */
struct say {
	char text[256];
};

/*
 * Replaces the text by a sentence in printf() style; one that does not fit ends in "...". `say` may
 * be NULL when nobody listens. Returns err, so that "return say(s, -ENODEV, ...)" reads well. Not
 * real-time safe.
 */
int say(struct say *say, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same, appended to the text as it stands. Arguments may not point into that text. */
int say_more(struct say *say, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif /* OOBNET_DAEMON_SAY_H */
