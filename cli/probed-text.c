// SPDX-License-Identifier: GPL-2.0-only
/*
 * `hotpath probes` for people:
 *
 *	/usr/bin/prog: 48 functions: 40 cheap, 6 expensive, 2 impossible; 3 match
 *	+----------+----------+--------+-----------+--------------+
 *	| Function | Probe    | Price  | Returns   | Site         |
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/grid.h"
#include "cli/name.h"
#include "cli/probed.h"
#include "cli/program.h"
#include "cli/text.h"
#include "lib/cleanup.h"
#include "lib/fmt.h"

DEFINE_CLEANUP(struct grid *, grid_free)

#define COUNT(n) fmt_count((char[FMT_MAX]){0}, n)
#define MANY(n)	 COUNT(n), (n) == 1 ? "" : "s"

/* --- cells ----------------------------------------------------------------- */

static char *name_text(ProtobufCBinaryData symbol, bool arguments, bool utf8)
{
	size_t size;
	_cleanup_free_ char *name = name_demangle(symbol.data, symbol.len, arguments, &size);

	return name ? text_safe(name, size, utf8) : NULL;
}

static char *site_text(const Hotpath__ReaderFunction *f)
{
	char *text;
	int n;

	if (f->skip)
		n = asprintf(&text, "0x%llx+%u", (unsigned long long)f->offset, f->skip);
	else
		n = asprintf(&text, "0x%llx", (unsigned long long)f->offset);

	return n < 0 ? NULL : text;
}

static char *price_text(const struct probed *p, bool utf8)
{
	return strdup(p->price_ns ? fmt_ns((char[FMT_MAX]){0}, p->price_ns, utf8) : "-");
}

/* "sites (3)": so many ways out. */
static char *returns_text(const struct probed *p)
{
	char *text;

	if (!probed_is_possible(p) || !p->judged)
		return strdup("-");
	if (p->returns != HOTPATH__RETURNS__RETURNS_SITES || !p->f->n_exits)
		return strdup(program_returns(p->returns));

	return asprintf(&text, "sites (%zu)", p->f->n_exits) < 0 ? NULL : text;
}

/* --- the grid -------------------------------------------------------------- */

enum { COLUMN_name, COLUMN_class, COLUMN_price, COLUMN_returns, COLUMN_inlined, COLUMN_site,
       COLUMN_reason, COLUMNS };

static const char *const titles[COLUMNS] = {"Function", "Probe", "Price",  "Returns",
					    "Inlined",	"Site",	 "Reason"};

/* What is not known of any has no column. */
static size_t choose_columns(const struct probed_tally *tally, int *column)
{
	size_t n = 0;

	for (int c = 0; c < COLUMNS; c++) {
		if ((c == COLUMN_price && !tally->priced) ||
		    (c == COLUMN_returns && !tally->judged) ||
		    (c == COLUMN_inlined && !tally->inlined))
			continue;
		column[n++] = c;
	}

	return n;
}

static void add_cell(struct grid *grid, size_t place, int column, const struct probed *p, bool utf8)
{
	switch (column) {
	case COLUMN_name:
		grid_cell(grid, place, name_text(p->f->name, true, utf8),
			  name_text(p->f->name, false, utf8));
		break;
	case COLUMN_class:
		grid_cell(grid, place, strdup(program_site_class(p->f->class_)), NULL);
		break;
	case COLUMN_price:
		grid_cell(grid, place, price_text(p, utf8), NULL);
		break;
	case COLUMN_returns:
		grid_cell(grid, place, returns_text(p), NULL);
		break;
	case COLUMN_inlined:
		grid_cell(grid, place, strdup(p->inlined ? COUNT(p->inlined) : "-"), NULL);
		break;
	case COLUMN_site:
		grid_cell(grid, place, site_text(p->f), NULL);
		break;
	default:
		grid_cell(grid, place, text_safe(p->reason, strlen(p->reason), utf8), NULL);
	}
}

static int text_functions(const struct output *out, const Hotpath__ProbedObject *o,
			  const struct probed_tally *tally)
{
	int column[COLUMNS];
	size_t columns = choose_columns(tally, column), shown;
	_cleanup_(grid_freep) struct grid *grid = grid_new(columns);
	int r;

	if (!grid)
		return -ENOMEM;

	for (size_t i = 0; i < columns; i++)
		grid_title(grid, i, titles[column[i]],
			   column[i] != COLUMN_price && column[i] != COLUMN_inlined &&
				   column[i] != COLUMN_site);
	for (size_t i = 0; i < o->object->n_functions; i++) {
		struct probed p = probed_at(o, i);

		for (size_t c = 0; c < columns; c++)
			add_cell(grid, c, column[c], &p, out->utf8);
		grid_end_row(grid);
	}
	r = grid_write(grid, out, &shown);
	if (r < 0 || shown == columns)
		return r;

	fprintf(out->file, "hidden at %zu columns:", out->width);
	for (size_t i = shown; i < columns; i++)
		fprintf(out->file, "%s %s", i == shown ? "" : ",", titles[column[i]]);
	putc('\n', out->file);
	return 0;
}

/* --- sentences ------------------------------------------------------------- */

static void text_note(const struct output *out, const char *note)
{
	_cleanup_free_ char *safe = text_safe(note, strlen(note), out->utf8);

	fprintf(out->file, "  %s\n", safe ?: "");
}

#define REASONS_MAX 8

/* Those that have no times, by why; the first reasons, and how many have another. */
struct reasons {
	const char *text[REASONS_MAX];
	bool impossible[REASONS_MAX];
	size_t count[REASONS_MAX];
	size_t n, others;
};

static void add_reason(struct reasons *r, const char *text, bool impossible)
{
	size_t i = 0;

	while (i < r->n && (r->impossible[i] != impossible || strcmp(r->text[i], text)))
		i++;
	if (i == REASONS_MAX) {
		r->others++;
		return;
	}
	if (i == r->n) {
		r->text[r->n] = text;
		r->impossible[r->n++] = impossible;
	}
	r->count[i]++;
}

static void text_reasons(const struct output *out, const Hotpath__ProbedObject *o)
{
	struct reasons reasons = {0};

	for (size_t i = 0; i < o->object->n_functions; i++) {
		struct probed p = probed_at(o, i);
		bool possible = probed_is_possible(&p);

		if (*p.reason && (!possible || p.returns == HOTPATH__RETURNS__RETURNS_NONE) &&
		    (!possible || p.judged))
			add_reason(&reasons, p.reason, !possible);
	}
	for (size_t i = 0; i < reasons.n; i++) {
		_cleanup_free_ char *safe =
			text_safe(reasons.text[i], strlen(reasons.text[i]), out->utf8);

		fprintf(out->file, "  %s %s: %s\n", COUNT(reasons.count[i]),
			reasons.impossible[i] ? "impossible" : "entry only", safe ?: "");
	}
	if (reasons.others)
		fprintf(out->file, "  %s for other reasons\n", COUNT(reasons.others));
}

static void text_tally(const struct output *out, const struct probed_tally *t)
{
	if (t->judged)
		fprintf(out->file, "returns: %s session, %s sites, %s entry only\n",
			COUNT(t->session), COUNT(t->sites), COUNT(t->entry_only));
	else
		fprintf(out->file,
			"returns and prices are known of a process: hotpath probes PID\n");
	if (t->stepped && t->stepped_most_ns)
		fprintf(out->file,
			"%s function%s can only be single-stepped: a call costs up to %s here\n",
			MANY(t->stepped),
			fmt_ns((char[FMT_MAX]){0}, t->stepped_most_ns, out->utf8));
	else if (t->stepped)
		fprintf(out->file,
			"%s function%s can only be single-stepped, at several us a call\n",
			MANY(t->stepped));
	if (t->judged && !t->priced && t->session + t->sites + t->entry_only)
		fprintf(out->file, "prices are not known: hotpathd has not calibrated\n");
}

/* --- the whole ------------------------------------------------------------- */

static int text_object(const struct output *out, const Hotpath__ProbedObject *o)
{
	const Hotpath__ReaderObjectReply *r = o->object;
	_cleanup_free_ char *path = text_safe(r->path.data, r->path.len, out->utf8);
	struct probed_tally tally = probed_count(o);
	int result = 0;

	fprintf(out->file,
		"%s%s%s: %s functions: %s cheap, %s expensive, %s impossible; %s match\n",
		output_bold(out), path ?: "", output_plain(out), COUNT(r->functions_total),
		COUNT(r->cheap), COUNT(r->expensive), COUNT(r->impossible), COUNT(r->n_functions));
	if (*r->error)
		text_note(out, r->error);
	/* Among them which functions were inlined most; JSON has all of those. */
	for (size_t i = 0; i < r->n_notes; i++)
		text_note(out, r->notes[i]);
	if (r->n_functions)
		result = text_functions(out, o, &tally);
	if (r->n_functions && result == 0) {
		text_tally(out, &tally);
		text_reasons(out, o);
	}
	return result;
}

int probed_text(const struct output *out, const Hotpath__ProbesReply *probes)
{
	int r = 0;

	for (size_t i = 0; i < probes->n_objects && r == 0; i++)
		r = text_object(out, probes->objects[i]);
	for (size_t i = 0; i < probes->n_notes; i++)
		text_note(out, probes->notes[i]);

	return r;
}
