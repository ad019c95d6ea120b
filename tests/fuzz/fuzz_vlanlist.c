// SPDX-License-Identifier: MIT
// Fuzzer of the VLAN list, against a model that works on whole words of the text.
//
// Input: the text.

#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

#include "wire/vlanlist.h"

static const char separators[] = ", \t\n\v\f\r";

/* A whole word that is a number: 0; -EINVAL; -ERANGE if it needs more than 32 bits. */
static int model_number(const char *word, unsigned long *out)
{
	size_t digits = strspn(word, "0123456789");

	if (strcmp(word, "N") == 0) {
		*out = 4095;
		return 0;
	}
	if (!digits || word[digits])
		return -EINVAL;
	errno = 0;
	*out = strtoul(word, NULL, 10);

	return errno || *out > 0xffffffff ? -ERANGE : 0;
}

/*
 * Whether a word is of the right form, and which numbers are in it: cut at its punctuation into
 * a-b:used/group. Missing parts are NULL.
 */
static bool model_split(char *word, char *part[4])
{
	memset(part, 0, 4 * sizeof(*part));
	part[0] = word;
	part[2] = strchr(word, ':');
	if (part[2]) {
		*part[2]++ = '\0';
		part[3] = strchr(part[2], '/');
		if (!part[3])
			return false;
		*part[3]++ = '\0';
	}
	if (strcasecmp(word, "all") == 0)
		return true;
	part[1] = strchr(word, '-');
	if (part[1])
		*part[1]++ = '\0';

	return part[1] || !part[2];
}

/* One word: sets ids, and returns 0, -EINVAL, or -ERANGE. */
static int model_item(char *word, bool ids[4096])
{
	unsigned long value[4] = { 0, 4095, 1, 1 }, id;
	char *part[4];
	bool all, form, range = false;
	int n, ret;

	form = model_split(word, part);
	all = !part[1] && strcasecmp(part[0], "all") == 0;
	for (n = all ? 2 : 0; n < 4; n++) {
		ret = part[n] ? model_number(part[n], &value[n]) : 0;
		if (ret == -EINVAL)
			form = false;
		if (ret == -ERANGE)
			range = true;
	}
	if (!form)
		return -EINVAL;
	if (range)
		return -ERANGE;
	if (!part[1] && !all)
		value[1] = value[0];
	if (value[0] > value[1] || !value[3] || value[2] > value[3])
		return -EINVAL;
	if (value[1] > 4095)
		return -ERANGE;
	for (id = 0; id + value[0] <= value[1]; id++)
		if (id % value[3] < value[2])
			ids[id + value[0]] = true;

	return 0;
}

/* The list: 0 and @ids, or some error. */
static int model_list(const uint8_t *data, size_t size, bool ids[4096])
{
	char *text = malloc(size + 1), *at, *word;
	int ret = 0;

	ORACLE(text, "memory");
	memcpy(text, data, size);
	text[size] = '\0';
	for (at = text; !ret && *(at += strspn(at, separators)); ) {
		bool pattern;
		char delimiter;

		word = at;
		at += strcspn(at, separators);
		delimiter = *at;
		*at = '\0';
		pattern = strchr(word, ':');
		ret = model_item(word, ids);
		if (!delimiter || (delimiter == '\n' && !pattern))
			break;
		at++;
	}
	free(text);

	return !ret && (ids[0] || ids[1] || ids[4095]) ? -EINVAL : ret;
}

static void check_canonical(const uint64_t set[64])
{
	char *text = malloc(WIRE_VLANLIST_TEXT_MAX), *copy, *at;
	unsigned long last = 0, first;
	bool start = true;
	uint64_t again[64];
	int len;

	ORACLE(text, "memory");
	len = wire_vlanlist_format(set, text, WIRE_VLANLIST_TEXT_MAX);
	ORACLE(len >= 0 && strlen(text) == (size_t)len, "length of the text");
	copy = (char *)fuzz_copy((uint8_t *)text, (size_t)len);
	ORACLE(wire_vlanlist_parse(copy, (size_t)len, again) == 0, "canonical text is refused");
	ORACLE(memcmp(set, again, sizeof(again)) == 0, "round trip");
	free(copy);

	/* Exact room is enough; one byte less is not. */
	copy = malloc((size_t)len + 1);
	ORACLE(copy, "memory");
	ORACLE(wire_vlanlist_format(set, copy, (size_t)len + 1) == len, "exact room");
	ORACLE(strcmp(copy, text) == 0, "same text");
	ORACLE(wire_vlanlist_format(set, copy, (size_t)len) == -ENOSPC, "too little room");
	free(copy);

	/* Ascending, and runs merged: there is a gap before each item. */
	for (at = text; *at; start = false) {
		ORACLE(isdigit((unsigned char)*at), "number");
		first = strtoul(at, &at, 10);
		ORACLE(start || first > last + 1, "ascending with gaps");
		last = first;
		if (*at == '-') {
			last = strtoul(at + 1, &at, 10);
			ORACLE(last > first, "range");
		}
		ORACLE(!*at || (*at == ',' && at[1]), "comma between items");
		at += *at == ',';
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *text = fuzz_copy(data, size);
	uint64_t set[64], before[64];
	bool ids[4096] = { false };
	unsigned int id;
	int ret, want;

	memset(set, 0xa5, sizeof(set));
	memcpy(before, set, sizeof(set));
	ret = wire_vlanlist_parse((char *)text, size, set);
	want = model_list(data, size, ids);
	ORACLE(ret == 0 || ret == -EINVAL || ret == -ERANGE, "error code");
	ORACLE((ret == 0) == (want == 0), "accepted or refused unlike the model");
	if (ret) {
		ORACLE(memcmp(set, before, sizeof(set)) == 0, "set touched by a refused list");
	} else {
		for (id = 0; id < 4096; id++)
			ORACLE(wire_vlanlist_has(set, id) == ids[id], "ids");
		check_canonical(set);
	}
	free(text);

	return 0;
}
