/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * May returns be probed? kernel-facts.md section 3 as decisions on facts: no
 * file, no process, no kernel is touched here.
 *
 * A return probe replaces the return address by the kernel's trampoline. That
 * kills the target when an unwinder walks over it (an exception passes), when
 * the frame is left on another stack than it was entered on, or when the
 * program looks at its return address. So returns are probed only where
 * neither can happen; everything else is counted at its entry.
 */
#ifndef DAEMON_RETURNS_H
#define DAEMON_RETURNS_H

#include <stdbool.h>
#include <stddef.h>

#include "authority.h"
#include "features.h"
#include "reader.pb-c.h"

struct returns_verdict {
	bool allowed;
	bool goroutines; /* it is Go: calls go with the goroutine, not the thread */
	char reason[256]; /* one sentence, for the report */
};

/* For the process as it is loaded now. Objects that could not be read forbid, and so
 * do the `unopened` ones that could not even be opened. */
void returns_judge(Hotpath__ReaderObjectReply *const *objects, size_t n, size_t unopened,
		   const struct process_facts *process, const struct features *features,
		   bool has_loader_hook, struct returns_verdict *ret);

/* How one function's return may be seen under that verdict; *ret_reason, never NULL,
 * says why not better, or why. Lives as long as f and the verdict. */
Hotpath__Returns returns_of(const struct returns_verdict *verdict, const Hotpath__ReaderFunction *f,
			    const char **ret_reason);

/* Is this object on the reviewed list of those that neither raise through their
 * callers nor catch? NULL: no; else why it is there. */
const char *returns_reviewed(const char *soname, const char *path);

#endif
