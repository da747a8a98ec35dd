/* SPDX-License-Identifier: GPL-2.0-only */
/* One frame description, by the address of the code that it covers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/reader/frames-entry.h"

/*
 * The header's search table: (start, FDE) pairs relative to the header, sorted by start.
 * Or what frames_sort() made.
 */
struct search_table {
	const uint8_t *rows;
	const struct frame_row *sorted;
	uint32_t n;
	uint64_t base;
};

static bool header_table(const struct object *o, struct search_table *ret)
{
	const Elf64_Phdr *p = frames_header(o);
	uint8_t head[12];

	if (!p || !image_read(&o->image, p->p_offset, head, sizeof(head)))
		return false;
	if (head[0] != 1 || head[1] != (PE_PCREL | PE_SDATA4) || head[2] != PE_UDATA4 ||
	    head[3] != (PE_DATAREL | PE_SDATA4))
		return false;
	memcpy(&ret->n, head + 8, 4);
	ret->base = p->p_vaddr;
	ret->rows = image_at(&o->image, p->p_offset + 12, 8ull * ret->n);

	return ret->rows;
}

static bool search_table(const struct object *o, struct search_table *ret)
{
	*ret = (struct search_table){.sorted = o->frames, .n = (uint32_t)o->n_frames};

	return o->frames || header_table(o, ret);
}

static uint64_t row_value(const struct search_table *t, uint32_t row, unsigned int column)
{
	int32_t relative;

	if (t->sorted)
		return column ? t->sorted[row].fde : t->sorted[row].start;
	memcpy(&relative, t->rows + 8ull * row + 4 * column, 4);

	return t->base + (uint64_t)(int64_t)relative;
}

/* How much code the FDE at an address covers; linkers write its start as pcrel sdata4. */
static uint64_t fde_range(const struct object *o, uint64_t vaddr)
{
	uint32_t words[4]; /* length, CIE, start, range */
	struct place place;

	if (!object_offset(o, vaddr, &place) ||
	    !image_read(&o->image, place.offset, words, sizeof(words)) || words[0] == UINT32_MAX)
		return 0;

	return words[3];
}

static uint64_t row_range(const struct object *o, const struct search_table *t, uint32_t row)
{
	return t->sorted ? t->sorted[row].size : fde_range(o, row_value(t, row, 1));
}

/* The row of the last frame description that begins at or before vaddr. */
static bool find_row(const struct search_table *t, uint64_t vaddr, uint32_t *ret)
{
	uint32_t low = 0, high;

	for (high = t->n; low < high;) {
		uint32_t middle = low + (high - low) / 2;

		if (row_value(t, middle, 0) <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	*ret = low - 1;

	return low;
}

bool frames_find(const struct object *o, uint64_t vaddr, uint64_t *ret_start, uint64_t *ret_size)
{
	struct search_table t;
	uint32_t row;

	if (!search_table(o, &t) || !find_row(&t, vaddr, &row))
		return false;
	*ret_start = row_value(&t, row, 0);
	*ret_size = row_range(o, &t, row);

	return vaddr - *ret_start < *ret_size;
}

/* The CIE that lies `back` bytes before the FDE's own pointer to it. */
static struct cie cie_of(const struct object *o, uint64_t fde, uint32_t back)
{
	uint64_t vaddr = fde + 4 - back;
	struct place place;
	const uint8_t *bytes;
	uint32_t length;

	if (!object_offset(o, vaddr, &place) ||
	    !image_read(&o->image, place.offset, &length, sizeof(length)) || length < 4 ||
	    place.room < 4 || length > place.room - 4)
		return (struct cie){0};
	bytes = image_at(&o->image, place.offset, 4ull + length);
	if (!bytes)
		return (struct cie){0};

	return frame_read_cie((struct cursor){bytes + 8, bytes + 4 + length, false}, vaddr);
}

/* The LSDA pointer of the FDE whose bytes, from its CIE pointer on, are in c. */
static enum frames_lsda fde_lsda(struct cursor c, uint64_t at, const struct cie *cie,
				 uint64_t *ret)
{
	const uint8_t *first = c.at;
	uint64_t vaddr;

	if (!cie->known)
		return FRAMES_UNREADABLE;
	if (!cie->augmented || cie->lsda_encoding == PE_OMIT)
		return FRAMES_NO_LSDA;
	frame_take_bytes(&c, 4);
	frame_take_pointer(&c, cie->address_encoding);
	frame_take_pointer(&c, cie->address_encoding & 0x0f);
	if (!frame_take_uleb(&c))
		return c.bad ? FRAMES_UNREADABLE : FRAMES_NO_LSDA;
	vaddr = at + (uint64_t)(c.at - first);
	*ret = frame_take_pointer(&c, cie->lsda_encoding);
	if (c.bad)
		return FRAMES_UNREADABLE;
	if (!*ret)
		return FRAMES_NO_LSDA;
	switch (cie->lsda_encoding) {
	case PE_PCREL | PE_SDATA4:
		*ret = vaddr + (uint64_t)(int64_t)(int32_t)*ret;
		return FRAMES_LSDA;
	case PE_UDATA4:
	case 0: /* an address: of a program that is not position independent */
		return FRAMES_LSDA;
	default:
		return FRAMES_UNREADABLE;
	}
}

enum frames_lsda frames_find_lsda(const struct object *o, uint64_t vaddr, uint64_t *ret_start,
				  uint64_t *ret_lsda)
{
	struct search_table t;
	struct place place;
	const uint8_t *bytes;
	uint32_t row, words[2];
	uint64_t fde;
	struct cie cie;

	if (!search_table(o, &t))
		return frames_header(o) || object_section(o, ".eh_frame") ? FRAMES_UNREADABLE
									: FRAMES_NO_LSDA;
	if (!find_row(&t, vaddr, &row))
		return FRAMES_NO_LSDA;
	*ret_start = row_value(&t, row, 0);
	fde = row_value(&t, row, 1);
	if (vaddr - *ret_start >= row_range(o, &t, row))
		return FRAMES_NO_LSDA;
	if (!object_offset(o, fde, &place) ||
	    !image_read(&o->image, place.offset, words, sizeof(words)) || words[0] < 4 ||
	    words[0] > place.room - 4)
		return FRAMES_UNREADABLE;
	bytes = image_at(&o->image, place.offset, 4ull + words[0]);
	if (!bytes)
		return FRAMES_UNREADABLE;
	cie = cie_of(o, fde, words[1]);

	return fde_lsda((struct cursor){bytes + 4, bytes + 4 + words[0], false}, fde + 4, &cie,
			ret_lsda);
}

/* --- objects without a lookup table --------------------------------------------------- */

struct sorting {
	struct frame_row *list;
	size_t n, room;
	bool full;
};

static int gather(const struct frame *frame, void *context)
{
	struct sorting *s = context;

	if (s->n == FRAMES_SORTED_MAX) {
		s->full = true;
		return 0;
	}
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 1024;
		void *list = reallocarray(s->list, room, sizeof(*s->list));

		if (!list)
			return -ENOMEM;
		s->list = list;
		s->room = room;
	}
	s->list[s->n++] = (struct frame_row){frame->start, frame->size, frame->at};

	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct frame_row *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

int frames_sort(struct object *o)
{
	struct search_table table;
	struct sorting s = {0};
	bool whole;
	int r;

	if (search_table(o, &table))
		return 0;
	r = frames_walk(o, gather, &s, &whole);
	/* What is missing from it would pass for code without landing pads. */
	if (r < 0 || !whole || s.full || !s.n) {
		free(s.list);
		return r;
	}
	qsort(s.list, s.n, sizeof(*s.list), by_start);
	o->frames = s.list;
	o->n_frames = s.n;

	return 0;
}
