// SPDX-License-Identifier: GPL-2.0-only
/*
 * Samples to functions: those of measured ones go to their rows, all others are places.
 * A measured function is told by its file's name and where it begins there.
 */
#include "encode-samples.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

/* So many functions that are not measured are told one by one, those with most samples. */
#define PLACES_TOLD_MAX 4096

/* --- measured functions --------------------------------------------------------------- */

static uint64_t offset_of(const Hotpath__Function *f)
{
	return f->probe ? f->probe->offset : 0;
}

static int compare_functions(const void *a, const void *b)
{
	const Hotpath__Function *x = *(Hotpath__Function *const *)a;
	const Hotpath__Function *y = *(Hotpath__Function *const *)b;

	return (offset_of(x) > offset_of(y)) - (offset_of(x) < offset_of(y));
}

/* By where they begin, whatever file they are in. */
static Hotpath__Function **functions_sorted(const Hotpath__Target *message)
{
	Hotpath__Function **sorted = calloc(message->n_functions ?: 1, sizeof(*sorted));

	if (!sorted)
		return NULL;
	memcpy(sorted, message->functions, message->n_functions * sizeof(*sorted));
	qsort(sorted, message->n_functions, sizeof(*sorted), compare_functions);
	return sorted;
}

static bool is_text(ProtobufCBinaryData bytes, const char *text)
{
	return text && bytes.len == strlen(text) && !memcmp(bytes.data, text, bytes.len);
}

static Hotpath__Function *function_find(Hotpath__Function **sorted, size_t n,
					const struct sampled_place *place)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (offset_of(sorted[mid]) < place->at)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < n && offset_of(sorted[lo]) == place->at; lo++) {
		if (is_text(sorted[lo]->object, place->file->object))
			return sorted[lo];
	}
	return NULL;
}

/* --- places ----------------------------------------------------------------------------- */

static int bytes_set(ProtobufCBinaryData *ret, const char *s)
{
	ret->data = (uint8_t *)strdup(s ?: "");
	ret->len = ret->data ? strlen(s ?: "") : 0;
	return ret->data ? 0 : -ENOMEM;
}

/* m->places has room. */
static Hotpath__SampledPlace *add_place(Hotpath__Sampling *m, Hotpath__SampledKind kind,
					const char *name, const char *object, uint64_t samples)
{
	Hotpath__SampledPlace *p = malloc(sizeof(*p));

	if (!p)
		return NULL;
	hotpath__sampled_place__init(p);
	m->places[m->n_places++] = p;
	p->kind = kind;
	p->samples = samples;
	if (bytes_set(&p->name, name) < 0 || bytes_set(&p->object, object) < 0)
		return NULL;
	return p;
}

/* What is not told by function is told by file. */
static int add_to_object(const struct target *t, Hotpath__Sampling *m,
			 const struct codefile *file, uint64_t samples)
{
	Hotpath__SampledPlace *p;
	size_t i;

	for (i = 0; i < m->n_places; i++) {
		p = m->places[i];
		if (p->kind != HOTPATH__SAMPLED_KIND__SAMPLED_OBJECT ||
		    !is_text(p->object, file->object))
			continue;
		p->samples += samples;
		return 0;
	}
	p = add_place(m, HOTPATH__SAMPLED_KIND__SAMPLED_OBJECT, NULL, file->object, samples);
	if (!p)
		return -ENOMEM;
	p->main_object = file->dev == t->exe_dev && file->ino == t->exe_ino;
	return 0;
}

static int inlined_set(ProtobufCBinaryData *ret, const struct named_code *code)
{
	return code->inlined && !ret->len ? bytes_set(ret, code->inlined) : 0;
}

static int add_function(const struct target *t, Hotpath__Sampling *m,
			const struct sampled_place *place, const struct named_code *code)
{
	Hotpath__SampledPlace *p;

	p = add_place(m, HOTPATH__SAMPLED_KIND__SAMPLED_FUNCTION, code->name, place->file->object,
		      place->count);
	if (!p)
		return -ENOMEM;
	p->main_object = place->file->dev == t->exe_dev && place->file->ino == t->exe_ino;
	p->offset = code->start;
	return inlined_set(&p->inlined, code);
}

static int compare_places(const void *a, const void *b)
{
	const struct sampled_place *x = a, *y = b;

	return (x->count < y->count) - (x->count > y->count);
}

/* Those that are there, most samples first. */
static struct sampled_place *places_sorted(const struct samples *samples, size_t *ret_n)
{
	struct sampled_place *sorted = calloc(samples->n ?: 1, sizeof(*sorted));
	size_t n = 0, i;

	for (i = 0; sorted && i < samples->room; i++) {
		if (samples->place[i].file)
			sorted[n++] = samples->place[i];
	}
	if (sorted)
		qsort(sorted, n, sizeof(*sorted), compare_places);
	*ret_n = n;
	return sorted;
}

static int encode_place(const struct target *t, Hotpath__Sampling *m, Hotpath__Function **measured,
			size_t n_measured, const struct sampled_place *place)
{
	const struct named_code *code = NULL;
	Hotpath__Function *f;

	if (place->file->fd < 0) {
		m->places[0]->samples += place->count;
		return 0;
	}
	if (place->at != SAMPLES_ELSEWHERE)
		code = codefile_at(place->file, place->at);
	f = code && code->name ? function_find(measured, n_measured, place) : NULL;
	if (f) {
		f->samples += place->count;
		return inlined_set(&f->inlined, code);
	}
	if (!code || !code->name || m->n_places >= PLACES_TOLD_MAX)
		return add_to_object(t, m, place->file, place->count);
	return add_function(t, m, place, code);
}

static int encode_places(const struct target *t, Hotpath__Sampling *m, Hotpath__Target *message)
{
	_cleanup_free_ Hotpath__Function **measured = functions_sorted(message);
	_cleanup_free_ struct sampled_place *place = NULL;
	size_t n, i;
	int r = 0;

	place = places_sorted(&t->samples, &n);
	if (!measured || !place)
		return -ENOMEM;
	for (i = 0; r == 0 && i < n; i++)
		r = encode_place(t, m, measured, message->n_functions, &place[i]);
	return r;
}

/* Places that are in no file; the first is what nobody knows. */
static int encode_fixed(const struct samples *s, Hotpath__Sampling *m)
{
	if (!add_place(m, HOTPATH__SAMPLED_KIND__SAMPLED_UNKNOWN, NULL, NULL, s->unknown) ||
	    !add_place(m, HOTPATH__SAMPLED_KIND__SAMPLED_KERNEL, NULL, NULL, s->kernel) ||
	    !add_place(m, HOTPATH__SAMPLED_KIND__SAMPLED_ANONYMOUS, NULL, NULL, s->anonymous) ||
	    !add_place(m, HOTPATH__SAMPLED_KIND__SAMPLED_OBJECT, NULL, "[vdso]", s->vdso))
		return -ENOMEM;
	return 0;
}

static void drop_empty(Hotpath__Sampling *m)
{
	size_t i, n = 0;

	for (i = 0; i < m->n_places; i++) {
		if (m->places[i]->samples)
			m->places[n++] = m->places[i];
		else
			hotpath__sampled_place__free_unpacked(m->places[i], NULL);
	}
	m->n_places = n;
}

/* --- the whole ---------------------------------------------------------------------------- */

/* Fewer in probes are too few to tell a percentage by, where there are prices. */
#define PROBE_SAMPLES_LEAST 50

/* What the probes cost, of the time that the program ran for itself. */
static int encode_overhead(const struct target *t, uint64_t all, Hotpath__Target *message)
{
	const struct samples *s = &t->samples;
	Hotpath__Overhead *o = message->overhead;
	double own_ns;

	if (all <= s->probe)
		return 0;
	if (!o) {
		o = malloc(sizeof(*o));
		if (!o)
			return -ENOMEM;
		hotpath__overhead__init(o);
		message->overhead = o;
	}
	o->contention = t->contention.factor;
	if (o->probes_ns && s->probe < PROBE_SAMPLES_LEAST)
		return 0;
	own_ns = (double)(all - s->probe) * 1e9 / HP_SAMPLE_HZ;
	o->sampled = true;
	o->percent = 100.0 * (double)s->probe / (double)(all - s->probe) +
		     100.0 * (double)o->arming_ns / own_ns;
	return 0;
}

int encode_samples(struct target *t, struct codefiles *files, Hotpath__Target *message)
{
	uint64_t all = samples_all(&t->samples);
	Hotpath__Sampling *m;
	int r;

	m = malloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	hotpath__sampling__init(m);
	message->sampling = m;
	m->frequency_hz = HP_SAMPLE_HZ;
	m->samples = all;
	m->probe = t->samples.probe;
	m->discarded = t->samples.discarded;
	m->lost = t->samples.lost + t->samples.lost_bpf;
	samples_gather(&t->samples, files);
	/* Each place by itself, and one more for each of their files. */
	m->places = calloc(2 * t->samples.n + 4, sizeof(*m->places));
	if (!m->places)
		return -ENOMEM;
	r = encode_fixed(&t->samples, m);
	if (r == 0)
		r = encode_places(t, m, message);
	if (r == 0)
		drop_empty(m);
	return r < 0 ? r : encode_overhead(t, all, message);
}
