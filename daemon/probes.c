// SPDX-License-Identifier: GPL-2.0-only
/* Answers `hotpath probes PID`; see probes.h. Nothing is attached. */
#include "probes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "lib/cleanup.h"
#include "limits.h"
#include "proc.h"
#include "reading.h"
#include "returns.h"

struct probing {
	struct registry *registry;
	struct reply *reply;
	pid_t pid;
	uid_t uid; /* who asked */
	struct process_facts facts;
	struct proc_objects objects;
	struct reading *reading;
	struct probing *next;
};

static void probing_free(struct probing *p)
{
	struct probing **at;

	for (at = &p->registry->probing; *at && *at != p; at = &(*at)->next)
		;
	if (*at)
		*at = p->next;
	reading_cancel(TAKE(p->reading));
	proc_objects_free(&p->objects);
	free(p);
}

static const char *returns_text(const struct returns_verdict *verdict,
				const Hotpath__ReaderFunction *f, Hotpath__Returns *ret)
{
	const char *reason;

	*ret = HOTPATH__RETURNS__RETURNS_NONE;
	if (f->class_ == HOTPATH__SITE_CLASS__SITE_NONE)
		return f->site_reason;
	*ret = returns_of(verdict, f, &reason);
	return reason;
}

/* What a call pays; of several ways out, by the dearest. */
static int prices_of(const struct prices *prices, Hotpath__ProbedObject *m)
{
	size_t i, k;

	m->price_ns = calloc(m->object->n_functions ?: 1, sizeof(*m->price_ns));
	if (!m->price_ns)
		return -ENOMEM;
	m->n_price_ns = m->object->n_functions;
	for (i = 0; i < m->n_price_ns; i++) {
		const Hotpath__ReaderFunction *f = m->object->functions[i];
		Hotpath__SiteClass dearest = HOTPATH__SITE_CLASS__SITE_NONE;

		for (k = 0; k < f->n_exits; k++) {
			if (f->exits[k]->class_ > dearest)
				dearest = f->exits[k]->class_;
		}
		m->price_ns[i] = prices_call(prices, m->returns[i], f->class_, dearest);
	}
	return 0;
}

/* Strings stay the reader's or the verdict's: only the arrays are ours. */
static int probed_fill(Hotpath__ProbedObject *m, Hotpath__ReaderObjectReply *object,
		       const struct returns_verdict *verdict)
{
	size_t i;

	hotpath__probed_object__init(m);
	m->object = object;
	m->returns = calloc(object->n_functions ?: 1, sizeof(*m->returns));
	m->returns_reason = calloc(object->n_functions ?: 1, sizeof(*m->returns_reason));
	if (!m->returns || !m->returns_reason)
		return -ENOMEM;
	for (i = 0; i < object->n_functions; i++)
		m->returns_reason[i] = (char *)returns_text(verdict, object->functions[i],
							     &m->returns[i]);
	m->n_returns = m->n_returns_reason = object->n_functions;
	return 0;
}

static void probing_answer(struct probing *p, const Hotpath__ReaderReply *reply)
{
	Hotpath__ProbesReply body = HOTPATH__PROBES_REPLY__INIT;
	Hotpath__Reply message = HOTPATH__REPLY__INIT;
	_cleanup_free_ Hotpath__ProbedObject *object = calloc(reply->n_objects + 1,
							      sizeof(*object));
	_cleanup_free_ Hotpath__ProbedObject **objects = calloc(reply->n_objects + 1,
								sizeof(*objects));
	Hotpath__Price price[PRICES_ROWS], *prices[PRICES_ROWS];
	struct returns_verdict verdict;
	bool hook = false;
	size_t i;
	int r = object && objects ? 0 : -ENOMEM;

	for (i = 0; i < reply->n_objects; i++)
		hook = hook || reply->objects[i]->loader_hook;
	returns_judge(reply->objects, reply->n_objects, p->objects.unopened, &p->facts, &p->registry->features, hook,
		      &verdict);
	for (i = 0; r >= 0 && i < reply->n_objects; i++) {
		/* Objects in which nothing was looked for are only of interest to us. */
		if (!reply->objects[i]->n_functions && !reply->objects[i]->main)
			continue;
		objects[body.n_objects] = &object[body.n_objects];
		r = probed_fill(objects[body.n_objects++], reply->objects[i], &verdict);
		if (r >= 0)
			r = prices_of(&p->registry->prices, objects[body.n_objects - 1]);
	}
	if (r >= 0) {
		body.objects = objects;
		body.n_prices = prices_fill(&p->registry->prices, price, prices);
		body.prices = prices;
		message.body_case = HOTPATH__REPLY__BODY_PROBES;
		message.probes = &body;
		reply_finish(p->reply, &message);
	} else {
		reply_error(p->reply, -r, NULL, "cannot list the probes of pid %d: out of memory",
			    p->pid);
	}
	for (i = 0; objects && i < body.n_objects; i++) {
		free(objects[i]->returns);
		free(objects[i]->returns_reason);
		free(objects[i]->price_ns);
	}
}

static void on_probes_read(void *userdata, const char *error, const Hotpath__ReaderReply *reply)
{
	struct probing *p = userdata;

	p->reading = NULL;
	if (error == reading_cancelled)
		return;
	if (error || *reply->error)
		reply_error(p->reply, EIO, reply ? reply->hint : NULL,
			    "cannot list the probes of pid %d: %s", p->pid, error ?: reply->error);
	else if (reply->n_unmatched)
		reply_error(p->reply, ENOENT, reply->hint,
			    "pattern '%s' matches no function of pid %d", reply->unmatched[0],
			    p->pid);
	else
		probing_answer(p, reply);
	probing_free(p);
}

static int probing_read(struct probing *p, const Hotpath__ProbesRequest *from)
{
	struct judge_request request = {};
	char comm[64] = "";
	int r;

	proc_comm(p->pid, comm, sizeof(comm));
	r = judge_request_init(&request, &p->objects, comm);
	if (r >= 0) {
		request.message.patterns = from->patterns;
		request.message.n_patterns = from->n_patterns;
		request.message.unprobeable = true;
		request.message.exits = true;
		request.message.inlined = true;
		request.message.arguments_free = true;
		request.message.nop5_stepped = !p->registry->features.nop5;
		r = reading_start(p->registry->event,
				  (struct reading_asker){p->uid, TURN_REQUEST}, &request.message, request.fds,
				  on_probes_read, p, &p->reading);
	}
	judge_request_done(&request);
	return r;
}

/* True: hotpath-reader has enough to do for this user, and it was said. */
static bool is_crowded(const struct registry *registry, const struct peer *peer,
		       struct reply *reply)
{
	const struct probing *p;
	unsigned int all = 0, theirs = 0;

	for (p = registry->probing; p; p = p->next) {
		all++;
		theirs += p->uid == peer->uid;
	}
	if (limits_allow_request(peer->uid, theirs, all))
		return false;
	reply_error(reply, EBUSY, "try again in a moment",
		    "cannot list probes: %u such requests are being worked on", all);
	return true;
}

void probes_start(struct registry *registry, const struct peer *peer,
		  const Hotpath__ProbesRequest *request, struct reply *reply)
{
	struct process_facts facts;
	struct probing *p;
	const char *why;
	int r;

	if (is_crowded(registry, peer, reply))
		return;
	if (authority_read(request->pid, &facts) < 0) {
		reply_error(reply, ESRCH, NULL, "cannot list the probes of pid %d: no such process",
			    request->pid);
		return;
	}
	why = authority_refusal(peer, &facts);
	if (why) {
		reply_error(reply, EPERM, NULL, "cannot list the probes of pid %d: %s",
			    request->pid, why);
		return;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		reply_error(reply, ENOMEM, NULL, "cannot list the probes: out of memory");
		return;
	}
	p->registry = registry;
	p->reply = reply;
	p->pid = request->pid;
	p->uid = peer->uid;
	p->facts = facts;
	p->next = registry->probing;
	registry->probing = p;
	r = proc_objects_read(p->pid, &p->objects);
	if (r >= 0)
		r = probing_read(p, request);
	if (r < 0) {
		reply_error(reply, -r, NULL, "cannot list the probes of pid %d: %s", p->pid,
			    strerror(-r));
		probing_free(p);
	}
}

void probes_cancel_all(struct registry *registry)
{
	while (registry->probing) {
		reply_error(registry->probing->reply, ECANCELED, NULL, "hotpathd is stopping");
		probing_free(registry->probing);
	}
}
