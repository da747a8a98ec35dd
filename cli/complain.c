// SPDX-License-Identifier: GPL-2.0-only
/* Messages to the user; names in them may come from hostile targets. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "cli/complain.h"
#include "lib/cleanup.h"
#include "lib/fmt.h"

static void say(const char *prefix, const char *format, va_list args)
{
	_cleanup_free_ char *text = NULL, *safe = NULL;

	if (vasprintf(&text, format, args) < 0)
		return;
	safe = fmt_safe(text, strlen(text));
	if (!safe)
		return;

	fprintf(stderr, "%s%s\n", prefix, safe);
}

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("hotpath: ", format, args);
	va_end(args);
}

void complain_hint(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("", format, args);
	va_end(args);
}
