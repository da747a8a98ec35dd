// SPDX-License-Identifier: GPL-2.0-only
/*
 * table: for people.
 *
 *	[hotpath] redis-server (pid 4242): 10.02 s observed, probes cost 3.1 % (budget 5 %)
 *	+----------+-------+---------+
 *	| Function | Calls | Avg     |
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/grid.h"
#include "cli/name.h"
#include "cli/overhead.h"
#include "cli/processes.h"
#include "cli/program.h"
#include "cli/render.h"
#include "cli/section.h"
#include "cli/text.h"
#include "lib/cleanup.h"
#include "lib/fmt.h"

DEFINE_CLEANUP(struct grid *, grid_free)

/* --- cells ----------------------------------------------------------------- */

static const char *number_text(char *b, enum cell_type type, const struct cell *cell, bool utf8)
{
	switch (type) {
	case CELL_NS:
		return fmt_ns(b, cell->number, utf8);
	case CELL_BYTES:
		return fmt_bytes(b, cell->number);
	case CELL_PERCENT:
		return fmt_percent(b, cell->fraction);
	case CELL_NUMBER:
		snprintf(b, FMT_MAX, "%llu", (unsigned long long)cell->number);
		return b;
	case CELL_NAME:
	case CELL_TEXT:
	case CELL_COUNT:
	case CELL_RANGE:
	case CELL_TRUTH:
		break;
	}

	return fmt_count(b, cell->number);
}

static char *figure_text(enum cell_type type, const struct cell *cell, bool utf8)
{
	char b[FMT_MAX];
	char *text;

	if (asprintf(&text, "%s%s", cell->estimated ? "~" : "", number_text(b, type, cell, utf8)) < 0)
		return NULL;

	return text;
}

static char *name_text(const struct cell *cell, bool arguments, bool utf8)
{
	size_t size;
	_cleanup_free_ char *name = name_demangle(cell->bytes, cell->size, arguments, &size);
	_cleanup_free_ char *safe = name ? text_safe(name, size, utf8) : NULL;
	char *text;

	if (!safe)
		return NULL;
	if (!cell->marked)
		return TAKE(safe);

	return asprintf(&text, "%s *", safe) < 0 ? NULL : text;
}

static void add_cell(struct grid *grid, size_t place, enum cell_type type, const struct cell *cell,
		     bool utf8)
{
	if (cell->absent || cell->dashed)
		grid_cell(grid, place, strdup("-"), NULL);
	else if (type == CELL_NAME)
		grid_cell(grid, place, name_text(cell, true, utf8), name_text(cell, false, utf8));
	else if (type == CELL_TEXT)
		grid_cell(grid, place, text_safe(cell->bytes, cell->size, utf8), NULL);
	else
		grid_cell(grid, place, figure_text(type, cell, utf8), NULL);
}

/* --- the grid of a sheet --------------------------------------------------- */

/* Columns that have a place in tables, from left to right. */
static size_t order_columns(const struct sheet *sheet, size_t *order)
{
	size_t n = 0;

	for (size_t c = 0; c < sheet->columns; c++) {
		size_t i;

		if (!sheet->column[c].title)
			continue;
		for (i = n++; i && sheet->column[order[i - 1]].place > sheet->column[c].place; i--)
			order[i] = order[i - 1];
		order[i] = c;
	}

	return n;
}

static void fill_grid(const struct sheet *sheet, const size_t *order, size_t columns,
		      struct cell *cell, struct grid *grid, bool utf8)
{
	for (size_t i = 0; i < columns; i++) {
		const struct column *column = &sheet->column[order[i]];

		grid_title(grid, i, column->title,
			   column->type == CELL_NAME || column->type == CELL_TEXT);
	}
	for (size_t r = 0; r < sheet->rows; r++) {
		sheet_row(sheet, r, cell);
		for (size_t i = 0; i < columns; i++)
			add_cell(grid, i, sheet->column[order[i]].type, &cell[order[i]], utf8);
		grid_end_row(grid);
	}
}

static void say_hidden(const struct output *o, const struct sheet *sheet, const size_t *order,
		       size_t shown, size_t columns)
{
	if (shown == columns)
		return;

	fprintf(o->file, "hidden at %zu columns:", o->width);
	for (size_t i = shown; i < columns; i++)
		fprintf(o->file, "%s %s", i == shown ? "" : ",", sheet->column[order[i]].title);
	fprintf(o->file, "\n");
}

static void say_limited(const struct output *o, const struct sheet *sheet)
{
	char shown[FMT_MAX], total[FMT_MAX];

	if (sheet->rows < sheet->total_rows)
		fprintf(o->file, "showing %s of %s %s (-n 0 shows all)\n",
			fmt_count(shown, sheet->rows), fmt_count(total, sheet->total_rows),
			sheet->what);
}

static int write_rows(const struct output *o, const struct sheet *sheet)
{
	_cleanup_free_ size_t *order = calloc(sheet->columns, sizeof(*order));
	_cleanup_free_ struct cell *cell = calloc(sheet->columns, sizeof(*cell));
	_cleanup_(grid_freep) struct grid *grid = NULL;
	size_t columns, shown;
	int r;

	if (!order || !cell)
		return -ENOMEM;
	columns = order_columns(sheet, order);
	grid = grid_new(columns);
	if (!grid)
		return -ENOMEM;

	fill_grid(sheet, order, columns, cell, grid, o->utf8);
	r = grid_write(grid, o, &shown);
	if (r < 0)
		return r;

	say_limited(o, sheet);
	say_hidden(o, sheet, order, shown, columns);
	return 0;
}

static int write_sheet(const struct output *o, const struct sheet *sheet)
{
	bool lines = !sheet->columns;
	int r = 0;

	if (lines)
		fprintf(o->file, "%s%s:%s\n", output_bold(o), sheet->section->title,
			output_plain(o));
	else if (sheet->rows)
		r = write_rows(o, sheet);
	for (size_t i = 0; i < sheet->notes && r == 0; i++)
		fprintf(o->file, "%s%s\n", lines ? "  " : "", sheet->note[i]);

	return r;
}

static int write_section(const struct output *o, enum section_id id, const struct view *view)
{
	struct sheet sheet;
	int r;

	if (section_lacking(id)) {
		fprintf(o->file, "%s: not available: %s\n", section_name(id), section_lacking(id));
		return 0;
	}
	r = sheet_open(id, view, &sheet);
	if (r < 0)
		return r;

	r = write_sheet(o, &sheet);
	sheet_close(&sheet);
	return r;
}

/* --- targets --------------------------------------------------------------- */

/* Why the figures do not move any more: of one process, and of several. */
static const char *const states[][2] = {
	[HOTPATH__TARGET_STATE__TARGET_RUNNING] = {NULL, NULL},
	[HOTPATH__TARGET_STATE__TARGET_EXITED] = {"it has exited: the figures are final",
						  "they have exited: the figures are final"},
	[HOTPATH__TARGET_STATE__TARGET_DETACHED] = {"its probes were removed: the figures are final",
						    "their probes were removed: the figures are "
						    "final"},
	[HOTPATH__TARGET_STATE__TARGET_EXECED] = {"it became another program (exec): the figures "
						  "are final",
						  "none runs any more: the figures are final"},
	[HOTPATH__TARGET_STATE__TARGET_SILENCED] = {"exec changed its credentials: observation "
						    "ended, the figures are final",
						    "none is observed any more: the figures are "
						    "final"},
};

#define PIDS_SHOWN 3 /* the others are in JSON */

/* (pid 4242), (pid 4243, child of 4242), (2,000 processes: 4242, 4243, 4244, ...) */
static void write_pids(const struct output *o, const Hotpath__Target *t)
{
	char count[FMT_MAX];

	if (t->processes < 2) {
		fprintf(o->file, "(pid %d", t->pid);
	} else {
		fprintf(o->file, "(%s processes", fmt_count(count, t->processes));
		for (size_t i = 0; i < t->n_pids && i < PIDS_SHOWN; i++)
			fprintf(o->file, "%s%d", i ? ", " : ": ", t->pids[i]);
		if (t->processes > PIDS_SHOWN)
			fputs(", ...", o->file);
	}
	if (t->parent_pid)
		fprintf(o->file, ", %s of %d", t->processes < 2 ? "child" : "children",
			t->parent_pid);
	putc(')', o->file);
}

/* Of a control group merged the first process would give it a wrong name. */
static char *target_name(const Hotpath__Target *t, enum merge_by by, size_t *ret_size)
{
	if (by == MERGE_CGROUP && t->processes > 1 && t->cgroup.len)
		return name_copy(t->cgroup.data, t->cgroup.len, ret_size);

	return program_name(t, ret_size);
}

static int write_header(const struct output *o, const Hotpath__Target *t, enum merge_by by,
			size_t depth)
{
	bool several = t->processes > 1;
	size_t size;
	_cleanup_free_ char *name = target_name(t, by, &size);
	_cleanup_free_ char *safe = name ? text_safe(name, size, o->utf8) : NULL;
	_cleanup_free_ char *brief = safe ? text_shorten(safe, 40) : NULL;
	char elapsed[FMT_MAX], count[FMT_MAX];

	if (!brief)
		return -ENOMEM;

	fprintf(o->file, "%s[hotpath] %*s%s ", output_bold(o), (int)(2 * depth), "", brief);
	write_pids(o, t);
	fprintf(o->file, ": %s observed", fmt_ns(elapsed, t->elapsed_ns, o->utf8));
	if (!overhead_text(o->file, t))
		fprintf(o->file, ", %s function%s", fmt_count(count, t->functions_attached),
			t->functions_attached == 1 ? "" : "s");
	fprintf(o->file, "%s\n", output_plain(o));
	if ((size_t)t->state < ARRAY_SIZE(states) && states[t->state][several])
		fprintf(o->file, "%s%s%s\n", output_warn(o), states[t->state][several],
			output_plain(o));

	return 0;
}

static int write_target(const struct output *o, const struct view *view, size_t depth)
{
	int r;

	r = write_header(o, view->target, view->options->merge, depth);
	for (size_t i = 0; i < SECTIONS && r == 0; i++)
		if (section_wanted(i, view))
			r = write_section(o, i, view);

	return r;
}

/* Programs that no target is of: nothing above lacks them. */
static int write_unmeasured(const struct output *o, const Hotpath__Unmeasured *u)
{
	_cleanup_free_ char *what = text_safe(u->what, strlen(u->what), o->utf8);
	char count[FMT_MAX];

	if (!what)
		return -ENOMEM;

	fprintf(o->file,
		"%s%s program%s of family %%%u (%s) ran without probes: gone, or over a limit, before "
		"they were ready%s\n",
		output_warn(o), fmt_count(count, u->programs), u->programs == 1 ? "" : "s", u->family,
		what, output_plain(o));

	return 0;
}

int render_table(struct output *output, const Hotpath__Snapshot *snapshot,
		 const struct options *options)
{
	struct view view = {.snapshot = snapshot, .options = options, .utf8 = output->utf8};
	struct processes_line line = {0};
	int r = 0;

	for (size_t i = 0; i < snapshot->n_targets && r == 0; i++) {
		if (i)
			putc('\n', output->file);
		view.target = snapshot->targets[i];
		r = write_target(output, &view, processes_depth(&line, view.target));
	}
	for (size_t i = 0; i < snapshot->n_unmeasured && r == 0; i++)
		r = write_unmeasured(output, snapshot->unmeasured[i]);

	return r;
}
