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

#include "daemon/reader/facts.h"
#include "daemon/reader/functions.h"
#include "daemon/reader/placement.h"

struct book {
	struct text path;
	struct text file;	 /* path without directory */
	struct object *object;	 /* NULL: error says why */
	struct object *debug;	 /* separate debug file */
	struct object *embedded; /* .gnu_debugdata */
	char *symbols_from;
	uid_t user;	     /* owner of its file */
	char *debug_refused; /* path of a debug file that others could have written */
	char *error;
	struct facts facts;
	struct functions functions;
	bool functions_read;
	const char *never_return; /* of all its functions */
	bool allocator;
	bool lines_noted; /* its last note says that lines were lost */
};

/* 0, also when the object is bad; -ENOMEM. */
int book_open(struct book *b, int fd, struct text path);
int book_open_image(struct book *b, struct image image, struct text path);
int book_read_functions(struct book *b);
void book_close(struct book *b);

/* The verdict on one function, by each of its names and by its code. */
struct verdict {
	struct placement site;
	const char *never_return; /* NULL: may be armed as far as names go */
	bool never_unwinds;
};
struct book_options {
	bool nop5_stepped;
	bool arguments_free;
};
struct verdict book_judge(const struct book *b, const struct function *fn,
			  const struct book_options *options);

#endif
