/* SPDX-License-Identifier: GPL-2.0-only */
/* Symbols into functions: filtered, sorted by address, grouped with their aliases. */
#include <errno.h>
#include <string.h>

#include "daemon/reader/functions.h"

static bool is_function(const struct symbol *s)
{
	if (s->type != STT_FUNC && s->type != STT_GNU_IFUNC)
		return false;

	return s->section != SHN_UNDEF && s->section != SHN_ABS && s->section != SHN_COMMON &&
	       s->value;
}

int functions_reserve(struct functions *f, size_t more)
{
	size_t room = f->n_names + more;
	void *names;

	if (room <= f->names_room)
		return 0;
	names = reallocarray(f->names, room, sizeof(*f->names));
	if (!names)
		return -ENOMEM;
	f->names = names;
	f->names_room = room;

	return 0;
}

int functions_add(struct functions *f, const struct symbol_table *table)
{
	int r = functions_reserve(f, table->count);

	if (r < 0)
		return r;

	f->skipped += table->ignored;
	for (size_t i = 0; i < table->count; i++) {
		struct symbol s;

		if (!symbols_get(table, i, &s) || !is_function(&s))
			continue;
		if (s.too_long) {
			f->skipped++;
			continue;
		}
		f->names[f->n_names++] = (struct function_name){
			.name = s.name,
			.vaddr = s.value,
			.size = s.size,
			.binding = s.binding,
			.type = s.type,
		};
	}

	return 0;
}

/* "_Z" and "_R" begin every C++ and Rust name: not a sign of something internal. */
static bool looks_internal(struct text name)
{
	return name.size > 1 && name.p[0] == '_' && name.p[1] != 'Z' && name.p[1] != 'R';
}

static int compare(const struct function_name *a, const struct function_name *b)
{
	size_t n = a->name.size < b->name.size ? a->name.size : b->name.size;
	int local = (a->binding == STB_LOCAL) - (b->binding == STB_LOCAL);
	int internal = looks_internal(a->name) - looks_internal(b->name);

	if (a->vaddr != b->vaddr)
		return a->vaddr < b->vaddr ? -1 : 1;
	if (local)
		return local;
	if (internal)
		return internal;
	if (a->name.size != b->name.size)
		return a->name.size < b->name.size ? -1 : 1;

	return memcmp(a->name.p, b->name.p, n);
}

static int compare_names(const void *a, const void *b)
{
	return compare(a, b);
}

/* One function of all names from `first` on with the same address. */
static struct function group(struct functions *f, size_t first, size_t *ret_next)
{
	struct function_name *names = f->names;
	struct function fn = {.vaddr = names[first].vaddr, .first = first};
	size_t i;

	for (i = first; i < f->n_names && names[i].vaddr == fn.vaddr; i++) {
		if (names[i].size > fn.size)
			fn.size = names[i].size;
		if (names[i].type == STT_GNU_IFUNC)
			fn.resolver = true;
		fn.unnamed = names[i].unnamed;
		/* .symtab, .dynsym and versions repeat a name: sorted, they are neighbours. */
		if (fn.n_names && text_equal(names[first + fn.n_names - 1].name, names[i].name))
			continue;
		names[first + fn.n_names++] = names[i];
	}
	*ret_next = i;

	return fn;
}

static void set_bounds(struct functions *f)
{
	for (size_t i = 0; i < f->count; i++) {
		struct function *fn = &f->list[i];
		uint64_t next = i + 1 < f->count ? f->list[i + 1].vaddr - fn->vaddr : UINT64_MAX;

		fn->bound = next < fn->place.room ? next : fn->place.room;
	}
}

int functions_finish(struct functions *f, const struct object *o)
{
	if (!f->n_names)
		return 0;

	qsort(f->names, f->n_names, sizeof(*f->names), compare_names);
	free(f->list);
	f->count = f->n_unnamed = 0;
	f->list = calloc(f->n_names, sizeof(*f->list));
	if (!f->list)
		return -ENOMEM;

	for (size_t i = 0; i < f->n_names;) {
		struct function fn = group(f, i, &i);

		fn.mapped = object_offset(o, fn.vaddr, &fn.place);
		f->n_unnamed += fn.unnamed;
		f->list[f->count++] = fn;
	}
	set_bounds(f);

	return 0;
}

void functions_free(struct functions *f)
{
	free(f->list);
	free(f->names);
	*f = (struct functions){0};
}

struct text functions_name(const struct functions *f, const struct function *fn, uint32_t k)
{
	return f->names[fn->first + k].name;
}

const struct function *functions_around(const struct functions *f, uint64_t vaddr)
{
	size_t low = 0, high = f->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (f->list[middle].vaddr <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}

	return low ? &f->list[low - 1] : NULL;
}
