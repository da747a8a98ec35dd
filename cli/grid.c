// SPDX-License-Identifier: GPL-2.0-only
/* Lays a table out; nothing in it is known but texts and widths. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/grid.h"
#include "cli/text.h"
#include "lib/cleanup.h"

struct grid_text {
	char *text, *brief;
};

struct grid {
	size_t columns;
	const char **title;
	bool *left;
	struct grid_text *cell; /* row after row */
	size_t rows, room;
	bool failed;
};

struct grid *grid_new(size_t columns)
{
	struct grid *grid = calloc(1, sizeof(*grid));

	if (!grid)
		return NULL;

	grid->columns = columns;
	grid->title = calloc(columns, sizeof(*grid->title));
	grid->left = calloc(columns, sizeof(*grid->left));
	if (!grid->title || !grid->left)
		return grid_free(grid);

	return grid;
}

struct grid *grid_free(struct grid *grid)
{
	if (!grid)
		return NULL;

	for (size_t i = 0; i < grid->room * grid->columns; i++) {
		free(grid->cell[i].text);
		free(grid->cell[i].brief);
	}
	free(grid->cell);
	free(grid->title);
	free(grid->left);
	free(grid);
	return NULL;
}

void grid_title(struct grid *grid, size_t column, const char *title, bool left)
{
	grid->title[column] = title;
	grid->left[column] = left;
}

static bool make_room(struct grid *grid)
{
	size_t room = grid->room ? grid->room * 2 : 16;
	struct grid_text *more;

	if (grid->rows < grid->room)
		return true;
	more = reallocarray(grid->cell, room * grid->columns, sizeof(*more));
	if (!more)
		return false;

	memset(more + grid->room * grid->columns, 0,
	       (room - grid->room) * grid->columns * sizeof(*more));
	grid->cell = more;
	grid->room = room;
	return true;
}

void grid_cell(struct grid *grid, size_t column, char *text, char *brief)
{
	if (!text || !make_room(grid)) {
		free(text);
		free(brief);
		grid->failed = true;
		return;
	}

	grid->cell[grid->rows * grid->columns + column] = (struct grid_text){text, brief};
}

void grid_end_row(struct grid *grid)
{
	grid->rows++;
}

/* --- layout ---------------------------------------------------------------- */

static const struct grid_text *at(const struct grid *grid, size_t row, size_t column)
{
	return &grid->cell[row * grid->columns + column];
}

static void natural_widths(const struct grid *grid, size_t *width)
{
	for (size_t c = 0; c < grid->columns; c++) {
		width[c] = text_width(grid->title[c]);
		for (size_t r = 0; r < grid->rows; r++) {
			size_t w = text_width(at(grid, r, c)->text);

			width[c] = w > width[c] ? w : width[c];
		}
	}
}

/* "| a | b |": three columns each and one. */
static size_t total_width(const size_t *width, size_t columns)
{
	size_t total = 1;

	for (size_t c = 0; c < columns; c++)
		total += width[c] + 3;

	return total;
}

/* Narrows the first column and returns how many columns have room. */
static size_t fit(size_t *width, size_t columns, size_t limit)
{
	size_t least = width[0] < GRID_FIRST_MIN ? width[0] : GRID_FIRST_MIN, total, excess;

	for (; columns > 2; columns--)
		if (total_width(width, columns) - width[0] + least <= limit)
			break;

	total = total_width(width, columns);
	excess = total > limit ? total - limit : 0;
	if (excess)
		width[0] = width[0] > excess + least ? width[0] - excess : least;

	return columns;
}

/* --- writing --------------------------------------------------------------- */

static void rule(const struct output *o, const size_t *width, size_t columns)
{
	fputs(output_dim(o), o->file);
	for (size_t c = 0; c < columns; c++) {
		putc('+', o->file);
		for (size_t i = 0; i < width[c] + 2; i++)
			putc('-', o->file);
	}
	fprintf(o->file, "+%s\n", output_plain(o));
}

static void pad(const struct output *o, size_t columns)
{
	fprintf(o->file, "%*s", (int)columns, "");
}

static void bar(const struct output *o, const char *before, const char *after)
{
	fprintf(o->file, "%s%s|%s%s", before, output_dim(o), output_plain(o), after);
}

static void put(const struct output *o, const char *text, size_t width, bool left)
{
	size_t taken = text_width(text), rest = width > taken ? width - taken : 0;

	pad(o, left ? 0 : rest);
	fputs(text, o->file);
	pad(o, left ? rest : 0);
}

static void write_titles(const struct grid *grid, const struct output *o, const size_t *width,
			 size_t columns)
{
	for (size_t c = 0; c < columns; c++) {
		bar(o, c ? " " : "", " ");
		fputs(output_bold(o), o->file);
		/* Titles stand left, as in product.md: they are read as words. */
		put(o, grid->title[c], width[c], true);
		fputs(output_plain(o), o->file);
	}
	bar(o, " ", "\n");
}

static int write_row(const struct grid *grid, size_t row, const struct output *o,
		     const size_t *width, size_t columns)
{
	for (size_t c = 0; c < columns; c++) {
		const struct grid_text *cell = at(grid, row, c);
		bool fits = text_width(cell->text) <= width[c];
		_cleanup_free_ char *text =
			text_shorten(fits || !cell->brief ? cell->text : cell->brief, width[c]);

		if (!text)
			return -ENOMEM;
		bar(o, c ? " " : "", " ");
		put(o, text, width[c], grid->left[c]);
	}
	bar(o, " ", "\n");
	return 0;
}

int grid_write(const struct grid *grid, const struct output *output, size_t *ret_shown)
{
	_cleanup_free_ size_t *width = calloc(grid->columns, sizeof(*width));
	size_t columns;
	int r = 0;

	if (grid->failed || !width)
		return -ENOMEM;

	natural_widths(grid, width);
	columns = fit(width, grid->columns, output->width);
	rule(output, width, columns);
	write_titles(grid, output, width, columns);
	rule(output, width, columns);
	for (size_t i = 0; i < grid->rows && r == 0; i++)
		r = write_row(grid, i, output, width, columns);
	rule(output, width, columns);

	*ret_shown = columns;
	return r;
}
