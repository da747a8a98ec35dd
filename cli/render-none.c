// SPDX-License-Identifier: GPL-2.0-only
/* none: nothing is written, for those who want only what a verb does. */
#include "cli/render.h"

int render_none(struct output *output, const Hotpath__Snapshot *snapshot,
		const struct options *options)
{
	return 0;
}
