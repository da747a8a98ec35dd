// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to what does them. The verbs that need no more than a look at the registry
 * are answered here.
 */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arrive.h"
#include "attach.h"
#include "closer.h"
#include "events.h"
#include "family.h"
#include "follow.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "pricing.h"
#include "probes.h"
#include "proc.h"
#include "registry.h"
#include "report.h"
#include "sampling.h"
#include "status.h"
#include "unfollow.h"

struct session {
	struct registry registry;
	struct pricing *pricing;
};

/* --- report --------------------------------------------------------------------- */

/* A target may have exited without our having heard of it yet. */
static void finish_the_dead(struct registry *registry)
{
	struct target *t;

	calls_drain(registry->calls);
	family_settle(registry);
	/* From the start each time: finishing one may push out others. */
	for (t = registry->targets; t;) {
		if (target_is_finished(t) || target_is_alive(t)) {
			t = t->next;
			continue;
		}
		registry_finish(registry, t, target_end_state(t));
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

static void do_report(struct registry *registry, const struct peer *peer,
		      const Hotpath__Request *request, struct reply *reply)
{
	finish_the_dead(registry);
	if (refuse_unknown(registry, peer, request->report->pids, request->report->n_pids,
			   "report", reply))
		return;
	report_start(registry, peer, request->report, reply);
}

/* --- detach, reset ----------------------------------------------------------------- */

struct detaching {
	const struct peer *peer;
	const Hotpath__DetachRequest *request;
};

static bool is_detached(const struct target *t, const void *what)
{
	const struct detaching *d = what;
	const Hotpath__DetachRequest *request = d->request;
	size_t i;

	if (!authority_may_see(d->peer, t->owner))
		return false;
	if (request->all || (request->n_pids &&
			     pid_is_wanted(request->pids, request->n_pids, t->pid)))
		return true;
	for (i = 0; i < request->n_families; i++) {
		if (t->family && request->families[i] == t->family)
			return true;
	}
	return false;
}

/* Families that wait, with no process perhaps; their targets go afterwards. */
static size_t detach_families(struct registry *registry, const struct peer *peer,
			      const Hotpath__DetachRequest *request, uint32_t *ids,
			      uint32_t *running)
{
	struct family *f, *next;
	size_t n = 0, i;

	for (f = registry->families; f; f = next) {
		next = f->next;
		for (i = 0; i < request->n_families && request->families[i] != f->id; i++)
			;
		if (!authority_may_see(peer, f->owner) ||
		    !(request->all ? f->waits : i < request->n_families))
			continue;
		ids[n++] = f->id;
		*running += family_processes(f);
		log_info("family %u: detached by uid %u", f->id, peer->uid);
		family_close(f, HOTPATH__TARGET_STATE__TARGET_DETACHED);
	}
	return n;
}

static size_t detach_all(struct registry *registry, const struct peer *peer,
			 const Hotpath__DetachRequest *request, int32_t *pids)
{
	const struct detaching meant = {peer, request};
	struct target *t;
	size_t n = 0;

	registry_mute(registry, is_detached, &meant);
	blocks_hold(registry->blocks);
	/* From the start each time: the last of a family takes its children with it. */
	for (t = registry->targets; t;) {
		if (!is_detached(t, &meant)) {
			t = t->next;
			continue;
		}
		pids[n++] = t->pid;
		log_info("pid %d: detached by uid %u: %u probes", t->pid, peer->uid,
			 target_count_functions(t));
		registry_drop(registry, t, peer->uid);
		t = registry->targets;
	}
	blocks_release(registry->blocks);
	return n;
}

static bool refuse_unattached(struct registry *registry, const struct peer *peer,
			      const Hotpath__DetachRequest *request, struct reply *reply)
{
	size_t i;

	for (i = 0; i < request->n_pids; i++) {
		if (!attach_names(registry, peer, request->pids[i]) &&
		    refuse_unknown(registry, peer, &request->pids[i], 1, "detach", reply))
			return true;
	}
	return false;
}

static void do_detach(struct registry *registry, const struct peer *peer,
		      const Hotpath__Request *request, struct reply *reply)
{
	Hotpath__DetachReply body = HOTPATH__DETACH_REPLY__INIT;
	Hotpath__Reply message = HOTPATH__REPLY__INIT;
	size_t room = registry_count(registry) + HP_TARGETS_MAX, n;
	_cleanup_free_ int32_t *pids = calloc(room + ATTACH_PIDS_MAX, sizeof(*pids));
	uint32_t ids[HP_FAMILIES_MAX];

	if (!request->detach->all && !request->detach->n_pids && !request->detach->n_families) {
		reply_error(reply, EINVAL, NULL, "cannot detach: no process is named");
		return;
	}
	if (!pids) {
		reply_error(reply, ENOMEM, NULL, "cannot detach: out of memory");
		return;
	}
	if (!request->detach->all && refuse_unattached(registry, peer, request->detach, reply))
		return;
	/* What is not attached yet is not going to be. */
	n = attach_cancel_meant(registry, peer, request->detach, pids);
	body.families = ids;
	body.n_families = detach_families(registry, peer, request->detach, ids, &body.running);
	body.pids = pids;
	body.n_pids = n + detach_all(registry, peer, request->detach, pids + n);
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
	r = gate_new(registry->event, registry->calls, follow_held, registry, &registry->gate);
	if (r < 0)
		return log_error_errno(r, "start the thread that holds new programs");
	sampling_new(registry);
	return calls_watch(registry->calls, registry->event, events_handle, registry);
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
	if (r >= 0)
		r = pricing_new(&session->registry, &session->pricing);
	if (r >= 0)
		r = closer_new(event, &session->registry.closer);
	if (r < 0) {
		session_free(session);
		return r;
	}
	*ret = session;
	return 0;
}

void session_calibrate(struct session *session, bool at_once)
{
	if (at_once)
		pricing_settle(session->pricing);
	else
		pricing_start(session->pricing);
}

void session_set_server(struct session *session, const struct server *server)
{
	session->registry.server = server;
}

static bool is_any(const struct target *t, const void *what)
{
	return true;
}

struct session *session_free(struct session *session)
{
	struct registry *registry = &session->registry;

	if (!session)
		return NULL;
	pricing_free(session->pricing);
	attach_cancel_all(registry, "hotpathd is stopping");
	arrive_cancel(registry, NULL);
	probes_cancel_all(registry);
	report_cancel_all(registry);
	registry_mute(registry, is_any, NULL);
	blocks_hold(registry->blocks);
	while (registry->families)
		family_close(registry->families, HOTPATH__TARGET_STATE__TARGET_DETACHED);
	registry->gate = gate_free(registry->gate);
	unfollow_free(registry);
	registry->gather_source = sd_event_source_disable_unref(registry->gather_source);
	while (registry->targets)
		registry_remove(registry, registry->targets);
	sampling_free(registry);
	closer_free(registry->closer);
	blocks_free(registry->blocks);
	calls_free(registry->calls);
	free(session);
	return NULL;
}
