/* SPDX-License-Identifier: MIT */
/* The VLAN list: the text form of a set of VLAN ids (EVL: net/vlans, "evl net -N"). */
#ifndef WIRE_VLANLIST_H
#define WIRE_VLANLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WIRE_VLAN_IDS = 4096,
	WIRE_VLANLIST_WORDS = WIRE_VLAN_IDS / 64,
	/* Room for any set: the longest is made of 1366 items of at most 10 bytes: "4092-4093,". */
	WIRE_VLANLIST_TEXT_MAX = 13660,
};

/** wire_vlanlist_has - is @vid, 0 to 4095, in @set? Real-time safe. */
static inline bool wire_vlanlist_has(const uint64_t set[WIRE_VLANLIST_WORDS], unsigned int vid)
{
	return set[vid / 64] >> vid % 64 & 1;
}

/**
 * wire_vlanlist_parse - read a VLAN list
 * @text: the list; need not be terminated
 * @len: its length; a NUL byte ends it earlier
 * @set: VLAN id v is bit v % 64 of word v / 64; replaced as a whole, and only on success
 *
 * The grammar is that of the kernel's bitmap_parselist() over 4096 bits (Linux admin guide,
 * "The kernel's command-line parameters", cpu lists), which EVL uses:
 *
 *	list  = { separator } [ item { separator { separator } item } ] { separator }
 *	item  = number | range [ ":" number "/" number ]
 *	range = number "-" number | "all"
 *
 * A separator is a comma or white space. A number is decimal, or "N", the last id (4095). "all"
 * is in any case, and means 0-N. "a-b:used/group" takes the first "used" of every "group" ids of
 * the range. A list without items is the empty set. As in the kernel, a newline right after
 * an item without ":" ends the list, and what follows it is not read.
 *
 * Ids 0, 1 and 4095 cannot be out-of-band (EVL: VLAN list), so "all" and a plain "N" are always
 * refused.
 *
 * Pure; needs no more than the stack, 512 bytes; real-time safe.
 *
 * Return: 0; -EINVAL for junk, a reversed range, a group of 0 or smaller than its used part, or a
 * set with 0, 1 or 4095; -ERANGE for an id beyond 4095, or a number beyond 32 bits.
 */
int wire_vlanlist_parse(const char *text, size_t len, uint64_t set[WIRE_VLANLIST_WORDS]);

/**
 * wire_vlanlist_format - write a VLAN list in canonical form, as the kernel's "%*pbl"
 * @set: any set, 0, 1 and 4095 included
 * @buf: ascending ids, runs of two and more as ranges: "42-45,100,107"; NUL-terminated, without
 *	newline; the empty set is the empty string. On error its content is an empty string.
 * @size: bytes that fit there; WIRE_VLANLIST_TEXT_MAX is always enough
 *
 * Pure, and real-time safe.
 *
 * Return: the length without NUL; -ENOSPC if it does not fit.
 */
int wire_vlanlist_format(const uint64_t set[WIRE_VLANLIST_WORDS], char *buf, size_t size);

#endif /* WIRE_VLANLIST_H */
