// SPDX-License-Identifier: MIT
// Tests of the VLAN list.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/vlanlist.h"

static int parse(const char *text, size_t len, uint64_t set[64])
{
	char *exact = malloc(len);
	int ret;

	assert_true(exact || !len);
	if (len)
		memcpy(exact, text, len);
	ret = wire_vlanlist_parse(exact, len, set);
	free(exact);

	return ret;
}

static void check_list(const char *text, size_t len, const char *canonical)
{
	char buf[WIRE_VLANLIST_TEXT_MAX];
	uint64_t set[64];
	int ret;

	memset(set, 0xa5, sizeof(set));
	ret = parse(text, len, set);
	if (ret)
		fail_msg("\"%s\": %d", text, ret);
	assert_int_equal(wire_vlanlist_format(set, buf, sizeof(buf)), strlen(canonical));
	assert_string_equal(buf, canonical);
}

static void check_refused(const char *text, size_t len, int error)
{
	uint64_t set[64], before[64];
	int ret;

	memset(set, 0xa5, sizeof(set));
	memcpy(before, set, sizeof(set));
	ret = parse(text, len, set);
	if (ret != error)
		fail_msg("\"%s\": %d instead of %d", text, ret, error);
	assert_memory_equal(set, before, sizeof(set));
}

#define LIST(text, canonical) check_list(text, sizeof(text) - 1, canonical)
#define REFUSED(text, error) check_refused(text, sizeof(text) - 1, error)

static void test_simple_lists(void **state)
{
	(void)state;
	LIST("42", "42");
	LIST("2", "2");
	LIST("4094", "4094");
	LIST("2-4094", "2-4094");
	LIST("42-45,100,107", "42-45,100,107");
	LIST("107,100,45,43,44,42", "42-45,100,107");
	LIST("42-42", "42");
	LIST("42,42,40-44", "40-44");
	LIST("63-64,127-128", "63-64,127-128");
	LIST("00042", "42");
	LIST("0000000000000000000000000000000000000042", "42");
}

static void test_empty_lists(void **state)
{
	(void)state;
	LIST("", "");
	LIST("\n", "");
	LIST("\0", "");
	LIST(" ", "");
	LIST(",", "");
	LIST(" ,\t,\v\f\r\n", "");
	assert_int_equal(wire_vlanlist_parse(NULL, 0, (uint64_t[64]){ 0 }), 0);
}

static void test_separators(void **state)
{
	(void)state;
	LIST("42 43", "42-43");
	LIST("42,,43", "42-43");
	LIST(",42,", "42");
	LIST("  42\t,\r43 ,\f44\v", "42-44");
	LIST("\n42", "42");
	LIST("42\n", "42");
}

static void test_end_of_text(void **state)
{
	(void)state;
	LIST("42\0junk", "42");
	LIST("\0" "42", "");
	LIST("42\n43", "42");
	LIST("42\njunk", "42");
	LIST("42 \n43", "42-43");
	LIST("40-43:1/2\n50", "40,42,50");
}

static void test_last_id(void **state)
{
	(void)state;
	REFUSED("N", -EINVAL);
	REFUSED("100-N", -EINVAL);
	REFUSED("all", -EINVAL);
	REFUSED("ALL", -EINVAL);
	REFUSED("aLl", -EINVAL);
	REFUSED("N-100", -EINVAL);
	REFUSED("N-N", -EINVAL);
	LIST("4000-N:1/50", "4000,4050");
	LIST("100-110:N/N", "100-110");
	LIST("all:0/3", "");
	LIST("10-12:1/N", "10");
}

static void test_patterns(void **state)
{
	(void)state;
	LIST("10-20:2/5", "10-11,15-16,20");
	LIST("10-21:2/5", "10-11,15-16,20-21");
	LIST("10-19:5/5", "10-19");
	LIST("10-19:1/1", "10-19");
	LIST("10-19:0/5", "");
	LIST("10-19:3/4000", "10-12");
	LIST("10-19:1/4294967295", "10");
	LIST("100-200:4294967295/4294967295", "100-200");
	LIST("10-13:1/2,20-23:1/2", "10,12,20,22");
	REFUSED("10-19:2/1", -EINVAL);
	REFUSED("10-19:0/0", -EINVAL);
	REFUSED("10-19:1/0", -EINVAL);
	REFUSED("10-19:1", -EINVAL);
	REFUSED("10-19:", -EINVAL);
	REFUSED("10-19:/", -EINVAL);
	REFUSED("10-19:1/", -EINVAL);
	REFUSED("10-19:/2", -EINVAL);
	REFUSED("10-19:1/2/3", -EINVAL);
	REFUSED("10-19:1/2:1/2", -EINVAL);
	REFUSED("10-19:1/2-3", -EINVAL);
	REFUSED("10-19:1/2N", -EINVAL);
	REFUSED("10-19:1 /2", -EINVAL);
	REFUSED("10-19:-1/2", -EINVAL);
	REFUSED("10:1/2", -EINVAL);
	REFUSED("N:1/2", -EINVAL);
}

static void test_junk(void **state)
{
	static const char *const junk[] = {
		"x", "42x", "x42", "4 2x", "-", "-5", "5-", "5--6", "5-6-7", "5 - 6", "+5", "5.6",
		"0x10", "42;43", "42/43", "n", "100-n", "al", "alll", "all42", "Nall", "NN", "N5",
		"all-5", "5-all", "42:", ":", "/", "\x01", "\xa0", "42\xa0", "\xff", "42,-", "42,x",
		"^42", "42_", "4\b2", "'42'", "\"42\"", "42,43,44,four",
	};
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(junk) / sizeof(junk[0]); n++)
		check_refused(junk[n], strlen(junk[n]), -EINVAL);
}

static void test_reserved_ids(void **state)
{
	(void)state;
	REFUSED("0", -EINVAL);
	REFUSED("1", -EINVAL);
	REFUSED("4095", -EINVAL);
	REFUSED("0-42", -EINVAL);
	REFUSED("1-42", -EINVAL);
	REFUSED("42,0", -EINVAL);
	REFUSED("42,1", -EINVAL);
	REFUSED("42-4095", -EINVAL);
	REFUSED("42,4095,43", -EINVAL);
	LIST("0-9:0/2", "");
}

static void test_ranges_refused(void **state)
{
	(void)state;
	REFUSED("45-42", -EINVAL);
	REFUSED("5000-42", -EINVAL);
	REFUSED("42,45-42", -EINVAL);
	REFUSED("4096", -ERANGE);
	REFUSED("42-4096", -ERANGE);
	REFUSED("42,4096", -ERANGE);
	REFUSED("4294967295", -ERANGE);
	REFUSED("4294967296", -ERANGE);
	REFUSED("4294967338", -ERANGE);
	REFUSED("18446744073709551658", -ERANGE);
	REFUSED("99999999999999999999999999999999999999", -ERANGE);
	REFUSED("10-18446744073709551658", -ERANGE);
	REFUSED("10-20:4294967297/4294967298", -ERANGE);
	REFUSED("10-20:1/4294967297", -ERANGE);
	/* The first thing wrong decides. */
	REFUSED("4096,x", -ERANGE);
	REFUSED("x,4096", -EINVAL);
}

static void test_every_single_id(void **state)
{
	unsigned int id, n;
	uint64_t set[64];
	char text[16];

	(void)state;
	for (id = 0; id < 4200; id++) {
		int len = snprintf(text, sizeof(text), "%u", id);

		if (id > 4095) {
			check_refused(text, (size_t)len, -ERANGE);
		} else if (id < 2 || id == 4095) {
			check_refused(text, (size_t)len, -EINVAL);
		} else {
			check_list(text, (size_t)len, text);
			assert_int_equal(parse(text, (size_t)len, set), 0);
			for (n = 0; n < 4096; n++)
				assert_int_equal(wire_vlanlist_has(set, n), n == id);
		}
	}
}

static void test_set_is_replaced(void **state)
{
	char buf[32];
	uint64_t set[64];

	(void)state;
	assert_int_equal(parse("42,43", 5, set), 0);
	assert_int_equal(parse("100", 3, set), 0);
	assert_int_equal(wire_vlanlist_format(set, buf, sizeof(buf)), 3);
	assert_string_equal(buf, "100");
	assert_int_equal(parse("50,1", 4, set), -EINVAL);
	assert_int_equal(wire_vlanlist_format(set, buf, sizeof(buf)), 3);
	assert_string_equal(buf, "100");
}

static void test_format_shows_reserved_ids(void **state)
{
	uint64_t set[64];
	char buf[16];

	(void)state;
	memset(set, 0xff, sizeof(set));
	assert_int_equal(wire_vlanlist_format(set, buf, sizeof(buf)), 6);
	assert_string_equal(buf, "0-4095");
	memset(set, 0, sizeof(set));
	set[0] = 1;
	set[63] = UINT64_C(1) << 63;
	assert_int_equal(wire_vlanlist_format(set, buf, sizeof(buf)), 6);
	assert_string_equal(buf, "0,4095");
}

static void test_format_without_room(void **state)
{
	static const char want[] = "42-45,100,1007-4094";
	uint64_t set[64];
	size_t size;

	(void)state;
	assert_int_equal(parse(want, strlen(want), set), 0);
	for (size = 0; size <= sizeof(want); size++) {
		char *buf = malloc(size + !size);

		assert_non_null(buf);
		buf[0] = '?';
		if (size < sizeof(want)) {
			assert_int_equal(wire_vlanlist_format(set, buf, size), -ENOSPC);
			assert_int_equal(buf[0], size ? '\0' : '?');
		} else {
			assert_int_equal(wire_vlanlist_format(set, buf, size), strlen(want));
			assert_string_equal(buf, want);
		}
		free(buf);
	}
}

/* Each period and length of runs: no set may need more than the header promises. */
static void test_text_max_is_enough(void **state)
{
	unsigned int period, run, id;
	uint64_t set[64];
	int longest = 0;
	char *buf;

	(void)state;
	for (period = 1; period < 6; period++) {
		for (run = 0; run <= period; run++) {
			int len;

			memset(set, 0, sizeof(set));
			for (id = 0; id < 4096; id++)
				if (id % period < run)
					set[id / 64] |= UINT64_C(1) << id % 64;
			buf = malloc(WIRE_VLANLIST_TEXT_MAX);
			assert_non_null(buf);
			len = wire_vlanlist_format(set, buf, WIRE_VLANLIST_TEXT_MAX);
			assert_true(len >= 0);
			assert_int_equal(strlen(buf), len);
			free(buf);
			if (len > longest)
				longest = len;
		}
	}
	assert_in_range(longest, 12000, WIRE_VLANLIST_TEXT_MAX - 1);
}

static void test_random_round_trips(void **state)
{
	char buf[WIRE_VLANLIST_TEXT_MAX];
	uint64_t set[64], again[64];
	unsigned int round, n;

	(void)state;
	srand(2304);
	for (round = 0; round < 2000; round++) {
		unsigned int density = 1u << rand() % 12;
		int len;

		memset(set, 0, sizeof(set));
		for (n = 2; n < 4095; n++)
			if ((unsigned int)rand() % density == 0)
				set[n / 64] |= UINT64_C(1) << n % 64;
		len = wire_vlanlist_format(set, buf, sizeof(buf));
		assert_true(len >= 0);
		memset(again, 0xa5, sizeof(again));
		assert_int_equal(parse(buf, (size_t)len, again), 0);
		assert_memory_equal(set, again, sizeof(set));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_simple_lists),
		cmocka_unit_test(test_empty_lists),
		cmocka_unit_test(test_separators),
		cmocka_unit_test(test_end_of_text),
		cmocka_unit_test(test_last_id),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_junk),
		cmocka_unit_test(test_reserved_ids),
		cmocka_unit_test(test_ranges_refused),
		cmocka_unit_test(test_every_single_id),
		cmocka_unit_test(test_set_is_replaced),
		cmocka_unit_test(test_format_shows_reserved_ids),
		cmocka_unit_test(test_format_without_room),
		cmocka_unit_test(test_text_max_is_enough),
		cmocka_unit_test(test_random_round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
