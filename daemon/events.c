// SPDX-License-Identifier: GPL-2.0-only
/* Kernel events to what they mean; see events.h. Forks and ends are family.c's. */
#include "events.h"

#include <stdlib.h>
#include <string.h>

#include "arrive.h"
#include "family.h"
#include "govern.h"
#include "judge.h"
#include "lib/cleanup.h"
#include "proc.h"
#include "registry.h"
#include "slot.h"
#include "translators.h"
#include "unfollow.h"

/* One that was planned ahead shows its loader first. */
static void judge_or_look(struct registry *registry, struct target *t)
{
	if (arrive_lacks_hook(t))
		arrive_look(registry, t);
	else
		judge_start(registry, t);
}

/* The target runs the same file anew: links of its own must find it again. */
static void on_exec_same(struct registry *registry, struct target *t)
{
	int r;

	proc_comm(t->pid, t->comm, sizeof(t->comm));
	/* Of a family, what was judged holds for its files, whoever maps them. */
	if (!t->kit)
		t->n_judged = 0;
	t->returns_forbidden = false;
	r = target_relink(t);
	if (r < 0) {
		t->complete = false;
		target_note(t, "after exec some functions are not probed: %s", strerror(-r));
	}
	judge_or_look(registry, t);
}

/* What it was asked for is not measured in there. */
static void note_translator(struct target *t, const char *exe)
{
	t->complete = false;
	target_note(t,
		    "it became %s by exec, which executes programs by translating their code: "
		    "not followed, as a probe in a file that it maps would end them",
		    exe);
}

/* It became another program, or may not be seen any more. */
static void on_exec_end(struct registry *registry, struct target *t, uint64_t state)
{
	const Hotpath__TargetState end = state & HP_TARGET_SILENT
						 ? HOTPATH__TARGET_STATE__TARGET_SILENCED
						 : HOTPATH__TARGET_STATE__TARGET_EXECED;
	_cleanup_free_ char *exe = NULL;

	(void)proc_exe(t->pid, &exe);
	if (state & HP_TARGET_SILENT)
		target_note(t, "exec changed its credentials: observation ended there");
	else if (exe && translators_meant(exe))
		note_translator(t, exe);
	else if (!t->spawned && exe)
		target_note(t, "it became %s by exec%s", exe, t->kit ? "" : ", which is not followed");
	if (!t->spawned && !target_is_shared(t)) {
		registry_finish(registry, t, end);
		return;
	}
	/* With many others, soon; or with the last that counts in it. */
	target_end(t, end);
	family_event(registry, &(struct hp_event){.kind = HP_EVENT_EMPTY});
}

static void on_exec(struct registry *registry, struct target *t, uint64_t state)
{
	if (state & (HP_TARGET_SILENT | HP_TARGET_EXECED))
		on_exec_end(registry, t, state);
	else
		on_exec_same(registry, t);
}

/* Of one that should have been held, had there been room to say so, what it loaded may
 * have functions to be probed; they ran without. */
static void on_objects(struct registry *registry, struct target *t, uint32_t tgid)
{
	struct hp_slot *slot = calls_slot(registry->calls, t->slot);

	if (!slot->holds || tgid != (uint32_t)t->pid) {
		judge_or_look(registry, t);
		return;
	}
	__atomic_fetch_add(&slot->counter[HP_COUNTER_held_late], 1, __ATOMIC_RELAXED);
	arrive_look(registry, t);
}

void events_handle(void *userdata, const struct hp_event *event)
{
	struct registry *registry = userdata;
	struct target *t = slot_target(event->slot);

	if (event->kind == HP_EVENT_FUSE) {
		govern_fuse(registry, event);
		return;
	}
	if (event->kind == HP_EVENT_CHILD) {
		if (t && t->gen == event->gen && !t->kit)
			unfollow_child(registry, t, event);
		return;
	}
	if (event->kind != HP_EVENT_EXEC && event->kind != HP_EVENT_OBJECTS) {
		family_event(registry, event);
		return;
	}
	if (!t || t->gen != event->gen || target_is_finished(t))
		return;
	if (event->kind == HP_EVENT_EXEC)
		on_exec(registry, t, event->arg);
	else
		on_objects(registry, t, event->tgid);
}
