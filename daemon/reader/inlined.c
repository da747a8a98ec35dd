/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One walk over the entries that can hold code. Each inlined copy refers to its origin,
 * an entry that has the name: what that is, and whether it is wanted, is found once and
 * remembered by the entry's address.
 */
#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/reader/debuginfo.h"
#include "daemon/reader/inlined.h"
#include "daemon/reader/symbols.h"

#define DEPTH_MAX   200	   /* of blocks in blocks; compilers reach a few dozen */
#define ORIGINS_MAX 500000 /* functions that were inlined somewhere */

struct origin {
	const void *entry;   /* address of the DIE; NULL: a free slot */
	struct inlined *one; /* NULL: not wanted */
};

struct walk {
	inlined_wants wants;
	void *context;
	struct origin *origins; /* a hash table */
	size_t n_origins, room;
	struct inlined **list;
	size_t n, list_room;
	bool cut;
	int error;
};

/* --- origins ----------------------------------------------------------------- */

static struct origin *slot_of(const struct origin *origins, size_t room, const void *entry)
{
	size_t i = ((uintptr_t)entry * 0x9e3779b97f4a7c15ull >> 20) & (room - 1);

	while (origins[i].entry && origins[i].entry != entry)
		i = (i + 1) & (room - 1);

	return (struct origin *)&origins[i];
}

static int grow(struct walk *w)
{
	size_t room = w->room ? 2 * w->room : 1024;
	struct origin *origins = calloc(room, sizeof(*origins));

	if (!origins)
		return -ENOMEM;
	for (size_t i = 0; i < w->room; i++)
		if (w->origins[i].entry)
			*slot_of(origins, room, w->origins[i].entry) = w->origins[i];
	free(w->origins);
	w->origins = origins;
	w->room = room;

	return 0;
}

static const char *name_of(Dwarf_Die *die)
{
	static const unsigned int linkage[] = {DW_AT_linkage_name, DW_AT_MIPS_linkage_name};

	for (size_t i = 0; i < ARRAY_SIZE(linkage); i++) {
		Dwarf_Attribute attribute;

		if (dwarf_attr_integrate(die, linkage[i], &attribute))
			return dwarf_formstring(&attribute);
	}

	return dwarf_diename(die);
}

/* One that is wanted, from its entry. */
static struct inlined *inlined_new(Dwarf_Die *die, const char *name)
{
	struct inlined *one = calloc(1, sizeof(*one));
	const char *file = dwarf_decl_file(die);
	int line = 0;

	if (!one)
		return NULL;
	one->name = strdup(name);
	if (!one->name) {
		free(one);
		return NULL;
	}
	if (file && strlen(file) <= 4096 && !dwarf_decl_line(die, &line) && line > 0) {
		one->file = strdup(file);
		one->line = (uint32_t)line;
	}

	return one;
}

static int add_wanted(struct walk *w, Dwarf_Die *die, struct inlined **ret)
{
	const char *name = name_of(die);
	size_t size = name ? strlen(name) : 0;

	*ret = NULL;
	if (!size || size > SYMBOLS_NAME_MAX || !w->wants((struct text){name, size}, w->context))
		return 0;
	if (w->n == w->list_room) {
		size_t room = w->list_room ? 2 * w->list_room : 64;
		void *list = reallocarray(w->list, room, sizeof(*w->list));

		if (!list)
			return -ENOMEM;
		w->list = list;
		w->list_room = room;
	}
	*ret = inlined_new(die, name);
	if (!*ret)
		return -ENOMEM;
	w->list[w->n++] = *ret;

	return 0;
}

/* What the entry is a copy of; NULL: of nothing, or of what nobody asked for. */
static struct inlined *origin_of(struct walk *w, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	struct origin *slot;
	Dwarf_Die origin;

	if (!dwarf_attr(die, DW_AT_abstract_origin, &attribute) ||
	    !dwarf_formref_die(&attribute, &origin))
		return NULL;
	if (w->n_origins >= ORIGINS_MAX) {
		w->cut = true;
		return NULL;
	}
	if (2 * w->n_origins >= w->room && grow(w) < 0) {
		w->error = -ENOMEM;
		return NULL;
	}
	slot = slot_of(w->origins, w->room, origin.addr);
	if (!slot->entry) {
		slot->entry = origin.addr;
		w->n_origins++;
		w->error = add_wanted(w, &origin, &slot->one);
	}

	return slot->one;
}

/* --- the walk ---------------------------------------------------------------- */

/* False: nothing below it is code, or only the pattern that copies are made of. */
static bool enters(struct walk *w, Dwarf_Die *die)
{
	struct inlined *one;

	switch (dwarf_tag(die)) {
	case DW_TAG_subprogram:
		if (dwarf_func_inline(die) || dwarf_hasattr(die, DW_AT_declaration))
			return false;
		one = origin_of(w, die);
		if (one && (dwarf_hasattr(die, DW_AT_low_pc) || dwarf_hasattr(die, DW_AT_ranges)))
			one->out_of_line = true;
		return true;
	case DW_TAG_inlined_subroutine:
		one = origin_of(w, die);
		if (one && one->sites < UINT32_MAX)
			one->sites++;
		return true;
	case DW_TAG_lexical_block:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
	case DW_TAG_namespace:
	case DW_TAG_module:
		return true;
	default:
		return false;
	}
}

/* By hand and not by recursion: the depth is a hostile file's choice. */
static void walk_unit(struct walk *w, Dwarf_Die *unit)
{
	Dwarf_Die stack[DEPTH_MAX];
	int depth = 0;

	if (dwarf_child(unit, &stack[0]))
		return;
	while (depth >= 0 && !w->error) {
		Dwarf_Die *die = &stack[depth];

		if (enters(w, die)) {
			if (depth + 1 == DEPTH_MAX)
				w->cut = true;
			else if (!dwarf_child(die, &stack[depth + 1])) {
				depth++;
				continue;
			}
		}
		while (depth >= 0 && dwarf_siblingof(&stack[depth], &stack[depth]))
			depth--;
	}
}

/* --- the result -------------------------------------------------------------- */

static int compare_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int compare(const struct inlined *a, const struct inlined *b)
{
	int r = strcmp(a->name, b->name);

	if (r == 0)
		r = compare_text(a->file, b->file);

	return r ? r : (a->line > b->line) - (a->line < b->line);
}

static int compare_entries(const void *a, const void *b)
{
	return compare(*(struct inlined *const *)a, *(struct inlined *const *)b);
}

/* Those that were met only as the origin of a copy that can be called. */
static void drop_siteless(struct inlined_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (list->list[i].sites) {
			list->list[n++] = list->list[i];
			continue;
		}
		free(list->list[i].name);
		free(list->list[i].file);
	}
	list->n = n;
}

/* Every unit that includes a header has an entry of its own for the same function. */
static int merge(struct walk *w, struct inlined_list *ret)
{
	if (!w->n)
		return 0;
	qsort(w->list, w->n, sizeof(*w->list), compare_entries);
	ret->list = calloc(w->n, sizeof(*ret->list));
	if (!ret->list)
		return -ENOMEM;

	for (size_t i = 0; i < w->n; i++) {
		struct inlined *one = w->list[i], *last = ret->n ? &ret->list[ret->n - 1] : NULL;

		if (last && compare(last, one) == 0) {
			last->sites += one->sites;
			last->out_of_line |= one->out_of_line;
			continue;
		}
		ret->list[ret->n++] = *one;
		one->name = one->file = NULL;
	}
	drop_siteless(ret);

	return 0;
}

static void walk_done(struct walk *w)
{
	for (size_t i = 0; i < w->n; i++) {
		free(w->list[i]->name);
		free(w->list[i]->file);
		free(w->list[i]);
	}
	free(w->list);
	free(w->origins);
}

int inlined_find(const struct object *o, inlined_wants wants, void *context,
		 struct inlined_list *ret)
{
	struct walk w = {.wants = wants, .context = context};
	Dwarf_Off offset = 0, next;
	struct debuginfo info;
	size_t header;
	int r;

	*ret = (struct inlined_list){0};
	debuginfo_open(o, &info);
	while (info.dwarf && !w.error &&
	       !dwarf_nextcu(info.dwarf, offset, &next, &header, NULL, NULL, NULL)) {
		Dwarf_Die unit;

		if (next <= offset)
			break;
		if (dwarf_offdie(info.dwarf, offset + header, &unit))
			walk_unit(&w, &unit);
		offset = next;
	}
	r = w.error ? w.error : merge(&w, ret);
	ret->cut = w.cut;
	walk_done(&w);
	debuginfo_close(&info);

	return r;
}

void inlined_done(struct inlined_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->list[i].name);
		free(list->list[i].file);
	}
	free(list->list);
	*list = (struct inlined_list){0};
}
