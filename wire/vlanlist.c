// SPDX-License-Identifier: MIT
// The VLAN list: the text form of a set of VLAN ids.

#include "wire/vlanlist.h"

#include <errno.h>
#include <string.h>

/* The text that is left. */
struct cursor {
	const char *at;
	size_t left;
};

struct item {
	uint32_t first;
	uint32_t last;
	uint32_t used;
	uint32_t group;
};

/* The next character, NUL where the text ends. */
static char peek(const struct cursor *c)
{
	return c->left ? *c->at : '\0';
}

static void skip(struct cursor *c, size_t n)
{
	c->at += n;
	c->left -= n;
}

static bool accept_char(struct cursor *c, char wanted)
{
	if (peek(c) != wanted)
		return false;
	skip(c, 1);

	return true;
}

static bool accept_all(struct cursor *c)
{
	static const char word[] = "all";
	size_t n;

	if (c->left < sizeof(word) - 1)
		return false;
	for (n = 0; n < sizeof(word) - 1; n++)
		if ((c->at[n] | 0x20) != word[n])
			return false;
	skip(c, n);

	return true;
}

/* Not isspace(): what separates ids must not depend on the locale. */
static bool is_separator(char ch)
{
	return ch == ',' || ch == ' ' || (ch >= '\t' && ch <= '\r');
}

static bool at_item_end(const struct cursor *c)
{
	return peek(c) == '\0' || is_separator(peek(c));
}

static int read_number(struct cursor *c, uint32_t *out)
{
	uint64_t value = 0;
	char ch = peek(c);

	if (accept_char(c, 'N')) {
		*out = WIRE_VLAN_IDS - 1;
		return 0;
	}
	if (ch < '0' || ch > '9')
		return -EINVAL;

	for (; ch >= '0' && ch <= '9'; ch = peek(c)) {
		value = value * 10 + (uint64_t)(ch - '0');
		if (value > UINT32_MAX)
			return -ERANGE;
		skip(c, 1);
	}
	*out = (uint32_t)value;

	return 0;
}

/* Range or single number, without the ":used/group" that may follow a range. */
static int read_range(struct cursor *c, struct item *item, bool *single)
{
	int ret;

	*single = false;
	if (accept_all(c)) {
		item->first = 0;
		item->last = WIRE_VLAN_IDS - 1;
		return 0;
	}

	ret = read_number(c, &item->first);
	if (ret)
		return ret;
	if (accept_char(c, '-'))
		return read_number(c, &item->last);
	item->last = item->first;
	*single = true;

	return 0;
}

static int read_item(struct cursor *c, struct item *item)
{
	bool single;
	int ret;

	ret = read_range(c, item, &single);
	if (ret)
		return ret;

	if (at_item_end(c)) {
		item->used = 1;
		item->group = 1;
		if (peek(c) == '\n')
			c->left = 0;
		return 0;
	}

	if (single || !accept_char(c, ':'))
		return -EINVAL;
	ret = read_number(c, &item->used);
	if (ret)
		return ret;
	if (!accept_char(c, '/'))
		return -EINVAL;
	ret = read_number(c, &item->group);
	if (ret)
		return ret;

	return at_item_end(c) ? 0 : -EINVAL;
}

static int add_item(uint64_t *set, const struct item *item)
{
	uint32_t id;

	if (item->first > item->last || item->group == 0 || item->used > item->group)
		return -EINVAL;
	if (item->last >= WIRE_VLAN_IDS)
		return -ERANGE;

	for (id = item->first; id <= item->last; id++)
		if ((id - item->first) % item->group < item->used)
			set[id / 64] |= UINT64_C(1) << id % 64;

	return 0;
}

int wire_vlanlist_parse(const char *text, size_t len, uint64_t set[WIRE_VLANLIST_WORDS])
{
	uint64_t parsed[WIRE_VLANLIST_WORDS] = { 0 };
	struct cursor c = { text, len };
	struct item item;
	int ret;

	for (;;) {
		while (is_separator(peek(&c)))
			skip(&c, 1);
		if (peek(&c) == '\0')
			break;
		ret = read_item(&c, &item);
		if (!ret)
			ret = add_item(parsed, &item);
		if (ret)
			return ret;
	}

	if (wire_vlanlist_has(parsed, 0) || wire_vlanlist_has(parsed, 1) ||
	    wire_vlanlist_has(parsed, WIRE_VLAN_IDS - 1))
		return -EINVAL;
	memcpy(set, parsed, sizeof(parsed));

	return 0;
}

/* Decimal digits of @id at the end of @digits; returns where they start. */
static const char *decimal(unsigned int id, char digits[static 5])
{
	char *p = digits + 4;

	*p = '\0';
	do
		*--p = (char)('0' + id % 10);
	while (id /= 10);

	return p;
}

/* Append, always leaving room for the NUL. */
static bool append(char *buf, size_t size, size_t *used, const char *text)
{
	size_t len = strlen(text);

	if (size - *used <= len)
		return false;
	memcpy(buf + *used, text, len);
	*used += len;

	return true;
}

static bool append_run(char *buf, size_t size, size_t *used, unsigned int first, unsigned int last)
{
	char digits[5];

	if (*used && !append(buf, size, used, ","))
		return false;
	if (!append(buf, size, used, decimal(first, digits)))
		return false;
	if (first == last)
		return true;

	return append(buf, size, used, "-") && append(buf, size, used, decimal(last, digits));
}

int wire_vlanlist_format(const uint64_t set[WIRE_VLANLIST_WORDS], char *buf, size_t size)
{
	unsigned int id, last;
	size_t used = 0;

	if (!size)
		return -ENOSPC;

	for (id = 0; id < WIRE_VLAN_IDS; id = last + 1) {
		last = id;
		if (!wire_vlanlist_has(set, id))
			continue;
		while (last + 1 < WIRE_VLAN_IDS && wire_vlanlist_has(set, last + 1))
			last++;
		if (!append_run(buf, size, &used, id, last)) {
			buf[0] = '\0';
			return -ENOSPC;
		}
	}
	buf[used] = '\0';

	return (int)used;
}
