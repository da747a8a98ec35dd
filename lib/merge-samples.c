// SPDX-License-Identifier: GPL-2.0-only
/* Samples of several processes added up; see merge.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "lib/merge.h"
#include "lib/message.h"

/* Files may hold any number: a sum that does not fit stays the largest. */
static void add(uint64_t *into, uint64_t from)
{
	if (__builtin_add_overflow(*into, from, into))
		*into = UINT64_MAX;
}

static int compare_bytes(ProtobufCBinaryData a, ProtobufCBinaryData b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int r = n ? memcmp(a.data, b.data, n) : 0;

	return r ? r : (a.len > b.len) - (a.len < b.len);
}

/* Places that are the same are neighbours. */
static int compare(const void *a, const void *b)
{
	const Hotpath__SampledPlace *x = *(Hotpath__SampledPlace *const *)a;
	const Hotpath__SampledPlace *y = *(Hotpath__SampledPlace *const *)b;
	int r = (x->kind > y->kind) - (x->kind < y->kind);

	if (r == 0)
		r = (x->offset > y->offset) - (x->offset < y->offset);
	if (r == 0)
		r = compare_bytes(x->object, y->object);

	return r ? r : compare_bytes(x->name, y->name);
}

static int copy_place(const Hotpath__SampledPlace *p, Hotpath__SampledPlace **ret)
{
	*ret = message_copy(&p->base);
	return *ret ? 0 : -ENOMEM;
}

static int append_places(Hotpath__Sampling *into, const Hotpath__Sampling *from)
{
	Hotpath__SampledPlace **grown;
	int r = 0;

	if (!from->n_places)
		return 0;
	grown = reallocarray(into->places, into->n_places + from->n_places, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	into->places = grown;
	for (size_t i = 0; i < from->n_places && r == 0; i++) {
		r = copy_place(from->places[i], &grown[into->n_places]);
		into->n_places += r == 0;
	}

	return r;
}

static void join_places(Hotpath__Sampling *s)
{
	size_t n = 0;

	if (s->n_places)
		qsort(s->places, s->n_places, sizeof(Hotpath__SampledPlace *), compare);
	for (size_t i = 0; i < s->n_places; i++) {
		if (!n || compare(&s->places[n - 1], &s->places[i])) {
			s->places[n++] = s->places[i];
			continue;
		}
		add(&s->places[n - 1]->samples, s->places[i]->samples);
		hotpath__sampled_place__free_unpacked(s->places[i], NULL);
	}
	s->n_places = n;
}

int merge_sampling(Hotpath__Target *into, const Hotpath__Target *from)
{
	Hotpath__Sampling *s = into->sampling;
	int r;

	if (!from->sampling)
		return 0;
	if (!s) {
		s = malloc(sizeof(*s));
		if (!s)
			return -ENOMEM;
		hotpath__sampling__init(s);
		into->sampling = s;
	}
	if (from->sampling->frequency_hz > s->frequency_hz)
		s->frequency_hz = from->sampling->frequency_hz;
	add(&s->samples, from->sampling->samples);
	add(&s->probe, from->sampling->probe);
	add(&s->discarded, from->sampling->discarded);
	add(&s->lost, from->sampling->lost);
	r = append_places(s, from->sampling);
	join_places(s);
	return r;
}
