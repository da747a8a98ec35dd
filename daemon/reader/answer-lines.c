/* SPDX-License-Identifier: GPL-2.0-only */
/* File and line of the functions in an answer. */
#include <string.h>

#include "daemon/reader/answer.h"
#include "daemon/reader/answering.h"
#include "daemon/reader/lines.h"

/* The functions of one object, by file offset, beside their addresses. */
static void set_lines(struct answer *a, const struct book *b, Hotpath__ReaderObjectReply *out,
		      struct line *lines)
{
	size_t n = 0, k = 0;

	for (size_t i = 0; i < b->functions.count && n < out->n_functions; i++) {
		const struct function *fn = &b->functions.list[i];

		if (out->functions[n]->name.data ==
		    (uint8_t *)functions_name(&b->functions, fn, 0).p)
			lines[n++] = (struct line){.vaddr = fn->vaddr};
	}
	lines_find(book_debuginfo(b), lines, n);
	for (k = 0; k < n; k++) {
		char *file = keep(a, lines[k].file);

		if (!file)
			continue;
		out->functions[k]->file = text_bytes(text_from(file));
		out->functions[k]->line = lines[k].line;
	}
}

static bool wants_lines(const struct answer *a, size_t i)
{
	return a->reply.objects[i]->n_functions && book_debuginfo(&a->books[i]);
}

int answer_note_lines_lost(struct answer *a)
{
	for (size_t i = 0; i < a->reply.n_objects; i++) {
		int r;

		if (!wants_lines(a, i))
			continue;
		r = add_note(a, a->reply.objects[i],
			     strdup("no file and line: reading the debug information failed or "
				    "took too long"));
		if (r < 0)
			return r;
		a->books[i].lines_noted = true;
	}

	return 0;
}

void answer_lines(struct answer *a)
{
	for (size_t i = 0; i < a->reply.n_objects; i++) {
		Hotpath__ReaderObjectReply *out = a->reply.objects[i];
		_cleanup_free_ struct line *lines = NULL;

		if (!wants_lines(a, i))
			continue;
		lines = calloc(out->n_functions, sizeof(*lines));
		if (!lines)
			continue;
		set_lines(a, &a->books[i], out, lines);
		/* It is the last one: nothing is noted between the two calls. */
		if (a->books[i].lines_noted)
			out->n_notes--;
		a->books[i].lines_noted = false;
	}
}
