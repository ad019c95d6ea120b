/* SPDX-License-Identifier: MIT */
/* The Internet checksum (RFC 1071) and its incremental update (RFC 1624). */
#ifndef WIRE_CHECKSUM_H
#define WIRE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * Byte order: every 16-bit value taken or returned here is as it lies in memory. A checksum is
 * copied into the packet, or out of it, by memcpy() and never goes through htons(). RFC 1071
 * section 2 (B) is why this works on hosts of either byte order.
 *
 * All functions are pure, safe in real-time context, and have no error.
 */

/**
 * wire_csum_partial - add bytes to a running sum
 * @p: bytes, at any alignment; may be NULL when @len is 0
 * @len: number of bytes, at most 16 GiB over all calls for one sum
 * @sum: 0, or what an earlier call returned
 *
 * Pieces of one message may be summed one after the other if each piece but the last has an
 * even length (an odd piece is padded with a zero byte, which is right only at the end).
 *
 * Return: the running sum, to be given to wire_csum_fold().
 */
uint64_t wire_csum_partial(const void *p, size_t len, uint64_t sum);

/**
 * wire_csum_fold - the checksum that a running sum stands for
 * @sum: what wire_csum_partial() returned
 *
 * Return: the one's complement of the sum folded to 16 bits: the value to store. Over a message
 * that contains its checksum, 0 means that the checksum is right.
 */
uint16_t wire_csum_fold(uint64_t sum);

/**
 * wire_checksum - the Internet checksum of a message (RFC 1071)
 * @p: bytes, at any alignment; may be NULL when @len is 0
 * @len: number of bytes; an odd last byte is padded with zero
 *
 * Return: the value to store in the checksum field, which was 0 while summing; or 0 if the
 * message contains its checksum and it is right.
 */
uint16_t wire_checksum(const void *p, size_t len);

/**
 * wire_csum_update16 - checksum after one aligned 16-bit field changed (RFC 1624, equation 3)
 * @check: the checksum as stored
 * @from: the field as it was, as in memory
 * @to: the field as it is now, as in memory
 *
 * Not for messages that may become all zeros, such as an ICMP echo reply: there the checksum is
 * 0xffff and this gives 0, which a receiver refuses. An IP header is never all zeros.
 *
 * Return: the new value to store.
 */
uint16_t wire_csum_update16(uint16_t check, uint16_t from, uint16_t to);

/**
 * wire_csum_update32 - checksum after one 32-bit field at an even offset changed
 * @check: the checksum as stored
 * @from: the field as it was, as in memory
 * @to: the field as it is now, as in memory
 *
 * The limit of wire_csum_update16() holds here too.
 *
 * Return: the new value to store.
 */
uint16_t wire_csum_update32(uint16_t check, uint32_t from, uint32_t to);

#endif /* WIRE_CHECKSUM_H */
