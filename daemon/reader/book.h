/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One object of the request with everything that is known of it: its files, its
 * functions, its facts. Lives until the reply is written, because names in the
 * reply point into its images.
 *
 *	book_open(&book, fd, path)       always fills the book; error says what is wrong
 *	book_read_functions(&book)       only for objects that a pattern speaks about
 *	book_close(&book)
 */
#ifndef READER_BOOK_H
#define READER_BOOK_H

#include "daemon/reader/exits.h"
#include "daemon/reader/facts.h"
#include "daemon/reader/functions.h"
#include "daemon/reader/placement.h"
#include "daemon/reader/references.h"
#include "daemon/reader/slots.h"
#include "reader.pb-c.h"

struct book {
	struct text path;
	struct text file;	 /* path without directory */
	struct object *object;	 /* NULL: error says why */
	struct object *debug;	 /* separate debug file */
	struct object *embedded; /* .gnu_debugdata */
	char *unnamed; /* made-up names */
	char *symbols_from;
	uid_t user;	     /* owner of its file */
	char *debug_refused; /* path of a debug file that others could have written */
	char *error;
	const char *nameless; /* why functions of a stripped Go program have no names */
	struct facts facts;
	struct functions functions;
	bool functions_read;
	uint8_t *takes_return; /* by function: 0: not looked at, 1: no, 2: yes */
	struct slots slots; /* these are read for ways out alone */
	struct references references;
	uint64_t resumer; /* address of Go's deferreturn, 0: none */
	const char *never_return; /* of all its functions */
	bool allocator;
	bool lines_noted;   /* its last note says that lines were lost */
	bool inlined_noted; /* the one before, that inlined copies were */
};

/* 0, also when the object is bad; -ENOMEM. */
int book_open(struct book *b, int fd, struct text path);
int book_open_image(struct book *b, struct image image, struct text path);
int book_read_functions(struct book *b);
void book_close(struct book *b);
/* The one of its files that has DWARF, or NULL. */
const struct object *book_debuginfo(const struct book *b);

/* The verdict on one function, by each of its names and by its code. */
struct verdict {
	struct placement site;
	const char *never_return; /* NULL: may be armed as far as names go */
	const char *never_timed;  /* NULL: its ways out are those of a function */
	bool never_unwinds;
};
struct book_options {
	bool nop5_stepped;
	bool arguments_free;
};
struct verdict book_judge(const struct book *b, const struct function *fn,
			  const struct book_options *options);

/* What lies at an address, for placement and flow; context: the book. */
enum placement_part_kind book_find_part(const void *context, uint64_t vaddr,
					struct placement_part *ret);
/* Does the function there, or what it calls, take its return address? callee.h */
bool book_takes_return(const struct book *b, uint64_t vaddr);
/* Before the first book_fill_exits(): what a file says to its flows. 0, or -ENOMEM. */
int book_prepare_exits(struct book *b);
/*
 * Its ways out into the reply, given where its entry's probe lies; what out points to
 * then is the finder's. 0 or -ENOMEM, -EBADMSG.
 */
int book_fill_exits(const struct book *b, const struct function *fn, const struct placement *site,
		    struct exits_finder *finder, Hotpath__ReaderFunction *out);

#endif
