/* SPDX-License-Identifier: MIT */
/* The sentence that goes with the last failure of a thread. */
#ifndef PORT_EXPLAIN_H
#define PORT_EXPLAIN_H

/**
 * oobnet_because - remember why something failed, for oobnet_explain()
 * @err: negative errno
 * @fmt: printf() format of a sentence; cut at 255 bytes
 *
 * Not real-time safe. Return: @err.
 */
int oobnet_because(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * oobnet_because_text - the same for a text that lives for ever
 *
 * Real-time safe: only the pointer is kept. Return: @err.
 */
int oobnet_because_text(int err, const char *text);

#endif /* PORT_EXPLAIN_H */
