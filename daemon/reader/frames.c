/* SPDX-License-Identifier: GPL-2.0-only */
/* .eh_frame: CIEs and FDEs, read just far enough to see LSDA pointers and bounds. */
#include <errno.h>
#include <string.h>

#include "daemon/reader/frames.h"

#define PE_OMIT	   0xff
#define PE_PCREL   0x10
#define PE_DATAREL 0x30
#define PE_SDATA4  0x0b
#define PE_UDATA4  0x03

struct cursor {
	const uint8_t *at, *end;
	bool bad;
};

/* Of a CIE, what its FDEs need. */
struct cie {
	uint64_t offset;
	uint8_t address_encoding;
	uint8_t lsda_encoding;
	bool augmented;	  /* 'z': FDEs have augmentation data */
	bool personality; /* 'P': a routine that may catch, or run what it likes */
	bool known;
};

static uint8_t take_byte(struct cursor *c)
{
	if (c->at >= c->end) {
		c->bad = true;
		return 0;
	}

	return *c->at++;
}

static uint64_t take_uleb(struct cursor *c)
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

static uint64_t take_bytes(struct cursor *c, size_t size)
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

/* A pointer's stored value, not yet relative to anything; zero means none. */
static uint64_t take_pointer(struct cursor *c, uint8_t encoding)
{
	static const uint8_t sizes[16] = {
		[0] = 8, [2] = 2, [3] = 4, [4] = 8, [10] = 2, [11] = 4, [12] = 8};
	uint8_t format = encoding & 0x0f;

	if (format == 1 || format == 9)
		return take_uleb(c);
	if (!sizes[format]) {
		c->bad = true;
		return 0;
	}

	return take_bytes(c, sizes[format]);
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
			take_pointer(c, take_byte(c));
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

static struct cie read_cie(struct cursor c, uint64_t offset)
{
	struct cie cie = {.offset = offset, .lsda_encoding = PE_OMIT};
	uint8_t version = take_byte(&c);
	const char *letters = (const char *)c.at;
	size_t size = strnlen(letters, (size_t)(c.end - c.at));

	if (c.bad || c.at + size >= c.end)
		return cie;
	c.at += size + 1;
	take_uleb(&c); /* code alignment */
	take_uleb(&c); /* data alignment: the sign does not matter here */
	version == 1 ? take_byte(&c) : take_uleb(&c); /* return address register */
	if (*letters == 'z') {
		cie.augmented = true;
		take_uleb(&c);
		read_augmentation(&c, letters + 1, &cie);
		cie.known = !c.bad;
	} else {
		cie.known = !*letters && !c.bad;
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
	take_pointer(&c, cie->address_encoding);
	take_pointer(&c, cie->address_encoding & 0x0f);
	if (!take_uleb(&c)) /* no augmentation data */
		return c.bad ? -EBADMSG : 0;
	lsda = take_pointer(&c, cie->lsda_encoding);

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
	*cache = read_cie(c, offset);

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

static const Elf64_Phdr *find_header(const struct object *o)
{
	for (size_t i = 0; i < o->n_segments; i++)
		if (o->segments[i].p_type == PT_GNU_EH_FRAME)
			return &o->segments[i];

	return NULL;
}

/* By the segment that the unwinder itself goes by. */
static const void *table_by_header(const struct object *o, uint64_t *ret_size)
{
	const Elf64_Phdr *p = find_header(o);
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
	return s || find_header(o);
}

/* The header's search table: (start, FDE) pairs relative to the header, sorted by start. */
struct search_table {
	const uint8_t *rows;
	uint32_t n;
	uint64_t base;
};

static bool search_table(const struct object *o, struct search_table *ret)
{
	const Elf64_Phdr *p = find_header(o);
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

static uint64_t row_value(const struct search_table *t, uint32_t row, unsigned int column)
{
	int32_t relative;

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

bool frames_find(const struct object *o, uint64_t vaddr, uint64_t *ret_start, uint64_t *ret_size)
{
	uint32_t low = 0, high;
	struct search_table t;

	if (!search_table(o, &t))
		return false;
	for (high = t.n; low < high;) {
		uint32_t middle = low + (high - low) / 2;

		if (row_value(&t, middle, 0) <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return false;
	*ret_start = row_value(&t, low - 1, 0);
	*ret_size = fde_range(o, row_value(&t, low - 1, 1));

	return vaddr - *ret_start < *ret_size;
}
