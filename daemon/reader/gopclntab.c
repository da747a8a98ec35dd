/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table, as cmd/link writes it (runtime/symtab.go, type pcHeader):
 *
 *	u32 magic, u8 0, 0, 1, 8        fffffff0: Go 1.18, fffffff1: Go 1.20 and later
 *	u64 functions, files
 *	u64 text                        0 as of Go 1.26
 *	u64 names, units, file names, pc tables, functions: offsets from the header
 *
 *	functions: {u32 entry, u32 record} each, and one more entry, the end
 *	record: u32 entry, i32 name, ...
 *
 * Entries are offsets from text, records from the start of the functions.
 */
#include <string.h>

#include "daemon/reader/gopclntab.h"

#define MAGIC_1_18 0xfffffff0u
#define MAGIC_1_20 0xfffffff1u
/* What the kernel enters, unless another linker put its own start-up code there. */
#define ENTRY_NAME "_rt0_amd64_linux"

struct header {
	uint32_t magic;
	uint8_t zero[2], quantum, pointer;
	uint64_t functions, files, text, names, units, file_names, tables, records;
};

struct gotable {
	const uint8_t *at;
	uint64_t size;
	struct header head;
	uint64_t text; /* address that entries are relative to */
};

static const void *bytes_at(const struct gotable *t, uint64_t offset, uint64_t size)
{
	if (offset > t->size || size > t->size - offset)
		return NULL;

	return t->at + offset;
}

static uint32_t word_at(const struct gotable *t, uint64_t offset)
{
	const void *at = bytes_at(t, offset, 4);
	uint32_t word = UINT32_MAX;

	if (at)
		memcpy(&word, at, 4);

	return word;
}

static const struct section *find_section(const struct object *o)
{
	static const char *const names[] = {".gopclntab", ".data.rel.ro.gopclntab"};
	const struct section *s = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(names) && !s; i++)
		s = object_section(o, names[i]);

	return s;
}

static const char *open_table(const struct object *o, const struct section *s, struct gotable *t)
{
	*t = (struct gotable){.at = object_bytes(o, s), .size = s->size};
	if (!t->at || s->size < sizeof(t->head))
		return "its table of Go functions is cut off";
	memcpy(&t->head, t->at, sizeof(t->head));
	if (t->head.magic != MAGIC_1_18 && t->head.magic != MAGIC_1_20)
		return "its table of Go functions is older than Go 1.18, or newer than this";
	if (t->head.pointer != 8 || t->head.functions >= SYMBOLS_MAX ||
	    !bytes_at(t, t->head.records, 8 * t->head.functions + 4))
		return "its table of Go functions is malformed";

	return NULL;
}

static struct text name_of(const struct gotable *t, uint64_t i)
{
	uint32_t record = word_at(t, t->head.records + 8 * i + 4);
	uint32_t name = word_at(t, t->head.records + record + 4);
	uint64_t at = t->head.names + name;
	const char *p = bytes_at(t, at, 1);

	if (!p || at < t->head.names)
		return (struct text){0};

	return (struct text){p, strnlen(p, t->size - at < SYMBOLS_NAME_MAX ? t->size - at
									    : SYMBOLS_NAME_MAX)};
}

/* Where its code begins: said by the table, else by the one function that is known. */
static bool find_text(const struct object *o, struct gotable *t)
{
	t->text = t->head.text;
	if (t->text)
		return true;
	for (uint64_t i = 0; i < t->head.functions; i++) {
		if (text_is(name_of(t, i), ENTRY_NAME)) {
			t->text = o->header.e_entry - word_at(t, t->head.records + 8 * i);
			break;
		}
	}

	/* The first function is where the code begins, and is in the file. */
	return t->text && t->text <= o->header.e_entry;
}

static bool is_code(const struct object *o, uint64_t vaddr)
{
	struct place place;

	return object_offset(o, vaddr, &place) && place.executable;
}

static void add(struct functions *f, const struct object *o, const struct gotable *t, uint64_t i)
{
	uint64_t row = t->head.records + 8 * i;
	uint64_t start = t->text + word_at(t, row), end = t->text + word_at(t, row + 8);
	struct text name = name_of(t, i);

	if (!name.size || end <= start || !is_code(o, start)) {
		f->skipped++;
		return;
	}
	f->names[f->n_names++] = (struct function_name){
		.name = name,
		.vaddr = start,
		.size = end - start,
		.type = STT_FUNC,
	};
}

int gopclntab_add(struct functions *f, const struct object *o, size_t *ret_added,
		  const char **ret_objection)
{
	const struct section *s = find_section(o);
	size_t before = f->n_names;
	struct gotable t;
	int r;

	*ret_added = 0;
	*ret_objection = s ? open_table(o, s, &t) : NULL;
	if (!s || *ret_objection)
		return 0;
	if (!find_text(o, &t)) {
		*ret_objection = "where its Go code begins is not known: it was linked by another "
				 "linker";
		return 0;
	}
	r = functions_reserve(f, t.head.functions);
	if (r < 0)
		return r;
	for (uint64_t i = 0; i < t.head.functions; i++)
		add(f, o, &t, i);
	*ret_added = f->n_names - before;

	return 0;
}
