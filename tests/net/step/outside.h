/* SPDX-License-Identifier: MIT */
/* outside.h - what the stepper sees from outside: oobnetd's books, and frames to and from the port. */
#ifndef STEP_OUTSIDE_H
#define STEP_OUTSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/layout.h"

double now(void);			/* CLOCK_MONOTONIC, s */
void nap_ms(unsigned int ms);

/* OOB_ASK_STATUS; ends the stepper when oobnetd does not answer. */
void ask_status(const char *ifname, struct oob_port_status *status);

/* How many frames are with a program, under way, or lost. */
unsigned int frames_away(const struct oob_port_status *status);

/* A packet socket at the other end of the link, and what it sends: IPv4 that ends in a cookie. */
struct issuer {
	int fd;
	uint8_t target[6], self[6];
	uint16_t vid;
	uint64_t cookie;		/* of the last frame sent */
};

void issuer_send(struct issuer *issuer);

/* Whether the last frame sent comes back within @seconds. Everything older is thrown away. */
bool issuer_answered(struct issuer *issuer, double seconds);

_Noreturn void fail(const char *what);

#endif /* STEP_OUTSIDE_H */
