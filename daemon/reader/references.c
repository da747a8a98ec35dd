/* SPDX-License-Identifier: GPL-2.0-only */
/* From all of an object's code to the middles of functions that it refers to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/reader/instruction.h"
#include "daemon/reader/references.h"
#include "daemon/reader/step.h"

static const struct level no_level = {LEVEL_UNKNOWN, LEVEL_UNKNOWN};

/* A stretch of code, as it is loaded. */
struct text_bytes {
	const uint8_t *bytes;
	uint64_t vaddr, size;
};

struct reading {
	struct references *to;
	const struct functions *functions;
	bool fixed;	/* loaded where the file says */
	uint64_t bytes_left; /* that may be looked at */
	uint32_t left;	/* instructions that may be decoded */
	uint64_t from;	/* where decoding stands: instructions begin here ... */
	const struct function *in; /* ... in this function */
};

static const struct function *find_middle(const struct functions *f, uint64_t vaddr)
{
	const struct function *fn = functions_around(f, vaddr);

	return fn && vaddr != fn->vaddr && vaddr - fn->vaddr < fn->size ? fn : NULL;
}

static int append(struct references *r, uint64_t vaddr)
{
	if (r->n == r->room) {
		size_t room = r->room ? 2 * r->room : 64;
		void *list = reallocarray(r->list, room, sizeof(*r->list));

		if (!list)
			return -ENOMEM;
		r->list = list;
		r->room = room;
	}
	r->list[r->n++] = vaddr;

	return 0;
}

/* Of another function than the one that holds the instruction: that one is traced itself. */
static int note(struct reading *r, const struct function *in, uint64_t vaddr)
{
	const struct function *fn = find_middle(r->functions, vaddr);

	return fn && fn != in ? append(r->to, vaddr) : 0;
}

/* Flags and masks, of which large programs have many. */
static bool looks_like_number(uint32_t value)
{
	return __builtin_popcount(value) <= 2 || !(value & (value + 1));
}

static int note_step(struct reading *r, const struct function *in, const struct step *s)
{
	int result = s->refers ? note(r, in, s->address) : 0;

	if (result == 0 && r->fixed && s->immediate && !looks_like_number((uint32_t)s->value))
		result = note(r, in, s->value);
	if (result == 0 && r->fixed && s->displaced)
		result = note(r, in, s->displacement);

	return result;
}

/* Up to the instruction that holds the byte at `to`, from its function's start. */
static int decode_up_to(struct reading *r, const struct text_bytes *t, uint64_t to)
{
	const struct function *in = functions_around(r->functions, to);
	uint64_t at = in && in->vaddr >= t->vaddr ? in->vaddr : t->vaddr;

	if (in == r->in && r->from > to)
		return 0;
	if (in == r->in && r->from > at)
		at = r->from;
	while (at <= to && r->left) {
		const uint8_t *code = t->bytes + (at - t->vaddr);
		uint64_t room = t->size - (at - t->vaddr);
		struct level level = no_level;
		struct instruction length;
		struct step s;
		int result;

		r->left--;
		if (instruction_decode(code, room, at, &length) < 0) {
			at++; /* data: somewhere behind them instructions begin again */
			continue;
		}
		if (at + length.length > to && step_decode(code, room, at, &level, &s) == 0) {
			result = note_step(r, in, &s);
			if (result < 0)
				return result;
		}
		at += length.length;
	}
	r->in = in;
	r->from = at;

	return 0;
}

/* lea, mov, arithmetic into a register, and what begins with 0f or VEX: before a ModRM. */
static bool reads_operand(const uint8_t *modrm, uint64_t before)
{
	if (modrm[-1] == 0x8d || modrm[-1] == 0x8b || (modrm[-1] & 0xc7) == 0x03)
		return true;

	return modrm[-2] == 0x0f || (before > 2 && (modrm[-3] == 0x0f || modrm[-3] == 0xc5)) ||
	       (before > 3 && modrm[-4] == 0xc4);
}

/* Do bytes that end here, before four of an address, look like such an instruction's? */
static bool may_hold_address(const uint8_t *end, uint64_t before, bool fixed, bool *ret_relative)
{
	*ret_relative = (end[-1] & 0xc7) == 0x05; /* ModRM: rip */
	if (*ret_relative && reads_operand(end - 1, before - 1))
		return true;
	*ret_relative = false;

	if (!fixed)
		return false;

	return (end[-1] & 0xf8) == 0xb8 ||		     /* mov */
	       (end[-1] >= 0xc0 && end[-2] == 0xc7) ||	     /* the same, extended */
	       end[-1] == 0x68 ||			     /* push */
	       ((end[-1] & 7) == 5 && (end[-2] & 0xc7) == 4);   /* SIB without a base */
}

/* An immediate of up to four bytes may lie between these bytes and the next instruction. */
static bool leads_to_middle(const struct reading *r, const struct text_bytes *t, uint64_t vaddr)
{
	return vaddr + 4 - t->vaddr < t->size + 4 &&
	       (find_middle(r->functions, vaddr) || find_middle(r->functions, vaddr + 4));
}

static int look(struct reading *r, const struct object *o, uint64_t vaddr, uint64_t offset,
		uint64_t size)
{
	struct text_bytes t = {image_at(&o->image, offset, size), vaddr, size};

	if (!t.bytes || size > r->bytes_left)
		return 0;
	r->bytes_left -= size;
	for (uint64_t at = 3; at + 4 <= size; at++) {
		bool relative;
		uint64_t to;
		int32_t value;
		int result;

		if (!may_hold_address(t.bytes + at, at, r->fixed, &relative))
			continue;
		memcpy(&value, t.bytes + at, 4);
		if (!relative && looks_like_number((uint32_t)value))
			continue;
		to = (uint64_t)(int64_t)value + (relative ? vaddr + at + 4 : 0);
		if (!leads_to_middle(r, &t, to))
			continue;
		result = decode_up_to(r, &t, vaddr + at);
		if (result < 0)
			return result;
	}

	return 0;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int references_read(struct references *to, const struct object *o, const struct functions *f)
{
	struct reading r = {.to = to,
			    .functions = f,
			    .fixed = o->header.e_type == ET_EXEC,
			    .bytes_left = REFERENCES_BYTES_MAX,
			    .left = REFERENCES_DECODED_MAX};
	int result = 0;

	if (to->known)
		return 0;
	to->known = true;
	for (size_t i = 0; i < o->n_sections && result == 0; i++) {
		const struct section *s = &o->sections[i];

		if (s->flags & SHF_EXECINSTR && s->flags & SHF_ALLOC && s->type != SHT_NOBITS)
			result = look(&r, o, s->address, s->offset, s->size);
	}
	/* Without section headers. */
	for (size_t i = 0; i < o->n_segments && !o->n_sections && result == 0; i++) {
		const Elf64_Phdr *p = &o->segments[i];

		if (p->p_type == PT_LOAD && p->p_flags & PF_X)
			result = look(&r, o, p->p_vaddr, p->p_offset, p->p_filesz);
	}
	if (to->n)
		qsort(to->list, to->n, sizeof(*to->list), by_value);

	return result;
}

bool references_find(const struct references *r, uint64_t start, uint64_t size)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->list[middle] <= start)
			low = middle + 1;
		else
			high = middle;
	}

	return low < r->n && r->list[low] - start < size;
}

void references_free(struct references *r)
{
	free(r->list);
	*r = (struct references){0};
}
