/* SPDX-License-Identifier: GPL-2.0-only */
/* DWARF: where functions were written. */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/reader/lines.h"
#include "lib/cleanup.h"

struct search {
	struct line *list;
	size_t n;
	size_t found;
};

bool lines_has(const struct object *o)
{
	return object_section(o, ".debug_info") || object_section(o, ".zdebug_info");
}

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

static bool has_compressed(Elf *elf)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(elf, section))) {
		if (gelf_getshdr(section, &header) && header.sh_flags & SHF_COMPRESSED)
			return true;
	}

	return false;
}

/*
 * libelf changes the headers of compressed sections in place when it expands them,
 * and an image is read-only: those, and only those, are copied. *ret_copy is to be
 * freed after the Elf.
 */
static Elf *open_elf(const struct object *o, void **ret_copy)
{
	Elf *elf = elf_memory((char *)o->image.data, o->image.size);

	if (!elf || !has_compressed(elf))
		return elf;

	elf_end(elf);
	*ret_copy = malloc(o->image.size);
	if (!*ret_copy)
		return NULL;
	return elf_memory(memcpy(*ret_copy, o->image.data, o->image.size), o->image.size);
}

void lines_find(const struct object *o, struct line *list, size_t n)
{
	_cleanup_free_ void *copy = NULL;
	struct search s = {.list = list, .n = n};
	Dwarf_Off offset = 0, next;
	size_t header;
	Dwarf *dwarf;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = open_elf(o, &copy);
	dwarf = elf ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
	while (dwarf && s.found < n &&
	       !dwarf_nextcu(dwarf, offset, &next, &header, NULL, NULL, NULL)) {
		Dwarf_Die unit;

		if (next <= offset)
			break;
		if (dwarf_offdie(dwarf, offset + header, &unit) && unit_covers(&unit, &s))
			dwarf_getfuncs(&unit, visit_function, &s, 0);
		offset = next;
	}
	if (dwarf && s.found < n)
		lines_by_table(dwarf, &s);
	dwarf_end(dwarf);
	elf_end(elf);
}
