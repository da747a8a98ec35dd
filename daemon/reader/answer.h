/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A ReaderRequest into a ReaderReply: objects read, patterns matched, functions
 * judged. No process state: main.c and the fuzzers give it what they have.
 *
 *	answer_new(request, &a)
 *	answer_reply(a)            borrowed; names point into the objects' images
 *	answer_note_lines_lost(a)  notes in the reply what is true should the next step fall
 *	answer_lines(a)            adds file and line, and takes those notes back
 *	answer_note_inlined_lost(a), answer_inlined(a)   the same for inlined copies; noted
 *	                           first and added last, for notes are taken from the end
 *	answer_places_inlined(a)   the same for places of samples, without a note
 *	answer_free(a)
 */
#ifndef READER_ANSWER_H
#define READER_ANSWER_H

#include "reader.pb-c.h"

struct answer;

/* 0, also when the reply is an error; -ENOMEM. */
int answer_new(const Hotpath__ReaderRequest *request, struct answer **ret);
struct answer *answer_free(struct answer *a);
const Hotpath__ReaderReply *answer_reply(const struct answer *a);
int answer_note_lines_lost(struct answer *a); /* 0; -ENOMEM */
void answer_lines(struct answer *a);
void answer_places_inlined(struct answer *a); /* adds what was inlined at the places */
int answer_note_inlined_lost(struct answer *a); /* 0; -ENOMEM */
void answer_inlined(struct answer *a);

#endif
