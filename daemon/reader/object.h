/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One ELF object: its headers checked and unpacked, addresses turned into file
 * offsets. Knows nothing of symbols or code. Parsed by hand rather than by
 * libelf: every access is bounded by image_at(), and what is wrong with a file
 * can be said in one clause.
 *
 *	object_parse(image, &o, &error)   takes the image, also when it fails
 *	object_section(o, ".symtab")
 *	object_offset(o, vaddr, &place)   where the loader maps it from
 *	object_free(o)
 */
#ifndef READER_OBJECT_H
#define READER_OBJECT_H

#include <elf.h>

#include "daemon/reader/image.h"
#include "daemon/reader/text.h"

#define OBJECT_BUILD_ID_MAX 64

struct section {
	struct text name;
	uint32_t type;
	uint32_t link;
	uint64_t flags;
	uint64_t address;
	uint64_t offset;
	uint64_t size;
};

/* By frames_sort(). */
struct frame_row {
	uint64_t start;
	uint64_t size;
	uint64_t fde;
};

struct object {
	struct image image;
	Elf64_Ehdr header;
	Elf64_Phdr *segments;
	size_t n_segments;
	struct section *sections;
	size_t n_sections;
	const char *sections_error; /* why there are none, when the header names some */
	struct text soname;
	char build_id[2 * OBJECT_BUILD_ID_MAX + 1];
	bool has_interpreter;
	size_t n_needed;
	bool go_note;
	bool text_relocations; /* the loader writes into its code */
	uint64_t dynamic[DT_NUM]; /* d_val of the tags below DT_NUM; 0: not there */
	uint64_t gnu_hash;
	struct frame_row *frames;
	size_t n_frames;
};

struct place {
	uint64_t offset; /* in the file */
	uint64_t room;	 /* bytes from there to the end of what the file backs */
	bool executable;
	bool writable;
};

/* -EBADMSG with a clause in *ret_error; -ENOMEM. */
int object_parse(struct image image, struct object **ret, const char **ret_error);
struct object *object_free(struct object *o);
DEFINE_CLEANUP(struct object *, object_free);

const struct section *object_section(const struct object *o, const char *name);
/* The section's bytes, or NULL when the file does not hold all of them. */
const void *object_bytes(const struct object *o, const struct section *s);

/* False: no segment, or only zero-filled memory, holds that address. */
bool object_offset(const struct object *o, uint64_t vaddr, struct place *ret);
bool object_is_static(const struct object *o);
/* ld-linux: its functions run while the process is half built. */
bool object_is_loader(const struct object *o);

#endif
