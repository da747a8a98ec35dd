// SPDX-License-Identifier: GPL-2.0-only
/* Figures of many targets in one reply; see report.h. */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "encode.h"
#include "encode-samples.h"
#include "fold.h"
#include "lib/clock.h"
#include "lib/message.h"
#include "naming.h"
#include "sampling.h"
#include "unmeasured.h"

struct reporting {
	struct registry *registry;
	struct peer peer;
	Hotpath__ReportRequest *request;
	struct reply *reply;
	struct naming *naming;
	struct reporting *next;
};

static void reporting_free(struct reporting *r)
{
	struct reporting **at;

	for (at = &r->registry->reporting; *at && *at != r; at = &(*at)->next)
		;
	if (*at)
		*at = r->next;
	naming_cancel(r->naming);
	hotpath__report_request__free_unpacked(r->request, NULL);
	free(r);
}

/* --- which, and what of them -------------------------------------------------------- */

bool pid_is_wanted(const int32_t *pids, size_t n, pid_t pid)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (pids[i] == pid)
			return true;
	}
	return n == 0;
}

/* With a pid given, only the newest target of that pid: never two processes as one. */
static bool is_reported(const struct target *t, void *what)
{
	const struct reporting *r = what;
	const Hotpath__ReportRequest *request = r->request;

	if (!authority_may_see(&r->peer, t->owner) ||
	    !pid_is_wanted(request->pids, request->n_pids, t->pid))
		return false;
	return !request->n_pids || registry_find(r->registry, &r->peer, t->pid) == t;
}

static int target_message(struct target *t, struct codefiles *files, Hotpath__Target **ret)
{
	Hotpath__Target *message;
	int r;

	r = target_is_finished(t) ? fold_message(t, &message) : encode_target(t, false, &message);
	if (r < 0)
		return r;
	r = files ? encode_samples(t, files, message) : 0;
	if (r < 0) {
		hotpath__target__free_unpacked(message, NULL);
		return r;
	}
	*ret = message;
	return 0;
}

static int report_fill(struct reporting *reporting, Hotpath__Snapshot *snapshot)
{
	struct registry *registry = reporting->registry;
	struct target *t;
	int r;

	for (t = registry->targets; t; t = t->next) {
		if (!is_reported(t, reporting))
			continue;
		r = target_message(t, sampling_files(registry),
				   &snapshot->targets[snapshot->n_targets]);
		if (r < 0)
			return r;
		snapshot->n_targets++;
		if (!snapshot->started_at_unix_ns ||
		    t->begun_unix_ns < snapshot->started_at_unix_ns)
			snapshot->started_at_unix_ns = t->begun_unix_ns;
	}
	return 0;
}

/* --- the reply ------------------------------------------------------------------------ */

static void report_answer(void *userdata)
{
	struct reporting *reporting = userdata;
	struct registry *registry = reporting->registry;
	Hotpath__Snapshot snapshot = HOTPATH__SNAPSHOT__INIT;
	Hotpath__Reply message = HOTPATH__REPLY__INIT;
	struct unmeasured unmeasured;
	struct utsname u = {};
	size_t i;
	int r;

	reporting->naming = NULL;
	uname(&u);
	snapshot.schema = 1;
	snapshot.version = (char *)HOTPATH_VERSION;
	snapshot.host = u.nodename;
	snapshot.kernel = u.release;
	snapshot.taken_at_unix_ns = clock_ns(CLOCK_REALTIME);
	snapshot.targets = calloc(registry_count(registry) + 1, sizeof(*snapshot.targets));
	r = snapshot.targets ? report_fill(reporting, &snapshot) : -ENOMEM;
	/* Who asks for one process did not ask for these. */
	if (!reporting->request->n_pids) {
		snapshot.unmeasured = unmeasured.rows;
		snapshot.n_unmeasured = unmeasured_fill(registry, &reporting->peer, &unmeasured);
	}
	message.body_case = HOTPATH__REPLY__BODY_REPORT;
	message.report = &snapshot;
	if (r < 0)
		reply_error(reporting->reply, -r, NULL, "cannot report: %s", strerror(-r));
	else
		reply_finish(reporting->reply, &message);
	for (i = 0; i < snapshot.n_targets; i++)
		hotpath__target__free_unpacked(snapshot.targets[i], NULL);
	free(snapshot.targets);
	reporting_free(reporting);
}

void report_start(struct registry *registry, const struct peer *peer,
		  const Hotpath__ReportRequest *request, struct reply *reply)
{
	struct reporting *reporting = calloc(1, sizeof(*reporting));

	if (reporting)
		reporting->request = message_copy(&request->base);
	if (!reporting || !reporting->request) {
		free(reporting);
		reply_error(reply, ENOMEM, NULL, "cannot report: out of memory");
		return;
	}
	reporting->registry = registry;
	reporting->peer = *peer;
	reporting->reply = reply;
	reporting->next = registry->reporting;
	registry->reporting = reporting;
	sampling_drain(registry);
	/* Without names, rows are by file. */
	if (naming_start(registry, peer->uid, is_reported, reporting, report_answer, reporting,
			 &reporting->naming) <= 0)
		report_answer(reporting);
}

void report_cancel_all(struct registry *registry)
{
	while (registry->reporting) {
		reply_error(registry->reporting->reply, ECANCELED, NULL, "hotpathd is stopping");
		reporting_free(registry->reporting);
	}
}
