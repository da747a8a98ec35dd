// SPDX-License-Identifier: GPL-2.0-only
/*
 * The attach request; see attach.h. A struct attaching lives from the request
 * to its answer; in between hotpath-reader runs once per process.
 */
#include "attach.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adopt.h"
#include "attached.h"
#include "bystanders.h"
#include "judge.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "plans.h"
#include "proc.h"
#include "reading.h"
#include "returns.h"

#define PIDS_MAX 256

struct attaching {
	struct registry *registry;
	struct peer peer;
	struct reply *reply;
	Hotpath__AttachRequest *request;
	struct attached *attached;
	size_t at; /* the process being worked on */

	/* of that process: */
	struct process_facts facts;
	struct proc_objects objects;
	uint64_t start_ticks;
	struct reading *reading;
	struct attaching *next;
};

static void attaching_next(struct attaching *a);

/* --- life --------------------------------------------------------------------- */

static void attaching_free(struct attaching *a)
{
	struct attaching **at;
	size_t i;

	for (at = &a->registry->attaching; *at && *at != a; at = &(*at)->next)
		;
	if (*at)
		*at = a->next;
	reading_cancel(TAKE(a->reading));
	proc_objects_free(&a->objects);
	for (i = 0; i < a->request->n_pids; i++)
		attached_done(&a->attached[i]);
	free(a->attached);
	hotpath__attach_request__free_unpacked(a->request, NULL);
	free(a);
}

/* All or none: takes back what this request has done so far, and only that: others
 * may have joined functions of the same target meanwhile. */
static void attaching_undo(struct attaching *a)
{
	size_t i;

	for (i = 0; i < a->request->n_pids; i++) {
		struct target *t = a->attached[i].target;

		if (!t || target_is_finished(t))
			continue;
		target_leave(t, a);
		/* The registry's reference and ours: nobody else wants it. */
		if (!t->n_members && t->refs == 2)
			registry_remove(a->registry, t);
	}
}

static void attaching_fail(struct attaching *a, int code, const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void attaching_fail(struct attaching *a, int code, const char *hint, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	attaching_undo(a);
	reply_error(a->reply, code, hint, "%s", text);
	attaching_free(a);
}

/* --- is it allowed? -------------------------------------------------------------- */

static const char *refusal_hint(const struct attaching *a)
{
	if (a->facts.zombie || a->facts.kernel_thread)
		return NULL;
	return "attach to a process of your own, or ask as root: sudo hotpath attach PID ...";
}

/* False: refused, and said. */
static bool attaching_authorise(struct attaching *a, pid_t pid)
{
	const char *why;
	int r;

	r = authority_read(pid, &a->facts);
	if (r < 0) {
		attaching_fail(a, ESRCH, "list processes with: ps -e",
			       "cannot attach to pid %d: no such process", pid);
		return false;
	}
	why = authority_refusal(&a->peer, &a->facts);
	if (why) {
		attaching_fail(a, EPERM, refusal_hint(a), "cannot attach to pid %d: %s", pid, why);
		return false;
	}
	return true;
}

static const Hotpath__ReaderObjectReply *main_object(const Hotpath__ReaderReply *reply)
{
	size_t i;

	for (i = 0; i < reply->n_objects; i++) {
		if (reply->objects[i]->main)
			return reply->objects[i];
	}
	return NULL;
}

/* --- what was found --------------------------------------------------------------- */

/* What may have been meant, and why it may not be found: one line. */
static void fail_unmatched(struct attaching *a, pid_t pid, const Hotpath__ReaderReply *reply)
{
	char hint[1024] = "";
	size_t i, n;

	n = snprintf(hint, sizeof(hint), "%s%s", reply->hint,
		     *reply->hint && reply->n_nearest ? "; " : "");
	for (i = 0; i < reply->n_nearest && n < sizeof(hint); i++)
		n += snprintf(hint + n, sizeof(hint) - n, "%s%s", i ? ", " : "nearest names: ",
			      reply->nearest[i]);
	attaching_fail(a, ENOENT, *hint ? hint : NULL,
		       "cannot attach to pid %d: pattern '%s' matches no function of it", pid,
		       reply->unmatched[0]);
}

static bool reply_is_usable(struct attaching *a, pid_t pid, const char *error,
			    const Hotpath__ReaderReply *reply)
{
	const Hotpath__ReaderObjectReply *main;

	if (error) {
		attaching_fail(a, EIO, NULL, "cannot attach to pid %d: %s", pid, error);
		return false;
	}
	if (*reply->error) {
		attaching_fail(a, EINVAL, *reply->hint ? reply->hint : NULL,
			       "cannot attach to pid %d: %s", pid, reply->error);
		return false;
	}
	main = main_object(reply);
	if (main && *main->error) {
		attaching_fail(a, ENOEXEC, NULL, "cannot attach to pid %d: its executable: %s", pid,
			       main->error);
		return false;
	}
	if (reply->n_unmatched) {
		fail_unmatched(a, pid, reply);
		return false;
	}
	return true;
}

/* --- one process ------------------------------------------------------------------------ */

static void fail_probing(struct attaching *a, pid_t pid, int r)
{
	static const struct {
		int error;
		const char *why, *hint;
	} table[] = {
		{-E2BIG, "this kernel bears at most 100 probed functions a target",
		 "narrow the pattern, or use Linux 6.6 or newer"},
		{-ENOSPC, "the daemon's tables of targets or probe groups are full",
		 "detach something: hotpath status"},
		{-ESRCH, "it exited meanwhile", NULL},
		{-ENOMEM, "the kernel or the daemon is out of memory", "narrow the pattern"},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		if (table[i].error == r) {
			attaching_fail(a, -r, table[i].hint, "cannot attach to pid %d: %s", pid,
				       table[i].why);
			return;
		}
	}
	attaching_fail(a, -r, NULL, "cannot attach to pid %d: probing failed: %s", pid,
		       strerror(-r));
}

/* False: over a limit, and said. */
static bool within_limits(struct attaching *a, struct attached *at, const struct plans *plans)
{
	const struct registry *registry = a->registry;
	uid_t uid = a->peer.uid;
	struct limits_use have = registry_use(registry, uid);
	struct limits_use want = {.targets = !at->message.existed};
	char text[256];

	have.targets -= want.targets; /* without the one that was made for this request */
	plans_weigh(plans, &want);
	if (limits_allow(registry->config, uid, &have, &want, registry_kernel_bytes(registry),
			 text, sizeof(text)))
		return true;
	attaching_fail(a, EDQUOT, "narrow the pattern, or detach something: hotpath status",
		       "cannot attach to pid %d: %s", at->target->pid, text);
	return false;
}

/* False: too many would be slowed down, and said. */
static bool within_bystanders(struct attaching *a, struct attached *at, const struct plans *plans)
{
	uint32_t max = limits_bystanders(a->registry->config, a->peer.uid,
					 a->request->max_bystanders);
	uint64_t files[256][2];
	uint32_t n;

	if (bystanders_count(a->registry, at->target->pid, files,
			     plans_shared_files(plans, &a->objects, files, ARRAY_SIZE(files)), max,
			     &n) < 0) {
		attaching_fail(a, EBUSY,
			       max < a->request->max_bystanders
				       ? "hotpathd --max-bystanders sets what users may ask for"
				       : "allow it with --max-bystanders N, or probe other functions",
			       "cannot attach to pid %d: more than %u other processes run the same "
			       "code and would be slowed down",
			       at->target->pid, max);
		return false;
	}
	at->target->bystander_processes = at->message.bystander_processes = n;
	return true;
}

static const char *why_unprobeable(const Hotpath__ReaderReply *reply)
{
	size_t i;

	for (i = 0; i < reply->n_objects; i++) {
		if (reply->objects[i]->n_functions)
			return reply->objects[i]->functions[0]->site_reason;
	}
	return *reply->hint ? reply->hint : "it has no probeable instruction";
}

/* Functions match, and not one can be probed: no empty target is left behind. */
static void fail_unprobeable(struct attaching *a, pid_t pid, const Hotpath__ReaderReply *reply)
{
	attaching_fail(a, ENOTSUP, "hotpath probes PID PATTERN says of each function what it bears",
		       "cannot attach to pid %d: none of the matching functions can be probed: %s",
		       pid, why_unprobeable(reply));
}

static bool has_functions(const struct plans *plans)
{
	size_t i;

	for (i = 0; i < plans->n; i++) {
		if (plans->of[i].timed || plans->of[i].entry_only || plans->of[i].already)
			return true;
	}
	return false;
}

/* Decides, weighs, and only then probes. */
static void attaching_probe(struct attaching *a, struct attached *at,
			    const Hotpath__ReaderReply *reply,
			    const struct returns_verdict *verdict)
{
	_cleanup_(plans_done) struct plans plans = {};
	struct target *t = at->target;
	size_t i;
	int r;

	r = plans_make(&a->registry->features, t, &a->objects, reply, verdict, &plans);
	if (r < 0) {
		fail_probing(a, t->pid, r);
		return;
	}
	if (!has_functions(&plans)) {
		fail_unprobeable(a, t->pid, reply);
		return;
	}
	if (!within_limits(a, at, &plans) || !within_bystanders(a, at, &plans))
		return;
	reply_progress(a->reply, "attaching", a->at, a->request->n_pids);
	r = plans_join(&plans, &a->registry->groups, t, &a->objects, reply, a);
	if (r < 0) {
		fail_probing(a, t->pid, r);
		return;
	}
	for (i = 0; i < plans.n; i++)
		attached_tally(at, &plans.of[i]);
	attached_describe(at, &a->objects, reply, verdict);

	/* Objects may have come between our look and the hook's probe. */
	judge_check(a->registry, t);
	a->at++;
	attaching_next(a);
}

/* Everything that was read is acted on here, in one go. */
static void attaching_act(struct attaching *a, const Hotpath__ReaderReply *reply)
{
	pid_t pid = a->request->pids[a->at];
	struct attached *at = &a->attached[a->at];
	struct returns_verdict verdict;
	const struct adoption looked = {
		.pid = pid,
		.peer = &a->peer,
		.facts = &a->facts,
		.objects = &a->objects,
		.start_ticks = a->start_ticks,
	};
	const char *changed;
	int r;

	r = adopt_target(a->registry, &looked, &at->target, &at->message.existed);
	if (r < 0) {
		fail_probing(a, pid, r);
		return;
	}
	changed = adopt_changed(&looked);
	if (changed) {
		attaching_fail(a, EPERM, NULL, "cannot attach to pid %d: %s", pid, changed);
		return;
	}
	r = adopt_hook(at->target, &a->objects, reply);
	if (r < 0) {
		fail_probing(a, pid, r);
		return;
	}
	returns_judge(reply->objects, reply->n_objects, a->objects.unopened, &a->facts,
		      &a->registry->features, at->target->n_loader_fds > 0, &verdict);
	memcpy(at->target->returns_reason, verdict.reason, sizeof(verdict.reason));
	at->target->returns_forbidden = !verdict.allowed;
	attaching_probe(a, at, reply, &verdict);
}

static void on_read(void *userdata, const char *error, const Hotpath__ReaderReply *reply)
{
	struct attaching *a = userdata;

	a->reading = NULL;
	if (error == reading_cancelled)
		return;
	if (reply_gone(a->reply)) {
		attaching_fail(a, ECANCELED, NULL, "nobody waits for this attach any more");
		return;
	}
	if (reply_is_usable(a, a->request->pids[a->at], error, reply))
		attaching_act(a, reply);
}

static int attaching_read(struct attaching *a)
{
	struct judge_request request = {};
	char comm[64] = "";
	int r;

	proc_comm(a->request->pids[a->at], comm, sizeof(comm));
	r = judge_request_init(&request, &a->objects, comm);
	if (r >= 0) {
		request.message.patterns = a->request->patterns;
		request.message.n_patterns = a->request->n_patterns;
		request.message.lines = true;
		request.message.arguments_free = true; /* calls reads none */
		request.message.nop5_stepped = !a->registry->features.nop5;
		r = reading_start(a->registry->event, &request.message, request.fds, on_read, a,
				  &a->reading);
	}
	judge_request_done(&request);
	return r;
}

/* --- the whole ------------------------------------------------------------------------- */

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
	for (i = 0; i < a->request->n_pids; i++) {
		struct attached *at = &a->attached[i];

		targets[i] = &at->message;
		at->message.ttl_ns = a->request->ttl_ns;
		target_settle(at->target, a);
		if (a->request->while_asker_lives && !at->message.existed &&
		    registry_follow_asker(a->registry, at->target, a->peer.pid) < 0)
			attached_note(at, "it stays attached when hotpath ends early");
		registry_set_ttl(a->registry, at->target, a->request->ttl_ns);
		log_info("pid %d: attached by uid %u: %u probes", at->target->pid, a->peer.uid,
			 at->message.functions);
	}
	body.targets = targets;
	body.n_targets = a->request->n_pids;
	message.body_case = HOTPATH__REPLY__BODY_ATTACH;
	message.attach = &body;
	reply_finish(a->reply, &message);
	free(targets);
	attaching_free(a);
}

static void attaching_next(struct attaching *a)
{
	pid_t pid;
	int r;

	if (a->at == a->request->n_pids) {
		attaching_finish(a);
		return;
	}
	pid = a->request->pids[a->at];
	if (!attaching_authorise(a, pid))
		return;
	proc_objects_free(&a->objects);
	a->objects = (struct proc_objects){};
	r = proc_start_time(pid, &a->start_ticks);
	if (r >= 0)
		r = proc_objects_read(pid, &a->objects);
	if (r >= 0) {
		reply_progress(a->reply, "reading symbols", a->at, a->request->n_pids);
		r = attaching_read(a);
	}
	if (r < 0)
		attaching_fail(a, -r, NULL, "cannot attach to pid %d: reading its mappings: %s", pid,
			       strerror(-r));
}

static bool request_is_sane(const Hotpath__AttachRequest *request, struct reply *reply)
{
	size_t i, k;

	if (!request->n_pids || request->n_pids > PIDS_MAX) {
		reply_error(reply, EINVAL, NULL, "cannot attach: name 1 to %d processes, not %zu",
			    PIDS_MAX, request->n_pids);
		return false;
	}
	for (i = 0; i < request->n_pids; i++) {
		for (k = 0; k < i; k++) {
			if (request->pids[k] != request->pids[i])
				continue;
			reply_error(reply, EINVAL, NULL, "cannot attach: pid %d is named twice",
				    request->pids[i]);
			return false;
		}
		if (request->pids[i] > 0)
			continue;
		reply_error(reply, EINVAL, NULL, "cannot attach: %d is not a process id",
			    request->pids[i]);
		return false;
	}
	if (!request->n_patterns) {
		reply_error(reply, EINVAL, "try -f main", "cannot attach: no function is named");
		return false;
	}
	return true;
}

static Hotpath__AttachRequest *request_copy(const Hotpath__AttachRequest *request)
{
	size_t size = hotpath__attach_request__get_packed_size(request);
	_cleanup_free_ uint8_t *packed = malloc(size ?: 1);

	if (!packed)
		return NULL;
	hotpath__attach_request__pack(request, packed);
	return hotpath__attach_request__unpack(NULL, size, packed);
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

void attach_start(struct registry *registry, const struct peer *peer,
		  const Hotpath__AttachRequest *request, struct reply *reply)
{
	struct attaching *a;
	size_t i;

	if (!request_is_sane(request, reply) || is_crowded(registry, peer, reply))
		return;
	a = calloc(1, sizeof(*a));
	if (a) {
		a->registry = registry;
		a->request = request_copy(request);
		a->attached = calloc(request->n_pids, sizeof(*a->attached));
	}
	if (!a || !a->request || !a->attached) {
		if (a && a->request)
			hotpath__attach_request__free_unpacked(a->request, NULL);
		free(a);
		reply_error(reply, ENOMEM, NULL, "cannot attach: out of memory");
		return;
	}
	for (i = 0; i < request->n_pids; i++)
		hotpath__attached_target__init(&a->attached[i].message);
	a->peer = *peer;
	a->reply = reply;
	a->next = registry->attaching;
	registry->attaching = a;
	attaching_next(a);
}

void attach_cancel_all(struct registry *registry)
{
	while (registry->attaching) {
		struct attaching *a = registry->attaching;

		attaching_undo(a);
		reply_error(a->reply, ECANCELED, NULL, "cannot attach: hotpathd is stopping");
		attaching_free(a);
	}
}
