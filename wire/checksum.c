// SPDX-License-Identifier: MIT
// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).

#include "wire/checksum.h"

#include <string.h>

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);

	return (uint16_t)sum;
}

uint64_t wire_csum_partial(const void *p, size_t len, uint64_t sum)
{
	const uint8_t *b = p;
	uint8_t pair[2];
	uint32_t quad;
	uint16_t word;

	/* 32 bits at a time: modulo 0xffff their two halves add up all the same. */
	for (; len >= sizeof(quad); b += sizeof(quad), len -= sizeof(quad)) {
		memcpy(&quad, b, sizeof(quad));
		sum += quad;
	}
	if (len >= sizeof(word)) {
		memcpy(&word, b, sizeof(word));
		sum += word;
		b += sizeof(word);
		len -= sizeof(word);
	}
	if (len) {
		pair[0] = *b;
		pair[1] = 0;
		memcpy(&word, pair, sizeof(word));
		sum += word;
	}

	return sum;
}

uint16_t wire_csum_fold(uint64_t sum)
{
	return (uint16_t)~fold(sum);
}

uint16_t wire_checksum(const void *p, size_t len)
{
	return wire_csum_fold(wire_csum_partial(p, len, 0));
}

uint16_t wire_csum_update16(uint16_t check, uint16_t from, uint16_t to)
{
	uint64_t sum = (uint16_t)~check;

	sum += (uint16_t)~from;
	sum += to;

	return wire_csum_fold(sum);
}

uint16_t wire_csum_update32(uint16_t check, uint32_t from, uint32_t to)
{
	uint64_t sum = (uint16_t)~check;

	sum += (uint32_t)~from;
	sum += to;

	return wire_csum_fold(sum);
}
