// SPDX-License-Identifier: GPL-2.0-only
/*
 * functions-timing: how often each function was called and how long it took.
 * Functions that were never called are a number below, not rows. Estimates are marked;
 * what is said of them is in estimates.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/estimates.h"
#include "cli/figures.h"
#include "cli/focus.h"
#include "cli/name.h"
#include "cli/places.h"
#include "cli/program.h"
#include "cli/jsonstream.h"
#include "cli/section.h"
#include "cli/sort.h"
#include "cli/text.h"
#include "lib/cleanup.h"
#include "lib/fmt.h"

/* --- which rows ------------------------------------------------------------ */

static bool in_focus(const struct focus *focus, const Hotpath__Function *f)
{
	_cleanup_free_ char *name = NULL;
	size_t size;

	if (!focus || focus_takes(focus, f->name.data, f->name.len))
		return true;
	name = name_demangle(f->name.data, f->name.len, true, &size);

	return name && focus_takes(focus, name, size);
}

static void sort_rows(const struct view *view, const Hotpath__Function **row, size_t n)
{
	const struct options *o = view->options;
	struct sort sort;
	char none[1];

	sort_parse(o->sort ?: o->by_self ? "self" : "total", &sort, none, sizeof(none));
	sort_functions(&sort, view->target, row, n);
}

static int fill_rows(const struct view *view, struct sheet *sheet)
{
	const Hotpath__Target *t = view->target;
	const Hotpath__Function **row = calloc(t->n_functions ?: 1, sizeof(*row));
	uint64_t limit = view->options->functions_limit;
	size_t n = 0;

	if (!row)
		return -ENOMEM;

	for (size_t i = 0; i < t->n_functions; i++)
		if (figures_any(t, t->functions[i]) &&
		    in_focus(view->options->focus, t->functions[i]))
			row[n++] = t->functions[i];
	sort_rows(view, row, n);

	sheet->row = (const void **)row;
	sheet->total_rows = n;
	sheet->rows = limit && limit < n ? limit : n;
	sheet->what = "functions";
	return 0;
}

/* --- columns --------------------------------------------------------------- */

enum {
	COLUMN_id,
	COLUMN_name,
	COLUMN_object,
	COLUMN_file,
	COLUMN_line,
	COLUMN_kind,
	COLUMN_calls,
	COLUMN_exits,
	COLUMN_total,
	COLUMN_self,
	COLUMN_avg,
	COLUMN_min,
	COLUMN_max,
	COLUMN_percentiles, /* as many as were asked for; those below move right */
	COLUMN_percent_total = 0,
	COLUMN_open,
	COLUMN_open_ns,
	COLUMN_open_max_ns,
	COLUMN_cut,
	COLUMN_unwound,
	COLUMN_vetoed,
	COLUMN_lost,
	COLUMN_histogram_lost,
	COLUMN_probe_ns,
	COLUMN_uncertain_ns,
	COLUMN_clipped,
	COLUMN_class,
	COLUMN_price,
	COLUMN_returns,
	COLUMN_probe_exits,
	COLUMN_exit_class,
	COLUMN_reason,
	COLUMNS_AFTER,
};

/* Percentiles stand between Avg and Total: places 10 .. 10 + PERCENTILES_MAX. */
#define PLACE_PERCENTILES 10
#define PLACE_AFTER	  (PLACE_PERCENTILES + PERCENTILES_MAX)

static const struct column columns_before[] = {
	[COLUMN_id] = {"id", NULL, NULL, 0, CELL_NUMBER},
	[COLUMN_name] = {"name", NULL, "Function", 1, CELL_NAME},
	[COLUMN_object] = {"object", NULL, NULL, 0, CELL_TEXT},
	[COLUMN_file] = {"file", NULL, NULL, 0, CELL_TEXT},
	[COLUMN_line] = {"line", NULL, NULL, 0, CELL_NUMBER},
	[COLUMN_kind] = {"kind", NULL, NULL, 0, CELL_TEXT},
	[COLUMN_calls] = {"calls", NULL, "Calls", 2, CELL_COUNT},
	[COLUMN_exits] = {"exits", NULL, NULL, 0, CELL_COUNT},
	[COLUMN_total] = {"total_ns", NULL, "Total", PLACE_AFTER, CELL_NS},
	[COLUMN_self] = {"self_ns", NULL, "Self", PLACE_AFTER + 2, CELL_NS},
	[COLUMN_avg] = {"avg_ns", NULL, "Avg", 3, CELL_NS},
	[COLUMN_min] = {"min_ns", NULL, NULL, 0, CELL_NS},
	[COLUMN_max] = {"max_ns", NULL, NULL, 0, CELL_NS},
};

static const struct column columns_after[] = {
	[COLUMN_percent_total] = {"percent_total", NULL, "% Total", PLACE_AFTER + 1, CELL_PERCENT},
	[COLUMN_open] = {"open", NULL, NULL, 0, CELL_COUNT},
	[COLUMN_open_ns] = {"open_ns", NULL, NULL, 0, CELL_NS},
	[COLUMN_open_max_ns] = {"open_max_ns", NULL, NULL, 0, CELL_NS},
	[COLUMN_cut] = {"cut", NULL, NULL, 0, CELL_COUNT},
	[COLUMN_unwound] = {"unwound", NULL, NULL, 0, CELL_COUNT},
	[COLUMN_vetoed] = {"vetoed", NULL, NULL, 0, CELL_COUNT},
	[COLUMN_lost] = {"lost", NULL, NULL, 0, CELL_COUNT},
	[COLUMN_histogram_lost] = {"histogram_lost", NULL, NULL, 0, CELL_COUNT},
	[COLUMN_probe_ns] = {"probe_ns", NULL, NULL, 0, CELL_NS},
	[COLUMN_uncertain_ns] = {"uncertain_ns", NULL, NULL, 0, CELL_NS},
	[COLUMN_clipped] = {"clipped", NULL, NULL, 0, CELL_COUNT},
	[COLUMN_class] = {"class", "probe", NULL, 0, CELL_TEXT},
	[COLUMN_price] = {"price_ns", "probe", NULL, 0, CELL_NS},
	[COLUMN_returns] = {"returns", "probe", NULL, 0, CELL_TEXT},
	[COLUMN_probe_exits] = {"exits", "probe", NULL, 0, CELL_COUNT},
	[COLUMN_exit_class] = {"exit_class", "probe", NULL, 0, CELL_TEXT},
	[COLUMN_reason] = {"reason", "probe", NULL, 0, CELL_TEXT},
};

#define TITLE_SIZE 32

/* "p99.9" and "P99.9", in memory of the sheet. */
static void percentile_columns(const struct options *o, char *memory, struct column *column)
{
	for (size_t i = 0; i < o->n_percentiles; i++) {
		char *key = memory + 2 * i * TITLE_SIZE, *title = key + TITLE_SIZE;

		snprintf(key, TITLE_SIZE, "p%.12g", o->percentile[i]);
		snprintf(title, TITLE_SIZE, "P%.12g", o->percentile[i]);
		column[i] = (struct column){key, "percentiles", title, PLACE_PERCENTILES + (int)i,
					    CELL_NS};
	}
}

static int fill_columns(const struct options *o, struct sheet *sheet)
{
	size_t before = ARRAY_SIZE(columns_before), n = o->n_percentiles;

	sheet->columns = before + n + ARRAY_SIZE(columns_after) + ESTIMATES_COLUMNS;
	sheet->column = calloc(sheet->columns, sizeof(*sheet->column));
	sheet->memory = calloc(2 * n + 1, TITLE_SIZE);
	if (!sheet->column || !sheet->memory)
		return -ENOMEM;

	memcpy(sheet->column, columns_before, sizeof(columns_before));
	percentile_columns(o, sheet->memory, sheet->column + before);
	memcpy(sheet->column + before + n, columns_after, sizeof(columns_after));
	memcpy(sheet->column + before + n + ARRAY_SIZE(columns_after), estimates_columns,
	       sizeof(estimates_columns));
	return 0;
}

/* --- cells ----------------------------------------------------------------- */

static void put_bytes(struct cell *cell, ProtobufCBinaryData bytes)
{
	cell->bytes = bytes.data;
	cell->size = bytes.len;
	cell->absent = !bytes.len;
}

static void put_text(struct cell *cell, const char *text)
{
	cell->bytes = text;
	cell->size = strlen(text);
	cell->absent = !cell->size;
}

static void put_number(struct cell *cell, uint64_t number, bool known)
{
	cell->number = number;
	cell->absent = !known;
}

/* Several processes as one: some time the function, others only count it. */
static uint64_t counted_elsewhere(const Hotpath__Function *f)
{
	uint64_t known = f->exits + f->open + f->unwound + f->vetoed + f->lost;

	return figures_has_times(f) && !figures_timed(f) && f->calls > known ? f->calls - known : 0;
}

static bool needs_note(const Hotpath__Function *f)
{
	return f->open || f->unwound || f->vetoed || f->lost || f->histogram_lost ||
	       counted_elsewhere(f) || figures_is_uncertain(f);
}

static void row_identity(const Hotpath__Function *f, struct cell *cell)
{
	put_number(&cell[COLUMN_id], f->id, true);
	put_bytes(&cell[COLUMN_name], f->name);
	cell[COLUMN_name].absent = false;
	cell[COLUMN_name].marked = needs_note(f);
	put_bytes(&cell[COLUMN_object], f->object);
	cell[COLUMN_object].absent = false;
	put_bytes(&cell[COLUMN_file], f->file);
	put_number(&cell[COLUMN_line], f->line, f->line);
	put_text(&cell[COLUMN_kind],
		 f->kind == HOTPATH__FUNCTION_KIND__KIND_SCOPE ? "scope" : "function");
}

static void put_figure(struct cell *cell, uint64_t number, bool known, bool estimated)
{
	put_number(cell, number, known);
	cell->estimated = estimated;
}

static void row_times(const Hotpath__Function *f, const struct figures *figures, struct cell *cell)
{
	bool estimated = figures->estimated, has_times = figures_has_times(f);

	put_figure(&cell[COLUMN_calls], figures->calls, figures->has_calls, estimated);
	put_number(&cell[COLUMN_exits], f->exits, true);
	put_figure(&cell[COLUMN_total], figures->total_ns, figures->has_total, estimated);
	put_figure(&cell[COLUMN_self], figures->self_ns, figures->has_self, figures->sampled);
	/* Nothing returned yet, or no sample: a zero would read as "fast". */
	cell[COLUMN_total].dashed = !figures->returned;
	cell[COLUMN_self].dashed = figures->sampled ? !figures->self_ns : !figures->returned;
	put_figure(&cell[COLUMN_avg], figures->avg_ns, figures->has_avg, estimated);
	/* Of windows: of those seen. */
	put_number(&cell[COLUMN_min], f->min_ns, has_times);
	put_number(&cell[COLUMN_max], f->max_ns, has_times);
}

static void row_percentiles(const struct options *o, const Hotpath__Function *f,
			    const struct figures *figures, struct cell *cell)
{
	for (size_t i = 0; i < o->n_percentiles; i++)
		put_figure(&cell[i], figures_percentile_ns(f, o->percentile[i]),
			   figures->has_percentiles, figures->estimated);
}

static void row_share(const struct figures *figures, const struct cell *total, uint64_t elapsed_ns,
		      struct cell *cell)
{
	cell->absent = total->absent || !elapsed_ns;
	cell->dashed = total->dashed;
	cell->estimated = total->estimated;
	if (elapsed_ns)
		cell->fraction = (double)figures->total_ns / (double)elapsed_ns;
}

static void row_account(const Hotpath__Function *f, struct cell *cell)
{
	put_number(&cell[COLUMN_open], f->open, true);
	put_number(&cell[COLUMN_open_ns], f->open_ns, f->open_ns);
	put_number(&cell[COLUMN_open_max_ns], f->open_max_ns, f->open_max_ns);
	put_number(&cell[COLUMN_cut], f->cut, true);
	put_number(&cell[COLUMN_unwound], f->unwound, true);
	put_number(&cell[COLUMN_vetoed], f->vetoed, true);
	put_number(&cell[COLUMN_lost], f->lost, true);
	put_number(&cell[COLUMN_histogram_lost], f->histogram_lost, f->histogram_lost);
	put_number(&cell[COLUMN_probe_ns], f->probe_ns, f->probe_ns);
	put_number(&cell[COLUMN_uncertain_ns], figures_uncertain_ns(f), f->probe_ns);
	put_number(&cell[COLUMN_clipped], f->clipped, f->clipped);
}

static void row_probe(const Hotpath__Function *f, struct cell *cell)
{
	const Hotpath__Probe *p = f->probe;
	bool sites = p && p->returns == HOTPATH__RETURNS__RETURNS_SITES && p->exits;

	put_text(&cell[COLUMN_class], p ? program_site_class(p->class_) : "");
	put_number(&cell[COLUMN_price], p ? p->price_ns : 0, p && p->price_ns);
	put_text(&cell[COLUMN_returns], p ? program_returns(p->returns) : "");
	put_number(&cell[COLUMN_probe_exits], sites ? p->exits : 0, sites);
	put_text(&cell[COLUMN_exit_class], sites ? program_site_class(p->exit_class) : "");
	put_text(&cell[COLUMN_reason], p ? p->reason : "");
}

static void row(const struct sheet *sheet, const void *data, struct cell *cell)
{
	const struct options *o = sheet->view->options;
	uint64_t elapsed_ns = sheet->view->target->elapsed_ns;
	const Hotpath__Function *f = data;
	struct figures figures;
	struct cell *percentile = cell + COLUMN_percentiles, *after = percentile + o->n_percentiles;

	figures_of(sheet->view->target, f, &figures);
	row_identity(f, cell);
	row_times(f, &figures, cell);
	row_percentiles(o, f, &figures, percentile);
	row_share(&figures, &cell[COLUMN_total], elapsed_ns, &after[COLUMN_percent_total]);
	row_account(f, after);
	row_probe(f, after);
	estimates_row(f, &figures, after + COLUMNS_AFTER);
}

/* --- sentences ------------------------------------------------------------- */

#define NOTE_NAME_MAX 40
#define COUNTED(n)    fmt_count((char[FMT_MAX]){0}, n), (n) == 1 ? "" : "s"

static void note_open(FILE *line, const Hotpath__Function *f, bool utf8)
{
	uint64_t running = f->open > f->cut ? f->open - f->cut : 0;

	if (running)
		fprintf(line, "; %s call%s still open", COUNTED(running));
	if (running && f->open_max_ns)
		fprintf(line, " (running %s)", fmt_ns((char[FMT_MAX]){0}, f->open_max_ns, utf8));
	if (f->cut)
		fprintf(line, "; %s call%s cut off by thread exit, exec or detach",
			COUNTED(f->cut));
}

static void note_function(struct sheet *sheet, const Hotpath__Function *f)
{
	_cleanup_free_ char *text = NULL, *name = NULL, *safe = NULL, *brief = NULL;
	size_t size, name_size;
	FILE *line;

	name = name_demangle(f->name.data, f->name.len, false, &name_size);
	safe = name ? text_safe(name, name_size, sheet->view->utf8) : NULL;
	brief = safe ? text_shorten(safe, NOTE_NAME_MAX) : NULL;
	line = brief ? open_memstream(&text, &size) : NULL;
	if (!line)
		return;

	note_open(line, f, sheet->view->utf8);
	if (f->unwound)
		fprintf(line, "; %s call%s left by longjmp or an exception, not timed",
			COUNTED(f->unwound));
	if (f->vetoed)
		fprintf(line, "; %s call%s counted, not timed", COUNTED(f->vetoed));
	if (counted_elsewhere(f))
		fprintf(line, "; %s call%s of processes in which it is only counted",
			COUNTED(counted_elsewhere(f)));
	if (f->lost)
		fprintf(line, "; %s call%s whose return was lost", COUNTED(f->lost));
	if (f->histogram_lost)
		fprintf(line, "; percentiles lack %s call%s", COUNTED(f->histogram_lost));
	if (figures_is_uncertain(f))
		fprintf(line, "; took less than the error of what was taken off for probes (%s of %s)",
			fmt_ns((char[FMT_MAX]){0}, figures_uncertain_ns(f), sheet->view->utf8),
			fmt_ns((char[FMT_MAX]){0}, f->probe_ns, sheet->view->utf8));
	if (fclose(line) == 0 && size > 2)
		sheet_note(sheet, "* %s: %s", brief, text + 2);
}

static const char *reason_of(const Hotpath__Function *f)
{
	return f->probe && *f->probe->reason ? f->probe->reason : "no reason recorded";
}

/* Functions without times among the rows; the reason that most of the shown ones
 * have, which nearly always is the only one: it is the object's. */
static void note_entry_only(struct sheet *sheet)
{
	const Hotpath__Function **f = (const Hotpath__Function **)sheet->row;
	const char *common = NULL;
	size_t counted = 0, same = 0;

	for (size_t i = 0; i < sheet->total_rows; i++) {
		if (figures_timed(f[i]) || figures_has_times(f[i]))
			continue;
		if (!common)
			common = reason_of(f[i]);
		counted++;
		same += !strcmp(common, reason_of(f[i]));
	}
	if (counted && same == counted)
		sheet_note(sheet, "counted only: %s function%s (%s)", COUNTED(counted), common);
	else if (counted)
		sheet_note(sheet, "counted only: %s function%s (%zu of them: %s)", COUNTED(counted),
			   same, common);
}

static bool is_stepped(const Hotpath__Probe *p)
{
	return p->class_ == HOTPATH__SITE_CLASS__SITE_STEPPED ||
	       (p->returns == HOTPATH__RETURNS__RETURNS_SITES &&
		p->exit_class == HOTPATH__SITE_CLASS__SITE_STEPPED);
}

/* Where what a probe adds to the time that it measures could not be taken off, as no price
 * was known: say so where it is more than the function may take. */
static void note_stepped(struct sheet *sheet)
{
	size_t stepped = 0;
	uint64_t dearest_ns = 0;

	for (size_t i = 0; i < sheet->rows; i++) {
		const Hotpath__Function *f = sheet->row[i];

		if (!f->exits || f->probe_ns || !f->probe || !is_stepped(f->probe))
			continue;
		stepped++;
		if (f->probe->price_ns > dearest_ns)
			dearest_ns = f->probe->price_ns;
	}
	if (!stepped)
		return;

	if (dearest_ns)
		sheet_note(sheet, "single-stepped probes add up to about %s to each call of %zu function%s",
			   fmt_ns((char[FMT_MAX]){0}, dearest_ns, sheet->view->utf8), stepped,
			   stepped == 1 ? "" : "s");
	else
		sheet_note(sheet,
			   "single-stepped probes add several us to each call of %zu function%s",
			   stepped, stepped == 1 ? "" : "s");
}

/* Where somebody looked. */
static size_t count_uncalled(const Hotpath__Target *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_functions; i++)
		n += !figures_any(t, t->functions[i]) && !estimates_never_armed(t->functions[i]);

	return n;
}

static void fill_notes(const struct view *view, struct sheet *sheet)
{
	const Hotpath__Target *t = view->target;
	size_t uncalled = count_uncalled(t);
	bool over = false;

	for (size_t i = 0; i < sheet->rows; i++) {
		const Hotpath__Function *f = sheet->row[i];
		struct figures figures;

		figures_of(t, f, &figures);
		over |= figures.has_total && figures.total_ns > t->elapsed_ns;
		if (needs_note(f))
			note_function(sheet, f);
	}
	estimates_notes(view, sheet);
	places_note(sheet);
	note_entry_only(sheet);
	note_stepped(sheet);
	if (view->options->focus && !sheet->total_rows)
		sheet_note(sheet, "no function that was called is in the focus '%s'",
			   view->options->focus_text);
	if (uncalled)
		sheet_note(sheet, "%s of %s attached functions were not called",
			   fmt_count((char[FMT_MAX]){0}, uncalled),
			   fmt_count((char[FMT_MAX]){0}, t->n_functions));
	if (over)
		sheet_note(sheet,
			   "%% Total is of the %s observed: several threads or recursion can "
			   "exceed 100 %%",
			   fmt_ns((char[FMT_MAX]){0}, t->elapsed_ns, view->utf8));
}

/* --- the section ----------------------------------------------------------- */

static int fill_members(const struct view *view, struct sheet *sheet)
{
	size_t uncalled = count_uncalled(view->target), size;
	size_t waiting = estimates_waiting(view->target);
	_cleanup_free_ char *caller = program_name(view->target, &size);

	if (!caller)
		return -ENOMEM;

	json_object_set_new(sheet->members, "total_elapsed_ns",
			    sheet_integer(view->target->elapsed_ns));
	json_object_set_new(sheet->members, "caller_name", jsonstream_string(caller, size));
	json_object_set_new(sheet->members, "functions_not_called", sheet_integer(uncalled));
	if (waiting)
		json_object_set_new(sheet->members, "functions_not_armed", sheet_integer(waiting));
	return 0;
}

static int fill(const struct view *view, struct sheet *sheet)
{
	int r;

	r = fill_columns(view->options, sheet);
	if (r < 0)
		return r;
	r = fill_rows(view, sheet);
	if (r < 0)
		return r;
	if (!view->machine)
		fill_notes(view, sheet);

	return fill_members(view, sheet);
}

static bool worth(const struct view *view)
{
	return true;
}

const struct section section_functions_timing = {
	.name = "functions-timing",
	.title = "Functions",
	.description = "Calls and times of the attached functions, callees included.",
	.worth = worth,
	.fill = fill,
	.row = row,
};
