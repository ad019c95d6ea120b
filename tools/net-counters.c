// SPDX-License-Identifier: MIT
// net-counters.c - the reasons for which packets of a port are dropped, and where each is counted.

#include <stddef.h>

#include "tools/net.h"

/* A counter of the port itself. */
#define PORT_COUNTER(name, path)					\
	static uint64_t name(const struct oob_port_status *port)	\
	{								\
		return port->path;					\
	}

PORT_COUNTER(nobody, divert.nobody)
PORT_COUNTER(no_socket, divert.no_socket)
PORT_COUNTER(rx_malformed, stats.rx_malformed)
PORT_COUNTER(rx_unwanted, stats.rx_unwanted)
PORT_COUNTER(csum_errors, stats.csum_errors)
PORT_COUNTER(rx_nomem, stats.rx_nomem)
PORT_COUNTER(rx_lost, stats.rx_lost)
PORT_COUNTER(tx_errors, stats.tx_errors)
PORT_COUNTER(tx_invalid, tx_invalid)
PORT_COUNTER(timed_out, timed_out)

static uint64_t sum(const __u64 *count, uint32_t nr)
{
	uint64_t total = 0;
	uint32_t n;

	for (n = 0; n < nr && n < OOB_MAX_QUEUES; n++)
		total += count[n];

	return total;
}

/* A counter that the real device keeps for each of its queues. */
#define QUEUE_COUNTER(name, array)					\
	static uint64_t name(const struct oob_port_status *port)	\
	{								\
		return sum(port->array, port->nr_queues);		\
	}

QUEUE_COUNTER(rx_ring_full, rx_ring_full)
QUEUE_COUNTER(rx_dropped, rx_dropped)

/*
 * Each reason once, so that they add up. That a sender found no frame (tx nomem) is none: it waited. That
 * the kernel found the fill ring empty is among what the socket refused, in copy mode.
 */
const struct net_drop net_drops[] = {
	{ "nobody", "received, no program claims the port", nobody },
	{ "no_socket", "received, the program has no socket on the queue", no_socket },
	{ "malformed", "received, malformed", rx_malformed },
	{ "unwanted", "received, no socket of the program wants it", rx_unwanted },
	{ "checksum", "received, bad checksum", csum_errors },
	{ "socket_full", "received, no room in the socket's queue", rx_nomem },
	{ "keeper_lost", "received, lost with a keeper that was killed", rx_lost },
	{ "ring_full", "received on any port, the program's ring was full", rx_ring_full },
	{ "socket_refused", "received on any port, refused by the socket", rx_dropped },
	{ "tx_unsent", "to send, given back unsent", tx_errors },
	{ "tx_invalid", "to send on any port, refused by the kernel", tx_invalid },
	{ "tx_timed_out", "sent on any port by a program that ended, never completed", timed_out },
	{ NULL, NULL, NULL }
};
