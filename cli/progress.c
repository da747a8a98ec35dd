// SPDX-License-Identifier: GPL-2.0-only
/* Progress on standard error; nothing when that is no terminal. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli/progress.h"
#include "lib/cleanup.h"
#include "lib/fmt.h"

#define WIPE "\r\033[K"

void progress_show(struct progress *progress, const Hotpath__Progress *now)
{
	_cleanup_free_ char *what = NULL;

	if (!isatty(STDERR_FILENO))
		return;
	what = fmt_safe(now->what, strlen(now->what));
	if (!what)
		return;

	fprintf(stderr, WIPE "%.60s", what);
	if (now->total)
		fprintf(stderr, " %u of %u", now->done, now->total);
	fflush(stderr);
	progress->shown = true;
}

void progress_end(struct progress *progress)
{
	if (progress->shown)
		fputs(WIPE, stderr);
	progress->shown = false;
}
