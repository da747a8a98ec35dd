// SPDX-License-Identifier: GPL-2.0-only
/*
 * The attach request; see attach.h. A struct attaching lives from the request
 * to its answer; in between hotpath-reader runs once per process.
 */
#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attached.h"
#include "bystanders.h"
#include "judge.h"
#include "lib/cleanup.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "plan.h"
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

/* All or none: takes back what this request has done so far. */
static void attaching_undo(struct attaching *a)
{
	size_t i;

	for (i = 0; i < a->request->n_pids; i++) {
		struct attached *at = &a->attached[i];

		if (!at->target)
			continue;
		if (at->created)
			registry_remove(a->registry, at->target);
		else if (!target_is_finished(at->target))
			target_leave(at->target, at->members_before);
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

static const char *refusal_hint(const struct attaching *a, const char *why)
{
	if (a->facts.zombie || a->facts.kernel_thread)
		return NULL;
	return "attach to a process of your own, or ask as root: sudo hotpath attach PID ...";
}

/* False: refused, and said. */
static bool attaching_authorise(struct attaching *a, pid_t pid)
{
	const struct registry *registry = a->registry;
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
		attaching_fail(a, EPERM, refusal_hint(a, why), "cannot attach to pid %d: %s", pid,
			       why);
		return false;
	}
	if (a->peer.uid && !registry_running(a->registry, pid) &&
	    registry_count_targets(registry, a->peer.uid) >= registry->config->max_targets) {
		attaching_fail(a, EDQUOT, "detach one: hotpath status shows them",
			       "cannot attach to pid %d: uid %u has %u targets already, its limit",
			       pid, a->peer.uid, registry->config->max_targets);
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

/* "'fo' matched nothing in redis-server or its libraries; near: foo, fob" */
static void fail_unmatched(struct attaching *a, pid_t pid, const Hotpath__ReaderReply *reply)
{
	char near[512] = "";
	size_t i, n = 0;

	for (i = 0; i < reply->n_nearest && n < sizeof(near); i++)
		n += snprintf(near + n, sizeof(near) - n, "%s%s", i ? ", " : "nearest names: ",
			      reply->nearest[i]);
	attaching_fail(a, ENOENT, *near ? near : reply->hint,
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

/* --- probing ----------------------------------------------------------------------- */

/* The reader answers in the order of the request, which left out unopened files. */
static const struct proc_object *object_file(const struct proc_objects *objects, size_t nth)
{
	size_t i;

	for (i = 0; i < objects->count; i++) {
		if (objects->object[i].fd >= 0 && nth-- == 0)
			return &objects->object[i];
	}
	return NULL;
}

static int attaching_probe(struct attaching *a, struct attached *at,
			   const Hotpath__ReaderReply *reply,
			   const struct returns_verdict *verdict)
{
	size_t i;
	int r;

	for (i = 0; i < reply->n_objects; i++) {
		const Hotpath__ReaderObjectReply *object = reply->objects[i];
		const struct proc_object *file = object_file(&a->objects, i);
		_cleanup_(plan_done) struct plan plan = {};

		if (!object->n_functions || !file)
			continue;
		r = plan_make(&a->registry->features, at->target, file, object, verdict, &plan);
		if (r >= 0)
			r = plan_join(&a->registry->groups, at->target, file, object, &plan);
		if (r < 0)
			return r;
		attached_tally(at, &plan);
		reply_progress(a->reply, "attaching", i + 1, reply->n_objects);
	}
	return 0;
}

/* --- one process ------------------------------------------------------------------------ */

static int target_make(struct attaching *a, struct attached *at, pid_t pid)
{
	const struct peer self = {.uid = a->facts.uid[0], .gid = a->facts.gid[0]};
	struct target_identity identity = {
		.pid = pid,
		/* Its own user may see it too, unless it is privileged. */
		.owner = authority_refusal(&self, &a->facts) ? 0 : a->facts.uid[0],
		.requester = a->peer.uid,
		.exe_dev = a->objects.count ? a->objects.object[0].dev : 0,
		.exe_ino = a->objects.count ? a->objects.object[0].ino : 0,
	};
	int r;

	at->target = registry_running(a->registry, pid);
	if (at->target) {
		target_ref(at->target);
		at->members_before = at->target->n_members;
		return 0;
	}
	r = target_new(a->registry->calls, a->registry->blocks, &a->registry->groups, &identity,
		       &at->target);
	if (r < 0)
		return r;
	at->created = true;
	if (at->target->start_ticks != a->start_ticks)
		r = -ESRCH;
	if (r >= 0)
		r = judge_remember(at->target, &a->objects);
	if (r >= 0)
		r = registry_add(a->registry, at->target);
	if (r < 0) {
		at->target = target_unref(at->target);
		at->created = false;
		return r;
	}
	target_ref(at->target);
	return 0;
}

/* The loader's hook is probed first: what it loads from then on is noticed. */
static int target_hook(struct attaching *a, struct target *t, const Hotpath__ReaderReply *reply)
{
	size_t i;

	if (t->loader_fd >= 0)
		return 0;
	for (i = 0; i < reply->n_objects; i++) {
		const struct proc_object *file = object_file(&a->objects, i);

		if (!reply->objects[i]->loader_hook || !file)
			continue;
		t->loader_fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 3);
		t->loader_hook = reply->objects[i]->loader_hook;
		return t->loader_fd < 0 ? -errno : target_relink(t);
	}
	return 0;
}

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

static uint32_t count_chosen(const Hotpath__ReaderReply *reply)
{
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < reply->n_objects; i++)
		n += reply->objects[i]->n_functions;
	return n;
}

/* False: over a limit, and said. */
static bool within_limits(struct attaching *a, pid_t pid, const Hotpath__ReaderReply *reply)
{
	const struct registry *registry = a->registry;
	uint32_t n = count_chosen(reply);
	uint32_t have = registry_count_probes(registry, a->peer.uid);
	char used[FMT_MAX];

	if (a->peer.uid && have + n > registry->config->max_probes) {
		attaching_fail(a, EDQUOT, "narrow the pattern, or detach something",
			       "cannot attach to pid %d: %u functions match, uid %u has %u probed "
			       "and may have %u",
			       pid, n, a->peer.uid, have, registry->config->max_probes);
		return false;
	}
	if (registry_kernel_bytes(registry) + cell_bytes(n) > registry->config->max_kernel_bytes) {
		attaching_fail(a, EDQUOT, "narrow the pattern, or start hotpathd with a larger "
					  "--max-memory",
			       "cannot attach to pid %d: %u functions would need %s of kernel memory",
			       pid, n, fmt_bytes(used, cell_bytes(n)));
		return false;
	}
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

/* Everything that was read is acted on here, in one go. */
static void attaching_act(struct attaching *a, const Hotpath__ReaderReply *reply)
{
	pid_t pid = a->request->pids[a->at];
	struct attached *at = &a->attached[a->at];
	struct returns_verdict verdict;
	uint32_t bystanders;
	int r;

	if (!within_limits(a, pid, reply))
		return;
	r = target_make(a, at, pid);
	if (r >= 0)
		r = target_hook(a, at->target, reply);
	if (r < 0) {
		fail_probing(a, pid, r);
		return;
	}
	returns_judge(reply->objects, reply->n_objects, &a->facts, &a->registry->features,
		      at->target->n_loader_fds > 0, &verdict);
	memcpy(at->target->returns_reason, verdict.reason, sizeof(verdict.reason));
	at->target->returns_forbidden = !verdict.allowed;

	r = attaching_probe(a, at, reply, &verdict);
	if (r < 0) {
		fail_probing(a, pid, r);
		return;
	}
	if (!at->message.functions && !at->message.already) {
		fail_unprobeable(a, pid, reply);
		return;
	}
	r = bystanders_count(a->registry, at->target, a->request->max_bystanders, &bystanders);
	if (r < 0) {
		attaching_fail(a, EBUSY, "allow it with --max-bystanders N, or probe other functions",
			       "cannot attach to pid %d: more than %u other processes run the same "
			       "code and would be slowed down",
			       pid, a->request->max_bystanders);
		return;
	}
	at->target->bystander_processes = at->message.bystander_processes = bystanders;
	attached_describe(at, &a->objects, reply, &verdict);

	/* Objects may have come between our look and the hook's probe. */
	judge_check(a->registry, at->target);
	a->at++;
	attaching_next(a);
}

static void on_read(void *userdata, const char *error, const Hotpath__ReaderReply *reply)
{
	struct attaching *a = userdata;

	a->reading = NULL;
	if (error == reading_cancelled)
		return;
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
		if (at->created)
			target_begin(at->target);
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
	size_t i;

	if (!request->n_pids || request->n_pids > PIDS_MAX) {
		reply_error(reply, EINVAL, NULL, "cannot attach: name 1 to %d processes, not %zu",
			    PIDS_MAX, request->n_pids);
		return false;
	}
	for (i = 0; i < request->n_pids; i++) {
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

void attach_start(struct registry *registry, const struct peer *peer,
		  const Hotpath__AttachRequest *request, struct reply *reply)
{
	struct attaching *a;
	size_t i;

	if (!request_is_sane(request, reply))
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
