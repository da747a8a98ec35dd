// SPDX-License-Identifier: GPL-2.0-only
/* From a target to the protobuf that goes to the CLI; see encode.h. */
#include "encode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "encode-budget.h"
#include "govern.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "kit.h"
#include "model.h"
#include "moved.h"
#include "pricing.h"
#include "proc.h"
#include "registry.h"
#include "textpages.h"

/* Open calls, by cell and function, gathered from the threads' frames. */
struct open_calls {
	struct target *target;
	struct model_open **of; /* per member, per function */
};

static void open_calls_done(struct open_calls *open)
{
	size_t i;

	for (i = 0; open->of && i < open->target->n_members; i++)
		free(open->of[i]);
	free(open->of);
}

static int open_calls_init(struct open_calls *open, struct target *t)
{
	size_t i;

	open->target = t;
	open->of = calloc(t->n_members ?: 1, sizeof(*open->of));
	if (!open->of)
		return -ENOMEM;
	for (i = 0; i < t->n_members; i++) {
		open->of[i] = calloc(t->member[i].group->count, sizeof(**open->of));
		if (!open->of[i])
			return -ENOMEM;
	}
	return 0;
}

static struct model_open *open_calls_find(struct open_calls *open, const struct hp_frame *frame)
{
	const struct target *t = open->target;
	size_t i;

	for (i = 0; i < t->n_members; i++) {
		if (t->member[i].cell.id == frame->cell &&
		    frame->func < t->member[i].group->count)
			return &open->of[i][frame->func];
	}
	return NULL;
}

static void on_open_frames(void *userdata, const struct hp_open *thread,
			   const struct hp_frame *frames)
{
	struct open_calls *open = userdata;
	uint64_t probe_ns = 0;
	uint32_t i;

	if (thread->gen != open->target->gen)
		return;
	/* From the innermost: what probes took in a callee that is open is not told its
	 * caller yet. */
	for (i = thread->depth; i-- > 0;) {
		struct model_open *o = open_calls_find(open, &frames[i]);
		uint64_t age = thread->now_ns - frames[i].start_ns;

		probe_ns += frames[i].probe_ns;
		age = age > probe_ns ? age - probe_ns : 0;
		if (!o)
			continue;
		o->count++;
		o->total_ns += age;
		if (age > o->max_ns)
			o->max_ns = age;
	}
}

static int open_calls_of(struct open_calls *open, pid_t pid)
{
	int r = calls_open_frames(open->target->calls, pid, on_open_frames, open);

	return r == -EOPNOTSUPP || r == -ESRCH ? 0 : r;
}

/* Those of its own process, and of all that share its figures. */
static int open_calls_gather(struct open_calls *open)
{
	struct target *t = open->target;
	uint32_t tgids[256];
	size_t n = 0, i;
	int r;

	r = t->pid ? open_calls_of(open, t->pid) : 0;
	if (target_is_shared(t))
		n = calls_targets(t->calls, t->slot, tgids, ARRAY_SIZE(tgids));
	for (i = 0; r >= 0 && i < n; i++) {
		if (tgids[i] != (uint32_t)t->pid)
			r = open_calls_of(open, tgids[i]);
	}
	return r;
}

/* --- pieces -------------------------------------------------------------------- */

static int bytes_set(ProtobufCBinaryData *ret, const char *s)
{
	ret->data = (uint8_t *)strdup(s ?: "");
	ret->len = ret->data ? strlen(s ?: "") : 0;
	return ret->data ? 0 : -ENOMEM;
}

static int encode_histogram(const struct member *m, const struct hp_func *func,
			    uint64_t *ret_exits, Hotpath__Histogram **ret)
{
	uint32_t bucket[HP_HIST_BUCKETS];
	uint64_t count[HP_HIST_BUCKETS];
	Hotpath__Histogram *h;
	size_t n, i;

	n = model_histogram(func, m->cell.blocks, m->cell.n_blocks, bucket, count);
	*ret_exits = 0;
	if (!n)
		return 0;
	h = malloc(sizeof(*h));
	if (!h)
		return -ENOMEM;
	hotpath__histogram__init(h);
	*ret = h;
	h->bucket = malloc(n * sizeof(*bucket));
	h->count = malloc(n * sizeof(*count));
	if (!h->bucket || !h->count)
		return -ENOMEM;
	memcpy(h->bucket, bucket, n * sizeof(*bucket));
	memcpy(h->count, count, n * sizeof(*count));
	h->n_bucket = h->n_count = n;
	for (i = 0; i < n; i++)
		*ret_exits += count[i];
	return 0;
}

static Hotpath__Returns group_returns(const struct target *t, const struct group *g,
				      const struct function *f)
{
	if (t->by_exits && g->kind == PROBE_SESSION)
		return f->n_exits ? HOTPATH__RETURNS__RETURNS_SITES
				  : HOTPATH__RETURNS__RETURNS_NONE;
	switch (g->kind) {
	case PROBE_COUNT:
		return HOTPATH__RETURNS__RETURNS_NONE;
	case PROBE_SITES:
		return HOTPATH__RETURNS__RETURNS_SITES;
	default:
		return HOTPATH__RETURNS__RETURNS_SESSION;
	}
}

/* Of a function that is only counted: what forbids its return, then why its ways out
 * are not known. */
static const char *returns_reason(const struct target *t, const struct group *g,
				  const struct function *f)
{
	switch (group_returns(t, g, f)) {
	case HOTPATH__RETURNS__RETURNS_SESSION:
		return t->returns_reason;
	case HOTPATH__RETURNS__RETURNS_SITES:
		return f->never ?: t->returns_reason;
	default:
		return f->no_exits ?: f->never ?: t->returns_reason;
	}
}

uint64_t encode_price(const struct target *t, const struct group *g, const struct function *f)
{
	Hotpath__Returns returns = group_returns(t, g, f);
	bool sites = returns == HOTPATH__RETURNS__RETURNS_SITES;

	/* Sessions that only veto, with probes on ways out besides, were not calibrated. */
	if (!t->registry || (t->by_exits && g->kind == PROBE_SESSION))
		return 0;
	return prices_call(&t->registry->prices, returns, f->class,
			   sites ? f->exit_class : HOTPATH__SITE_CLASS__SITE_NONE);
}

static Hotpath__Probe *encode_probe(const struct target *t, const struct group *g,
				    const struct function *f)
{
	Hotpath__Probe *p = malloc(sizeof(*p));

	if (!p)
		return NULL;
	hotpath__probe__init(p);
	p->class_ = f->class;
	p->returns = group_returns(t, g, f);
	p->reason = strdup(returns_reason(t, g, f));
	if (p->returns == HOTPATH__RETURNS__RETURNS_SITES) {
		p->exits = f->n_exits;
		p->exit_class = f->exit_class;
	}
	p->offset = f->offset;
	p->skip = f->skip;
	if (!p->reason) {
		free(p);
		return NULL;
	}
	p->price_ns = encode_price(t, g, f);
	return p;
}

static int encode_aliases(const struct function *f, Hotpath__Function *m)
{
	size_t i;

	m->aliases = calloc(f->n_aliases ?: 1, sizeof(*m->aliases));
	if (!m->aliases)
		return -ENOMEM;
	for (i = 0; i < f->n_aliases; i++) {
		if (bytes_set(&m->aliases[i], f->alias[i]) < 0)
			return -ENOMEM;
		m->n_aliases++;
	}
	return 0;
}

static void encode_figures(const struct model_function *f, Hotpath__Function *m)
{
	m->calls = f->calls;
	m->exits = f->exits;
	m->total_ns = f->total_ns;
	m->self_ns = f->self_ns;
	m->min_ns = f->min_ns;
	m->max_ns = f->max_ns;
	m->open = f->open;
	m->cut = f->cut;
	m->open_ns = f->open_ns;
	m->open_max_ns = f->open_max_ns;
	m->unwound = f->unwound;
	m->vetoed = f->vetoed;
	m->lost = f->lost;
	m->histogram_lost = f->histogram_lost;
	m->probe_ns = f->probe_ns;
	m->clipped = f->clipped;
}

static int encode_function(struct target *t, const struct member *member, size_t i,
			   const struct model_open *open, bool final, Hotpath__Function **ret)
{
	const struct hp_func *func = cell_func(&member->cell, i);
	const struct function *f = &member->group->functions[i];
	Hotpath__Function *m = malloc(sizeof(*m));
	struct model_function figures;
	uint64_t calls = model_calls(func), exits;

	if (!m)
		return -ENOMEM;
	hotpath__function__init(m);
	*ret = m;
	if (encode_histogram(member, func, &exits, &m->durations) < 0)
		return -ENOMEM;
	model_function(func, calls, exits, open, member->group->kind != PROBE_COUNT, final, &figures);
	encode_figures(&figures, m);
	m->line = f->line;
	m->probe = encode_probe(t, member->group, f);
	if (!m->probe || bytes_set(&m->name, f->name) < 0 ||
	    bytes_set(&m->object, member->group->object) < 0 || bytes_set(&m->file, f->file) < 0)
		return -ENOMEM;
	if (encode_estimated(t, member, i, m) < 0)
		return -ENOMEM;
	return encode_aliases(f, m);
}

static void count_returns(Hotpath__Target *m, const Hotpath__Probe *probe)
{
	switch (probe->returns) {
	case HOTPATH__RETURNS__RETURNS_SESSION:
		m->functions_session++;
		break;
	case HOTPATH__RETURNS__RETURNS_SITES:
		m->functions_sites++;
		break;
	default:
		m->functions_entry_only++;
	}
}

static int encode_functions(struct target *t, struct open_calls *open, bool final,
			    Hotpath__Target *m)
{
	size_t i, k;
	int r;

	m->functions = calloc(target_count_functions(t) ?: 1, sizeof(*m->functions));
	if (!m->functions)
		return -ENOMEM;
	for (i = 0; i < t->n_members; i++) {
		for (k = 0; k < t->member[i].group->count; k++) {
			r = encode_function(t, &t->member[i], k, &open->of[i][k], final,
					    &m->functions[m->n_functions]);
			if (r < 0)
				return r;
			m->functions[m->n_functions]->id = m->n_functions;
			count_returns(m, m->functions[m->n_functions]->probe);
			m->n_functions++;
		}
	}
	m->functions_attached = m->n_functions;
	return 0;
}

/* --- health --------------------------------------------------------------------- */

static int add_counter(Hotpath__Target *m, const char *name, uint64_t value, const char *text)
{
	Hotpath__Counter **grown, *c;

	if (!value)
		return 0;
	grown = reallocarray(m->health, m->n_health + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	m->health = grown;
	c = malloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	hotpath__counter__init(c);
	m->health[m->n_health++] = c;
	c->name = strdup(name);
	c->value = value;
	c->text = strdup(text);
	return c->name && c->text ? 0 : -ENOMEM;
}

static uint64_t counter_of(const struct target *t, enum hp_counter which)
{
	return __atomic_load_n(&calls_slot(t->calls, t->slot)->counter[which], __ATOMIC_RELAXED);
}

/* Children that should be followed have run with less than their parent's probes, or none:
 * what is probed for this process alone they have not. */
static bool lacks_children(const struct target *t)
{
	if (!t->kit)
		return t->asked && !t->asked->no_follow && counter_of(t, HP_COUNTER_children);
	return !t->kit->passive && t->kit->n_groups < t->n_members && t->kit->family->seen > 1;
}

/* Were there calls of what was asked for that nobody counted? What runs the same code and
 * was not asked for, bystanders and children under --no-follow, is not in question. */
static bool lacks_calls(const struct target *t)
{
	return counter_of(t, HP_COUNTER_held_late) || counter_of(t, HP_COUNTER_held_not) ||
	       lacks_children(t);
}

static int encode_health(struct target *t, Hotpath__Target *m)
{
	static const char *const name[] = {
#define X(name, text) #name,
		HP_COUNTERS(X)
#undef X
	};
	static const char *const text[] = {
#define X(name, text) text,
		HP_COUNTERS(X)
#undef X
	};
	const struct hp_slot *slot = calls_slot(t->calls, t->slot);
	uint64_t histogram_lost = 0, lost = 0, clipped = 0;
	size_t i;
	int r;

	for (i = 0; i < HP_COUNTERS_MAX; i++) {
		r = add_counter(m, name[i],
				__atomic_load_n(&slot->counter[i], __ATOMIC_RELAXED), text[i]);
		if (r < 0)
			return r;
	}
	for (i = 0; i < m->n_functions; i++) {
		histogram_lost += m->functions[i]->histogram_lost;
		lost += m->functions[i]->lost;
		clipped += m->functions[i]->clipped;
	}
	r = add_counter(m, "armed_late", govern_late(t),
			"functions armed more than 5 s after the attach, as the budget allowed: "
			"of calls before that nothing is known");
	if (r < 0)
		return r;
	if (lacks_calls(t))
		m->complete = false;
	/* Of the family: said once, by what was asked for. */
	if (t->named && t->kit && family_not_measured(t->kit->family)) {
		m->complete = false;
		r = add_counter(m, "not_measured", family_not_measured(t->kit->family),
				"programs that ran without probes: gone or over a limit before they were ready");
		if (r < 0)
			return r;
	}
	r = add_counter(m, "histogram_lost", histogram_lost,
			"calls that are timed but in no percentile: histogram memory ran out");
	if (r < 0)
		return r;
	r = add_counter(m, "lost", lost, "entries whose way out is not known");
	if (r >= 0)
		r = add_counter(m, "clipped", clipped,
				"calls that took less than was taken off for probes: 0 ns in percentiles, true in sums");
	if (r < 0)
		return r;
	return add_counter(m, "moved_functions", moved_count(t),
			   "functions whose code was moved to huge or anonymous pages: probes there "
			   "can never fire");
}

static bool is_timed(const struct target *t)
{
	size_t i;

	for (i = 0; i < t->n_members && t->member[i].group->kind == PROBE_COUNT; i++)
		;
	return i < t->n_members;
}

static int encode_notes(const struct target *t, Hotpath__Target *m)
{
	size_t i;

	char priced[PRICING_NOTE_SIZE] = "";

	m->notes = calloc(t->n_notes + 1, sizeof(*m->notes));
	if (!m->notes)
		return -ENOMEM;
	if (t->registry && is_timed(t))
		pricing_note(t->registry, t->begun_ns, priced, sizeof(priced));
	if (*priced) {
		m->notes[0] = strdup(priced);
		if (!m->notes[0])
			return -ENOMEM;
		m->n_notes++;
	}
	for (i = 0; i < t->n_notes; i++) {
		m->notes[m->n_notes] = strdup(t->note[i]);
		if (!m->notes[m->n_notes])
			return -ENOMEM;
		m->n_notes++;
	}
	return 0;
}

static uint64_t bystander_hits(const struct target *t)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < t->n_members; i++)
		n += __atomic_load_n(
			&calls_group(t->calls, t->member[i].group->id)->bystander_hits,
			__ATOMIC_RELAXED);
	return n;
}

/* --- the whole ------------------------------------------------------------------- */

static int encode_head(struct target *t, Hotpath__Target *m)
{
	uint64_t now = t->ended_ns ?: clock_ns(CLOCK_MONOTONIC);

	m->pid = t->pid;
	m->state = t->state;
	m->complete = t->complete;
	m->attached_at_unix_ns = t->begun_unix_ns;
	m->elapsed_ns = now - t->begun_ns;
	m->cpu_total_ns = target_cpu_ns(t);
	m->owner_uid = t->owner;
	m->parent_pid = t->parent_pid;
	m->family = t->family;
	m->bystander_hits = bystander_hits(t);
	m->bystander_processes = t->bystander_processes;
	m->kernel_bytes = target_kernel_bytes(t);
	m->text_pages = textpages_count(t);
	if (m->text_pages == UINT32_MAX)
		return -ENOMEM;
	if (t->ttl_end_ns > now && !t->ended_ns)
		m->ttl_left_ns = t->ttl_end_ns - now;
	if (bytes_set(&m->comm, t->comm) < 0 || bytes_set(&m->exe, t->exe) < 0)
		return -ENOMEM;
	return encode_notes(t, m);
}

int encode_target(struct target *t, bool final, Hotpath__Target **ret)
{
	_cleanup_(open_calls_done) struct open_calls open = {};
	Hotpath__Target *m = malloc(sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	hotpath__target__init(m);
	r = open_calls_init(&open, t);
	if (r < 0)
		goto fail;
	r = open_calls_gather(&open);
	if (r < 0)
		goto fail;
	if (t->goroutines)
		calls_open_goroutines(t->calls, t->pid, on_open_frames, &open);
	r = encode_head(t, m);
	if (r >= 0)
		r = encode_functions(t, &open, final, m);
	if (r >= 0)
		r = encode_health(t, m);
	if (r >= 0)
		r = encode_overhead(t, m);
	if (r < 0)
		goto fail;
	*ret = m;
	return 0;

fail:
	hotpath__target__free_unpacked(m, NULL);
	return r;
}
