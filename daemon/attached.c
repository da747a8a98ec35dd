// SPDX-License-Identifier: GPL-2.0-only
/* What an attach request says of one process; see attached.h. */
#include "attached.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char attached_moved[] = "where they are no code of the file is mapped: it was moved to "
			      "huge or anonymous pages, unpacked, or never mapped executable";

void attached_done(struct attached *at)
{
	size_t i;

	for (i = 0; i < at->message.n_notes; i++)
		free(at->message.notes[i]);
	free(at->message.notes);
	for (i = 0; i < at->message.n_unmatched; i++)
		free(at->message.unmatched[i]);
	free(at->message.unmatched);
	target_unref(at->target);
}

void attached_tally(struct attached *at, const struct plan *plan)
{
	at->message.functions += plan_functions(plan);
	at->message.session += plan->session;
	at->message.sites += plan->sites;
	at->message.entry_only += plan->entry_only;
	at->message.cheap += plan->cheap;
	at->message.expensive += plan->expensive;
	at->message.skipped += plan->skipped;
	at->message.already += plan->already;
}

void attached_note(struct attached *at, const char *format, ...)
{
	Hotpath__AttachedTarget *m = &at->message;
	char **notes = reallocarray(m->notes, m->n_notes + 1, sizeof(*notes));
	va_list ap;

	if (!notes)
		return;
	m->notes = notes;
	va_start(ap, format);
	if (vasprintf(&notes[m->n_notes], format, ap) >= 0) {
		target_note(at->target, "%s", notes[m->n_notes]);
		m->n_notes++;
	}
	va_end(ap);
}

void attached_unmatched(struct attached *at, const char *format, ...)
{
	Hotpath__AttachedTarget *m = &at->message;
	char **sentences = reallocarray(m->unmatched, m->n_unmatched + 1, sizeof(*sentences));
	va_list ap;

	if (!sentences)
		return;
	m->unmatched = sentences;
	va_start(ap, format);
	if (vasprintf(&sentences[m->n_unmatched], format, ap) >= 0)
		m->n_unmatched++;
	va_end(ap);
}

void attached_describe(struct attached *at, const struct proc_objects *objects,
		       const Hotpath__ReaderReply *reply, const struct returns_verdict *verdict)
{
	Hotpath__AttachedTarget *m = &at->message;
	size_t i, k;

	m->pid = at->target->pid;
	m->comm.data = (uint8_t *)at->target->comm;
	m->comm.len = strlen(at->target->comm);
	if (!verdict->allowed && m->entry_only && m->sites)
		attached_note(at,
			      "%u functions are timed by their ways out, %u only counted: %s",
			      m->sites, m->entry_only, verdict->reason);
	else if (!verdict->allowed && m->entry_only)
		attached_note(at, "calls are counted, not timed: %s", verdict->reason);
	if (m->skipped)
		attached_note(at, "%u matching function%s cannot be probed: hotpath probes %d PATTERN "
				  "says why",
			      m->skipped, m->skipped == 1 ? "" : "s", at->target->pid);
	if (objects->unopened)
		attached_note(at, "%zu mapped files could not be opened and are not searched",
			      objects->unopened);
	for (i = 0; i < reply->n_objects; i++) {
		const Hotpath__ReaderObjectReply *o = reply->objects[i];

		if (*o->error)
			attached_note(at, "%.*s is not searched: %s", (int)o->path.len,
				      (const char *)o->path.data, o->error);
		for (k = 0; k < o->n_notes; k++)
			attached_note(at, "%.*s: %s", (int)o->path.len, (const char *)o->path.data,
				      o->notes[k]);
	}
}
