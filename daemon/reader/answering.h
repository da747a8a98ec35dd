/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An answer in the making: for the files that make it (answer*.c), for nobody else.
 */
#ifndef READER_ANSWERING_H
#define READER_ANSWERING_H

#include "daemon/reader/book.h"
#include "daemon/reader/selection.h"
#include "reader.pb-c.h"

#define NOTES_MAX 6 /* of one object: one from each that adds them */

struct answer {
	const Hotpath__ReaderRequest *request;
	struct book *books; /* n: as many as objects in the request */
	size_t n;
	struct selection selection;
	Hotpath__ReaderReply reply;
	size_t n_functions;
	size_t n_refused;    /* matched, but no probe can go there */
	struct text refused; /* one of them, and why */
	const char *refused_reason;
	struct exits_finder exits;
	void **kept; /* everything else that the reply points to */
	size_t n_kept, kept_room;
};

/* Hands memory over to the answer; NULL when it is NULL or can not be noted. */
void *keep(struct answer *a, void *memory);
/* Takes the note. 0, or -ENOMEM. */
int add_note(struct answer *a, Hotpath__ReaderObjectReply *out, char *note);
/* What the i-th object is called. */
struct selection_object answer_object(const struct answer *a, size_t i);
/* Whose code the i-th object's places are. 0, or -ENOMEM. */
int answer_places(struct answer *a, size_t i, Hotpath__ReaderObjectReply *out);
/* A name as its author would write it, without parameters. */
struct text answer_written_name(struct answer *a, struct text name);

static inline struct text bytes_text(ProtobufCBinaryData b)
{
	return (struct text){(const char *)b.data, b.len};
}

static inline ProtobufCBinaryData text_bytes(struct text t)
{
	return (ProtobufCBinaryData){.len = t.size, .data = (uint8_t *)t.p};
}

#endif
