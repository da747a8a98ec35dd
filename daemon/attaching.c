// SPDX-License-Identifier: GPL-2.0-only
/* Looks at a process that is to be attached, and probes it; see attaching.h. */
#include "attaching.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "adopt.h"
#include "arrive.h"
#include "govern.h"
#include "judge.h"
#include "kit.h"
#include "lib/cleanup.h"
#include "plans.h"
#include "returns.h"

/* Functions of an object of which attach says how often they were inlined. */
#define INLINED_MAX 1000

/* --- is it allowed? -------------------------------------------------------------- */

static const char *refusal_hint(const struct attaching *a)
{
	if (a->facts.zombie || a->facts.kernel_thread)
		return NULL;
	return "attach to a process of your own, or ask as root: sudo hotpath attach PID ...";
}

/* What follows it is not to end, nor to measure other functions, by who may not see it.
 * False: refused, and said. */
static bool is_theirs(struct attaching *a, pid_t pid)
{
	const struct family *f = registry_follower(a->registry, pid);

	if (!f || authority_may_see(&a->peer, f->owner))
		return true;
	attaching_fail(a, EPERM, "ask them, or attach when they have detached",
		       "cannot attach to pid %d: it is followed by an attach of uid %u", pid, f->owner);
	return false;
}

/* False: refused, and said. */
bool attaching_authorise(struct attaching *a, pid_t pid)
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
	return is_theirs(a, pid);
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

#define HINT_MAX 1024

/* What may have been meant, and why it may not be found: one line. */
static void unmatched_hint(const Hotpath__ReaderReply *reply, char hint[HINT_MAX])
{
	size_t i, n;

	n = snprintf(hint, HINT_MAX, "%s%s", reply->hint,
		     *reply->hint && reply->n_nearest ? "; " : "");
	for (i = 0; i < reply->n_nearest && n < HINT_MAX; i++)
		n += snprintf(hint + n, HINT_MAX - n, "%s%s", i ? ", " : "nearest names: ",
			      reply->nearest[i]);
}

/*
 * It is for the children, then, or the name is wrong. What is run to start others
 * (bash, env, timeout) is no news: names that may have been meant are for the end, when
 * nothing has matched in the others either.
 */
static void note_unmatched(struct attached *at, const Hotpath__ReaderReply *reply, bool is_starter)
{
	char hint[HINT_MAX];
	size_t i;

	if (!reply->n_unmatched)
		return;
	unmatched_hint(reply, hint);
	for (i = 0; i < reply->n_unmatched; i++) {
		const char *pattern = reply->unmatched[i], *comm = at->target->comm;

		if (is_starter)
			attached_unmatched(at, "pattern '%s' matches no function of %s%s%s", pattern,
					   comm, *hint ? "; " : "", hint);
		attached_note(at, "pattern '%s' matches no function of %s itself%s%s", pattern, comm,
			      *hint && !is_starter ? "; " : "", is_starter ? "" : hint);
	}
}

static void fail_unmatched(struct attaching *a, pid_t pid, const Hotpath__ReaderReply *reply)
{
	char hint[HINT_MAX];

	unmatched_hint(reply, hint);
	attaching_fail(a, ENOENT, *hint ? hint : NULL,
		       "cannot attach to pid %d: pattern '%s' matches no function of it", pid,
		       reply->unmatched[0]);
}

/* A program may be there only to start those that are meant. */
static bool is_for_children(const struct attaching *a)
{
	return a->family && (a->request->from_start || !attaching_is_named(a) ||
			     ask_has_children(a->request->pids[a->at]));
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
	if (reply->n_unmatched && !is_for_children(a)) {
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

/* One that is followed already has a kit, which may have to be replaced for what is new. */
static bool needs_kit(const struct attaching *a, const struct target *t,
		      const struct limits_use *want)
{
	if (!a->family)
		return false;
	if (t->kit && !t->kit->passive)
		return want->probes > 0;
	return !kit_find(t->kit ? t->kit->family : a->family, t->exe_dev, t->exe_ino);
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
	want.kits = needs_kit(a, at->target, &want);
	if (limits_allow(registry->config, uid, &have, &want, registry_kernel_bytes(registry),
			 text, sizeof(text)))
		return true;
	attaching_fail(a, EDQUOT, "narrow the pattern, or detach something: hotpath status",
		       "cannot attach to pid %d: %s", at->target->pid, text);
	return false;
}

static int count_bystanders(struct attaching *a, const struct plans *plans, uint32_t max,
			    uint32_t *ret)
{
	uint64_t files[256][2];
	size_t n = plans_shared_files(plans, &a->objects, files, ARRAY_SIZE(files));

	/* Who is to be attached by this very request is none. */
	return bystanders_count_once(&a->bystanders, a->registry, a->request->pids,
				     a->request->n_pids, files, n, max, ret);
}

/* False: too many would be slowed down, and said. Where it is children alone that ask
 * for probes in every process, these are given up. */
static bool within_bystanders(struct attaching *a, struct attached *at, struct plans *plans)
{
	uint32_t max = limits_bystanders(a->registry->config, a->peer.uid,
					 a->request->max_bystanders);
	char names[256];
	uint32_t n;
	int r;

	plans_share(plans, a->family != NULL);
	r = count_bystanders(a, plans, max, &n);
	if (r < 0 && a->family) {
		plans_share(plans, false);
		r = count_bystanders(a, plans, max, &n);
		if (r >= 0)
			attached_note(at, "more than %u other processes run the same code: children "
					  "are not followed where that would slow those down "
					  "(--max-bystanders)",
				      max);
	}
	if (r < 0) {
		plans_shared_names(plans, &a->objects, names, sizeof(names));
		attaching_fail(a, EBUSY,
			       a->peer.uid && max == a->registry->config->max_bystanders
				       ? "name functions of the program alone (-f 'PROGRAM:PATTERN'); how "
					 "many a user may slow down hotpathd --max-bystanders says"
				       : "name functions of the program alone (-f 'PROGRAM:PATTERN'), or "
					 "allow it with --max-bystanders N",
			       "cannot attach to pid %d: more than %u other processes run what the "
			       "patterns match in (%s), and would be slowed down",
			       at->target->pid, max, names);
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
static void fail_unprobeable(struct attaching *a, pid_t pid, const struct plans *plans,
			     const Hotpath__ReaderReply *reply)
{
	if (plans_moved(plans)) {
		attaching_fail(a, ENOTSUP, "switch off what moves it (huge pages for code, packers)",
			       "cannot attach to pid %d: probes can never fire: %s", pid,
			       attached_moved);
		return;
	}
	attaching_fail(a, ENOTSUP, "hotpath probes PID PATTERN says of each function what it bears",
		       "cannot attach to pid %d: none of the matching functions can be probed: %s",
		       pid, why_unprobeable(reply));
}

static bool has_functions(const struct plans *plans)
{
	size_t i;

	for (i = 0; i < plans->n; i++) {
		if (plan_functions(&plans->of[i]) || plans->of[i].already)
			return true;
	}
	return false;
}

static int govern_plans(struct attaching *a, struct attached *at, struct plans *plans)
{
	const struct govern *g;
	int r;

	r = plans_govern(plans, a->registry, a->request, at->target,
			 a->family ? &a->family->govern : &a->govern);
	g = plans->n ? plans->of[0].govern : NULL;
	at->message.budget_ppm = g ? govern_budget_ppm(g) : 0;
	return r;
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
	if (!has_functions(&plans) && !is_for_children(a)) {
		fail_unprobeable(a, t->pid, &plans, reply);
		return;
	}
	r = govern_plans(a, at, &plans);
	if (r < 0) {
		fail_probing(a, t->pid, r);
		return;
	}
	if (!within_limits(a, at, &plans) || !within_bystanders(a, at, &plans))
		return;
	reply_progress(a->reply, "attaching", a->at, a->request->n_pids);
	r = plans_join(&plans, &a->registry->groups, t, &a->objects, reply, a);
	at->is_static = a->objects.count == 1;
	/* One that is followed keeps what its children get until all of this is done. */
	if (r >= 0 && a->family && !t->kit)
		r = family_adopt(a->family, t, at->is_static);
	if (r >= 0)
		r = arrive_expect(t, &a->peer, a->request);
	if (r < 0) {
		fail_probing(a, t->pid, r);
		return;
	}
	note_unmatched(at, reply, a->request->from_start && !has_functions(&plans));
	if (*a->not_followed)
		attached_note(at, "children and what it becomes by exec are not followed: %s",
			      a->not_followed);
	for (i = 0; i < plans.n; i++)
		attached_tally(at, &plans.of[i]);
	if (plans_moved(&plans))
		attached_note(at, "%u matching functions are not probed, probes can never fire: %s",
			      plans_moved(&plans), attached_moved);
	attached_describe(at, &a->objects, reply, verdict);
	/* hotpath itself holds what it runs. */
	if (a->facts.tracer && a->facts.tracer != a->peer.pid)
		attached_note(at, "pid %d traces it: a breakpoint that a debugger sets where a probe "
				  "is does not stop",
			      a->facts.tracer);
	if (at->message.existed && t->requester != a->peer.uid)
		attached_note(at, "another user had attached it before: its figures are the same for "
				  "both, and a detach by either ends both");
	if (!arrive_expects(t, a->request))
		attached_note(at, "in what it loads later, only functions that it was first attached "
				  "for are probed");

	/* Objects may have come between our look and the hook's probe. */
	arrive_remember(t, &a->objects);
	arrive_look(a->registry, t);
	attaching_pass(a);
}

/* Has BPF made it a target meanwhile, as it called exec and a selector means it? */
static bool is_followed_by_now(const struct attaching *a, pid_t pid)
{
	struct calls *calls = a->registry->calls;
	uint32_t slot = calls_target_slot(calls, pid);

	return slot && a->family && calls_slot(calls, slot)->family == a->family->number;
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

	if (is_followed_by_now(a, pid)) {
		attaching_pass(a);
		return;
	}
	if (!is_theirs(a, pid))
		return;
	r = adopt_target(a->registry, &looked, &at->target, &at->message.existed);
	if (r < 0) {
		fail_probing(a, pid, r);
		return;
	}
	changed = adopt_changed(&looked);
	if (changed == adopt_execed && attaching_again(a))
		return;
	if (changed) {
		attaching_fail(a, EPERM, NULL, "cannot attach to pid %d: %s", pid, changed);
		return;
	}
	r = adopt_hook(at->target, a->family, &a->objects, reply);
	if (r < 0) {
		fail_probing(a, pid, r);
		return;
	}
	/* From here on BPF sees what it loads; before, it may have loaded what raises. */
	if (!proc_objects_cover(&a->objects, pid)) {
		if (attaching_again(a))
			return;
		target_forbid_returns(at->target);
	}
	returns_judge(reply->objects, reply->n_objects, a->objects.unopened, &a->facts,
		      &a->registry->features, target_has_hook(at->target), &verdict);
	memcpy(at->target->returns_reason, verdict.reason, sizeof(verdict.reason));
	at->target->returns_forbidden = !verdict.allowed;
	if (verdict.goroutines)
		target_has_goroutines(at->target);
	attaching_probe(a, at, reply, &verdict);
}

/* --- what the reader says ----------------------------------------------------------- */

static bool names_objects(const Hotpath__AttachRequest *request)
{
	size_t i;

	for (i = 0; i < request->n_patterns; i++) {
		const ProtobufCBinaryData *p = &request->patterns[i];

		if (p->len && memchr(p->data, ':', p->len))
			return true;
	}
	return false;
}

/* For other processes of the same files. NULL: no memory. */
static const Hotpath__ReaderReply *keep(struct attaching *a, struct reading *reading)
{
	size_t size;
	Hotpath__ReaderReply *reply = reading_take(reading, &size);

	return answers_add(&a->answers, &a->objects, a->called, reply, size) < 0 ? NULL : reply;
}

static void on_read(void *userdata, const char *error, const Hotpath__ReaderReply *reply)
{
	struct attaching *a = userdata;
	struct reading *reading = TAKE(a->reading);

	if (error == reading_cancelled)
		return;
	if (reply_gone(a->reply)) {
		attaching_cancel(a, "nobody waits for it any more");
		return;
	}
	if (reply)
		reply = keep(a, reading);
	if (!error && !reply)
		error = "hotpathd is out of memory";
	if (reply_is_usable(a, a->request->pids[a->at], error, reply))
		attaching_act(a, reply);
}

int attaching_read(struct attaching *a)
{
	struct judge_request request = {};
	const Hotpath__ReaderReply *known;
	int r;

	a->called[0] = '\0';
	if (names_objects(a->request))
		proc_comm(a->request->pids[a->at], a->called, sizeof(a->called));
	known = answers_find(&a->answers, &a->objects, a->called);
	if (known) {
		if (reply_is_usable(a, a->request->pids[a->at], NULL, known))
			attaching_act(a, known);
		return 0;
	}
	r = judge_request_init(&request, &a->objects, a->called);
	if (r >= 0) {
		judge_request_ask(&request, a->request->patterns, a->request->n_patterns,
				  &a->registry->features);
		request.message.inlined = true;
		request.message.inlined_max = INLINED_MAX;
		r = reading_start(a->registry->event,
				  (struct reading_asker){a->peer.uid, TURN_REQUEST},
				  &request.message, request.fds, on_read, a,
				  &a->reading);
	}
	judge_request_done(&request);
	return r;
}
