/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes a snapshot in the format of the options. Negative: told. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>
#include "cli/options.h"
#include "cli/output.h"
#include "snapshot.pb-c.h"

/* Closes the output, whatever happens. */
int report_write(struct output *output, Hotpath__Snapshot *snapshot,
		 const struct options *options);

/* There are targets, and none has a function that is probed: a name is wrong, maybe. */
bool report_is_of_nothing(const Hotpath__Snapshot *snapshot);

#endif
