/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose code lies at places of a file: for samples, of which nothing is known but where. */
#include <errno.h>
#include <string.h>

#include "daemon/reader/answer.h"
#include "daemon/reader/answering.h"
#include "daemon/reader/scopes.h"

/* So many are looked up in DWARF, those that weigh most: each is a walk through its unit. */
#define LOOKUPS_MAX 200

/* Where the loader maps it to. False: nothing that is executed lies there. */
static bool address_of(const struct object *o, uint64_t offset, uint64_t *ret)
{
	for (size_t i = 0; i < o->n_segments; i++) {
		const Elf64_Phdr *p = &o->segments[i];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X) ||
		    offset - p->p_offset >= p->p_filesz || offset < p->p_offset)
			continue;
		*ret = p->p_vaddr + (offset - p->p_offset);
		return true;
	}

	return false;
}

/* Its bytes, as far as no other begins among them. */
static uint64_t extent(const struct function *fn)
{
	return fn->size && fn->size < fn->bound ? fn->size : fn->bound;
}

static void fill_place(const struct book *b, uint64_t offset, Hotpath__ReaderPlace *out)
{
	const struct function *fn;
	uint64_t vaddr;

	hotpath__reader_place__init(out);
	if (!address_of(b->object, offset, &vaddr))
		return;
	fn = functions_around(&b->functions, vaddr);
	if (!fn || !fn->mapped || vaddr - fn->vaddr >= extent(fn))
		return;
	out->name = text_bytes(functions_name(&b->functions, fn, 0));
	out->start = fn->place.offset;
	out->size = extent(fn);
	out->unnamed = fn->unnamed;
}

int answer_places(struct answer *a, size_t i, Hotpath__ReaderObjectReply *out)
{
	const Hotpath__ReaderObject *asked = a->request->objects[i];
	struct book *b = &a->books[i];
	Hotpath__ReaderPlace *block;
	int r;

	if (!asked->n_places)
		return 0;
	r = book_read_functions(b);
	if (r < 0)
		return r;
	block = keep(a, calloc(asked->n_places, sizeof(*block)));
	out->places = keep(a, calloc(asked->n_places, sizeof(*out->places)));
	if (!block || !out->places)
		return -ENOMEM;
	for (size_t k = 0; k < asked->n_places; k++) {
		fill_place(b, asked->places[k], &block[k]);
		out->places[out->n_places++] = &block[k];
	}

	return 0;
}

/* --- what was inlined there ------------------------------------------------------ */

struct looked_up {
	size_t place;
	uint64_t weight;
	const char *name; /* NULL: the function's own code */
};

static int heavier(const void *a, const void *b)
{
	const struct looked_up *x = a, *y = b;

	return (x->weight < y->weight) - (x->weight > y->weight);
}

static size_t look_up(const struct book *b, const Hotpath__ReaderObject *asked,
		      const Hotpath__ReaderObjectReply *out, const struct debuginfo *info,
		      struct looked_up *list)
{
	size_t n = 0;

	for (size_t i = 0; i < out->n_places && i < asked->n_weights; i++)
		if (out->places[i]->name.len)
			list[n++] = (struct looked_up){i, asked->weights[i], NULL};
	qsort(list, n, sizeof(*list), heavier);
	if (n > LOOKUPS_MAX)
		n = LOOKUPS_MAX;
	for (size_t i = 0; i < n; i++) {
		uint64_t vaddr;

		if (address_of(b->object, asked->places[list[i].place], &vaddr))
			list[i].name = scopes_inlined(info, vaddr);
	}

	return n;
}

/* Of all that was looked up in the function of list[at]: is it this name by more than half? */
static bool prevails(const Hotpath__ReaderObjectReply *out, const struct looked_up *list, size_t n,
		     size_t at)
{
	uint64_t start = out->places[list[at].place]->start, all = 0, same = 0;

	for (size_t i = 0; i < n; i++) {
		if (out->places[list[i].place]->start != start)
			continue;
		all += list[i].weight;
		if (list[i].name && !strcmp(list[i].name, list[at].name))
			same += list[i].weight;
	}

	return same > all / 2;
}

static int set_inlined(struct answer *a, Hotpath__ReaderObjectReply *out,
		       const struct looked_up *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *name;

		if (!list[i].name || out->places[list[i].place]->inlined.len ||
		    strlen(list[i].name) > SYMBOLS_NAME_MAX ||
		    !prevails(out, list, n, i))
			continue;
		name = keep(a, strdup(list[i].name));
		if (!name)
			return -ENOMEM;
		for (size_t k = 0; k < out->n_places; k++)
			if (out->places[k]->name.len &&
			    out->places[k]->start == out->places[list[i].place]->start)
				out->places[k]->inlined = text_bytes(text_from(name));
	}

	return 0;
}

void answer_places_inlined(struct answer *a)
{
	for (size_t i = 0; i < a->reply.n_objects; i++) {
		Hotpath__ReaderObjectReply *out = a->reply.objects[i];
		const struct object *o = book_debuginfo(&a->books[i]);
		struct looked_up *list;
		struct debuginfo info;

		if (!out->n_places || !o)
			continue;
		list = calloc(out->n_places, sizeof(*list));
		if (!list)
			return;
		debuginfo_open(o, &info);
		if (info.dwarf)
			set_inlined(a, out, list,
				    look_up(&a->books[i], a->request->objects[i], out, &info, list));
		debuginfo_close(&info);
		free(list);
	}
}
