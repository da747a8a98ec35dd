/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A table with borders that fits a terminal. The first column gives way first,
 * down to GRID_FIRST_MIN; then columns go from the right, and the caller is told
 * which.
 *
 *	+----------+-------+
 *	| Function | Calls |
 *	+----------+-------+
 *	| main     |     1 |
 *	+----------+-------+
 */
#ifndef CLI_GRID_H
#define CLI_GRID_H

#include "cli/output.h"

#define GRID_FIRST_MIN 20

struct grid;

/* Columns with their titles, which must live on; left: text, else numbers. */
struct grid *grid_new(size_t columns);
struct grid *grid_free(struct grid *grid);
void grid_title(struct grid *grid, size_t column, const char *title, bool left);
/*
 * Takes over the text, of one line as text.h makes it. brief: a shorter form of
 * it for when it does not fit, or NULL. Without memory the grid becomes
 * useless and grid_write() says so.
 */
void grid_cell(struct grid *grid, size_t column, char *text, char *brief);
void grid_end_row(struct grid *grid);

/* *ret_shown: how many columns found room. -ENOMEM. */
int grid_write(const struct grid *grid, const struct output *output, size_t *ret_shown);

#endif
