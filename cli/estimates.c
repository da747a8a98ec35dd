// SPDX-License-Identifier: GPL-2.0-only
/* Estimates and their errors; estimates.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cli/estimates.h"
#include "cli/name.h"
#include "cli/text.h"
#include "lib/cleanup.h"
#include "lib/fmt.h"

/* --- columns and cells ----------------------------------------------------- */

enum {
	COLUMN_known,
	COLUMN_why,
	COLUMN_calls_se,
	COLUMN_calls_95,
	COLUMN_calls_most,
	COLUMN_total_se,
	COLUMN_total_95,
	COLUMN_self_se,
	COLUMN_windows,
	COLUMN_observed,
	COLUMN_seen_calls,
	COLUMN_seen_total,
	COLUMN_released,
	COLUMN_censored,
};

const struct column estimates_columns[ESTIMATES_COLUMNS] = {
	[COLUMN_known] = {"known", "estimated", NULL, 0, CELL_TRUTH},
	[COLUMN_why] = {"why", "estimated", NULL, 0, CELL_TEXT},
	[COLUMN_calls_se] = {"calls_se", "estimated", NULL, 0, CELL_COUNT},
	[COLUMN_calls_95] = {"calls_95", "estimated", NULL, 0, CELL_RANGE},
	[COLUMN_calls_most] = {"calls_most", "estimated", NULL, 0, CELL_COUNT},
	[COLUMN_total_se] = {"total_se_ns", "estimated", NULL, 0, CELL_NS},
	[COLUMN_total_95] = {"total_95_ns", "estimated", NULL, 0, CELL_RANGE},
	[COLUMN_self_se] = {"self_se_ns", "estimated", NULL, 0, CELL_NS},
	[COLUMN_windows] = {"windows", "estimated", NULL, 0, CELL_COUNT},
	[COLUMN_observed] = {"observed_ns", "estimated", NULL, 0, CELL_NS},
	[COLUMN_seen_calls] = {"seen_calls", "estimated", NULL, 0, CELL_COUNT},
	[COLUMN_seen_total] = {"seen_total_ns", "estimated", NULL, 0, CELL_NS},
	[COLUMN_released] = {"released_at_ns", "estimated", NULL, 0, CELL_NS},
	[COLUMN_censored] = {"censored", "estimated", NULL, 0, CELL_COUNT},
};

static void put(struct cell *cell, uint64_t number, bool known)
{
	cell->number = number;
	cell->absent = !known;
}

/* 95 % of a normal distribution. What was seen has happened: it is no less than that. */
static void put_range(struct cell *cell, double value, double se, uint64_t seen, bool known)
{
	double reach = 1.96 * (se > 0 ? se : 0);

	cell->number = figures_whole(floor(value - reach));
	cell->most = figures_whole(ceil(value + reach));
	if (cell->number < seen)
		cell->number = seen;
	if (cell->most < cell->number)
		cell->most = cell->number;
	cell->absent = !known;
}

static void cells_of(const Hotpath__Function *f, const Hotpath__Estimated *e, struct cell *cell)
{
	bool calls = e->known, total = e->known && e->timed;

	cell[COLUMN_known].number = e->known;
	cell[COLUMN_known].absent = false;
	cell[COLUMN_why].bytes = e->why;
	cell[COLUMN_why].size = strlen(e->why);
	cell[COLUMN_why].absent = !*e->why;
	put(&cell[COLUMN_calls_se], figures_whole(ceil(e->calls_se)), calls);
	put_range(&cell[COLUMN_calls_95], e->calls, e->calls_se, f->calls, calls);
	put(&cell[COLUMN_calls_most], figures_whole(ceil(e->calls_most)),
	    !calls && e->calls_most > 0);
	put(&cell[COLUMN_total_se], figures_whole(ceil(e->total_se_ns)), total);
	put_range(&cell[COLUMN_total_95], e->total_ns, e->total_se_ns, f->total_ns, total);
	put(&cell[COLUMN_windows], e->windows, true);
	put(&cell[COLUMN_observed], e->observed_ns, true);
	put(&cell[COLUMN_seen_calls], f->calls, true);
	put(&cell[COLUMN_seen_total], f->total_ns, figures_timed(f) || figures_has_times(f));
	put(&cell[COLUMN_released], e->released_at_ns, e->released_at_ns);
	put(&cell[COLUMN_censored], e->censored, e->censored);
}

void estimates_row(const Hotpath__Function *f, const struct figures *figures, struct cell *cell)
{
	for (size_t i = 0; i < ESTIMATES_COLUMNS; i++)
		cell[i].absent = true;
	if (f->estimated)
		cells_of(f, f->estimated, cell);
	put(&cell[COLUMN_self_se], figures->self_se_ns, figures->sampled);
}

bool estimates_never_armed(const Hotpath__Function *f)
{
	return f->estimated && !f->estimated->windows && !f->calls;
}

size_t estimates_waiting(const Hotpath__Target *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_functions; i++)
		n += estimates_never_armed(t->functions[i]);

	return n;
}

/* --- sentences ------------------------------------------------------------- */

#define COUNT(n)      fmt_count((char[FMT_MAX]){0}, n)
#define NAME_MAX_SHOWN 40
#define RELEASED_SHOWN 3

struct tally {
	size_t estimated, sampled, unknown, released;
	const char *why; /* what most of the unknown say, if most say the same */
	size_t votes;
};

/* NULL: all of it is known. */
static const char *why_not(const Hotpath__Function *f)
{
	const Hotpath__Estimated *e = f->estimated;

	if (!e || (e->known && !*e->why))
		return NULL;

	return *e->why ? e->why : "no reason recorded";
}

/* The vote of Boyer and Moore: one walk finds what has the majority. */
static void vote(struct tally *tally, const char *why)
{
	if (!tally->votes)
		tally->why = why;
	if (strcmp(tally->why, why))
		tally->votes--;
	else
		tally->votes++;
}

static void tally_add(struct tally *tally, const Hotpath__Function *f,
		      const struct figures *figures)
{
	const char *why = why_not(f);

	tally->sampled += figures->sampled;
	tally->estimated += figures->estimated && figures->has_calls;
	tally->released += f->estimated && f->estimated->released_at_ns;
	if (!why)
		return;

	tally->unknown++;
	vote(tally, why);
}

static void note_mark(struct sheet *sheet, const struct tally *tally, const Hotpath__Target *t)
{
	const char *calls = "calls and times from short windows in which a function was armed";

	if (tally->estimated && tally->sampled)
		sheet_note(sheet, "~ estimated: %s; Self from %s samples", calls,
			   COUNT(t->sampling->samples));
	else if (tally->estimated)
		sheet_note(sheet, "~ estimated: %s", calls);
	else if (tally->sampled)
		sheet_note(sheet, "~ estimated: Self from %s samples", COUNT(t->sampling->samples));
}

static size_t count_why(const struct sheet *sheet, const char *wanted)
{
	size_t n = 0;

	for (size_t i = 0; i < sheet->total_rows; i++) {
		const char *why = why_not(sheet->row[i]);

		n += why && !strcmp(why, wanted);
	}

	return n;
}

static void note_unknown(struct sheet *sheet, const struct tally *tally)
{
	_cleanup_free_ char *why = NULL;
	size_t same;

	if (!tally->unknown)
		return;
	why = text_safe(tally->why, strlen(tally->why), sheet->view->utf8);
	if (!why)
		return;

	same = count_why(sheet, tally->why);
	if (same == tally->unknown)
		sheet_note(sheet, "not known: calls or times of %s function%s (%s)",
			   COUNT(tally->unknown), tally->unknown == 1 ? "" : "s", why);
	else
		sheet_note(sheet, "not known: calls or times of %s functions (%s of them: %s)",
			   COUNT(tally->unknown), COUNT(same), why);
}

static int compare_releases(const void *a, const void *b)
{
	uint64_t x = (*(const Hotpath__Function *const *)a)->estimated->released_at_ns;
	uint64_t y = (*(const Hotpath__Function *const *)b)->estimated->released_at_ns;

	return x < y ? -1 : x > y;
}

static char *brief_name(const Hotpath__Function *f, bool utf8)
{
	size_t size;
	_cleanup_free_ char *name = name_demangle(f->name.data, f->name.len, false, &size);
	_cleanup_free_ char *safe = name ? text_safe(name, size, utf8) : NULL;

	return safe ? text_shorten(safe, NAME_MAX_SHOWN) : NULL;
}

static void note_releases(struct sheet *sheet, const Hotpath__Function **f, size_t n)
{
	bool utf8 = sheet->view->utf8;
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *line = open_memstream(&text, &size);

	if (!line)
		return;
	for (size_t i = 0; i < n && i < RELEASED_SHOWN; i++) {
		_cleanup_free_ char *name = brief_name(f[i], utf8);

		fprintf(line, "%s %s after %s", i ? "," : "", name ?: "?",
			fmt_ns((char[FMT_MAX]){0}, f[i]->estimated->released_at_ns, utf8));
	}
	if (n > RELEASED_SHOWN)
		fprintf(line, ", %s more", COUNT(n - RELEASED_SHOWN));
	if (fclose(line) == 0)
		sheet_note(sheet, "released because of their cost, seen in windows since then:%s",
			   text);
}

/* In the order in which it happened. */
static void note_released(struct sheet *sheet, size_t released)
{
	_cleanup_free_ const Hotpath__Function **f = calloc(released + 1, sizeof(*f));
	size_t n = 0;

	if (!released || !f)
		return;

	for (size_t i = 0; i < sheet->total_rows && n < released; i++) {
		const Hotpath__Function *row = sheet->row[i];

		if (row->estimated && row->estimated->released_at_ns)
			f[n++] = row;
	}
	qsort(f, n, sizeof(*f), compare_releases);
	note_releases(sheet, f, n);
}

void estimates_notes(const struct view *view, struct sheet *sheet)
{
	const Hotpath__Target *t = view->target;
	struct tally tally = {0};
	size_t waiting = estimates_waiting(t);

	for (size_t i = 0; i < sheet->total_rows; i++) {
		struct figures figures;

		figures_of(t, sheet->row[i], &figures);
		tally_add(&tally, sheet->row[i], &figures);
	}

	note_mark(sheet, &tally, t);
	note_unknown(sheet, &tally);
	note_released(sheet, tally.released);
	if (waiting)
		sheet_note(sheet, "%s of %s functions have not been armed yet: the budget has not "
				  "reached them",
			   COUNT(waiting), COUNT(t->n_functions));
}
