// SPDX-License-Identifier: GPL-2.0-only
/*
 * functions-cpu: where the target's threads were on a CPU, by samples: each function's
 * own code, measured or not, without what it calls. Probes are not needed for that.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/focus.h"
#include "cli/jsonstream.h"
#include "cli/name.h"
#include "cli/places.h"
#include "cli/section.h"
#include "cli/text.h"
#include "lib/cleanup.h"
#include "lib/fmt.h"

struct cpu_row {
	const Hotpath__Function *function; /* measured; else: */
	const Hotpath__SampledPlace *place;
	uint64_t samples;
};

/* --- rows ---------------------------------------------------------------------- */

static ProtobufCBinaryData name_of(const struct cpu_row *r)
{
	const char *word = r->place ? places_word(r->place->kind) : NULL;

	if (word)
		return (ProtobufCBinaryData){strlen(word), (uint8_t *)word};

	return r->place ? r->place->name : r->function->name;
}

static ProtobufCBinaryData object_of(const struct cpu_row *r)
{
	return r->place ? r->place->object : r->function->object;
}

static ProtobufCBinaryData inlined_of(const struct cpu_row *r)
{
	return r->place ? r->place->inlined : r->function->inlined;
}

static bool in_focus(const struct focus *focus, const struct cpu_row *r)
{
	ProtobufCBinaryData symbol = name_of(r);
	_cleanup_free_ char *name = NULL;
	size_t size;

	if (!focus || focus_takes(focus, symbol.data, symbol.len))
		return true;
	name = name_demangle(symbol.data, symbol.len, true, &size);

	return name && focus_takes(focus, name, size);
}

static int compare_bytes(ProtobufCBinaryData a, ProtobufCBinaryData b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int r = n ? memcmp(a.data, b.data, n) : 0;

	return r ? r : (a.len > b.len) - (a.len < b.len);
}

static int compare_rows(const void *a, const void *b)
{
	const struct cpu_row *x = *(const struct cpu_row *const *)a;
	const struct cpu_row *y = *(const struct cpu_row *const *)b;
	int r = (x->samples < y->samples) - (x->samples > y->samples);

	if (r == 0)
		r = compare_bytes(name_of(x), name_of(y));

	return r ? r : compare_bytes(object_of(x), object_of(y));
}

static void add_row(const struct view *view, struct sheet *sheet, struct cpu_row *row)
{
	if (row->samples && in_focus(view->options->focus, row))
		sheet->row[sheet->total_rows++] = row;
}

static int fill_rows(const struct view *view, struct sheet *sheet)
{
	const Hotpath__Target *t = view->target;
	size_t room = t->n_functions + (t->sampling ? t->sampling->n_places : 0) + 1;
	uint64_t limit = view->options->functions_limit;
	struct cpu_row *row = calloc(room, sizeof(*row));

	sheet->memory = (char *)row;
	sheet->row = calloc(room, sizeof(*sheet->row));
	if (!row || !sheet->row)
		return -ENOMEM;
	for (size_t i = 0; t->sampling && i < t->n_functions; i++, row++) {
		*row = (struct cpu_row){t->functions[i], NULL, t->functions[i]->samples};
		add_row(view, sheet, row);
	}
	for (size_t i = 0; t->sampling && i < t->sampling->n_places; i++, row++) {
		*row = (struct cpu_row){NULL, t->sampling->places[i], t->sampling->places[i]->samples};
		add_row(view, sheet, row);
	}
	qsort(sheet->row, sheet->total_rows, sizeof(*sheet->row), compare_rows);
	sheet->rows = limit && limit < sheet->total_rows ? limit : sheet->total_rows;
	sheet->what = "places";
	return 0;
}

/* --- columns ------------------------------------------------------------------- */

enum {
	COLUMN_id,
	COLUMN_name,
	COLUMN_object,
	COLUMN_kind,
	COLUMN_samples,
	COLUMN_on_cpu,
	COLUMN_on_cpu_se,
	COLUMN_percent,
	COLUMN_inlined,
	COLUMNS,
};

static const struct column columns[COLUMNS] = {
	[COLUMN_id] = {"id", NULL, NULL, 0, CELL_NUMBER},
	[COLUMN_name] = {"name", NULL, "On CPU", 1, CELL_NAME},
	[COLUMN_object] = {"object", NULL, "Object", 5, CELL_TEXT},
	[COLUMN_kind] = {"kind", NULL, NULL, 0, CELL_TEXT},
	[COLUMN_samples] = {"samples", NULL, "Samples", 2, CELL_COUNT},
	[COLUMN_on_cpu] = {"on_cpu_ns", NULL, "Time", 3, CELL_NS},
	[COLUMN_on_cpu_se] = {"on_cpu_se_ns", NULL, NULL, 0, CELL_NS},
	[COLUMN_percent] = {"percent_total", NULL, "% Self", 4, CELL_PERCENT},
	[COLUMN_inlined] = {"name", "inlined", NULL, 0, CELL_NAME},
};

static void put_bytes(struct cell *cell, ProtobufCBinaryData bytes)
{
	cell->bytes = bytes.data;
	cell->size = bytes.len;
	cell->absent = !bytes.len;
}

static void row(const struct sheet *sheet, const void *data, struct cell *cell)
{
	const Hotpath__Target *t = sheet->view->target;
	const struct cpu_row *r = data;
	const char *kind = r->place ? places_kind(r->place->kind) : "measured";
	uint64_t own = places_own(t);

	cell[COLUMN_id].absent = !r->function;
	cell[COLUMN_id].number = r->function ? r->function->id : 0;
	put_bytes(&cell[COLUMN_name], name_of(r));
	cell[COLUMN_name].absent = false;
	put_bytes(&cell[COLUMN_object], object_of(r));
	put_bytes(&cell[COLUMN_kind], (ProtobufCBinaryData){strlen(kind), (uint8_t *)kind});
	cell[COLUMN_samples].number = r->samples;
	cell[COLUMN_on_cpu].number = places_ns(t, r->samples);
	put_bytes(&cell[COLUMN_inlined], inlined_of(r));
	cell[COLUMN_on_cpu].estimated = cell[COLUMN_percent].estimated = true;
	cell[COLUMN_on_cpu_se].number = places_se_ns(t, r->samples);
	cell[COLUMN_percent].absent = !own;
	if (own)
		cell[COLUMN_percent].fraction = (double)r->samples / (double)own;
}

/* --- the section ------------------------------------------------------------------ */

static void fill_members(const Hotpath__Sampling *s, const Hotpath__Target *t, json_t *members)
{
	json_object_set_new(members, "sampled", json_boolean(s != NULL));
	if (!s)
		return;
	json_object_set_new(members, "frequency_hz", sheet_integer(s->frequency_hz));
	json_object_set_new(members, "total_samples", sheet_integer(s->samples));
	json_object_set_new(members, "own_samples", sheet_integer(places_own(t)));
	json_object_set_new(members, "probe_samples", sheet_integer(s->probe));
	json_object_set_new(members, "discarded", sheet_integer(s->discarded));
	json_object_set_new(members, "lost", sheet_integer(s->lost));
	json_object_set_new(members, "outside", places_json(t));
}

static char *name_shown(ProtobufCBinaryData symbol, bool utf8)
{
	size_t size;
	_cleanup_free_ char *name = name_demangle(symbol.data, symbol.len, false, &size);

	return name ? text_safe(name, size, utf8) : NULL;
}

/* Where a probe would not tell more: what to do about it. Of rows that matter. */
static void note_inlined(struct sheet *sheet)
{
	uint64_t own = places_own(sheet->view->target);

	for (size_t i = 0; i < sheet->rows; i++) {
		const struct cpu_row *r = sheet->row[i];
		_cleanup_free_ char *name = NULL, *inlined = NULL;

		if (!inlined_of(r).len || r->samples < own / 10)
			continue;
		name = name_shown(name_of(r), sheet->view->utf8);
		inlined = name_shown(inlined_of(r), sheet->view->utf8);
		if (name && inlined)
			sheet_note(sheet, "%s: most of it is in %s, inlined there; use HOTPATH_SCOPE "
				   "or -fno-inline", name, inlined);
	}
}

/* "libssl.so.3+0x1a2b0", as hotpath-reader makes names up. */
static bool is_unnamed(const struct cpu_row *r)
{
	ProtobufCBinaryData name = name_of(r), object = object_of(r);

	return object.len && name.len > object.len + 3 &&
	       !memcmp(name.data, object.data, object.len) &&
	       !memcmp(name.data + object.len, "+0x", 3);
}

/* Of the rows that are shown, when that is a tenth of all: the first object of them. */
static void note_unnamed(struct sheet *sheet)
{
	uint64_t own = places_own(sheet->view->target), samples = 0;
	const struct cpu_row *first = NULL;
	_cleanup_free_ char *object = NULL;

	for (size_t i = 0; i < sheet->rows; i++) {
		const struct cpu_row *r = sheet->row[i];

		if (!is_unnamed(r))
			continue;
		samples += r->samples;
		first = first ?: r;
	}
	if (!first || samples < own / 10)
		return;
	object = text_safe(object_of(first).data, object_of(first).len, sheet->view->utf8);
	if (object)
		sheet_note(sheet,
			   "functions without a symbol go by their address: the debug package of %s "
			   "(-dbgsym, -debuginfo) names them",
			   object);
}

static void fill_notes(const Hotpath__Sampling *s, struct sheet *sheet)
{
	char count[FMT_MAX], more[FMT_MAX];

	if (!s) {
		sheet_note(sheet, "on-CPU time was not sampled");
		return;
	}
	if (!places_own(sheet->view->target))
		sheet_note(sheet, "no thread was found on a CPU");
	note_inlined(sheet);
	note_unnamed(sheet);
	if (s->probe)
		sheet_note(sheet, "%s more samples were in hotpath's own probes",
			   fmt_count(count, s->probe));
	if (s->discarded)
		sheet_note(sheet, "%s more samples are left out: many probes were in place then",
			   fmt_count(count, s->discarded));
	if (s->lost)
		sheet_note(sheet, "%s of %s samples found no room", fmt_count(count, s->lost),
			   fmt_count(more, s->samples));
}

static int fill(const struct view *view, struct sheet *sheet)
{
	const Hotpath__Sampling *s = view->target->sampling;
	int r;

	sheet->columns = COLUMNS;
	sheet->column = calloc(COLUMNS, sizeof(*sheet->column));
	if (!sheet->column)
		return -ENOMEM;
	memcpy(sheet->column, columns, sizeof(columns));
	r = fill_rows(view, sheet);
	if (r < 0)
		return r;
	if (!view->machine)
		fill_notes(s, sheet);
	fill_members(s, view->target, sheet->members);
	return 0;
}

static bool worth(const struct view *view)
{
	const Hotpath__Target *t = view->target;

	return t->sampling && (view->machine || places_own(t) >= PLACES_SAMPLES_LEAST);
}

const struct section section_functions_cpu = {
	.name = "functions-cpu",
	.title = "On CPU",
	.description = "On-CPU time of the target's threads by samples: each function's own code, "
		       "measured or not, and what lies outside.",
	.brief = true,
	.worth = worth,
	.fill = fill,
	.row = row,
};
