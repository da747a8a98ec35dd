// SPDX-License-Identifier: GPL-2.0-only
/* What lies outside measured functions, added up for people; see places.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/jsonstream.h"
#include "cli/places.h"
#include "cli/text.h"
#include "lib/cleanup.h"
#include "lib/fmt.h"

/* Lines of a report. What is less than this is added up in one. */
#define LINES_MAX  8
#define SHARE_LEAST 0.005

uint64_t places_own(const Hotpath__Target *t)
{
	const Hotpath__Sampling *s = t->sampling;
	uint64_t not_own;

	if (!s || __builtin_add_overflow(s->probe, s->discarded, &not_own) || not_own > s->samples)
		return 0;

	return s->samples - not_own;
}

uint64_t places_ns(const Hotpath__Target *t, uint64_t samples)
{
	uint64_t own = places_own(t);
	double without_probes;

	if (!own)
		return 0;
	without_probes = (double)(t->sampling->samples - t->sampling->probe) /
			 (double)t->sampling->samples;

	return (uint64_t)((double)t->cpu_total_ns * without_probes * (double)samples / (double)own);
}

/*
 * Of no sample at all the formula would say that the error is 0: one sample is what could
 * have been missed, and so is the least that is said.
 */
uint64_t places_se_ns(const Hotpath__Target *t, uint64_t samples)
{
	uint64_t own = places_own(t);
	double p;

	if (!own)
		return 0;
	p = samples < own ? (double)(samples ?: 1) / (double)own : 1;

	return (uint64_t)ceil((double)places_ns(t, own) * sqrt(p * (1 - p) / (double)own));
}

const char *places_word(Hotpath__SampledKind kind)
{
	switch (kind) {
	case HOTPATH__SAMPLED_KIND__SAMPLED_KERNEL:
		return "[kernel]";
	case HOTPATH__SAMPLED_KIND__SAMPLED_OBJECT:
		return "[no symbol]";
	case HOTPATH__SAMPLED_KIND__SAMPLED_ANONYMOUS:
		return "[generated code]";
	case HOTPATH__SAMPLED_KIND__SAMPLED_UNKNOWN:
		return "[unknown]";
	default:
		return NULL;
	}
}

const char *places_kind(Hotpath__SampledKind kind)
{
	static const char *const words[] = {
		[HOTPATH__SAMPLED_KIND__SAMPLED_FUNCTION] = "function",
		[HOTPATH__SAMPLED_KIND__SAMPLED_OBJECT] = "object",
		[HOTPATH__SAMPLED_KIND__SAMPLED_KERNEL] = "kernel",
		[HOTPATH__SAMPLED_KIND__SAMPLED_ANONYMOUS] = "anonymous",
		[HOTPATH__SAMPLED_KIND__SAMPLED_UNKNOWN] = "unknown",
	};

	return (size_t)kind < ARRAY_SIZE(words) && words[kind] ? words[kind] : "unknown";
}

/* --- groups ------------------------------------------------------------------ */

enum group_kind {
	GROUP_OBJECT,	 /* another object */
	GROUP_MAIN,	 /* functions of the executable that are not measured */
	GROUP_NO_SYMBOL, /* code of it that no function is known for */
	GROUP_KERNEL,
	GROUP_GENERATED,
	GROUP_UNKNOWN,
};

struct group {
	enum group_kind kind;
	ProtobufCBinaryData object;
	uint64_t samples;
};

struct groups {
	struct group *list;
	size_t n;
};

static enum group_kind group_kind(const Hotpath__SampledPlace *p)
{
	switch (p->kind) {
	case HOTPATH__SAMPLED_KIND__SAMPLED_FUNCTION:
		return p->main_object ? GROUP_MAIN : GROUP_OBJECT;
	case HOTPATH__SAMPLED_KIND__SAMPLED_OBJECT:
		return p->main_object ? GROUP_NO_SYMBOL : GROUP_OBJECT;
	case HOTPATH__SAMPLED_KIND__SAMPLED_KERNEL:
		return GROUP_KERNEL;
	case HOTPATH__SAMPLED_KIND__SAMPLED_ANONYMOUS:
		return GROUP_GENERATED;
	default:
		return GROUP_UNKNOWN;
	}
}

static bool is_of(const struct group *g, enum group_kind kind, ProtobufCBinaryData object)
{
	return g->kind == kind &&
	       (kind != GROUP_OBJECT ||
		(g->object.len == object.len &&
		 (!object.len || !memcmp(g->object.data, object.data, object.len))));
}

static int compare(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	int r = (x->samples < y->samples) - (x->samples > y->samples);

	return r ? r : (x->kind > y->kind) - (x->kind < y->kind);
}

/* As many as there are objects, a few dozen: a walk for each place does. */
static struct groups groups_of(const Hotpath__Target *t)
{
	const Hotpath__Sampling *s = t->sampling;
	struct groups groups = {.list = calloc(s->n_places + 1, sizeof(*groups.list))};

	for (size_t i = 0; groups.list && i < s->n_places; i++) {
		const Hotpath__SampledPlace *p = s->places[i];
		enum group_kind kind = group_kind(p);
		size_t k = 0;

		while (k < groups.n && !is_of(&groups.list[k], kind, p->object))
			k++;
		if (k == groups.n)
			groups.list[groups.n++] = (struct group){kind, p->object, 0};
		groups.list[k].samples += p->samples;
	}
	if (groups.list)
		qsort(groups.list, groups.n, sizeof(*groups.list), compare);

	return groups;
}

/* --- words --------------------------------------------------------------------- */

/* "libcrypto.so.3" is named by "libcrypto*:", "ld-linux-x86-64.so.2" by "ld-linux*:". */
static char *pattern_of(ProtobufCBinaryData object)
{
	const char *name = (const char *)object.data;
	size_t size = 0;
	char *pattern;

	while (size < object.len && name[size] != '.' && name[size] != ' ')
		size++;

	return asprintf(&pattern, "%.*s*:", (int)size, name) < 0 ? NULL : pattern;
}

/* Is it a word that a shell takes as it stands, between quotes? */
static bool is_plain(const char *pattern)
{
	return !pattern[strcspn(pattern, "'\\[]?!/")] && pattern[0] != '*';
}

/* What to type next; NULL: nothing would help. */
static char *remedy_of(const struct group *g, bool *ret_pattern)
{
	_cleanup_free_ char *pattern = NULL;

	*ret_pattern = false;
	switch (g->kind) {
	case GROUP_OBJECT:
		pattern = pattern_of(g->object);
		if (!pattern || !g->object.len || g->object.len > 200 || !is_plain(pattern) ||
		    g->object.data[0] == '[')
			return NULL;
		*ret_pattern = true;
		return TAKE(pattern);
	case GROUP_MAIN:
		*ret_pattern = true;
		return strdup("*");
	case GROUP_NO_SYMBOL:
		return strdup("install the debug package, or -g");
	default:
		return NULL;
	}
}

static char *label_of(const struct group *g, bool utf8)
{
	_cleanup_free_ char *safe = NULL;
	char *label;

	switch (g->kind) {
	case GROUP_OBJECT:
		safe = text_safe(g->object.data, g->object.len, utf8);
		if (!safe || *safe == '[')
			return TAKE(safe);
		return asprintf(&label, "[%s]", safe) < 0 ? NULL : label;
	case GROUP_MAIN:
		return strdup("[functions not measured]");
	case GROUP_NO_SYMBOL:
		return strdup("[no symbol]");
	case GROUP_KERNEL:
		return strdup("[kernel]");
	case GROUP_GENERATED:
		return strdup("[generated code]");
	default:
		return strdup("[unknown]");
	}
}

static void note_group(struct sheet *sheet, const struct group *g, double share)
{
	bool is_pattern;
	_cleanup_free_ char *label = label_of(g, sheet->view->utf8);
	_cleanup_free_ char *remedy = remedy_of(g, &is_pattern);
	_cleanup_free_ char *safe = remedy ? text_safe(remedy, strlen(remedy), sheet->view->utf8)
					   : NULL;
	char percent[FMT_MAX];

	if (!label)
		return;
	fmt_percent(percent, share);
	if (!safe)
		sheet_note(sheet, "%s %s", label, percent);
	else if (is_pattern)
		sheet_note(sheet, "%s %s (add -f '%s')", label, percent, safe);
	else
		sheet_note(sheet, "%s %s (%s)", label, percent, safe);
}

void places_note(struct sheet *sheet)
{
	const Hotpath__Target *t = sheet->view->target;
	uint64_t own = places_own(t), rest = 0;
	struct groups groups;
	char percent[FMT_MAX];
	size_t lines = 0;

	if (own < PLACES_SAMPLES_LEAST)
		return;
	groups = groups_of(t);
	for (size_t i = 0; i < groups.n; i++) {
		double share = (double)groups.list[i].samples / (double)own;

		if (lines == LINES_MAX || share < SHARE_LEAST) {
			rest += groups.list[i].samples;
			continue;
		}
		note_group(sheet, &groups.list[i], share);
		lines++;
	}
	if ((double)rest / (double)own >= SHARE_LEAST)
		sheet_note(sheet, "[others] %s", fmt_percent(percent, (double)rest / (double)own));
	free(groups.list);
}

/* --- JSON ------------------------------------------------------------------------ */

static json_t *group_json(const struct group *g, uint64_t samples, uint64_t own)
{
	bool is_pattern;
	_cleanup_free_ char *label = label_of(g, true);
	_cleanup_free_ char *remedy = remedy_of(g, &is_pattern);
	json_t *row = json_object();
	double scaled = 1e6 * (double)samples / (double)own;

	json_object_set_new(row, "place", jsonstream_string(label ?: "", strlen(label ?: "")));
	json_object_set_new(row, "samples", sheet_integer(samples));
	json_object_set_new(row, "percent", json_real((double)(uint64_t)(scaled + 0.5) / 1e4));
	if (remedy)
		json_object_set_new(row, is_pattern ? "add" : "remedy",
				    jsonstream_string(remedy, strlen(remedy)));
	return row;
}

json_t *places_json(const Hotpath__Target *t)
{
	uint64_t own = places_own(t);
	json_t *rows = json_array();
	struct groups groups;

	if (!own)
		return rows;
	groups = groups_of(t);
	for (size_t i = 0; i < groups.n; i++)
		json_array_append_new(rows, group_json(&groups.list[i], groups.list[i].samples, own));
	free(groups.list);
	return rows;
}
