/* SPDX-License-Identifier: GPL-2.0-only */
/* DWARF: where functions were written. */
#include <stdlib.h>
#include <string.h>

#include "daemon/reader/debuginfo.h"
#include "daemon/reader/lines.h"
#include "lib/cleanup.h"

struct search {
	struct line *list;
	size_t n;
	size_t found;
};

static struct line *first_at_or_after(const struct search *s, uint64_t vaddr)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->list[middle].vaddr < vaddr)
			low = middle + 1;
		else
			high = middle;
	}

	return &s->list[low];
}

static struct line *line_at(const struct search *s, uint64_t vaddr)
{
	struct line *line = first_at_or_after(s, vaddr);

	return line < s->list + s->n && line->vaddr == vaddr ? line : NULL;
}

static void set_line(struct search *s, struct line *line, const char *file, int number)
{
	if (line->file || !file || number <= 0 || strlen(file) > 4096)
		return;
	line->file = strdup(file);
	line->line = (uint32_t)number;
	s->found += line->file != NULL;
}

static int visit_function(Dwarf_Die *die, void *context)
{
	struct search *s = context;
	struct line *line;
	Dwarf_Addr low;
	int number = 0;

	/* dwarf_entrypc() also knows functions made of several ranges. */
	if (dwarf_entrypc(die, &low))
		return DWARF_CB_OK;
	line = line_at(s, low);
	if (line && !line->file && !dwarf_decl_line(die, &number))
		set_line(s, line, dwarf_decl_file(die), number);

	return s->found < s->n ? DWARF_CB_OK : DWARF_CB_ABORT;
}

/* Most units hold none of a few functions: their trees need not be walked. */
static bool unit_covers(Dwarf_Die *unit, const struct search *s)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t next = 0;
	bool any = false;

	while ((next = dwarf_ranges(unit, next, &base, &start, &end)) > 0) {
		struct line *line = first_at_or_after(s, start);

		any = true;
		if (line < s->list + s->n && line->vaddr < end)
			return true;
	}

	return !any && next == 0;
}

/* Assembly and the like: no function in the tree, but a row in the line table. */
static void lines_by_table(Dwarf *dwarf, struct search *s)
{
	for (size_t i = 0; i < s->n; i++) {
		Dwarf_Die unit;
		Dwarf_Line *row;
		int number = 0;

		if (s->list[i].file || !dwarf_addrdie(dwarf, s->list[i].vaddr, &unit))
			continue;
		row = dwarf_getsrc_die(&unit, s->list[i].vaddr);
		if (row && !dwarf_lineno(row, &number))
			set_line(s, &s->list[i], dwarf_linesrc(row, NULL, NULL), number);
	}
}

void lines_find(const struct object *o, struct line *list, size_t n)
{
	struct debuginfo info;
	struct search s = {.list = list, .n = n};
	Dwarf_Off offset = 0, next;
	size_t header;

	debuginfo_open(o, &info);
	while (info.dwarf && s.found < n &&
	       !dwarf_nextcu(info.dwarf, offset, &next, &header, NULL, NULL, NULL)) {
		Dwarf_Die unit;

		if (next <= offset)
			break;
		if (dwarf_offdie(info.dwarf, offset + header, &unit) && unit_covers(&unit, &s))
			dwarf_getfuncs(&unit, visit_function, &s, 0);
		offset = next;
	}
	if (info.dwarf && s.found < n)
		lines_by_table(info.dwarf, &s);
	debuginfo_close(&info);
}
