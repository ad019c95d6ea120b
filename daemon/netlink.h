/* SPDX-License-Identifier: MIT */
/* netlink.h - one request to netlink and its answer. */
#ifndef OOBNET_DAEMON_NETLINK_H
#define OOBNET_DAEMON_NETLINK_H

#include <stddef.h>

#include <libmnl/libmnl.h>

/* Holds any RTM_NEWLINK, and any request of ours. */
#define NETLINK_BUFFER 32768

/*
 * Sends the request at `buf` (a complete message; its sequence number and NLM_F_REQUEST are set
 * here) and puts the answer in its place. With NLM_F_ACK the answer is the acknowledgement, else
 * the first message. `words` (may be NULL) gets what the kernel said beside the error number, or an
 * empty string. Returns 0, or a negative errno: the kernel's refusal, -EPROTO for an answer that
 * makes no sense. Waits at most 5 s (-ETIMEDOUT): the kernel answers at once, but holds its RTNL
 * while a driver resets.
 */
int netlink_ask(char buf[NETLINK_BUFFER], char *words, size_t size);

/* The same for another protocol than NETLINK_ROUTE, as NETLINK_GENERIC. */
int netlink_ask_family(int protocol, char buf[NETLINK_BUFFER], char *words, size_t size);

#endif /* OOBNET_DAEMON_NETLINK_H */
