/* SPDX-License-Identifier: GPL-2.0-only */
/* What frames.c and frames-find.c share: the entries of .eh_frame, byte by byte. */
#ifndef READER_FRAMES_ENTRY_H
#define READER_FRAMES_ENTRY_H

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
	bool calls;	  /* its frames begin as a call leaves the stack; not a signal's */
	bool known;
};

/* These set c->bad when there are not so many bytes. */
uint64_t frame_take_uleb(struct cursor *c);
uint64_t frame_take_bytes(struct cursor *c, size_t size);
/* A pointer's stored value, not yet relative to anything; zero means none. */
uint64_t frame_take_pointer(struct cursor *c, uint8_t encoding);
struct cie frame_read_cie(struct cursor c, uint64_t offset);
/* frames_each(); *ret_whole: nothing was left out because it could not be understood. */
int frames_walk(const struct object *o, frames_visit visit, void *context, bool *ret_whole);
/* The segment that the unwinder goes by, or NULL. */
const Elf64_Phdr *frames_header(const struct object *o);

#endif
