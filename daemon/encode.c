// SPDX-License-Identifier: GPL-2.0-only
/* From a target to the protobuf that goes to the CLI; see encode.h. */
#include "encode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "model.h"
#include "proc.h"

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
	uint32_t i;

	if (thread->gen != open->target->gen)
		return;
	for (i = 0; i < thread->depth; i++) {
		struct model_open *o = open_calls_find(open, &frames[i]);
		uint64_t age = thread->now_ns - frames[i].start_ns;

		if (!o)
			continue;
		o->count++;
		o->total_ns += age;
		if (age > o->max_ns)
			o->max_ns = age;
	}
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

static Hotpath__Returns returns_of(const struct group *g)
{
	return g->kind == PROBE_COUNT ? HOTPATH__RETURNS__RETURNS_NONE
				      : HOTPATH__RETURNS__RETURNS_SESSION;
}

static Hotpath__Probe *encode_probe(const struct target *t, const struct group *g,
				    const struct function *f)
{
	Hotpath__Probe *p = malloc(sizeof(*p));

	if (!p)
		return NULL;
	hotpath__probe__init(p);
	p->class_ = f->class;
	p->returns = returns_of(g);
	p->reason = strdup(g->kind == PROBE_COUNT && f->never ? f->never : t->returns_reason);
	p->offset = f->offset;
	p->skip = f->skip;
	if (!p->reason) {
		free(p);
		return NULL;
	}
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
}

static int encode_function(const struct target *t, const struct member *member, size_t i,
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
	return encode_aliases(f, m);
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
			m->n_functions++;
		}
		if (t->member[i].group->kind == PROBE_COUNT)
			m->functions_entry_only += t->member[i].group->count;
		else
			m->functions_session += t->member[i].group->count;
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
	uint64_t histogram_lost = 0, lost = 0;
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
	}
	r = add_counter(m, "histogram_lost", histogram_lost,
			"calls that are timed but in no percentile: histogram memory ran out");
	if (r < 0)
		return r;
	return add_counter(m, "lost", lost, "entries whose way out is not known");
}

static int encode_notes(const struct target *t, Hotpath__Target *m)
{
	size_t i;

	m->notes = calloc(t->n_notes ?: 1, sizeof(*m->notes));
	if (!m->notes)
		return -ENOMEM;
	for (i = 0; i < t->n_notes; i++) {
		m->notes[i] = strdup(t->note[i]);
		if (!m->notes[i])
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
	uint64_t now = t->ended_ns ?: clock_ns(CLOCK_MONOTONIC), cpu;

	/* Works for a zombie, too; without one the last figure stands. */
	if (target_is_same_process(t) && proc_cpu_ns(t->pid, &cpu) >= 0 && cpu >= t->cpu_begun_ns)
		t->cpu_ns = cpu - t->cpu_begun_ns;
	m->pid = t->pid;
	m->state = t->state;
	m->complete = t->complete;
	m->attached_at_unix_ns = t->begun_unix_ns;
	m->elapsed_ns = now - t->begun_ns;
	m->cpu_total_ns = t->cpu_ns;
	m->owner_uid = t->owner;
	m->bystander_hits = bystander_hits(t);
	m->bystander_processes = t->bystander_processes;
	m->kernel_bytes = target_kernel_bytes(t);
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
	r = calls_open_frames(t->calls, t->pid, on_open_frames, &open);
	if (r < 0 && r != -EOPNOTSUPP && r != -ESRCH)
		goto fail;
	r = encode_head(t, m);
	if (r >= 0)
		r = encode_functions(t, &open, final, m);
	if (r >= 0)
		r = encode_health(t, m);
	if (r < 0)
		goto fail;
	*ret = m;
	return 0;

fail:
	hotpath__target__free_unpacked(m, NULL);
	return r;
}
