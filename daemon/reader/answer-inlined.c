/* SPDX-License-Identifier: GPL-2.0-only */
/* Inlined copies of what the patterns name: in the reply, in a note, in the hint. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/reader/answer.h"
#include "daemon/reader/answering.h"
#include "daemon/reader/inlined.h"

#define LISTED_MAX 10000 /* in the reply; the note says how many there are */
#define NAMED_MAX  3	 /* in the note */

struct asking {
	const struct answer *answer;
	struct selection_object object;
};

static bool wants_inlined(const struct answer *a, size_t i)
{
	const struct selection_object so = answer_object(a, i);

	return book_debuginfo(&a->books[i]) && selection_reads(&a->selection, &so);
}

/* A walk through all of the debug information is much, to say of thousands of
 * functions what nobody reads. */
static bool are_too_many(const struct answer *a, size_t i)
{
	return a->request->inlined_max &&
	       a->reply.objects[i]->n_functions > a->request->inlined_max;
}

int answer_note_inlined_lost(struct answer *a)
{
	for (size_t i = 0; i < a->reply.n_objects; i++) {
		int r;

		if (!wants_inlined(a, i))
			continue;
		r = add_note(a, a->reply.objects[i],
			     strdup(are_too_many(a, i)
					    ? "not looked for what was inlined: too many "
					      "functions match (hotpath probes says)"
					    : "not known what was inlined: reading the debug "
					      "information failed or took too long"));
		if (r < 0)
			return r;
		a->books[i].inlined_noted = true;
	}

	return 0;
}

static bool is_wanted(struct text name, void *context)
{
	const struct asking *asking = context;

	return selection_names(&asking->answer->selection, &asking->object, name);
}

static char *shown_name(struct answer *a, const char *name)
{
	return keep(a, text_printable(answer_written_name(a, text_from(name)), 200));
}

static int fill(struct answer *a, const struct inlined_list *from, Hotpath__ReaderObjectReply *out)
{
	size_t n = from->n < LISTED_MAX ? from->n : LISTED_MAX;
	Hotpath__ReaderInlined *block = keep(a, calloc(n + 1, sizeof(*block)));

	out->inlined = keep(a, calloc(n + 1, sizeof(*out->inlined)));
	if (!block || !out->inlined)
		return -ENOMEM;

	for (size_t i = 0; i < n; i++) {
		Hotpath__ReaderInlined *one = &block[i];
		char *name = keep(a, strdup(from->list[i].name));
		char *file = from->list[i].file ? keep(a, strdup(from->list[i].file)) : NULL;

		if (!name)
			return -ENOMEM;
		hotpath__reader_inlined__init(one);
		one->name = text_bytes(text_from(name));
		one->sites = from->list[i].sites;
		one->out_of_line = from->list[i].out_of_line;
		if (file) {
			one->file = text_bytes(text_from(file));
			one->line = from->list[i].line;
		}
		out->inlined[out->n_inlined++] = one;
	}

	return 0;
}

static int compare_sites(const void *a, const void *b)
{
	const struct inlined *x = a, *y = b;

	return (x->sites < y->sites) - (x->sites > y->sites);
}

/* "inlined, not seen there (...): parse_hdr at 7 sites, skip at 1 site, 12 more" */
static int note(struct answer *a, struct inlined_list *from, Hotpath__ReaderObjectReply *out)
{
	char text[1024];
	size_t n, i;

	if (!from->n)
		return 0;
	qsort(from->list, from->n, sizeof(*from->list), compare_sites);
	n = (size_t)snprintf(text, sizeof(text),
			     "inlined, not seen there (use HOTPATH_SCOPE or -fno-inline):");
	for (i = 0; i < from->n && i < NAMED_MAX; i++) {
		const char *name = shown_name(a, from->list[i].name);

		if (!name)
			return -ENOMEM;
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s %s at %u site%s",
				      i ? "," : "", name, from->list[i].sites,
				      from->list[i].sites == 1 ? "" : "s");
	}
	if (i < from->n)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ", %zu more", from->n - i);
	if (from->cut)
		snprintf(text + n, sizeof(text) - n, ", perhaps more");

	return add_note(a, out, strdup(text));
}

/* The pattern that found nothing may have meant these: the better hint. */
static void set_hint(struct answer *a, const struct pattern *p,
		     const Hotpath__ReaderObjectReply *out)
{
	struct demangled cache = {0};
	uint64_t sites = 0;
	size_t names = 0;
	char *name = NULL, *hint;

	for (size_t i = 0; i < out->n_inlined; i++) {
		if (pattern_fits_name(p, bytes_text(out->inlined[i]->name), &cache)) {
			name = shown_name(a, (char *)out->inlined[i]->name.data);
			sites += out->inlined[i]->sites;
			names++;
		}
		demangled_free(&cache);
	}
	if (!names || !name)
		return;
	if (names > 1 && asprintf(&hint,
				  "%zu such functions are inlined at %llu sites, not seen there; "
				  "use HOTPATH_SCOPE or -fno-inline",
				  names, (unsigned long long)sites) < 0)
		return;
	if (names == 1 && asprintf(&hint,
				   "%s: inlined at %llu site%s, not seen there; use HOTPATH_SCOPE "
				   "or -fno-inline",
				   name, (unsigned long long)sites, sites == 1 ? "" : "s") < 0)
		return;
	hint = keep(a, hint);
	if (!hint)
		return;
	a->reply.hint = hint;
	a->reply.n_nearest = 0;
}

static const struct pattern *first_unmatched(const struct answer *a)
{
	for (size_t i = 0; i < a->selection.n; i++)
		if (!pattern_excludes(a->selection.patterns[i]) &&
		    !*pattern_matches(a->selection.patterns[i]))
			return a->selection.patterns[i];

	return NULL;
}

void answer_inlined(struct answer *a)
{
	const struct pattern *unmatched = first_unmatched(a);

	for (size_t i = 0; i < a->reply.n_objects; i++) {
		struct asking asking = {a, answer_object(a, i)};
		Hotpath__ReaderObjectReply *out = a->reply.objects[i];
		struct inlined_list list;

		if (!wants_inlined(a, i) || are_too_many(a, i) ||
		    inlined_find(book_debuginfo(&a->books[i]), is_wanted, &asking, &list) < 0)
			continue;
		/* It is the last one: nothing is noted between the two calls. */
		if (a->books[i].inlined_noted)
			out->n_notes--;
		a->books[i].inlined_noted = false;
		if (fill(a, &list, out) == 0 && unmatched)
			set_hint(a, unmatched, out);
		note(a, &list, out);
		inlined_done(&list);
	}
}
