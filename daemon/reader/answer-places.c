/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose code lies at places of a file: for samples, of which nothing is known but where. */
#include <errno.h>

#include "daemon/reader/answering.h"

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
