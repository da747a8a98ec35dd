/* SPDX-License-Identifier: GPL-2.0-only */
/* The relocations of a loaded object, by the place that they fill in. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/reader/slots.h"

/* The address of a symbol of this object's own, or 0. */
static uint64_t find_symbol(const struct object *o, uint64_t index)
{
	struct place place;
	Elf64_Sym symbol;

	if (!object_offset(o, o->dynamic[DT_SYMTAB], &place) || index > place.room / sizeof(symbol) ||
	    !image_read(&o->image, place.offset + index * sizeof(symbol), &symbol, sizeof(symbol)) ||
	    symbol.st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbol.st_info) == STT_GNU_IFUNC ||
	    ELF64_ST_TYPE(symbol.st_info) == STT_TLS)
		return 0;

	return symbol.st_value;
}

static uint64_t value_of(const struct object *o, const Elf64_Rela *r)
{
	uint64_t symbol;

	switch (ELF64_R_TYPE(r->r_info)) {
	case R_X86_64_RELATIVE:
		return (uint64_t)r->r_addend;
	case R_X86_64_64:
		symbol = find_symbol(o, ELF64_R_SYM(r->r_info));
		return symbol ? symbol + (uint64_t)r->r_addend : 0;
	case R_X86_64_GLOB_DAT:
	case R_X86_64_JUMP_SLOT:
		return find_symbol(o, ELF64_R_SYM(r->r_info));
	default:
		return 0;
	}
}

static int read_table(struct slots *s, const struct object *o, uint64_t vaddr, uint64_t size)
{
	struct place place;
	size_t n;

	if (!vaddr || !size || !object_offset(o, vaddr, &place))
		return 0;
	n = (size < place.room ? size : place.room) / sizeof(Elf64_Rela);
	if (n > SLOTS_MAX)
		n = SLOTS_MAX;
	if (s->n + n > s->room) {
		void *list = reallocarray(s->list, s->n + n, sizeof(*s->list));

		if (!list)
			return -ENOMEM;
		s->list = list;
		s->room = s->n + n;
	}
	for (size_t i = 0; i < n; i++) {
		Elf64_Rela r;

		if (!image_read(&o->image, place.offset + i * sizeof(r), &r, sizeof(r)))
			break;
		s->list[s->n++] = (struct slot){r.r_offset, value_of(o, &r)};
	}

	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

int slots_read(struct slots *s, const struct object *o)
{
	int r;

	if (s->known)
		return 0;
	s->known = true;
	r = read_table(s, o, o->dynamic[DT_RELA], o->dynamic[DT_RELASZ]);
	if (r == 0)
		r = read_table(s, o, o->dynamic[DT_JMPREL], o->dynamic[DT_PLTRELSZ]);
	if (s->n)
		qsort(s->list, s->n, sizeof(*s->list), by_address);

	return r;
}

/* Made read-only by the loader when its relocations are done. */
static bool is_sealed(const struct object *o, uint64_t vaddr)
{
	for (size_t i = 0; i < o->n_segments; i++) {
		const Elf64_Phdr *p = &o->segments[i];

		if (p->p_type == PT_GNU_RELRO && vaddr >= p->p_vaddr &&
		    vaddr - p->p_vaddr < p->p_memsz)
			return true;
	}

	return false;
}

enum slot_kind slots_find(const struct slots *s, const struct object *o, uint64_t vaddr,
			  uint64_t *ret)
{
	size_t low = 0, high = s->n;
	struct place place;

	if (!object_offset(o, vaddr, &place) ||
	    !image_read(&o->image, place.offset, ret, sizeof(*ret)) || place.room < sizeof(*ret))
		return SLOT_UNKNOWN;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->list[middle].at < vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < s->n && s->list[low].at == vaddr)
		*ret = s->list[low].value;
	if (!*ret)
		return SLOT_UNKNOWN;

	return place.writable && !is_sealed(o, vaddr) ? SLOT_WRITABLE : SLOT_CONSTANT;
}

void slots_free(struct slots *s)
{
	free(s->list);
	*s = (struct slots){0};
}
