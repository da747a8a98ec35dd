/* SPDX-License-Identifier: GPL-2.0-only */
/* .eh_frame: CIEs and FDEs, read just far enough to see LSDA pointers and bounds. */
#include <errno.h>
#include <string.h>

#include "daemon/reader/frames-entry.h"

static uint8_t take_byte(struct cursor *c)
{
	if (c->at >= c->end) {
		c->bad = true;
		return 0;
	}

	return *c->at++;
}

uint64_t frame_take_uleb(struct cursor *c)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 70; shift += 7) {
		uint8_t byte = take_byte(c);

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	c->bad = true;

	return 0;
}

uint64_t frame_take_bytes(struct cursor *c, size_t size)
{
	uint64_t value = 0;

	if ((size_t)(c->end - c->at) < size) {
		c->bad = true;
		return 0;
	}
	memcpy(&value, c->at, size);
	c->at += size;

	return value;
}

uint64_t frame_take_pointer(struct cursor *c, uint8_t encoding)
{
	static const uint8_t sizes[16] = {
		[0] = 8, [2] = 2, [3] = 4, [4] = 8, [10] = 2, [11] = 4, [12] = 8};
	uint8_t format = encoding & 0x0f;

	if (format == 1 || format == 9)
		return frame_take_uleb(c);
	if (!sizes[format]) {
		c->bad = true;
		return 0;
	}

	return frame_take_bytes(c, sizes[format]);
}

/* Encoding and routine behind 'P', encodings behind 'L' and 'R', in their order. */
static void read_augmentation(struct cursor *c, const char *letters, struct cie *ret)
{
	for (const char *l = letters; *l && !c->bad; l++) {
		switch (*l) {
		case 'L':
			ret->lsda_encoding = take_byte(c);
			break;
		case 'R':
			ret->address_encoding = take_byte(c);
			break;
		case 'P':
			/* Its stored value says nothing: a relocation may fill it in. */
			frame_take_pointer(c, take_byte(c));
			ret->personality = true;
			break;
		case 'S':
		case 'B':
			break;
		default:
			c->bad = true;
		}
	}
}

/*
 * Do these instructions leave the first row as a call does: the return address on top
 * of the stack, nothing saved? The cold part of a function begins in the middle of its
 * frame, and `_start` has no return address.
 */
static bool row_is_call(struct cursor c)
{
	while (c.at < c.end && !c.bad) {
		uint8_t op = take_byte(&c);
		uint64_t value;

		switch (op) {
		case 0x00: /* DW_CFA_nop */
			break;
		case 0x2e: /* DW_CFA_GNU_args_size */
			frame_take_uleb(&c);
			break;
		case 0x0c: /* DW_CFA_def_cfa: rsp, 8 */
			value = frame_take_uleb(&c);
			if (value != 7 || frame_take_uleb(&c) != 8)
				return false;
			break;
		case 0x0e: /* DW_CFA_def_cfa_offset */
			if (frame_take_uleb(&c) != 8)
				return false;
			break;
		case 0x90: /* DW_CFA_offset: the return address, 8 below */
			if (frame_take_uleb(&c) != 1)
				return false;
			break;
		default: /* DW_CFA_advance_loc and its kin end the first row */
			return op >> 6 == 1 || (op >= 0x01 && op <= 0x04);
		}
	}

	return !c.bad;
}

/* Behind the augmentation data, whose size stands in front of it. */
static struct cursor instructions_behind(struct cursor c)
{
	uint64_t size = frame_take_uleb(&c);

	if (c.bad || size > (uint64_t)(c.end - c.at))
		c.bad = true;
	else
		c.at += size;

	return c;
}

struct cie frame_read_cie(struct cursor c, uint64_t offset)
{
	struct cie cie = {.offset = offset, .lsda_encoding = PE_OMIT};
	uint8_t version = take_byte(&c);
	const char *letters = (const char *)c.at;
	size_t size = strnlen(letters, (size_t)(c.end - c.at));

	if (c.bad || c.at + size >= c.end)
		return cie;
	c.at += size + 1;
	frame_take_uleb(&c); /* code alignment */
	frame_take_uleb(&c); /* data alignment: the sign does not matter here */
	version == 1 ? take_byte(&c) : frame_take_uleb(&c); /* return address register */
	if (*letters == 'z') {
		cie.augmented = true;
		cie.calls = !memchr(letters, 'S', size) && row_is_call(instructions_behind(c));
		frame_take_uleb(&c);
		read_augmentation(&c, letters + 1, &cie);
		cie.known = !c.bad;
	} else {
		cie.known = !*letters && !c.bad;
		cie.calls = row_is_call(c);
	}

	return cie;
}

/*
 * 1: may catch or clean up; 0: may not; -EBADMSG. A personality of its own needs
 * no LSDA to catch: LuaJIT's takes the unwinder's word for where it is.
 */
static int fde_lands(struct cursor c, const struct cie *cie)
{
	uint64_t lsda;

	if (!cie->known)
		return -EBADMSG;
	if (cie->personality)
		return 1;
	if (!cie->augmented || cie->lsda_encoding == PE_OMIT)
		return 0;
	frame_take_pointer(&c, cie->address_encoding);
	frame_take_pointer(&c, cie->address_encoding & 0x0f);
	if (!frame_take_uleb(&c)) /* no augmentation data */
		return c.bad ? -EBADMSG : 0;
	lsda = frame_take_pointer(&c, cie->lsda_encoding);

	return c.bad ? -EBADMSG : lsda != 0;
}

/* The CIE of an FDE nearly always is the one before it: one is remembered. */
static const struct cie *find_cie(const uint8_t *table, uint64_t size, uint64_t offset,
				  struct cie *cache)
{
	struct cursor c;
	uint32_t length;

	if (cache->known && cache->offset == offset)
		return cache;
	*cache = (struct cie){0};
	if (offset + 8 > size || offset + 8 < offset)
		return cache;
	memcpy(&length, table + offset, 4);
	if (length < 4 || length > size - offset - 4)
		return cache;
	c = (struct cursor){table + offset + 8, table + offset + 4 + length, false};
	*cache = frame_read_cie(c, offset);

	return cache;
}

static bool table_lands(const uint8_t *table, uint64_t size)
{
	struct cie cache = {0};
	uint64_t at = 0;

	while (at + 4 <= size) {
		uint32_t length, id;
		int r = 0;

		memcpy(&length, table + at, 4);
		if (!length)
			return false; /* the terminator */
		if (length == UINT32_MAX || length < 4 || length > size - at - 4)
			return true;
		memcpy(&id, table + at + 4, 4);
		if (id)
			r = fde_lands(
				(struct cursor){table + at + 8, table + at + 4 + length, false},
				find_cie(table, size, at + 4 - id, &cache));
		if (r)
			return true;
		at += 4ull + length;
	}

	return false;
}

const Elf64_Phdr *frames_header(const struct object *o)
{
	for (size_t i = 0; i < o->n_segments; i++)
		if (o->segments[i].p_type == PT_GNU_EH_FRAME)
			return &o->segments[i];

	return NULL;
}

/* By the segment that the unwinder itself goes by. */
static const void *table_by_header(const struct object *o, uint64_t *ret_size)
{
	const Elf64_Phdr *p = frames_header(o);
	uint8_t head[8];
	struct place place;
	int32_t relative;

	/* Version 1, pointer encoded as pcrel sdata4: what every linker writes. */
	if (!p || !image_read(&o->image, p->p_offset, head, sizeof(head)) || head[0] != 1 ||
	    head[1] != (PE_PCREL | PE_SDATA4))
		return NULL;
	memcpy(&relative, head + 4, 4);
	if (!object_offset(o, p->p_vaddr + 4 + (int64_t)relative, &place))
		return NULL;
	*ret_size = place.room;

	return image_at(&o->image, place.offset, place.room);
}

bool frames_land(const struct object *o)
{
	const struct section *s = object_section(o, ".eh_frame");
	const void *table = s ? object_bytes(o, s) : NULL;
	uint64_t size = s ? s->size : 0;

	if (!table)
		table = table_by_header(o, &size);
	if (table)
		return table_lands(table, size);

	/* No table to be seen: none at all, or one that was not understood. */
	return s || frames_header(o);
}

/* --- every description ----------------------------------------------------------- */

/* The table, and the address that it is loaded to. */
static const uint8_t *find_table(const struct object *o, uint64_t *ret_vaddr, uint64_t *ret_size)
{
	const struct section *s = object_section(o, ".eh_frame");
	const uint8_t *table = s ? object_bytes(o, s) : NULL;
	const Elf64_Phdr *p = frames_header(o);
	int32_t relative;

	if (table) {
		*ret_vaddr = s->address;
		*ret_size = s->size;
		return table;
	}
	table = table_by_header(o, ret_size);
	if (!table || !image_read(&o->image, p->p_offset + 4, &relative, sizeof(relative)))
		return NULL;
	*ret_vaddr = p->p_vaddr + 4 + (uint64_t)(int64_t)relative;

	return table;
}

/* A start as linkers write it: absolute or relative to its own place, 4 or 8 bytes. */
static uint64_t take_start(struct cursor *c, uint8_t encoding, uint64_t vaddr)
{
	uint64_t value;

	if ((encoding & 0x70) != PE_PCREL && (encoding & 0x70) != 0) {
		c->bad = true;
		return 0;
	}
	value = frame_take_pointer(c, encoding & 0x0f);
	if ((encoding & 0x0f) == PE_SDATA4)
		value = (uint64_t)(int64_t)(int32_t)value;

	return encoding & PE_PCREL ? vaddr + value : value;
}

enum fde { FDE_READ, FDE_EMPTY, FDE_BAD };

static enum fde read_fde(struct cursor c, const struct cie *cie, uint64_t vaddr, struct frame *ret)
{
	if (!cie->known || cie->address_encoding & 0x80)
		return FDE_BAD;
	ret->start = take_start(&c, cie->address_encoding, vaddr);
	ret->size = frame_take_pointer(&c, cie->address_encoding & 0x0f);
	if (cie->augmented)
		c = instructions_behind(c);
	ret->called = cie->calls && row_is_call(c);
	if (c.bad || ret->start + ret->size < ret->start)
		return FDE_BAD;

	return ret->size ? FDE_READ : FDE_EMPTY;
}

int frames_walk(const struct object *o, frames_visit visit, void *context, bool *ret_whole)
{
	struct cie cache = {0};
	uint64_t vaddr = 0, size = 0, at = 0;
	const uint8_t *table = find_table(o, &vaddr, &size);
	uint32_t length = 0, id;

	*ret_whole = table;
	while (table && at + 8 <= size) {
		struct frame frame = {.at = vaddr + at};
		enum fde fde = FDE_EMPTY;
		int r = 0;

		memcpy(&length, table + at, 4);
		if (length < 4 || length > size - at - 4)
			break;
		memcpy(&id, table + at + 4, 4);
		if (id)
			fde = read_fde((struct cursor){table + at + 8, table + at + 4 + length, false},
				       find_cie(table, size, at + 4 - id, &cache), vaddr + at + 8,
				       &frame);
		if (fde == FDE_READ)
			r = visit(&frame, context);
		if (r < 0)
			return r;
		if (fde == FDE_BAD)
			*ret_whole = false;
		at += 4ull + length;
	}
	/* It ends with its section, or with a length of 0. */
	if (at + 8 <= size && length)
		*ret_whole = false;

	return 0;
}

int frames_each(const struct object *o, frames_visit visit, void *context)
{
	bool whole;

	return frames_walk(o, visit, context, &whole);
}
