// SPDX-License-Identifier: GPL-2.0-only
/* The table of sections, and what all of them share. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/section.h"
#include "lib/cleanup.h"

#define SECTION(id, name) extern const struct section section_##id;
#define SECTION_LATER(...)
#include "cli/sections.def"
#undef SECTION
#undef SECTION_LATER

static const struct {
	const char *name;
	const struct section *section; /* NULL: lacking */
	const char *why;
} table[] = {
#define SECTION(id, name)	     {name, &section_##id, NULL},
#define SECTION_LATER(id, name, why) {name, NULL, why},
#include "cli/sections.def"
#undef SECTION
#undef SECTION_LATER
};

const char *section_name(enum section_id id)
{
	return table[id].name;
}

const char *section_lacking(enum section_id id)
{
	return table[id].why;
}

/* Under auto each section decides itself; one asked for by name is always there. */
bool section_wanted(enum section_id id, const struct view *view)
{
	uint64_t asked = view->options->sections, bit = 1ull << id;

	if (view->options->sections_left_out & bit)
		return false;
	if (asked)
		return asked & bit;

	return table[id].section && table[id].section->worth(view);
}

/* --- sheets ---------------------------------------------------------------- */

#define BRIEF_ROWS 5

static bool is_brief(const struct sheet *sheet)
{
	const struct options *o = sheet->view->options;

	return sheet->section->brief && !sheet->view->machine && !o->sections && !o->limited;
}

int sheet_open(enum section_id id, const struct view *view, struct sheet *ret)
{
	struct sheet sheet = {.section = table[id].section, .view = view, .what = "rows"};
	int r;

	sheet.members = json_object();
	if (!sheet.members)
		return -ENOMEM;

	r = sheet.section->fill(view, &sheet);
	if (r < 0) {
		sheet_close(&sheet);
		return r;
	}

	if (is_brief(&sheet) && sheet.rows > BRIEF_ROWS)
		sheet.rows = BRIEF_ROWS;
	*ret = sheet;
	return 0;
}

void sheet_close(struct sheet *sheet)
{
	for (size_t i = 0; i < sheet->notes; i++)
		free(sheet->note[i]);
	free(sheet->note);
	free(sheet->column);
	free(sheet->row);
	free(sheet->memory);
	json_decref(sheet->members);
	*sheet = (struct sheet){0};
}

void sheet_row(const struct sheet *sheet, size_t i, struct cell *cell)
{
	memset(cell, 0, sheet->columns * sizeof(*cell));
	sheet->section->row(sheet, sheet->row[i], cell);
}

void sheet_note(struct sheet *sheet, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;
	char **more;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0)
		return;

	more = reallocarray(sheet->note, sheet->notes + 1, sizeof(*more));
	if (!more)
		return;
	sheet->note = more;
	sheet->note[sheet->notes++] = TAKE(text);
}

json_t *sheet_integer(uint64_t value)
{
	return value <= INT64_MAX ? json_integer((json_int_t)value) : json_real((double)value);
}

/* --- --sections ------------------------------------------------------------ */

/* Dash and underscore are equal. */
static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (tolower((unsigned char)(*a == '_' ? '-' : *a)) != *b)
			return false;

	return *a == *b;
}

static uint64_t find(const char *name)
{
	uint64_t all = 0;

	for (size_t i = 0; i < SECTIONS; i++) {
		if (same_name(name, table[i].name))
			return 1ull << i;
		if (table[i].section)
			all |= 1ull << i;
	}

	return same_name(name, "all") ? all : 0;
}

static void list_names(const char *wrong, char *why, size_t why_size)
{
	int n = snprintf(why, why_size, "there is no section '%.64s'; accepted: auto, all", wrong);

	for (size_t i = 0; i < SECTIONS && (size_t)n < why_size; i++)
		n += snprintf(why + n, why_size - n, ", %s", table[i].name);
}

int sections_parse(const char *list, uint64_t *ret, char *why, size_t why_size)
{
	_cleanup_free_ char *copy = strdup(list);
	char *rest = copy, *item;
	uint64_t sections = 0;

	if (!copy)
		return -ENOMEM;

	while ((item = strsep(&rest, ","))) {
		uint64_t found = find(item);

		/* auto and others: what auto would show cannot be known yet. */
		if (same_name(item, "auto") && !strchr(list, ','))
			continue;
		if (!found) {
			list_names(item, why, why_size);
			return -EINVAL;
		}
		sections |= found;
	}

	*ret = sections;
	return 0;
}
