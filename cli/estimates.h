/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Of functions-timing: what is said of figures that are estimates. In JSON the object
 * `estimated` of a row, in the table sentences below it.
 */
#ifndef CLI_ESTIMATES_H
#define CLI_ESTIMATES_H

#include "cli/figures.h"
#include "cli/section.h"

#define ESTIMATES_COLUMNS 14

extern const struct column estimates_columns[ESTIMATES_COLUMNS];

/* Their cells. */
void estimates_row(const Hotpath__Function *f, const struct figures *figures, struct cell *cell);

/* What "~" means here, what could not be estimated and why, what the fuse released. */
void estimates_notes(const struct view *view, struct sheet *sheet);

/* It has not been looked at: nobody can say whether it is called. */
bool estimates_never_armed(const Hotpath__Function *f);
size_t estimates_waiting(const Hotpath__Target *t); /* how many of them */

#endif
