// SPDX-License-Identifier: GPL-2.0-only
/* Plans for programs of a family as they start; see follow.h. */
#include "follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adopt.h"
#include "arrive.h"
#include "bystanders.h"
#include "judge.h"
#include "kit.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "plans.h"
#include "proc.h"
#include "reading.h"
#include "registry.h"
#include "returns.h"
#include "sampling.h"
#include "slot.h"
#include "spare.h"
#include "translators.h"

#define WAITERS_MAX 64

struct waiter {
	struct hp_hold hold;
	bool held;
	bool again; /* looked at before, when it had run on and nobody knew how far */
};

/* One executable that is looked at, and the processes of it that wait. */
struct following {
	struct registry *registry;
	struct family *family;
	struct waiter waiter[WAITERS_MAX];
	size_t n_waiters;
	struct process_facts facts; /* of the first */
	struct proc_objects objects;
	uint64_t start_ticks;
	struct reading *reading;
	struct following *next;
};

static int follow_unplanned(struct family *family, const struct waiter *w);

/* --- waiting ------------------------------------------------------------------------ */

static void waiter_release(struct registry *registry, const struct waiter *w)
{
	if (w->held)
		gate_release(registry->gate, w->hold.id);
}

/* Who comes to it from now on begins anew. */
static void following_leave(struct following *f)
{
	struct following **at;

	for (at = &f->registry->following; *at && *at != f; at = &(*at)->next)
		;
	if (*at)
		*at = f->next;
}

static void following_free(struct following *f)
{
	size_t i;

	following_leave(f);
	for (i = 0; i < f->n_waiters; i++)
		waiter_release(f->registry, &f->waiter[i]);
	reading_cancel(TAKE(f->reading));
	proc_objects_free(&f->objects);
	free(f);
}

void follow_cancel(struct registry *registry, const struct family *family)
{
	struct following *f, *next;

	for (f = registry->following; f; f = next) {
		next = f->next;
		if (f->family == family)
			following_free(f);
	}
}

static const struct proc_object *main_file(const struct proc_objects *objects)
{
	return objects->count && objects->object[0].main ? &objects->object[0] : NULL;
}

/* Still as it was when it was announced: in the slot of what is not planned? */
static bool is_waiting(struct registry *registry, const struct waiter *w)
{
	return calls_target_slot(registry->calls, w->hold.tgid) == w->hold.slot;
}

/*
 * It could not be measured, which was said. Or it was announced twice, at both runs of the hook, being late at the first: is what
 * that one was about done, the process measured or known not to be?
 */
static bool is_settled(struct registry *registry, const struct waiter *w)
{
	uint32_t slot = calls_target_slot(registry->calls, w->hold.tgid);
	uint32_t flags = calls_target_flags(registry->calls, w->hold.tgid);
	const struct target *t = slot_target(slot);

	if (slot == w->hold.slot && flags & HP_PROCESS_GIVEN_UP)
		return true;
	if (!(w->hold.flags & HP_PROCESS_UNPLANNED) || !t || !t->kit)
		return false;
	return slot == w->hold.slot ? !(flags & HP_PROCESS_UNPLANNED) : !t->kit->passive;
}

/* It leaves the slot of what is not planned. */
static void leave_passive(struct family *family)
{
	struct hp_slot *slot = calls_slot(family->registry->calls, family->passive->common->slot);

	__atomic_fetch_sub(&slot->sharers, 1, __ATOMIC_SEQ_CST);
}

static void count_late(struct registry *registry, struct target *t, const struct waiter *w)
{
	struct hp_slot *slot = calls_slot(registry->calls, t->slot);

	if (!w->held)
		__atomic_fetch_add(&slot->counter[HP_COUNTER_held_not], 1, __ATOMIC_RELAXED);
	else if (gate_was_late(registry->gate, &w->hold))
		__atomic_fetch_add(&slot->counter[HP_COUNTER_held_late], 1, __ATOMIC_RELAXED);
}

static uint32_t *dealt_of(struct family *family, const struct waiter *w)
{
	return &family->dealt[w->hold.tgid & (DEALT_MAX - 1)];
}

/* One that is late at the first run of the hook is announced at the second, too; by then
 * it may have ended. */
static bool was_dealt_with(struct family *family, const struct waiter *w)
{
	return w->hold.flags & HP_PROCESS_MISSED ||
	       (w->hold.hooks > 1 && *dealt_of(family, w) == w->hold.tgid);
}

/* It ran, and was gone before anybody looked: there is no target to say so. */
static void count_missed(struct registry *registry, struct family *family, const struct waiter *w)
{
	struct hp_slot *nobody = calls_slot(registry->calls, 0);

	if (family && was_dealt_with(family, w))
		return;
	if (family) {
		family->not_measured++;
		*dealt_of(family, w) = w->hold.tgid;
	}
	__atomic_fetch_add(&nobody->counter[HP_COUNTER_held_late], 1, __ATOMIC_RELAXED);
}

/* It runs without probes: said once, so it is not held again for the same. */
static void waiter_give_up(struct family *family, const struct waiter *w)
{
	if (is_settled(family->registry, w) || was_dealt_with(family, w))
		return;
	family->not_measured++;
	*dealt_of(family, w) = w->hold.tgid;
	if (is_waiting(family->registry, w))
		(void)calls_target_move(family->registry->calls, w->hold.tgid, w->hold.slot,
					HP_PROCESS_GIVEN_UP);
}

/* --- one of a kit that is there ------------------------------------------------------- */

static void waiter_give(struct kit *kit, const struct waiter *w)
{
	struct family *family = kit->family;
	struct registry *registry = family->registry;
	struct hp_event event = {.kind = HP_EVENT_BEGIN, .tgid = w->hold.tgid};
	char comm[64] = "";
	struct target *t;
	pid_t parent = 0;

	if (is_settled(registry, w))
		return;
	if (!is_waiting(registry, w)) {
		count_missed(registry, family, w);
		return;
	}
	t = kit_take(kit);
	if (!t) {
		log_warning("pid %u: there is no target for it: it is not measured", w->hold.tgid);
		waiter_give_up(family, w);
		return;
	}
	proc_comm(w->hold.tgid, comm, sizeof(comm));
	proc_parent(w->hold.tgid, &parent);
	memcpy(event.comm, comm, sizeof(event.comm));
	event.arg = parent;
	event.time_ns = clock_ns(CLOCK_MONOTONIC);
	target_forbid_returns(t);
	calls_slot(registry->calls, t->slot)->tgid = w->hold.tgid;
	if (calls_target_move(registry->calls, w->hold.tgid, t->slot, 0) < 0) {
		count_missed(registry, family, w);
		target_unref(t);
		return;
	}
	leave_passive(family);
	event.slot = t->slot;
	event.gen = t->gen;
	family_event(registry, &event);
	proc_start_time(w->hold.tgid, &t->start_ticks);
	*dealt_of(family, w) = w->hold.tgid;
	count_late(registry, t, w);
}

/* --- a kit for it ------------------------------------------------------------------------ */

static bool within_bystanders(struct following *f, struct target *t, struct plans *plans)
{
	uint32_t max = limits_bystanders(f->registry->config, f->family->peer.uid,
					 f->family->request->max_bystanders);
	uint64_t files[256][2];
	size_t n;

	plans_share(plans, true);
	n = plans_shared_files(plans, &f->objects, files, ARRAY_SIZE(files));
	if (bystanders_count(f->registry, &t->pid, 1, files, n, max, &t->bystander_processes) >= 0)
		return true;
	log_warning("pid %d: not measured: more than %u other processes run the same code", t->pid,
		    max);
	return false;
}

static bool within_limits(struct following *f, const struct plans *plans)
{
	struct limits_use want = {.kits = 1};
	char text[256];

	plans_weigh(plans, &want);
	if (registry_allows(f->registry, f->family->peer.uid, &want, text, sizeof(text)))
		return true;
	log_warning("pid %u: not measured: %s", f->waiter[0].hold.tgid, text);
	return false;
}

/* The first becomes a target as by attach, and the kit is made in its image. */
static int following_plan(struct following *f, const Hotpath__ReaderReply *reply,
			  struct target **ret)
{
	_cleanup_(plans_done) struct plans plans = {};
	const struct adoption looked = {
		.pid = f->waiter[0].hold.tgid,
		.peer = &f->family->peer,
		.facts = &f->facts,
		.objects = &f->objects,
		.start_ticks = f->start_ticks,
	};
	struct returns_verdict verdict;
	struct target *t = NULL;
	int r, existed;

	r = adopt_target(f->registry, &looked, &t, &existed);
	*ret = t;
	if (existed)
		*ret = target_unref(t);
	if (!*ret)
		return r < 0 ? r : -ESRCH;
	t->owner = f->family->owner;
	if (r < 0 || adopt_changed(&looked))
		return r < 0 ? r : -ESRCH;
	r = adopt_hook(t, f->family, &f->objects, reply);
	if (r < 0)
		return r;
	returns_judge(reply->objects, reply->n_objects, f->objects.unopened, &f->facts,
		      &f->registry->features, target_has_hook(t), &verdict);
	memcpy(t->returns_reason, verdict.reason, sizeof(verdict.reason));
	t->returns_forbidden = !verdict.allowed;
	if (verdict.goroutines)
		target_has_goroutines(t);
	r = plans_make(&f->registry->features, t, &f->objects, reply, &verdict, &plans);
	if (r >= 0)
		r = plans_govern(&plans, f->registry, f->family->request, t, &f->family->govern);
	if (r < 0 || !within_limits(f, &plans) || !within_bystanders(f, t, &plans))
		return r < 0 ? r : -EDQUOT;
	r = plans_join(&plans, &f->registry->groups, t, &f->objects, reply, NULL);
	return r < 0 ? r : family_adopt(f->family, t, f->objects.count == 1);
}

static bool has_functions(const Hotpath__ReaderReply *reply)
{
	size_t i, k;

	for (i = 0; i < reply->n_objects; i++) {
		for (k = 0; k < reply->objects[i]->n_functions; k++) {
			if (reply->objects[i]->functions[k]->class_ != HOTPATH__SITE_CLASS__SITE_NONE)
				return true;
		}
	}
	return false;
}

/* Of this executable nothing is probed; its processes are followed all the same. */
static void following_nothing(struct following *f)
{
	const struct proc_object *exe = main_file(&f->objects);
	size_t i;

	(void)kit_nothing(f->family, exe->dev, exe->ino, exe->fd);
	arrive_remember(f->family->passive->common, &f->objects);
	for (i = 0; i < f->n_waiters; i++) {
		if (is_waiting(f->registry, &f->waiter[i]))
			(void)calls_target_move(f->registry->calls, f->waiter[i].hold.tgid,
						f->waiter[i].hold.slot, 0);
	}
}

/* Held at exec, and its loader is not known: the loader's hook is where it is held
 * again, with everything mapped. */
static bool following_is_early(struct following *f, const Hotpath__ReaderReply *reply)
{
	const struct waiter *first = &f->waiter[0];
	size_t i;

	for (i = 0; i < reply->n_objects && !first->hold.hooks && !first->again; i++) {
		const struct proc_object *file = plans_file(&f->objects, i);
		uint64_t hook = reply->objects[i]->loader_hook;

		/* A static program has the loader in it, and does not call it. */
		if (hook && file && !file->main &&
		    family_hook_file(f->family, file->fd, hook,
				     reply->objects[i]->loader_state) == 0)
			return true;
	}
	return false;
}

static void waiter_pass_on(struct following *f, const struct waiter *w)
{
	if (follow_unplanned(f->family, w) < 0)
		waiter_release(f->registry, w);
}

/* The first is gone: what it had mapped says nothing of the others, that still wait. */
static void following_pass_on(struct following *f)
{
	size_t i;

	following_leave(f);
	for (i = 1; i < f->n_waiters; i++)
		waiter_pass_on(f, &f->waiter[i]);
	f->n_waiters = 1;
}

/* Their loader's hook is probed since a moment ago. Who is held here still will be held there;
 * who ran on is past it by now, maybe. */
static void following_to_hook(struct following *f)
{
	size_t i, n = 0;

	following_leave(f);
	for (i = 0; i < f->n_waiters; i++) {
		struct waiter w = f->waiter[i];

		if (w.held && !gate_was_late(f->registry->gate, &w.hold)) {
			f->waiter[n++] = w;
			continue;
		}
		w.again = true;
		waiter_pass_on(f, &w);
	}
	f->n_waiters = n;
}

static void following_give_up(struct following *f)
{
	size_t i;

	for (i = 0; i < f->n_waiters; i++)
		waiter_give_up(f->family, &f->waiter[i]);
}

static void following_act(struct following *f, const Hotpath__ReaderReply *reply)
{
	const struct proc_object *exe = main_file(&f->objects);
	struct registry *registry = f->registry;
	struct target *t = NULL;
	struct kit *kit;
	size_t i;
	int r;

	if (following_is_early(f, reply)) {
		following_to_hook(f);
		return;
	}
	if (!has_functions(reply)) {
		following_nothing(f);
		return;
	}
	if (!is_waiting(registry, &f->waiter[0])) {
		if (!is_settled(registry, &f->waiter[0]))
			count_missed(registry, f->family, &f->waiter[0]);
		following_pass_on(f);
		return;
	}
	r = following_plan(f, reply, &t);
	if (r < 0) {
		log_warning("pid %u: not measured: %s", f->waiter[0].hold.tgid, strerror(-r));
		following_give_up(f);
		if (t)
			registry_remove(registry, t);
		target_unref(t);
		return;
	}
	proc_parent(t->pid, &t->parent_pid);
	*dealt_of(f->family, &f->waiter[0]) = t->pid;
	count_late(registry, t, &f->waiter[0]);
	log_info("pid %d: %s is measured, too: %u probes", t->pid, t->comm,
		 target_count_functions(t));
	arrive_remember(t, &f->objects);
	arrive_look(registry, t);
	target_unref(t);
	kit = kit_find(f->family, exe->dev, exe->ino);
	/* None: what was found in the file is not there in memory. */
	if (!kit) {
		for (i = 1; i < f->n_waiters; i++)
			waiter_give_up(f->family, &f->waiter[i]);
		return;
	}
	kit_at_hook(kit, f->waiter[0].hold.hooks);
	for (i = 1; i < f->n_waiters; i++)
		waiter_give(kit, &f->waiter[i]);
}

static void on_read(void *userdata, const char *error, const Hotpath__ReaderReply *reply)
{
	struct following *f = userdata;

	f->reading = NULL;
	if (error == reading_cancelled)
		return;
	if (error || *reply->error) {
		log_warning("pid %u: not measured: %s", f->waiter[0].hold.tgid,
			    error ?: reply->error);
		following_give_up(f);
	} else {
		following_act(f, reply);
	}
	following_free(f);
}

static int following_read(struct following *f)
{
	const Hotpath__AttachRequest *asked = f->family->request;
	struct judge_request request = {};
	char comm[64] = "";
	int r;

	proc_comm(f->waiter[0].hold.tgid, comm, sizeof(comm));
	r = judge_request_init(&request, &f->objects, comm);
	if (r >= 0) {
		judge_request_ask(&request, asked->patterns, asked->n_patterns,
				  &f->registry->features);
		r = reading_start(f->registry->event,
				  (struct reading_asker){f->family->peer.uid, TURN_FOLLOWED},
				  &request.message, request.fds, on_read, f,
				  &f->reading);
	}
	judge_request_done(&request);
	return r;
}

/* --- the gate's handler ------------------------------------------------------------------- */

static struct following *following_find(const struct family *family, const struct proc_object *exe)
{
	const struct proc_object *theirs;
	struct following *f;

	for (f = family->registry->following; f; f = f->next) {
		theirs = main_file(&f->objects);
		if (f->family == family && theirs->dev == exe->dev && theirs->ino == exe->ino &&
		    f->n_waiters < WAITERS_MAX)
			return f;
	}
	return NULL;
}

/* The hook's first run in a start is before anything is mapped. musl has no other. */
static bool is_before_mapping(const struct hp_hold *hold, uint32_t hooks,
			      const struct proc_objects *objects)
{
	size_t i;

	for (i = 0; i < objects->count; i++) {
		if (strstr(objects->object[i].path, "/ld-musl-"))
			return false;
	}
	/* Late, it had come to the second run before we looked: it is not let go there. */
	return hold->flags & HP_PROCESS_UNPLANNED && hold->hooks == 1 && hooks <= 1 &&
	       objects->count <= 2;
}

/* Takes over w: it is released when this says 0 and there is no more to do. */
static int follow_unplanned(struct family *family, const struct waiter *w)
{
	struct registry *registry = family->registry;
	struct following *f = calloc(1, sizeof(*f)), *same;
	uint32_t hooks = calls_target_hooks(registry->calls, w->hold.tgid);
	const struct proc_object *exe;
	struct kit *kit;
	int r;

	if (!f)
		return -ENOMEM;
	f->registry = registry;
	f->family = family;
	r = authority_read(w->hold.tgid, &f->facts);
	if (r >= 0 && authority_refusal(&family->peer, &f->facts))
		r = -EPERM;
	if (r >= 0)
		r = proc_start_time(w->hold.tgid, &f->start_ticks);
	if (r >= 0)
		r = proc_objects_read(w->hold.tgid, &f->objects);
	if (r >= 0)
		sampling_learn(registry, &f->objects);
	exe = r >= 0 ? main_file(&f->objects) : NULL;
	if (!exe && r != -ESRCH && r != -EPERM)
		waiter_give_up(family, w);
	kit = exe ? kit_find(family, exe->dev, exe->ino) : NULL;
	same = exe ? following_find(family, exe) : NULL;
	if (kit)
		waiter_give(kit, w);
	if (!exe || kit || is_before_mapping(&w->hold, hooks, &f->objects) || same) {
		if (same && !kit)
			same->waiter[same->n_waiters++] = *w;
		else
			waiter_release(registry, w);
		following_free(f);
		return 0;
	}
	f->waiter[f->n_waiters++] = *w;
	f->next = registry->following;
	registry->following = f;
	r = following_read(f);
	if (r < 0) {
		log_warning_errno(r, "pid %u: not measured: start hotpath-reader", w->hold.tgid);
		following_give_up(f);
		following_free(f);
	}
	return 0;
}

/* Of its executable nothing was probed; has it loaded what nobody has looked into? */
static bool passive_has_news(const struct target *t, const struct waiter *w)
{
	struct proc_objects objects = {};
	bool new;

	if (!t->kit || t != t->kit->family->passive->common)
		return false;
	new = proc_objects_read(w->hold.tgid, &objects) >= 0 && arrive_is_new(t, &objects);
	proc_objects_free(&objects);
	return new;
}

void follow_held(void *userdata, const struct hp_hold *hold, bool held)
{
	struct registry *registry = userdata;
	const struct waiter w = {.hold = *hold, .held = held};
	struct target *t;

	if (hold->flags & HP_PROCESS_TRANSLATES) {
		translators_begin(registry, hold, held);
		return;
	}
	calls_drain(registry->calls);
	t = slot_target(hold->slot);
	if (is_settled(registry, &w)) {
		waiter_release(registry, &w);
		return;
	}
	if (!t || target_is_finished(t) || !is_waiting(registry, &w)) {
		if (hold->flags & HP_PROCESS_UNPLANNED)
			count_missed(registry, t && t->kit ? t->kit->family : NULL, &w);
		waiter_release(registry, &w);
		return;
	}
	if (!(hold->flags & HP_PROCESS_UNPLANNED) && !passive_has_news(t, &w)) {
		arrive_held(registry, t, hold, held);
		return;
	}
	if (follow_unplanned(t->kit->family, &w) < 0)
		waiter_release(registry, &w);
}
