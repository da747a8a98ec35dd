/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every way out of a function: the instructions at which a call of it is over. With a
 * plain probe on each of them, and one at the entry, calls are timed without a return
 * address being touched.
 *
 *	exits_find(finder, &code, skip, &exits)   again and again; exits are the finder's
 *	exits_free(finder)
 *
 * A way out is a ret, or a jump to another function with the stack as it was at the
 * entry. Where an instruction that the kernel emulates lies on every path to a ret, with
 * neither call nor loop behind it, that one is named instead: a ret is single-stepped,
 * which costs several times as much.
 *
 * A probe writes into the code: what is named was reached from the entry. When not all
 * is known none is named, and why.
 */
#ifndef READER_EXITS_H
#define READER_EXITS_H

#include "daemon/reader/flow.h"
#include "daemon/reader/shortcut.h"
#include "snapshot.pb-c.h"

#define EXITS_MAX 1024 /* of one function */

struct exit_site {
	uint64_t vaddr;
	Hotpath__SiteClass class;
	uint32_t sp_offset; /* the return address lies so far above rsp, or rbp */
	bool frame_pointer; /* rbp it is */
	uint8_t condition;  /* 0, or 1 + the condition code that must hold */
};

struct exits {
	const struct exit_site *list;
	size_t n;
	const char *none; /* static: why they are not all known; NULL: they are */
};

struct exits_finder {
	struct flow flow;
	struct loops loops;
	struct exit_site *list;
	size_t n, room;
	void **kept; /* given out by exits_keep() */
	size_t n_kept, kept_room;
};

/* skip: where the entry's probe lies. 0, or -ENOMEM. */
int exits_find(struct exits_finder *f, const struct flow_code *code, uint32_t skip,
	       struct exits *ret);
/* Memory that lives as long as the finder, or NULL. */
void *exits_keep(struct exits_finder *f, size_t size);
void exits_free(struct exits_finder *f);

#endif
