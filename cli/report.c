// SPDX-License-Identifier: GPL-2.0-only
/* Snapshot to output, by way of the chosen format. */
#include <errno.h>
#include "cli/complain.h"
#include "cli/processes.h"
#include "cli/render.h"
#include "cli/report.h"

int report_write(struct output *output, Hotpath__Snapshot *snapshot, const struct options *options)
{
	int r, closed;

	r = processes_arrange(snapshot, options->merge);
	if (r < 0)
		complain("cannot write the report: out of memory");
	if (r == 0 && !options->format->silent)
		r = output_begin(output);
	if (r == 0) {
		r = options->format->write(output, snapshot, options);
		if (r < 0)
			complain("cannot write the report: out of memory");
	}
	closed = output_close(output);

	return r < 0 ? r : closed;
}

bool report_is_of_nothing(const Hotpath__Snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->n_targets; i++)
		if (snapshot->targets[i]->n_functions)
			return false;

	return snapshot->n_targets;
}
