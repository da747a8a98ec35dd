/* SPDX-License-Identifier: GPL-2.0-only */
/* What the daemon is at: one line that overwrites itself, on a terminal only. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include "wire.pb-c.h"

struct progress {
	bool shown;
};

void progress_show(struct progress *progress, const Hotpath__Progress *now);
void progress_end(struct progress *progress); /* wipes the line */

#endif
