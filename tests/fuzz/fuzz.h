/* SPDX-License-Identifier: MIT */
/* What the fuzzers share: an oracle that stays in every build, and buffers of exact size. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/wire_packets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): NDEBUG must not make the fuzzers blind. */
#define ORACLE(cond, what)                                                              \
	do {                                                                            \
		if (!(cond)) {                                                          \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, what);       \
			abort();                                                        \
		}                                                                       \
	} while (0)

/* As pkt_exact(), and never NULL. */
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t size)
{
	uint8_t *copy = pkt_exact(data, size);

	if (!copy)
		abort();

	return copy;
}

#endif /* TESTS_FUZZ_FUZZ_H */
