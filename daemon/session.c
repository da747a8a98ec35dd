// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to what does them, kernel events to what they mean. The verbs that
 * need no more than a look at the registry are answered here.
 */
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "attach.h"
#include "encode.h"
#include "judge.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "probes.h"
#include "proc.h"
#include "registry.h"
#include "status.h"

struct session {
	struct registry registry;
};

/* --- kernel events ------------------------------------------------------------ */

/* The target runs the same file anew: links of its own must find it again. */
static void on_exec_same(struct registry *registry, struct target *t)
{
	int r;

	proc_comm(t->pid, t->comm, sizeof(t->comm));
	t->n_judged = 0;
	t->returns_forbidden = false;
	r = target_relink(t);
	if (r < 0) {
		t->complete = false;
		target_note(t, "after exec some functions are not probed: %s", strerror(-r));
	}
	judge_start(registry, t);
}

static void on_exec(struct registry *registry, struct target *t, uint64_t state)
{
	_cleanup_free_ char *exe = NULL;

	if (state & HP_TARGET_SILENT) {
		target_note(t, "exec changed its credentials: observation ended there");
		registry_finish(registry, t, HOTPATH__TARGET_STATE__TARGET_SILENCED);
	} else if (state & HP_TARGET_EXECED) {
		if (proc_exe(t->pid, &exe) >= 0)
			target_note(t, "it became %s by exec, which is not followed", exe);
		registry_finish(registry, t, HOTPATH__TARGET_STATE__TARGET_EXECED);
	} else {
		on_exec_same(registry, t);
	}
}

static void on_kernel_event(void *userdata, const struct hp_event *event)
{
	struct registry *registry = userdata;
	struct target *t = registry_running(registry, event->tgid);

	if (!t)
		return;
	if (event->kind == HP_EVENT_EXEC)
		on_exec(registry, t, event->arg);
	else if (event->kind == HP_EVENT_OBJECTS)
		judge_start(registry, t);
}

/* --- report --------------------------------------------------------------------- */

static int target_message(struct target *t, Hotpath__Target **ret)
{
	if (!target_is_finished(t))
		return encode_target(t, false, ret);
	*ret = hotpath__target__unpack(NULL, t->final_size, t->final);
	return *ret ? 0 : -ENOMEM;
}

static bool pid_is_wanted(const int32_t *pids, size_t n, pid_t pid)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (pids[i] == pid)
			return true;
	}
	return n == 0;
}

/* A target may have exited without our having heard of it yet. */
static void finish_the_dead(struct registry *registry)
{
	struct target *t;

	calls_drain(registry->calls);
	/* From the start each time: finishing one may push out others. */
	for (t = registry->targets; t;) {
		if (target_is_finished(t) || target_is_alive(t)) {
			t = t->next;
			continue;
		}
		registry_finish(registry, t, HOTPATH__TARGET_STATE__TARGET_EXITED);
		t = registry->targets;
	}
}

/* Answers when one of the pids is no target that the peer may see. */
static bool refuse_unknown(struct registry *registry, const struct peer *peer, const int32_t *pids,
			   size_t n, const char *what, struct reply *reply)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (registry_find(registry, peer, pids[i]))
			continue;
		reply_error(reply, ENOENT, "hotpath status lists what is; hotpath attach PID adds",
			    "cannot %s pid %d: it is not attached", what, pids[i]);
		return true;
	}
	return false;
}

/* With a pid given, only the newest target of that pid: never two processes as one. */
static bool is_reported(struct registry *registry, const struct peer *peer,
			const Hotpath__ReportRequest *request, const struct target *t)
{
	if (!authority_may_see(peer, t->owner) ||
	    !pid_is_wanted(request->pids, request->n_pids, t->pid))
		return false;
	return !request->n_pids || registry_find(registry, peer, t->pid) == t;
}

static int report_fill(struct registry *registry, const struct peer *peer,
		       const Hotpath__ReportRequest *request, Hotpath__Snapshot *snapshot)
{
	struct target *t;
	int r;

	for (t = registry->targets; t; t = t->next) {
		if (!is_reported(registry, peer, request, t))
			continue;
		r = target_message(t, &snapshot->targets[snapshot->n_targets]);
		if (r < 0)
			return r;
		snapshot->n_targets++;
		if (!snapshot->started_at_unix_ns ||
		    t->begun_unix_ns < snapshot->started_at_unix_ns)
			snapshot->started_at_unix_ns = t->begun_unix_ns;
	}
	return 0;
}

static void do_report(struct registry *registry, const struct peer *peer,
		      const Hotpath__Request *request, struct reply *reply)
{
	Hotpath__Snapshot snapshot = HOTPATH__SNAPSHOT__INIT;
	Hotpath__Reply message = HOTPATH__REPLY__INIT;
	struct utsname u = {};
	size_t i;
	int r;

	finish_the_dead(registry);
	if (refuse_unknown(registry, peer, request->report->pids, request->report->n_pids,
			   "report", reply))
		return;
	uname(&u);
	snapshot.schema = 1;
	snapshot.version = (char *)HOTPATH_VERSION;
	snapshot.host = u.nodename;
	snapshot.kernel = u.release;
	snapshot.taken_at_unix_ns = clock_ns(CLOCK_REALTIME);
	snapshot.targets = calloc(registry_count(registry) + 1, sizeof(*snapshot.targets));
	r = snapshot.targets ? report_fill(registry, peer, request->report, &snapshot) : -ENOMEM;
	message.body_case = HOTPATH__REPLY__BODY_REPORT;
	message.report = &snapshot;
	if (r < 0)
		reply_error(reply, -r, NULL, "cannot report: %s", strerror(-r));
	else
		reply_finish(reply, &message);
	for (i = 0; i < snapshot.n_targets; i++)
		hotpath__target__free_unpacked(snapshot.targets[i], NULL);
	free(snapshot.targets);
}

/* --- detach, reset ----------------------------------------------------------------- */

static size_t detach_all(struct registry *registry, const struct peer *peer,
			 const Hotpath__DetachRequest *request, int32_t *pids)
{
	struct target *t, *next;
	size_t n = 0;

	for (t = registry->targets; t; t = next) {
		next = t->next;
		if (!authority_may_see(peer, t->owner) ||
		    !(request->all || pid_is_wanted(request->pids, request->n_pids, t->pid)))
			continue;
		pids[n++] = t->pid;
		log_info("pid %d: detached by uid %u: %u probes", t->pid, peer->uid,
			 target_count_functions(t));
		registry_remove(registry, t);
	}
	return n;
}

static void do_detach(struct registry *registry, const struct peer *peer,
		      const Hotpath__Request *request, struct reply *reply)
{
	Hotpath__DetachReply body = HOTPATH__DETACH_REPLY__INIT;
	Hotpath__Reply message = HOTPATH__REPLY__INIT;
	_cleanup_free_ int32_t *pids = calloc(registry_count(registry) + 1, sizeof(*pids));

	if (!request->detach->all && !request->detach->n_pids) {
		reply_error(reply, EINVAL, NULL, "cannot detach: no process is named");
		return;
	}
	if (!pids) {
		reply_error(reply, ENOMEM, NULL, "cannot detach: out of memory");
		return;
	}
	if (!request->detach->all &&
	    refuse_unknown(registry, peer, request->detach->pids, request->detach->n_pids,
			   "detach", reply))
		return;
	body.pids = pids;
	body.n_pids = detach_all(registry, peer, request->detach, pids);
	message.body_case = HOTPATH__REPLY__BODY_DETACH;
	message.detach = &body;
	reply_finish(reply, &message);
}

static void do_reset(struct registry *registry, const struct peer *peer,
		     const Hotpath__Request *request, struct reply *reply)
{
	Hotpath__ResetReply body = HOTPATH__RESET_REPLY__INIT;
	Hotpath__Reply message = HOTPATH__REPLY__INIT;
	const Hotpath__ResetRequest *reset = request->reset;
	size_t i;
	int r;

	finish_the_dead(registry);
	if (refuse_unknown(registry, peer, reset->pids, reset->n_pids, "reset", reply))
		return;
	for (i = 0; i < reset->n_pids; i++) {
		struct target *t = registry_find(registry, peer, reset->pids[i]);

		r = target_is_finished(t) ? -ESRCH : target_reset(t);
		if (r < 0) {
			reply_error(reply, -r, NULL, "cannot reset pid %d: %s", t->pid,
				    r == -ESRCH ? "it is not running any more" : strerror(-r));
			return;
		}
	}
	body.pids = reset->pids;
	body.n_pids = reset->n_pids;
	message.body_case = HOTPATH__REPLY__BODY_RESET;
	message.reset = &body;
	reply_finish(reply, &message);
}

/* --- dispatch ------------------------------------------------------------------------ */

static void do_attach(struct registry *registry, const struct peer *peer,
		      const Hotpath__Request *request, struct reply *reply)
{
	attach_start(registry, peer, request->attach, reply);
}

static void do_probes(struct registry *registry, const struct peer *peer,
		      const Hotpath__Request *request, struct reply *reply)
{
	probes_start(registry, peer, request->probes, reply);
}

static void do_status(struct registry *registry, const struct peer *peer,
		      const Hotpath__Request *request, struct reply *reply)
{
	status_answer(registry, peer, reply);
}

typedef void (*request_handler)(struct registry *registry, const struct peer *peer,
				const Hotpath__Request *request, struct reply *reply);

static const request_handler handlers[] = {
	[HOTPATH__REQUEST__BODY_ATTACH] = do_attach, [HOTPATH__REQUEST__BODY_DETACH] = do_detach,
	[HOTPATH__REQUEST__BODY_REPORT] = do_report, [HOTPATH__REQUEST__BODY_RESET] = do_reset,
	[HOTPATH__REQUEST__BODY_STATUS] = do_status, [HOTPATH__REQUEST__BODY_PROBES] = do_probes,
};

void session_request(void *userdata, const struct peer *peer, const Hotpath__Request *request,
		     struct reply *reply)
{
	struct session *session = userdata;

	if ((size_t)request->body_case >= ARRAY_SIZE(handlers) || !handlers[request->body_case]) {
		reply_error(reply, ENOSYS, "is hotpath newer than hotpathd? hotpath status",
			    "this hotpathd does not know that request");
		return;
	}
	handlers[request->body_case](&session->registry, peer, request, reply);
}

/* --- life ------------------------------------------------------------------------------ */

static void say_features(const struct features *features)
{
	const struct feature_text *table;
	unsigned int n = features_table(features, &table), i;

	for (i = 0; i < n; i++) {
		if (table[i].present)
			log_info("kernel feature %s: yes", table[i].name);
		else
			log_warning("kernel feature %s (%s): no; %s", table[i].name, table[i].since,
				    table[i].without);
	}
}

static int session_load(struct registry *registry)
{
	int r;

	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0) {
		log_error("cannot load BPF programs: this kernel has no BTF "
			  "(/sys/kernel/btf/vmlinux); it needs CONFIG_DEBUG_INFO_BTF");
		return -ENOTSUP;
	}
	r = features_probe(registry->config->features, &registry->features);
	if (r == -EPERM || r == -EACCES) {
		log_error("cannot load BPF programs: not permitted (CAP_BPF and CAP_PERFMON, or "
			  "root); try: sudo hotpathd");
		return r;
	}
	if (r < 0)
		return r == -EINVAL ? r : log_error_errno(r, "cannot load a BPF program");
	say_features(&registry->features);
	if (!registry->features.find_vma) {
		log_error("this kernel lacks bpf_find_vma (Linux 5.17): a return probe could not be "
			  "told safe");
		return -ENOTSUP;
	}
	r = calls_new(&registry->features, &registry->calls);
	if (r < 0 && registry->features.session) {
		log_warning("this kernel's sessions are not as expected (%s); going on without",
			    strerror(-r));
		registry->features.session = false;
		r = calls_new(&registry->features, &registry->calls);
	}
	if (r < 0)
		return log_error_errno(r, "cannot load the BPF programs of hotpath");
	r = blocks_new(registry->calls, &registry->blocks);
	if (r < 0)
		return log_error_errno(r, "cannot reserve addresses for statistics");
	return calls_watch(registry->calls, registry->event, on_kernel_event, registry);
}

int session_new(sd_event *event, const struct config *config, struct session **ret)
{
	struct session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return -ENOMEM;
	session->registry.event = event;
	session->registry.config = config;
	session->registry.started_ns = clock_ns(CLOCK_MONOTONIC);
	r = session_load(&session->registry);
	if (r < 0) {
		session_free(session);
		return r;
	}
	*ret = session;
	return 0;
}

void session_set_server(struct session *session, const struct server *server)
{
	session->registry.server = server;
}

struct session *session_free(struct session *session)
{
	struct registry *registry = &session->registry;

	if (!session)
		return NULL;
	attach_cancel_all(registry);
	probes_cancel_all(registry);
	while (registry->targets)
		registry_remove(registry, registry->targets);
	blocks_free(registry->blocks);
	calls_free(registry->calls);
	free(session);
	return NULL;
}
