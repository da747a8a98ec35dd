// SPDX-License-Identifier: GPL-2.0-only
/* Judging a target again; see judge.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arrive.h"
#include "judge.h"
#include "kit.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "proc.h"
#include "reading.h"
#include "returns.h"
#include "sampling.h"

int judge_request_init(struct judge_request *request, const struct proc_objects *objects,
		       const char *called)
{
	size_t i, n = 0;

	hotpath__reader_request__init(&request->message);
	request->object = calloc(objects->count + 1, sizeof(*request->object));
	request->objects = calloc(objects->count + 1, sizeof(*request->objects));
	request->fds = calloc(objects->count + 1, sizeof(*request->fds));
	if (!request->object || !request->objects || !request->fds)
		return -ENOMEM;
	for (i = 0; i < objects->count; i++) {
		const struct proc_object *from = &objects->object[i];
		Hotpath__ReaderObject *o = &request->object[n];

		if (from->fd < 0)
			continue;
		hotpath__reader_object__init(o);
		o->path.data = (uint8_t *)from->path;
		o->path.len = strlen(from->path);
		o->main = from->main;
		if (from->main) {
			o->called.data = (uint8_t *)called;
			o->called.len = strlen(called);
		}
		request->fds[n] = from->fd;
		request->objects[n++] = o;
	}
	request->message.objects = request->objects;
	request->message.n_objects = n;
	return 0;
}

void judge_request_ask(struct judge_request *request, ProtobufCBinaryData *patterns,
		       size_t n_patterns, const struct features *features)
{
	request->message.patterns = patterns;
	request->message.n_patterns = n_patterns;
	request->message.lines = true;
	request->message.exits = true;
	request->message.arguments_free = true; /* calls reads none */
	request->message.nop5_stepped = !features->nop5;
}

void judge_request_done(struct judge_request *request)
{
	free(request->object);
	free(request->objects);
	free(request->fds);
}

int judge_remember(struct target *t, const struct proc_objects *objects)
{
	struct judged_object *judged = calloc(objects->count ?: 1, sizeof(*judged));
	size_t i;

	if (!judged)
		return -ENOMEM;
	for (i = 0; i < objects->count; i++)
		judged[i] = (struct judged_object){objects->object[i].dev, objects->object[i].ino,
						   objects->object[i].version};
	free(t->judged);
	t->judged = judged;
	t->n_judged = objects->count;
	return 0;
}

/* Nothing that a verdict was not about? What went away forbids nothing. */
static bool all_among(const struct proc_objects *objects, const struct judged_object *judged,
		      size_t n)
{
	size_t i, k;

	for (i = 0; i < objects->count; i++) {
		for (k = 0; k < n; k++) {
			if (judged[k].dev == objects->object[i].dev &&
			    judged[k].ino == objects->object[i].ino &&
			    judged[k].version == objects->object[i].version)
				break;
		}
		if (k == n)
			return false;
	}
	return !objects->unopened;
}

/* Its own last verdict, or one of another process of its kit. */
static bool judged_all(const struct target *t, const struct proc_objects *objects)
{
	return all_among(objects, t->judged, t->n_judged) ||
	       (t->kit && all_among(objects, t->kit->judged, t->kit->n_judged));
}

struct judging {
	struct registry *registry;
	struct target *target;
	uint64_t seen;
	struct proc_objects objects;
};

static void judging_free(struct judging *j)
{
	proc_objects_free(&j->objects);
	free(j);
}

static void judge_allow(struct target *t, uint64_t seen)
{
	/* Whatever was found, more may have come, or come, unseen. */
	if (arrive_lacks_hook(t))
		return;
	if (!target_allow_returns(t, seen))
		t->judge_again = true;
}

void judge_apply(struct target *t, uint64_t seen, const struct proc_objects *objects,
		 const struct returns_verdict *verdict)
{
	if (verdict->allowed) {
		if (judge_remember(t, objects) < 0)
			return;
		if (t->kit)
			kit_learn(t->kit, t);
		judge_allow(t, seen);
		return;
	}
	t->returns_forbidden = !objects->unopened; /* those may be opened next time */
	memcpy(t->returns_reason, verdict->reason, sizeof(t->returns_reason));
	log_info("pid %d: returns are not probed any more: %s", t->pid, verdict->reason);
	if (!t->returns_forbidden)
		return;
	if (t->kit && t->kit->ahead)
		kit_retire(t->kit);
	if (target_probe_exits(t) < 0)
		target_note(t, "calls are no longer timed, only counted: %s", verdict->reason);
	else
		target_note(t, "calls are timed by probes on their ways out now: %s",
			    verdict->reason);
}

static void judging_apply(struct judging *j, const Hotpath__ReaderReply *reply)
{
	struct returns_verdict verdict;
	struct process_facts facts;
	struct target *t = j->target;

	if (authority_read(t->pid, &facts) < 0)
		return;
	returns_judge(reply->objects, reply->n_objects, j->objects.unopened, &facts,
		      &j->registry->features, target_has_hook(t), &verdict);
	judge_apply(t, j->seen, &j->objects, &verdict);
}

static void on_facts(void *userdata, const char *error, const Hotpath__ReaderReply *reply)
{
	struct judging *j = userdata;
	struct target *t = j->target;
	struct registry *registry = j->registry;

	t->judging = NULL;
	if (error == reading_cancelled) {
		judging_free(j);
		return;
	}
	if (error || *reply->error)
		target_note(t, "calls are no longer timed: new objects could not be judged: %s",
			    error ?: reply->error);
	else
		judging_apply(j, reply);
	judging_free(j);
	if (t->judge_again && !target_is_finished(t))
		judge_start(registry, t);
}

static int judging_read(struct judging *j)
{
	struct judge_request request = {};
	int r;

	r = judge_request_init(&request, &j->objects, "");
	if (r >= 0) {
		request.message.facts_only = true;
		r = reading_start(j->registry->event,
				  (struct reading_asker){j->target->requester, TURN_FOLLOWED},
				  &request.message, request.fds, on_facts, j,
				  &j->target->judging);
	}
	judge_request_done(&request);
	return r;
}

void judge_start(struct registry *registry, struct target *t)
{
	struct judging *j;

	if (t->returns_forbidden || arrive_lacks_hook(t))
		return;
	if (t->judging) {
		t->judge_again = true;
		return;
	}
	t->judge_again = false;
	j = calloc(1, sizeof(*j));
	if (!j)
		return;
	j->registry = registry;
	j->target = t;
	j->seen = target_state(t);
	if (!(j->seen & HP_TARGET_NO_RETURNS) || proc_objects_read(t->pid, &j->objects) < 0) {
		judging_free(j);
		return;
	}
	sampling_learn(registry, &j->objects);
	if (judged_all(t, &j->objects)) {
		judge_allow(t, j->seen);
		judging_free(j);
		if (t->judge_again)
			judge_start(registry, t);
		return;
	}
	if (judging_read(j) < 0) {
		target_note(t, "calls are no longer timed: hotpath-reader could not be started");
		judging_free(j);
	}
}

void judge_check(struct registry *registry, struct target *t)
{
	struct proc_objects objects = {};
	bool same;

	same = proc_objects_read(t->pid, &objects) >= 0 && judged_all(t, &objects);
	proc_objects_free(&objects);
	/* Forbidden before, for something that has gone again, they are allowed now. */
	if (!same)
		target_forbid_returns(t);
	if (!same || target_state(t) & HP_TARGET_NO_RETURNS)
		judge_start(registry, t);
}
