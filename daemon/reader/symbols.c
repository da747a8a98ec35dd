/* SPDX-License-Identifier: GPL-2.0-only */
/* .symtab and .dynsym, also of files whose section headers were stripped. */
#include <errno.h>
#include <string.h>

#include "daemon/reader/symbols.h"

static int table_set(struct symbol_table *table, const void *symbols, uint64_t count,
		     const void *strings, uint64_t strings_size)
{
	if (!symbols || !strings || !count || !strings_size)
		return -ENOENT;

	*table = (struct symbol_table){.symbols = symbols,
				       .count = count < SYMBOLS_MAX ? count : SYMBOLS_MAX,
				       .ignored = count < SYMBOLS_MAX ? 0 : count - SYMBOLS_MAX,
				       .strings = strings,
				       .strings_size = strings_size};

	return 0;
}

static int from_section(const struct object *o, uint32_t type, struct symbol_table *ret)
{
	for (size_t i = 0; i < o->n_sections; i++) {
		const struct section *s = &o->sections[i];
		const struct section *strings =
			s->link < o->n_sections ? &o->sections[s->link] : NULL;

		if (s->type != type || !strings)
			continue;
		return table_set(ret, object_bytes(o, s), s->size / sizeof(Elf64_Sym),
				 object_bytes(o, strings), strings->size);
	}

	return -ENOENT;
}

/* The end of the last chain of the last bucket is the number of symbols. */
static uint64_t count_by_gnu_hash(const struct object *o)
{
	struct {
		uint32_t n_buckets, first, n_bloom, shift;
	} head;
	uint64_t buckets, chains, last = 0;
	struct place place;

	if (!object_offset(o, o->gnu_hash, &place) ||
	    !image_read(&o->image, place.offset, &head, sizeof(head)))
		return 0;
	buckets = place.offset + sizeof(head) + 8ull * head.n_bloom;
	chains = buckets + 4ull * head.n_buckets;

	for (uint32_t i = 0; i < head.n_buckets; i++) {
		uint32_t bucket;

		if (!image_read(&o->image, buckets + 4ull * i, &bucket, sizeof(bucket)))
			return 0;
		if (bucket > last)
			last = bucket;
	}
	if (last < head.first)
		return head.first;

	for (;; last++) {
		uint32_t hash;

		if (!image_read(&o->image, chains + 4 * (last - head.first), &hash, sizeof(hash)))
			return 0;
		if (hash & 1)
			return last + 1;
	}
}

static uint64_t count_by_hash(const struct object *o)
{
	struct {
		uint32_t n_buckets, n_chains;
	} head;
	struct place place;

	if (!object_offset(o, o->dynamic[DT_HASH], &place) ||
	    !image_read(&o->image, place.offset, &head, sizeof(head)))
		return 0;

	return head.n_chains;
}

/* What the dynamic loader itself goes by. */
static int from_dynamic(const struct object *o, struct symbol_table *ret)
{
	uint64_t count = o->gnu_hash	       ? count_by_gnu_hash(o)
			 : o->dynamic[DT_HASH] ? count_by_hash(o)
					       : 0;
	struct place symbols, strings;

	if (!count || !object_offset(o, o->dynamic[DT_SYMTAB], &symbols) ||
	    !object_offset(o, o->dynamic[DT_STRTAB], &strings))
		return -ENOENT;
	if (count > symbols.room / sizeof(Elf64_Sym))
		count = symbols.room / sizeof(Elf64_Sym);
	if (strings.room > o->dynamic[DT_STRSZ])
		strings.room = o->dynamic[DT_STRSZ];

	return table_set(ret, image_at(&o->image, symbols.offset, count * sizeof(Elf64_Sym)), count,
			 image_at(&o->image, strings.offset, strings.room), strings.room);
}

int symbols_open(const struct object *o, enum symbols_kind kind, struct symbol_table *ret)
{
	int r;

	if (kind == SYMBOLS_STATIC)
		return from_section(o, SHT_SYMTAB, ret);

	r = from_section(o, SHT_DYNSYM, ret);

	return r == -ENOENT ? from_dynamic(o, ret) : r;
}

bool symbols_get(const struct symbol_table *table, size_t i, struct symbol *ret)
{
	const char *name, *version;
	size_t size, max;
	Elf64_Sym s;

	memcpy(&s, table->symbols + i * sizeof(s), sizeof(s));
	if (!s.st_name || s.st_name >= table->strings_size)
		return false;

	name = table->strings + s.st_name;
	max = table->strings_size - s.st_name;
	size = strnlen(name, max < SYMBOLS_NAME_MAX + 1 ? max : SYMBOLS_NAME_MAX + 1);
	if (!size)
		return false;
	version = memchr(name + 1, '@', size - 1);

	*ret = (struct symbol){
		.name = {name, version ? (size_t)(version - name) : size},
		.value = s.st_value,
		.size = s.st_size,
		.type = ELF64_ST_TYPE(s.st_info),
		.binding = ELF64_ST_BIND(s.st_info),
		.section = s.st_shndx,
		.too_long = size > SYMBOLS_NAME_MAX,
	};

	return true;
}
