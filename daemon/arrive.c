// SPDX-License-Identifier: GPL-2.0-only
/* Objects that come later; see arrive.h. */
#include "arrive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adopt.h"
#include "ask.h"
#include "bystanders.h"
#include "gate.h"
#include "govern.h"
#include "judge.h"
#include "kit.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "plans.h"
#include "reading.h"
#include "returns.h"
#include "sampling.h"
#include "spare.h"

/* One process that has loaded something, and the target in which it counts. */
struct arrival {
	struct registry *registry;
	struct target *target;
	struct family *family; /* NULL: it is not followed */
	struct hp_hold hold;   /* tid 0: nobody is held */
	bool held;
	uint64_t seen, since_ns;
	struct process_facts facts;
	struct proc_objects objects;
	struct reading *reading;
	struct arrival *next;
};

static void arrival_free(struct arrival *a)
{
	struct arrival **at;

	for (at = &a->registry->arriving; *at && *at != a; at = &(*at)->next)
		;
	if (*at)
		*at = a->next;
	if (a->held)
		gate_release(a->registry->gate, a->hold.id);
	reading_cancel(TAKE(a->reading));
	proc_objects_free(&a->objects);
	target_unref(a->target);
	free(a);
}

void arrive_cancel(struct registry *registry, const struct family *family)
{
	struct arrival *a, *next;

	for (a = registry->arriving; a; a = next) {
		next = a->next;
		if (!family || a->family == family)
			arrival_free(a);
	}
}

/* --- what is searched for ----------------------------------------------------------- */

static const Hotpath__AttachRequest *asked_of(const struct target *t)
{
	return t->kit ? t->kit->family->request : t->asked;
}

static const struct peer *peer_of(const struct target *t)
{
	return t->kit ? &t->kit->family->peer : &t->asked_by;
}

static struct searched *searched_of(struct target *t)
{
	return t->kit ? &t->kit->family->searched : &t->searched;
}

int arrive_expect(struct target *t, const struct peer *peer, const Hotpath__AttachRequest *request)
{
	if (asked_of(t))
		return 0;
	t->asked = ask_copy(request);
	if (!t->asked)
		return -ENOMEM;
	t->asked_by = *peer;
	target_publish(t);
	return 0;
}

bool arrive_expects(const struct target *t, const Hotpath__AttachRequest *request)
{
	const Hotpath__AttachRequest *asked = asked_of(t);
	size_t i;

	if (!asked || asked->n_patterns != request->n_patterns)
		return false;
	for (i = 0; i < asked->n_patterns; i++) {
		if (asked->patterns[i].len != request->patterns[i].len ||
		    memcmp(asked->patterns[i].data, request->patterns[i].data,
			   request->patterns[i].len) != 0)
			return false;
	}
	return true;
}

static bool has_file(const struct target *t, const struct proc_object *object)
{
	size_t i;

	for (i = 0; i < t->n_members; i++) {
		if (t->member[i].group->dev == object->dev && t->member[i].group->ino == object->ino)
			return true;
	}
	return false;
}

void arrive_remember(struct target *t, const struct proc_objects *objects)
{
	size_t i;

	for (i = 0; i < objects->count; i++) {
		if (!has_file(t, &objects->object[i]))
			searched_add(searched_of(t), &objects->object[i]);
	}
}

bool arrive_is_new(const struct target *t, const struct proc_objects *objects)
{
	const struct searched *searched = t->kit ? &t->kit->family->searched : &t->searched;
	size_t i;

	for (i = 0; i < objects->count; i++) {
		const struct proc_object *o = &objects->object[i];

		if (o->fd >= 0 && !has_file(t, o) && !searched_has(searched, o))
			return true;
	}
	return false;
}

/* --- probing it ------------------------------------------------------------------------ */

static const char *over_limit(struct arrival *a, struct plans *plans, char *text, size_t size)
{
	struct registry *registry = a->registry;
	const struct peer *peer = peer_of(a->target);
	uint32_t n, max = limits_bystanders(registry->config, peer->uid,
					    asked_of(a->target)->max_bystanders);
	const pid_t tgid = a->hold.tgid;
	struct limits_use want = {};
	uint64_t files[256][2];
	size_t n_files;

	plans_weigh(plans, &want);
	if (!registry_allows(registry, peer->uid, &want, text, size))
		return text;
	plans_share(plans, a->family != NULL);
	n_files = plans_shared_files(plans, &a->objects, files, ARRAY_SIZE(files));
	if (bystanders_count(registry, &tgid, 1, files, n_files, max, &n) >= 0)
		return NULL;
	snprintf(text, size, "more than %u other processes run it", max);
	return text;
}

static uint32_t functions_in(const struct plans *plans)
{
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < plans->n; i++)
		n += plan_functions(&plans->of[i]);
	return n;
}

static void count_late(struct arrival *a)
{
	struct hp_slot *slot = calls_slot(a->registry->calls, a->target->slot);
	enum hp_counter which = HP_COUNTER_held_late;

	if (!a->hold.tid)
		return;
	if (!a->held)
		which = HP_COUNTER_held_not;
	else if (!gate_was_late(a->registry->gate, &a->hold) &&
		 clock_ns(CLOCK_MONOTONIC) - a->since_ns < GATE_HOLD_NS)
		return;
	__atomic_fetch_add(&slot->counter[which], 1, __ATOMIC_RELAXED);
}

/* What is forked from here on has it, too. */
static int arrival_tell_family(struct arrival *a)
{
	struct target *t = a->target;

	if (!t->kit)
		return 0;
	if (t->kit->passive)
		return family_adopt(t->kit->family, t, false);
	kit_extend(t->kit, t);
	return 0;
}

/* holder: of one that is in no family. */
static int govern_plans(const struct arrival *a, struct plans *plans, struct govern **holder)
{
	struct family *f = a->target->kit ? a->target->kit->family : NULL;
	const Hotpath__AttachRequest *request = f ? f->request : a->target->asked;

	return request ? plans_govern(plans, a->registry, request, a->target,
				      f ? &f->govern : holder)
		       : 0;
}

static void arrival_probe(struct arrival *a, const Hotpath__ReaderReply *reply,
			  const struct returns_verdict *verdict)
{
	_cleanup_(plans_done) struct plans plans = {};
	struct govern *govern = NULL;
	struct target *t = a->target;
	const char *why = NULL;
	char text[256];
	int r;

	r = plans_make(&a->registry->features, t, &a->objects, reply, verdict, &plans);
	if (r >= 0 && !functions_in(&plans))
		return;
	if (r >= 0)
		why = over_limit(a, &plans, text, sizeof(text));
	if (r >= 0 && !why)
		r = govern_plans(a, &plans, &govern);
	if (r >= 0 && !why) {
		r = plans_join(&plans, &a->registry->groups, t, &a->objects, reply, a);
		if (r < 0)
			target_leave(t, a);
		target_settle(t, a);
	}
	govern_unref(govern);
	if (r >= 0 && !why && t->by_exits)
		r = target_probe_exits(t);
	if (r >= 0 && !why)
		r = arrival_tell_family(a);
	if (r < 0)
		why = strerror(-r);
	if (why) {
		target_note(t, "functions of objects that were loaded later are not measured: %s",
			    why);
		log_warning("pid %u: functions of new objects are not measured: %s", a->hold.tgid,
			    why);
		return;
	}
	count_late(a);
	log_info("pid %u: %u functions of new objects are measured, too", a->hold.tgid,
		 functions_in(&plans));
}

bool arrive_lacks_hook(const struct target *t)
{
	return t->kit && t->kit->ahead && !t->hooked;
}

/* True: its loader's hook is probed since now. */
static bool arrival_hook(struct arrival *a, const Hotpath__ReaderReply *reply)
{
	struct target *t = a->target;

	if (!arrive_lacks_hook(t))
		return false;
	if (adopt_hook(t, t->kit->family, &a->objects, reply) >= 0 && t->hooked)
		kit_learn_hook(t->kit);
	else
		kit_retire(t->kit); /* it has no loader that we know: the next is looked at */
	return t->hooked;
}

static void arrival_act(struct arrival *a, const Hotpath__ReaderReply *reply)
{
	struct target *t = a->target;
	struct returns_verdict verdict, chosen;
	bool hooked_now = arrival_hook(a, reply);

	returns_judge(reply->objects, reply->n_objects, a->objects.unopened, &a->facts,
		      &a->registry->features, target_has_hook(t), &verdict);
	chosen = verdict;
	/* It stays forbidden, whatever has gone meanwhile (judge.h). */
	if (t->returns_forbidden) {
		chosen.allowed = false;
		memcpy(chosen.reason, t->returns_reason, sizeof(chosen.reason));
	}
	arrival_probe(a, reply, &chosen);
	arrive_remember(t, &a->objects);
	if (a->hold.tgid != (uint32_t)t->pid || t->returns_forbidden)
		return;
	/* What came between our look and the hook's probe is not in this verdict. */
	if (hooked_now) {
		arrive_look(a->registry, t);
		return;
	}
	judge_apply(t, a->seen, &a->objects, &verdict);
	if (t->judge_again)
		judge_start(a->registry, t);
}

static void on_read(void *userdata, const char *error, const Hotpath__ReaderReply *reply)
{
	struct arrival *a = userdata;
	struct target *t = a->target;

	a->reading = NULL;
	if (error == reading_cancelled)
		return;
	/* What is still in the ring buffer may have ended it. */
	calls_drain(a->registry->calls);
	if (!t->slot || target_is_finished(t) || !asked_of(t)) {
		arrival_free(a);
		return;
	}
	if (error || *reply->error) {
		target_note(t, "functions of objects that were loaded later are not measured: %s",
			    error ?: reply->error);
		judge_start(a->registry, t);
	} else {
		arrival_act(a, reply);
	}
	arrival_free(a);
}

static int arrival_read(struct arrival *a)
{
	const Hotpath__AttachRequest *asked = asked_of(a->target);
	struct judge_request request = {};
	char comm[64] = "";
	int r;

	proc_comm(a->hold.tgid, comm, sizeof(comm));
	r = judge_request_init(&request, &a->objects, comm);
	if (r >= 0) {
		judge_request_ask(&request, asked->patterns, asked->n_patterns,
				  &a->registry->features);
		r = reading_start(a->registry->event,
				  (struct reading_asker){peer_of(a->target)->uid, TURN_FOLLOWED},
				  &request.message, request.fds, on_read, a,
				  &a->reading);
	}
	judge_request_done(&request);
	return r;
}

/* --- is there anything? -------------------------------------------------------------------- */

/* True: what is there is known by now, to its kit perhaps. */
static bool arrival_is_known(struct arrival *a)
{
	struct target *t = a->target;

	if (arrive_lacks_hook(t))
		return false;
	if (!arrive_is_new(t, &a->objects))
		return true;
	if (!t->kit || t->kit->passive || spare_complete(t) < 0)
		return false;
	return !arrive_is_new(t, &a->objects);
}

static int arrival_start(struct arrival *a)
{
	struct target *t = a->target;
	int r;

	r = proc_objects_read(a->hold.tgid, &a->objects);
	if (r < 0)
		return r;
	sampling_learn(a->registry, &a->objects);
	if (arrival_is_known(a)) {
		judge_start(a->registry, t);
		return 0;
	}
	r = authority_read(a->hold.tgid, &a->facts);
	if (r >= 0 && authority_refusal(peer_of(t), &a->facts))
		r = -EPERM;
	if (r < 0)
		return r;
	/* Of one that only counts there BPF has seen to it. */
	if (a->hold.tgid == (uint32_t)t->pid)
		target_forbid_returns(t);
	a->seen = target_state(t);
	return arrival_read(a);
}

void arrive_held(struct registry *registry, struct target *t, const struct hp_hold *hold, bool held)
{
	struct arrival *a = calloc(1, sizeof(*a));
	int r;

	if (!a) {
		if (held)
			gate_release(registry->gate, hold->id);
		return;
	}
	a->registry = registry;
	a->target = target_ref(t);
	a->family = t->kit ? t->kit->family : NULL;
	a->hold = *hold;
	a->held = held;
	a->seen = target_state(t);
	a->since_ns = clock_ns(CLOCK_MONOTONIC);
	a->next = registry->arriving;
	registry->arriving = a;
	/* Its returns stay unarmed until it has been judged. */
	r = arrival_start(a);
	if (r == -EBUSY)
		target_note(t, "functions of objects that were loaded later are not measured: too "
			       "many wait for hotpath-reader");
	if (r < 0)
		judge_start(registry, t);
	if (!a->reading)
		arrival_free(a);
}

void arrive_look(struct registry *registry, struct target *t)
{
	const struct hp_hold nobody = {.tgid = t->pid, .slot = t->slot};
	struct proc_objects objects = {};
	bool new;

	new = asked_of(t) && proc_objects_read(t->pid, &objects) >= 0 &&
	      (arrive_is_new(t, &objects) || arrive_lacks_hook(t));
	proc_objects_free(&objects);
	if (new)
		arrive_held(registry, t, &nobody, false);
	else
		judge_check(registry, t);
}
