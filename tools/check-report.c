// SPDX-License-Identifier: MIT
// check-report.c - the findings of evl check, for people and for programs.

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/check.h"

static const char *const states[] = {
	[CHECK_OK] = "ok",
	[CHECK_MISSING] = "missing",
	[CHECK_UNKNOWN] = "unknown",
};

struct check_item *check_add(struct check_section *section, const char *name, enum check_need need,
			     enum check_state state, const char *fmt, ...)
{
	struct check_item *item = &section->item[section->nr];
	va_list ap;

	if (section->nr == CHECK_ITEMS_MAX)
		abort();
	section->nr++;
	item->name = name;
	item->need = need;
	item->state = state;
	va_start(ap, fmt);
	vsnprintf(item->found, sizeof(item->found), fmt, ap);
	va_end(ap);

	return item;
}

void check_means(struct check_item *item, const char *text)
{
	snprintf(item->means, sizeof(item->means), "%s", text);
}

void check_mend(struct check_item *item, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(item->mend, sizeof(item->mend), fmt, ap);
	va_end(ap);
}

unsigned int check_missing(const struct check_section *section)
{
	unsigned int missing = 0, n;

	for (n = 0; n < section->nr; n++)
		missing += section->item[n].need == CHECK_NEEDED &&
			   section->item[n].state == CHECK_MISSING;

	return missing;
}

static void print_item(const struct check_item *item)
{
	printf("  %-8s %-14s %s\n", states[item->state], item->name, item->found);
	if (item->means[0])
		printf("  %-23s %s\n", "", item->means);
	if (item->mend[0])
		printf("  %-23s %s\n", "", item->mend);
}

void check_print(const struct check_section *sections, unsigned int nr)
{
	unsigned int s, n;

	for (s = 0; s < nr; s++) {
		printf("%s%s\n", s ? "\n" : "", sections[s].name[0] ? sections[s].name : "machine");
		for (n = 0; n < sections[s].nr; n++)
			print_item(&sections[s].item[n]);
	}
}

static struct json_object *text_or_null(const char *text)
{
	return *text ? json_object_new_string(text) : NULL;
}

static struct json_object *json_items(const struct check_section *section)
{
	struct json_object *items = json_object_new_array(), *object;
	unsigned int n;

	for (n = 0; n < section->nr; n++) {
		const struct check_item *item = &section->item[n];

		object = json_object_new_object();
		json_object_object_add(object, "name", json_object_new_string(item->name));
		json_object_object_add(object, "state",
				       json_object_new_string(states[item->state]));
		json_object_object_add(object, "needed",
				       json_object_new_boolean(item->need == CHECK_NEEDED));
		json_object_object_add(object, "found", json_object_new_string(item->found));
		json_object_object_add(object, "consequence", text_or_null(item->means));
		json_object_object_add(object, "remedy", text_or_null(item->mend));
		json_object_array_add(items, object);
	}

	return items;
}

void check_json(const struct check_section *sections, unsigned int nr, unsigned int missing)
{
	struct json_object *json = json_object_new_object();
	struct json_object *interfaces = json_object_new_array(), *object;
	unsigned int s;

	for (s = 0; s < nr; s++) {
		if (!sections[s].name[0]) {
			json_object_object_add(json, "machine", json_items(&sections[s]));
			continue;
		}
		object = json_object_new_object();
		json_object_object_add(object, "name", json_object_new_string(sections[s].name));
		json_object_object_add(object, "driver", json_object_new_string(sections[s].driver));
		json_object_object_add(object, "missing",
				       json_object_new_int((int)check_missing(&sections[s])));
		json_object_object_add(object, "items", json_items(&sections[s]));
		json_object_array_add(interfaces, object);
	}
	json_object_object_add(json, "interfaces", interfaces);
	json_object_object_add(json, "missing", json_object_new_int((int)missing));
	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(json);
}
