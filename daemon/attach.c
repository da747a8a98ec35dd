// SPDX-License-Identifier: GPL-2.0-only
/*
 * The attach request; see attach.h. A struct attaching lives from the request
 * to its answer; in between hotpath-reader runs once for all processes that have mapped
 * the same files, and the event loop has a turn after each process.
 */
#include "attach.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "attaching.h"
#include "govern.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "proc.h"
#include "reading.h"
#include "sampling.h"
#include "translators.h"

/* A process that becomes another one each time it is looked at is given up. */
#define TRIES_MAX 4
/* What one that cannot be attached goes on to start is not looked for for ever. */
#define ROUNDS_MAX 8

/* --- life --------------------------------------------------------------------- */

/* What it still does nobody is to cancel. */
static void attaching_unlist(struct attaching *a)
{
	struct attaching **at;

	for (at = &a->registry->attaching; *at && *at != a; at = &(*at)->next)
		;
	if (*at)
		*at = a->next;
}

static void attaching_free(struct attaching *a)
{
	size_t i;

	attaching_unlist(a);
	sd_event_source_disable_unref(a->step);
	reading_cancel(TAKE(a->reading));
	ahead_cancel(TAKE(a->ahead));
	answers_done(&a->answers);
	bystanders_done(&a->bystanders);
	proc_objects_free(&a->objects);
	govern_unref(a->govern);
	for (i = 0; i < a->request->n_pids; i++)
		attached_done(&a->attached[i]);
	free(a->attached);
	hotpath__attach_request__free_unpacked(a->request, NULL);
	free(a);
}

bool attaching_is_named(const struct attaching *a)
{
	return a->at < a->n_named || a->at >= a->request->n_pids;
}

static void undo_one(struct attaching *a, struct attached *at)
{
	struct target *t = at->target;

	if (!t || target_is_finished(t))
		return;
	target_leave(t, a);
	/* The registry's reference and ours: nobody else wants it. */
	if (!at->message.existed && !t->n_members && t->refs == 2)
		registry_remove(a->registry, t);
	else if (a->family)
		family_disown(a->family, t);
}

/* What was done to it is taken back, and it can be begun anew. */
static void attaching_restart(struct attaching *a, struct attached *at)
{
	undo_one(a, at);
	at->target = target_unref(at->target);
	at->message.existed = false;
}

/* Goes on without one that was not named. */
static void attaching_skip(struct attaching *a, const char *why)
{
	pid_t tid;

	attaching_restart(a, &a->attached[a->at]);
	/* Who has ended is not missed. */
	if (proc_live_thread(a->request->pids[a->at], &tid) == 0 && !a->left_out++)
		snprintf(a->left_text, sizeof(a->left_text), "%.250s", why);
	attaching_pass(a);
}

void attaching_pass(struct attaching *a)
{
	a->at++;
	a->tries = 0;
	attaching_next(a);
}

bool attaching_again(struct attaching *a)
{
	if (++a->tries == TRIES_MAX)
		return false;
	attaching_restart(a, &a->attached[a->at]);
	attaching_next(a);
	return true;
}

/* All or none: takes back what this request has done so far, and only that: others
 * may have joined functions of the same target meanwhile. */
static void attaching_undo(struct attaching *a)
{
	size_t i;

	attaching_unlist(a);
	for (i = 0; i < a->request->n_pids; i++)
		undo_one(a, &a->attached[i]);
	if (a->family)
		family_close(TAKE(a->family), HOTPATH__TARGET_STATE__TARGET_DETACHED);
}

void attaching_fail(struct attaching *a, int code, const char *hint, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (!attaching_is_named(a)) {
		log_info("left out: %s", text);
		attaching_skip(a, text);
		return;
	}
	attaching_undo(a);
	reply_error(a->reply, code, hint, "%s", text);
	attaching_free(a);
}

/* --- the whole ------------------------------------------------------------------------- */

/* Who attached it before, for longer, still wants it then. */
static void settle_ttl(struct attaching *a, struct attached *at, bool was_named)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), ttl = a->request->ttl_ns;
	struct target *t = at->target;

	if (was_named && ttl && (!t->ttl_end_ns || now + ttl < t->ttl_end_ns))
		attached_note(at, "--ttl is not heeded: it was attached for longer before");
	else
		registry_set_ttl(a->registry, t, ttl);
	at->message.ttl_ns = t->ttl_end_ns > now ? t->ttl_end_ns - now : 0;
}

/* What its children are given is not taken back any more, so not before this. */
static void settle_kit(struct attaching *a, struct attached *at)
{
	struct target *t = at->target;

	if (!a->family || !t->kit || family_adopt(a->family, t, at->is_static) >= 0)
		return;
	t->complete = false;
	attached_note(at, "its children are measured for what it was attached for before, not for "
			  "more: the daemon is out of memory, or of targets (hotpath status)");
}

static Hotpath__AttachedTarget *attaching_settle(struct attaching *a, struct attached *at)
{
	bool was_named = at->message.existed && at->target->named;

	target_settle(at->target, a);
	if (at->message.existed)
		settle_kit(a, at);
	if (at - a->attached < (ptrdiff_t)a->n_named)
		at->target->named = true;
	if (a->request->while_asker_lives && !at->message.existed && at->target->named &&
	    registry_follow_asker(a->registry, at->target, a->peer.pid) < 0)
		attached_note(at, "it stays attached when hotpath ends early");
	if (at->target->named)
		settle_ttl(a, at, was_named);
	log_info("pid %d: attached by uid %u: %u probes", at->target->pid, a->peer.uid,
		 at->message.functions);
	return &at->message;
}

/* One that waits is for no process in particular. */
static void attaching_settle_family(struct attaching *a)
{
	if (!a->family->waits && !a->family->seen) {
		family_close(TAKE(a->family), HOTPATH__TARGET_STATE__TARGET_DETACHED);
		return;
	}
	/* All have ended while others were looked at. */
	if (family_is_over(a->family)) {
		family_close(TAKE(a->family), HOTPATH__TARGET_STATE__TARGET_EXITED);
		return;
	}
	if (a->family->waits &&
	    family_limit(a->family, a->request->ttl_ns,
			 a->request->while_asker_lives ? a->peer.pid : 0) < 0)
		log_error("family %u: it stays until it is detached", a->family->id);
}

/* What is run, and what is waited for, may have its functions later. */
static bool has_any_function(const struct attaching *a)
{
	size_t i;

	for (i = 0; i < a->request->n_pids; i++) {
		if (a->attached[i].message.functions || a->attached[i].message.already)
			return true;
	}
	return a->family && (a->request->from_start || a->family->waits);
}

static struct attached *first_attached(struct attaching *a)
{
	size_t i;

	for (i = 0; i < a->request->n_pids; i++) {
		if (a->attached[i].target)
			return &a->attached[i];
	}
	return NULL;
}

/* Whom it does not have although it meant them. */
static void note_left_out(struct attaching *a)
{
	struct attached *first = first_attached(a);

	if (!first)
		return;
	if (a->too_many) {
		first->target->complete = false;
		attached_note(first,
			      "processes that it has started are left out: they would be more than %d",
			      ASK_PIDS_MAX);
	}
	if (a->kin.refused)
		attached_note(first, "%zu processes that it has started are left out: they are not "
				     "yours to observe",
			      a->kin.refused);
	if (a->kin.already)
		attached_note(first, "%zu processes that it has started were attached before, and keep "
				     "the functions that they have",
			      a->kin.already);
	if (a->left_out)
		attached_note(first, "%u processes are left out; of the first: %s", a->left_out,
			      a->left_text);
}

static void attaching_finish(struct attaching *a)
{
	Hotpath__AttachReply body = HOTPATH__ATTACH_REPLY__INIT;
	Hotpath__Reply message = HOTPATH__REPLY__INIT;
	Hotpath__AttachedTarget **targets = calloc(a->request->n_pids, sizeof(*targets));
	size_t i;

	if (!targets) {
		attaching_fail(a, ENOMEM, NULL, "cannot attach: out of memory");
		return;
	}
	if (!has_any_function(a)) {
		free(targets);
		a->at = a->request->n_pids;
		attaching_fail(a, ENOENT, "hotpath probes PID PATTERN lists what matches",
			       "cannot attach to pid %d: no pattern matches a function of it or of "
			       "its descendants",
			       a->request->pids[0]);
		return;
	}
	attaching_unlist(a);
	note_left_out(a);
	for (i = 0; i < a->request->n_pids; i++) {
		if (a->attached[i].target)
			targets[body.n_targets++] = attaching_settle(a, &a->attached[i]);
	}
	body.targets = targets;
	body.family = body.n_targets ? a->attached[0].target->family : a->family->id;
	body.waits = a->family && a->family->waits;
	if (a->family)
		attaching_settle_family(a);
	message.body_case = HOTPATH__REPLY__BODY_ATTACH;
	message.attach = &body;
	reply_finish(a->reply, &message);
	free(targets);
	attaching_free(a);
}

/* Room for what is said of those that were added. */
static int attaching_widen(struct attaching *a, size_t before)
{
	struct attached *grown;
	size_t i;

	grown = reallocarray(a->attached, a->request->n_pids + 1, sizeof(*grown));
	if (!grown) {
		a->request->n_pids = before;
		return -ENOMEM;
	}
	a->attached = grown;
	for (i = before; i < a->request->n_pids; i++) {
		memset(&grown[i], 0, sizeof(*grown));
		hotpath__attached_target__init(&grown[i].message);
	}
	return 0;
}

/* Whom it means besides; what is forked from its targets BPF sees. True: somebody. */
static bool attaching_grow(struct attaching *a, struct ask_kin *ret)
{
	size_t before = a->request->n_pids;
	int r;

	if (!a->family || a->request->from_start || a->rounds++ == ROUNDS_MAX)
		return false;
	r = ask_add_descendants(a->request, &a->peer, a->registry->calls, ret);
	if (r == -E2BIG)
		a->too_many = true;
	return r >= 0 && a->request->n_pids > before && attaching_widen(a, before) >= 0;
}

static void attaching_look(struct attaching *a)
{
	pid_t pid = a->request->pids[a->at];
	int r;

	if (!attaching_authorise(a, pid))
		return;
	proc_objects_free(&a->objects);
	a->objects = (struct proc_objects){};
	r = proc_start_time(pid, &a->start_ticks);
	if (r >= 0)
		r = proc_objects_read(pid, &a->objects);
	if (r >= 0) {
		sampling_learn(a->registry, &a->objects);
		reply_progress(a->reply, "reading symbols", a->at, a->request->n_pids);
		r = attaching_read(a);
	}
	if (r < 0)
		attaching_fail(a, -r, NULL, "cannot attach to pid %d: reading its mappings: %s", pid,
			       strerror(-r));
}

/* Does the one who asked wait no more? Its end may be known before its connection's. */
static bool is_forsaken(const struct attaching *a)
{
	return reply_gone(a->reply) ||
	       (a->request->while_asker_lives && kill(a->peer.pid, 0) < 0 && errno == ESRCH);
}

static void on_ahead(void *userdata)
{
	struct attaching *a = userdata;

	a->ahead = NULL;
	attaching_next(a);
}

/* True: one more of the executables that it waits for is planned ahead first. */
static bool attaching_plans_ahead(struct attaching *a)
{
	while (a->family && a->n_ahead < a->request->n_exe_files) {
		if (ahead_start(a->registry, a->family, a->n_ahead++, on_ahead, a, &a->ahead) >= 0)
			return true;
	}
	return false;
}

static int on_step(sd_event_source *source, void *userdata)
{
	struct attaching *a = userdata;
	struct ask_kin later; /* is of this family */

	a->step = sd_event_source_disable_unref(a->step);
	if (is_forsaken(a))
		attaching_cancel(a, "nobody waits for it any more");
	else if (a->at < a->request->n_pids || attaching_grow(a, &later))
		attaching_look(a);
	else if (!attaching_plans_ahead(a))
		attaching_finish(a);
	return 0;
}

void attaching_next(struct attaching *a)
{
	if (sd_event_add_defer(a->registry->event, &a->step, on_step, a) < 0)
		attaching_cancel(a, "hotpathd is out of memory");
}

/* True: hotpath-reader has enough to do, for this user or in all, and it was said. */
static bool is_crowded(const struct registry *registry, const struct peer *peer,
		       struct reply *reply)
{
	const struct attaching *a;
	unsigned int all = 0, theirs = 0;

	for (a = registry->attaching; a; a = a->next) {
		all++;
		theirs += a->peer.uid == peer->uid;
	}
	if (limits_allow_request(peer->uid, theirs, all))
		return false;
	reply_error(reply, EBUSY, "try again in a moment",
		    "cannot attach: %u attach requests are being worked on, %u of them yours", all,
		    theirs);
	return true;
}

static void attaching_drop(struct attaching *a)
{
	if (!a)
		return;
	if (a->request)
		hotpath__attach_request__free_unpacked(a->request, NULL);
	free(a->attached);
	free(a);
}

/* Those who run and match; those who start later BPF knows. False: refused, and said. */
static bool attaching_select(struct attaching *a)
{
	char text[512] = "out of memory";
	int32_t pids[ASK_PIDS_MAX];
	size_t n = 0;
	int r;

	r = family_select(a->family, text, sizeof(text));
	if (r >= 0) {
		r = select_running(&a->family->selectors, &a->peer, pids, ASK_PIDS_MAX, &n);
		if (r == -E2BIG)
			snprintf(text, sizeof(text), "more than %d processes match", ASK_PIDS_MAX);
	}
	if (r >= 0)
		r = ask_add(a->request, pids, n);
	if (r >= 0)
		return true;
	reply_error(a->reply, -r, NULL, "cannot attach: %s", text);
	return false;
}

/* Is one more family within what a user may have? False: refused, and said. */
static bool may_follow(struct attaching *a)
{
	const Hotpath__AttachRequest *request = a->request;
	const struct limits_use have = registry_use(a->registry, a->peer.uid);
	const struct limits_use want = {
		.families = 1,
		.selectors = request->n_names + request->n_exes + request->n_cgroups,
	};
	char text[256];

	if (limits_allow(a->registry->config, a->peer.uid, &have, &want, 0, text, sizeof(text)))
		return true;
	reply_error(a->reply, EDQUOT,
		    "detach something (hotpath status), or use --no-follow; hotpathd "
		    "--max-families allows more",
		    "cannot attach: %s", text);
	return false;
}

/* Makes the family, if there is to be one. What is not waited for goes without when there
 * can be none, and says so. False: refused, and said. */
static bool attaching_follow(struct attaching *a)
{
	a->not_followed = "";
	if (a->request->no_follow)
		return true;
	/* Where a return is armed without a veto, every process would be at risk. */
	if (!a->registry->features.session) {
		a->not_followed = "this kernel has no uprobe sessions (Linux 6.13)";
	} else {
		if (!may_follow(a))
			return false;
		if (family_new(a->registry, &a->peer, ask_copy(a->request), &a->family) < 0)
			a->not_followed = "the daemon's tables of families or executables are "
					  "full (hotpath status; hotpath detach)";
	}
	if (a->family || !ask_selects(a->request))
		return true;
	reply_error(a->reply, ENOTSUP, NULL, "cannot attach: no processes can be waited for: %s",
		    a->not_followed);
	return false;
}

/* Where probes are for every process, one that translates its code would meet them. */
static bool would_end_others(const struct registry *registry, struct reply *reply)
{
	char name[64];
	pid_t pid;

	if (!registry->features.session)
		return false;
	pid = translators_running(name, sizeof(name));
	if (!pid)
		return false;
	reply_error(reply, EBUSY, "attach when it has ended",
		    "cannot attach while %s (pid %d) runs: it executes programs by translating their "
		    "code, and a probe in a file that it maps would end them",
		    name, pid);
	return true;
}

void attach_start(struct registry *registry, const struct peer *peer,
		  const Hotpath__AttachRequest *request, struct reply *reply)
{
	struct attaching *a;

	if (!ask_is_sane(request, reply) || is_crowded(registry, peer, reply) ||
	    would_end_others(registry, reply))
		return;
	a = calloc(1, sizeof(*a));
	if (a)
		a->request = ask_copy(request);
	if (!a || !a->request) {
		attaching_drop(a);
		reply_error(reply, ENOMEM, NULL, "cannot attach: out of memory");
		return;
	}
	a->registry = registry;
	a->peer = *peer;
	a->reply = reply;
	a->n_named = request->n_pids;
	if (!attaching_follow(a)) {
		attaching_drop(a);
		return;
	}
	if (ask_selects(request) && !attaching_select(a)) {
		family_close(a->family, HOTPATH__TARGET_STATE__TARGET_DETACHED);
		attaching_drop(a);
		return;
	}
	if (attaching_widen(a, 0) < 0) {
		if (a->family)
			family_close(a->family, HOTPATH__TARGET_STATE__TARGET_DETACHED);
		attaching_drop(a);
		reply_error(reply, ENOMEM, NULL, "cannot attach: out of memory");
		return;
	}
	a->next = registry->attaching;
	registry->attaching = a;
	/* Before the first is probed: none of them is a bystander. */
	(void)attaching_grow(a, &a->kin);
	attaching_next(a);
}

void attaching_cancel(struct attaching *a, const char *why)
{
	attaching_undo(a);
	reply_error(a->reply, ECANCELED, NULL, "cannot attach: %s", why);
	attaching_free(a);
}

void attach_cancel_all(struct registry *registry, const char *why)
{
	while (registry->attaching)
		attaching_cancel(registry->attaching, why);
}
