// SPDX-License-Identifier: GPL-2.0-only
/* Targets added up; merge.h says what becomes of each field. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "lib/cleanup.h"
#include "lib/merge.h"
#include "lib/merge-estimates.h"
#include "lib/message.h"

/* Files may hold any number: a sum that does not fit stays the largest. */
static void add(uint64_t *into, uint64_t from)
{
	if (__builtin_add_overflow(*into, from, into))
		*into = UINT64_MAX;
}

static void keep_most(uint64_t *into, uint64_t from)
{
	if (from > *into)
		*into = from;
}

/* Zero is none. */
static void keep_least(uint64_t *into, uint64_t from)
{
	if (from && (!*into || from < *into))
		*into = from;
}

/* --- histograms ------------------------------------------------------------ */

/* In a damaged file one list may be longer: the rest of it has no partner. */
static size_t pairs(const Hotpath__Histogram *h)
{
	if (!h)
		return 0;

	return h->n_bucket < h->n_count ? h->n_bucket : h->n_count;
}

/* Two ascending lists into one. Not ascending: no value is lost all the same. */
static size_t zip(const Hotpath__Histogram *a, const Hotpath__Histogram *b, uint32_t *bucket,
		  uint64_t *count)
{
	size_t i = 0, k = 0, n = 0;

	while (i < pairs(a) || k < pairs(b)) {
		bool of_a = k >= pairs(b) || (i < pairs(a) && a->bucket[i] <= b->bucket[k]);
		bool of_b = i >= pairs(a) || (k < pairs(b) && b->bucket[k] <= a->bucket[i]);

		bucket[n] = of_a ? a->bucket[i] : b->bucket[k];
		count[n] = 0;
		if (of_a)
			add(&count[n], a->count[i++]);
		if (of_b)
			add(&count[n], b->count[k++]);
		n++;
	}

	return n;
}

static int merge_histogram(Hotpath__Histogram **into, const Hotpath__Histogram *from)
{
	size_t most = pairs(*into) + pairs(from);
	_cleanup_free_ uint32_t *bucket = NULL;
	_cleanup_free_ uint64_t *count = NULL;
	size_t n;

	if (!pairs(from))
		return 0;
	bucket = malloc(most * sizeof(*bucket));
	count = malloc(most * sizeof(*count));
	if (!bucket || !count)
		return -ENOMEM;
	n = zip(*into, from, bucket, count);

	if (!*into) {
		*into = malloc(sizeof(**into));
		if (!*into)
			return -ENOMEM;
		hotpath__histogram__init(*into);
	}
	free((*into)->bucket);
	free((*into)->count);
	(*into)->bucket = TAKE(bucket);
	(*into)->count = TAKE(count);
	(*into)->n_bucket = (*into)->n_count = n;
	return 0;
}

/* --- one function ---------------------------------------------------------- */

static int replace(char **text, const char *by)
{
	char *copy = strdup(by);

	if (!copy)
		return -ENOMEM;
	if (*text != protobuf_c_empty_string)
		free(*text);
	*text = copy;
	return 0;
}

/* How much a kind of returns tells of a call. */
static int strength(Hotpath__Returns returns)
{
	if (returns == HOTPATH__RETURNS__RETURNS_SESSION)
		return 2;

	return returns == HOTPATH__RETURNS__RETURNS_SITES;
}

static int merge_probe(Hotpath__Probe *into, const Hotpath__Probe *from)
{
	if (!into || !from)
		return 0;

	keep_most(&into->price_ns, from->price_ns);
	if (into->returns == from->returns)
		return 0;
	if (strength(from->returns) < strength(into->returns)) {
		into->returns = from->returns;
		into->exits = from->exits;
		into->exit_class = from->exit_class;
	}

	return replace(&into->reason, "differs between processes");
}

static int merge_function(Hotpath__Function *into, const Hotpath__Function *from)
{
	int r;

	r = merge_estimated(into, from);
	if (r < 0)
		return r;
	if (from->exits && (!into->exits || from->min_ns < into->min_ns))
		into->min_ns = from->min_ns;
	if (from->exits)
		keep_most(&into->max_ns, from->max_ns);
	keep_most(&into->open_max_ns, from->open_max_ns);
	add(&into->calls, from->calls);
	add(&into->exits, from->exits);
	add(&into->total_ns, from->total_ns);
	add(&into->self_ns, from->self_ns);
	add(&into->open, from->open);
	add(&into->cut, from->cut);
	add(&into->open_ns, from->open_ns);
	add(&into->unwound, from->unwound);
	add(&into->vetoed, from->vetoed);
	add(&into->lost, from->lost);
	add(&into->histogram_lost, from->histogram_lost);
	add(&into->samples, from->samples);
	add(&into->probe_ns, from->probe_ns);
	add(&into->clipped, from->clipped);
	if (merge_histogram(&into->durations, from->durations) < 0)
		return -ENOMEM;

	return merge_probe(into->probe, from->probe);
}

/* --- which function is which ----------------------------------------------- */

static uint64_t offset_of(const Hotpath__Function *f)
{
	return f->probe ? f->probe->offset : 0;
}

static bool bytes_equal(ProtobufCBinaryData a, ProtobufCBinaryData b)
{
	return a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len));
}

static bool is_same(const Hotpath__Function *a, const Hotpath__Function *b)
{
	return offset_of(a) == offset_of(b) && bytes_equal(a->name, b->name) &&
	       bytes_equal(a->object, b->object);
}

/* FNV-1a. */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const uint8_t *)data)[i]) * 0x100000001b3ull;

	return hash;
}

static uint64_t hash_of(const Hotpath__Function *f)
{
	uint64_t offset = offset_of(f), hash = 0xcbf29ce484222325ull;

	hash = hash_bytes(hash, &offset, sizeof(offset));
	hash = hash_bytes(hash, f->name.data, f->name.len);
	hash = hash_bytes(hash, f->object.data, f->object.len);
	return hash ^ hash >> 32;
}

/* Rows of a target by what they are; made at the first that is not where it was expected. */
struct index {
	Hotpath__Function **slot;
	size_t slots; /* a power of two, at least twice the rows */
};

static Hotpath__Function **index_slot(const struct index *index, const Hotpath__Function *f)
{
	size_t i = hash_of(f) & (index->slots - 1);

	while (index->slot[i] && !is_same(index->slot[i], f))
		i = (i + 1) & (index->slots - 1);

	return &index->slot[i];
}

static int index_fill(struct index *index, const Hotpath__Target *t, size_t more)
{
	index->slots = 16;
	while (index->slots < 2 * (t->n_functions + more))
		index->slots *= 2;
	index->slot = calloc(index->slots, sizeof(*index->slot));
	if (!index->slot)
		return -ENOMEM;

	for (size_t i = 0; i < t->n_functions; i++) {
		Hotpath__Function **slot = index_slot(index, t->functions[i]);

		if (!*slot)
			*slot = t->functions[i];
	}
	return 0;
}

/* --- all functions --------------------------------------------------------- */

static int copy_function(const Hotpath__Function *f, Hotpath__Function **ret)
{
	*ret = message_copy(&f->base);
	return *ret ? 0 : -ENOMEM;
}

/* into->functions has room. */
static int append_function(Hotpath__Target *into, const Hotpath__Function *from, uint32_t id,
			   Hotpath__Function **slot)
{
	int r;

	r = copy_function(from, slot);
	if (r < 0)
		return r;

	(*slot)->id = id;
	into->functions[into->n_functions++] = *slot;
	return 0;
}

static uint32_t next_id(const Hotpath__Target *t)
{
	uint32_t next = 0;

	for (size_t i = 0; i < t->n_functions; i++)
		if (t->functions[i]->id >= next)
			next = t->functions[i]->id + 1;

	return next;
}

/* Those that were not found at their own place. */
static int merge_others(Hotpath__Target *into, const Hotpath__Target *from, size_t first)
{
	size_t more = from->n_functions - first;
	Hotpath__Function **grown;
	struct index index = {0};
	uint32_t id = next_id(into);
	int r;

	grown = reallocarray(into->functions, into->n_functions + more, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	into->functions = grown;

	r = index_fill(&index, into, more);
	for (size_t i = first; i < from->n_functions && r == 0; i++) {
		Hotpath__Function **slot = index_slot(&index, from->functions[i]);

		if (*slot)
			r = merge_function(*slot, from->functions[i]);
		else
			r = append_function(into, from->functions[i], id++, slot);
	}
	free(index.slot);
	return r;
}

/* Processes of one program mostly have the same rows in the same order. */
static int merge_functions(Hotpath__Target *into, const Hotpath__Target *from)
{
	size_t i;
	int r;

	for (i = 0; i < from->n_functions && i < into->n_functions; i++) {
		if (!is_same(into->functions[i], from->functions[i]))
			break;
		r = merge_function(into->functions[i], from->functions[i]);
		if (r < 0)
			return r;
	}

	return i < from->n_functions ? merge_others(into, from, i) : 0;
}

static void count_functions(Hotpath__Target *t)
{
	uint32_t n[3] = {0};

	for (size_t i = 0; i < t->n_functions; i++)
		n[t->functions[i]->probe ? strength(t->functions[i]->probe->returns) : 0]++;
	t->functions_attached = (uint32_t)t->n_functions;
	t->functions_entry_only = n[0];
	t->functions_sites = n[1];
	t->functions_session = n[2];
}

/* --- health, notes, processes ---------------------------------------------- */

static int add_counter(Hotpath__Target *into, const char *name, uint64_t value, const char *text)
{
	Hotpath__Counter **grown, *c;

	for (size_t i = 0; i < into->n_health; i++)
		if (!strcmp(into->health[i]->name, name)) {
			add(&into->health[i]->value, value);
			return 0;
		}

	grown = reallocarray(into->health, into->n_health + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	into->health = grown;
	c = malloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	hotpath__counter__init(c);
	into->health[into->n_health++] = c;
	c->value = value;
	if (replace(&c->name, name) < 0)
		return -ENOMEM;

	return replace(&c->text, text);
}

static bool has_note(const Hotpath__Target *t, const char *note)
{
	for (size_t i = 0; i < t->n_notes; i++)
		if (!strcmp(t->notes[i], note))
			return true;

	return false;
}

static int add_note(Hotpath__Target *into, const char *note)
{
	char **grown;

	if (has_note(into, note))
		return 0;
	if (into->n_notes >= MERGE_NOTES_MAX)
		return add_counter(into, "notes_left_out", 1,
				   "sentences about single processes, too many to keep");

	grown = reallocarray(into->notes, into->n_notes + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	into->notes = grown;
	into->notes[into->n_notes] = strdup(note);
	if (!into->notes[into->n_notes])
		return -ENOMEM;
	into->n_notes++;
	return 0;
}

static int add_pids(Hotpath__Target *into, const int32_t *pid, size_t n)
{
	size_t room = into->n_pids < MERGE_PIDS_MAX ? MERGE_PIDS_MAX - into->n_pids : 0;
	int32_t *grown;

	if (n > room)
		n = room;
	if (!n)
		return 0;
	grown = reallocarray(into->pids, into->n_pids + n, sizeof(*grown));
	if (!grown)
		return -ENOMEM;

	into->pids = grown;
	memcpy(into->pids + into->n_pids, pid, n * sizeof(*pid));
	into->n_pids += n;
	return 0;
}

static int merge_processes(Hotpath__Target *into, const Hotpath__Target *from)
{
	int r = 0;

	if (!into->n_pids)
		r = add_pids(into, &into->pid, 1);
	if (r == 0)
		r = from->n_pids ? add_pids(into, from->pids, from->n_pids)
				 : add_pids(into, &from->pid, 1);
	into->processes = (into->processes ?: 1) + (from->processes ?: 1);
	return r;
}

/* --- the whole ------------------------------------------------------------- */

static void merge_state(Hotpath__Target *into, const Hotpath__Target *from)
{
	if (from->state == HOTPATH__TARGET_STATE__TARGET_RUNNING)
		into->state = from->state;
	into->complete = into->complete && from->complete;
	if (into->parent_pid != from->parent_pid)
		into->parent_pid = 0;
	if (into->family != from->family)
		into->family = 0;
	if (!bytes_equal(into->cgroup, from->cgroup)) {
		free(TAKE(into->cgroup.data));
		into->cgroup.len = 0;
	}
	if (!from->exit_status_known || from->exit_status != into->exit_status)
		into->exit_status_known = false;
	if (!into->exit_status_known)
		into->exit_status = 0;
}

static void merge_sums(Hotpath__Target *into, const Hotpath__Target *from)
{
	add(&into->elapsed_ns, from->elapsed_ns);
	add(&into->cpu_total_ns, from->cpu_total_ns);
	add(&into->kernel_bytes, from->kernel_bytes);
	into->text_pages += from->text_pages;
	keep_least(&into->attached_at_unix_ns, from->attached_at_unix_ns);
	keep_least(&into->ttl_left_ns, from->ttl_left_ns);
	keep_most(&into->bystander_hits, from->bystander_hits);
	if (from->bystander_processes > into->bystander_processes)
		into->bystander_processes = from->bystander_processes;
}

int merge_target(Hotpath__Target *into, const Hotpath__Target *from)
{
	int r;

	r = merge_overhead(into, from);
	if (r == 0)
		r = merge_functions(into, from);
	for (size_t i = 0; i < from->n_health && r == 0; i++)
		r = add_counter(into, from->health[i]->name, from->health[i]->value,
				from->health[i]->text);
	for (size_t i = 0; i < from->n_notes && r == 0; i++)
		r = add_note(into, from->notes[i]);
	if (r == 0)
		r = merge_sampling(into, from);
	if (r == 0)
		r = merge_processes(into, from);
	if (r < 0)
		return r;

	merge_state(into, from);
	merge_sums(into, from);
	count_functions(into);
	return 0;
}
