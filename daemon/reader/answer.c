/* SPDX-License-Identifier: GPL-2.0-only */
/* From request to reply: objects, patterns, functions, what was not found. */
#include <errno.h>
#include <link.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "daemon/reader/answer.h"
#include "daemon/reader/answering.h"
#include "daemon/reader/ifunc.h"
#include "daemon/reader/nearest.h"

#define OBJECTS_MAX	  4096
#define NEAREST_NAMES_MAX 300000 /* names looked at for suggestions */

DEFINE_CLEANUP(struct answer *, answer_free);

void *keep(struct answer *a, void *memory)
{
	if (!memory)
		return NULL;
	if (a->n_kept == a->kept_room) {
		size_t room = a->kept_room ? 2 * a->kept_room : 64;
		void *kept = reallocarray(a->kept, room, sizeof(*a->kept));

		if (!kept) {
			free(memory);
			return NULL;
		}
		a->kept = kept;
		a->kept_room = room;
	}
	a->kept[a->n_kept++] = memory;

	return memory;
}

static char *constant(const char *s)
{
	return (char *)(s ? s : protobuf_c_empty_string);
}

struct selection_object answer_object(const struct answer *a, size_t i)
{
	const struct book *b = &a->books[i];

	return (struct selection_object){
		.path = b->path,
		.called = bytes_text(a->request->objects[i]->called),
		.soname = b->object ? b->object->soname : (struct text){0},
		.main = a->request->objects[i]->main,
	};
}

/* --- functions ------------------------------------------------------------- */

static int set_aliases(struct answer *a, const struct book *b, const struct function *fn,
		       Hotpath__ReaderFunction *out)
{
	if (fn->n_names < 2)
		return 0;
	out->aliases = keep(a, calloc(fn->n_names - 1, sizeof(*out->aliases)));
	if (!out->aliases)
		return -ENOMEM;
	for (uint32_t k = 1; k < fn->n_names; k++)
		out->aliases[out->n_aliases++] = text_bytes(functions_name(&b->functions, fn, k));

	return 0;
}

static int fill_function(struct answer *a, const struct book *b, const struct function *fn,
			 const struct verdict *v, Hotpath__ReaderFunction *out)
{
	hotpath__reader_function__init(out);
	out->name = text_bytes(functions_name(&b->functions, fn, 0));
	out->offset = fn->mapped ? fn->place.offset : 0;
	out->size = fn->size;
	out->class_ = v->site.class;
	out->skip = v->site.skip;
	out->site_reason = constant(v->site.reason);
	out->never_return = constant(v->never_return);
	out->filtered_session = v->never_unwinds;
	out->no_exits = constant(v->never_timed);
	if (a->request->exits && !v->never_timed && book_fill_exits(b, fn, &v->site, &a->exits, out) < 0)
		return -ENOMEM;

	return set_aliases(a, b, fn, out);
}

static void count_class(Hotpath__ReaderObjectReply *out, Hotpath__SiteClass class)
{
	if (class == HOTPATH__SITE_CLASS__SITE_NONE)
		out->impossible++;
	else if (class == HOTPATH__SITE_CLASS__SITE_STEPPED)
		out->expensive++;
	else
		out->cheap++;
}

static void note_refused(struct answer *a, const struct book *b, const struct function *fn,
			 const struct verdict *v)
{
	if (!a->n_refused++) {
		a->refused = functions_name(&b->functions, fn, 0);
		a->refused_reason = v->site.reason;
	}
}

static int fill_functions(struct answer *a, size_t i, Hotpath__ReaderObjectReply *out)
{
	const struct selection_object so = answer_object(a, i);
	const struct book_options options = {.nop5_stepped = a->request->nop5_stepped,
					     .arguments_free = a->request->arguments_free};
	const struct book *b = &a->books[i];
	bool all = a->request->unprobeable, totals = all || !a->selection.n;
	Hotpath__ReaderFunction *block;

	out->functions = keep(a, calloc(b->functions.count + 1, sizeof(*out->functions)));
	block = keep(a, calloc(b->functions.count + 1, sizeof(*block)));
	if (!out->functions || !block)
		return -ENOMEM;

	for (size_t k = 0; k < b->functions.count; k++) {
		const struct function *fn = &b->functions.list[k];
		bool taken = selection_takes(&a->selection, &so, &b->functions, fn);
		struct verdict v;

		if (!taken && !totals)
			continue;
		v = book_judge(b, fn, &options);
		count_class(out, v.site.class);
		if (!taken)
			continue;
		if (fn->resolver && !(v.site.reason = keep(a, ifunc_reason(b, fn))))
			return -ENOMEM;
		if (v.site.class == HOTPATH__SITE_CLASS__SITE_NONE)
			note_refused(a, b, fn, &v);
		if (v.site.class == HOTPATH__SITE_CLASS__SITE_NONE && !all)
			continue;
		out->functions[out->n_functions] = &block[out->n_functions];
		if (fill_function(a, b, fn, &v, &block[out->n_functions++]) < 0)
			return -ENOMEM;
	}
	a->n_functions += out->n_functions;

	return 0;
}

/* --- objects --------------------------------------------------------------- */

int add_note(struct answer *a, Hotpath__ReaderObjectReply *out, char *note)
{
	note = keep(a, note);
	if (note && !out->notes)
		out->notes = keep(a, calloc(NOTES_MAX, sizeof(*out->notes)));
	if (!note || !out->notes)
		return -ENOMEM;
	out->notes[out->n_notes++] = note;

	return 0;
}

#define SKIPPED "%zu symbols left out: names over %u bytes, or beyond %u symbols"

static int note_skipped(struct answer *a, const struct book *b, Hotpath__ReaderObjectReply *out)
{
	char *note = NULL;

	if (!b->functions.skipped)
		return 0;
	if (asprintf(&note, SKIPPED, b->functions.skipped, SYMBOLS_NAME_MAX, SYMBOLS_MAX) < 0)
		return -ENOMEM;

	return add_note(a, out, note);
}

static int note_refused_debug(struct answer *a, const struct book *b,
			      Hotpath__ReaderObjectReply *out)
{
	_cleanup_free_ char *path = NULL;
	char *note = NULL;

	if (!b->debug_refused)
		return 0;
	path = text_printable(text_from(b->debug_refused), 200);
	if (!path ||
	    asprintf(&note,
		     "debug file %s not used: others than root and the owner of the program's "
		     "file can write it",
		     path) < 0)
		return -ENOMEM;

	return add_note(a, out, note);
}

static int fill_facts(struct answer *a, const struct book *b, Hotpath__ReaderObjectReply *out)
{
	const struct object *o = b->object;
	struct place place;

	out->soname = keep(a, text_printable(o->soname, 256));
	if (!out->soname)
		return -ENOMEM;
	out->build_id = (char *)o->build_id;
	out->raises = constant(b->facts.raises);
	out->lands = b->facts.lands;
	out->rewrites_stack = b->facts.rewrites_stack;
	out->loads = constant(b->facts.loads);
	out->switches_stacks = constant(b->facts.switches_stacks);
	out->language = constant(b->facts.language);
	out->is_static = object_is_static(o);
	out->loader_hook = b->facts.loader_hook;
	if (b->facts.hook_address && b->facts.debug_address)
		out->loader_state = b->facts.debug_address + offsetof(struct r_debug, r_state) -
				    b->facts.hook_address;
	out->entry =
		o->header.e_entry && object_offset(o, o->header.e_entry, &place) ? place.offset : 0;

	return 0;
}

static int fill_object(struct answer *a, size_t i, Hotpath__ReaderObjectReply *out)
{
	const struct selection_object so = answer_object(a, i);
	struct book *b = &a->books[i];
	int r;

	hotpath__reader_object_reply__init(out);
	out->path = a->request->objects[i]->path;
	out->main = so.main;
	out->error = constant(b->error);
	if (!b->object)
		return 0;
	if (a->request->places_only)
		return answer_places(a, i, out);

	r = fill_facts(a, b, out);
	if (r < 0 || a->request->facts_only || !selection_reads(&a->selection, &so))
		return r;
	r = book_read_functions(b);
	if (r == 0 && a->request->exits)
		r = book_prepare_exits(b);
	if (r < 0)
		return r;
	out->symbols_from = constant(b->symbols_from);
	out->functions_total = (uint32_t)b->functions.count;
	r = fill_functions(a, i, out);
	if (r < 0)
		return r;

	if (b->nameless)
		r = add_note(a, out, strdup(b->nameless));
	if (r < 0)
		return r;
	r = note_skipped(a, b, out);

	return r < 0 ? r : note_refused_debug(a, b, out);
}

static int fill_objects(struct answer *a)
{
	Hotpath__ReaderObjectReply *block = keep(a, calloc(a->n + 1, sizeof(*block)));
	Hotpath__ReaderObjectReply **list = keep(a, calloc(a->n + 1, sizeof(*list)));

	if (!block || !list)
		return -ENOMEM;
	a->reply.objects = list;

	for (size_t i = 0; i < a->n; i++) {
		const Hotpath__ReaderObject *o = a->request->objects[i];
		int r;

		if (o->fd > INT32_MAX)
			return -EBADF;
		r = book_open(&a->books[i], (int)o->fd, bytes_text(o->path));
		if (r < 0)
			return r;
		list[i] = &block[i];
		a->reply.n_objects = i + 1;
		r = fill_object(a, i, &block[i]);
		if (r < 0)
			return r;
	}

	return 0;
}

/* --- what was not found ---------------------------------------------------- */

static int list_unmatched(struct answer *a, const struct pattern **ret_first)
{
	struct selection *s = &a->selection;

	a->reply.unmatched = keep(a, calloc(s->n + 1, sizeof(*a->reply.unmatched)));
	if (!a->reply.unmatched)
		return -ENOMEM;

	for (size_t i = 0; i < s->n; i++) {
		struct pattern *p = s->patterns[i];
		char *source;

		if (pattern_excludes(p) || *pattern_matches(p))
			continue;
		source = keep(a, text_printable(pattern_source(p), 200));
		if (!source)
			return -ENOMEM;
		if (!a->reply.n_unmatched)
			*ret_first = p;
		a->reply.unmatched[a->reply.n_unmatched++] = source;
	}

	return 0;
}

struct text answer_written_name(struct answer *a, struct text name)
{
	struct demangled d = {0};
	char *kept;

	demangle(name, &d);
	kept = keep(a, d.qualified ? TAKE(d.qualified) : TAKE(d.full));
	demangled_free(&d);

	return kept ? text_from(kept) : name;
}

static int list_nearest(struct answer *a, const struct pattern *p)
{
	struct nearest nearest = {.needle = pattern_needle(p)};
	size_t left = NEAREST_NAMES_MAX;

	for (size_t i = 0; i < a->n; i++) {
		const struct functions *f = &a->books[i].functions;
		bool elsewhere = !a->request->objects[i]->main;

		for (size_t k = 0; k < f->n_names && f->list && left; k++, left--)
			if (f->names[k].name.size && !f->names[k].unnamed)
				nearest_offer(&nearest, answer_written_name(a, f->names[k].name),
					      elsewhere);
	}

	a->reply.nearest = keep(a, calloc(NEAREST_MAX, sizeof(*a->reply.nearest)));
	if (!a->reply.nearest)
		return -ENOMEM;
	for (size_t i = 0; i < nearest.count; i++) {
		char *name = keep(a, text_printable(nearest.best[i], 200));

		if (!name)
			return -ENOMEM;
		a->reply.nearest[a->reply.n_nearest++] = name;
	}

	return 0;
}

static size_t count_skipped(const struct answer *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		n += a->books[i].functions.skipped;

	return n;
}

static const struct book *main_book(const struct answer *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->request->objects[i]->main)
			return &a->books[i];

	return NULL;
}

/* Why so little was found: the first that applies. */
static int set_hint(struct answer *a)
{
	const struct book *b = main_book(a);
	_cleanup_free_ char *file = b ? text_printable(b->file, 100) : NULL;
	_cleanup_free_ char *refused = text_printable(a->refused, 200);
	char *hint = NULL;
	size_t skipped = count_skipped(a);
	int n = 0;

	/* What was meant may be among them. */
	if (a->reply.n_unmatched && skipped)
		n = asprintf(&hint, SKIPPED, skipped, SYMBOLS_NAME_MAX, SYMBOLS_MAX);
	else if (!a->n_functions && a->n_refused)
		n = asprintf(&hint, "%zu matching function%s can not be probed (%s: %s)",
			     a->n_refused, a->n_refused == 1 ? "" : "s", refused,
			     a->refused_reason);
	else if (file && b->functions_read && !b->functions.count)
		n = asprintf(&hint,
			     "%s has no symbols (stripped): install its debug package (-dbgsym, "
			     "-debuginfo), or name functions of its libraries",
			     file);
	else if (file && b->functions.n_unnamed && a->reply.n_unmatched)
		n = asprintf(&hint,
			     "%s is stripped: %zu of its functions have a name, %zu go by their "
			     "address (%s+0x...): '%s:*' lists them, its debug package (-dbgsym, "
			     "-debuginfo) names them",
			     file, b->functions.count - b->functions.n_unnamed,
			     b->functions.n_unnamed, file, file);
	else if (file && b->functions_read && a->reply.n_unmatched &&
		 !strcmp(b->symbols_from, ".dynsym"))
		n = asprintf(&hint,
			     "%s is stripped, only functions that it exports are known: install "
			     "its debug package (-dbgsym, -debuginfo)",
			     file);
	if (n < 0)
		return -ENOMEM;
	if (hint && !(hint = keep(a, hint)))
		return -ENOMEM;
	a->reply.hint = constant(hint);

	return 0;
}

static int explain(struct answer *a)
{
	const struct pattern *first = NULL;
	int r = list_unmatched(a, &first);

	if (r == 0 && first)
		r = list_nearest(a, first);
	if (r == 0)
		r = set_hint(a);

	return r;
}

/* --- the whole ------------------------------------------------------------- */

/* An error stands alone: nothing that was found so far goes with it. */
static int fail(struct answer *a, char *error)
{
	hotpath__reader_reply__init(&a->reply);
	a->reply.error = keep(a, error);

	return a->reply.error ? 0 : -ENOMEM;
}

static int parse_patterns(struct answer *a, char **ret_error)
{
	bool none = a->request->facts_only || a->request->places_only;
	size_t n = none ? 0 : a->request->n_patterns;
	_cleanup_free_ struct text *sources = calloc(n + 1, sizeof(*sources));

	if (!sources)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		sources[i] = bytes_text(a->request->patterns[i]);

	return selection_parse(&a->selection, sources, n, ret_error);
}

static int check_limit(struct answer *a)
{
	char *error = NULL;

	if (!a->request->max_functions || a->n_functions <= a->request->max_functions)
		return 0;
	if (asprintf(&error,
		     "%zu functions match, more than the limit of %u: use a narrower pattern",
		     a->n_functions, a->request->max_functions) < 0)
		return -ENOMEM;

	return fail(a, error);
}

static int fill(struct answer *a)
{
	char *error = NULL;
	int r;

	if (a->n > OBJECTS_MAX)
		return fail(a, strdup("more objects than a process can sensibly have"));
	r = parse_patterns(a, &error);
	if (r == -EINVAL)
		return fail(a, error);
	if (r == 0)
		r = fill_objects(a);
	if (r == -EBADF)
		return fail(a, strdup("a file descriptor is out of range"));
	if (r == 0 && !a->request->facts_only && !a->request->places_only)
		r = explain(a);

	return r < 0 ? r : check_limit(a);
}

int answer_new(const Hotpath__ReaderRequest *request, struct answer **ret)
{
	_cleanup_(answer_freep) struct answer *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	a->request = request;
	a->n = request->n_objects;
	hotpath__reader_reply__init(&a->reply);
	a->books = calloc(a->n + 1, sizeof(*a->books));
	if (!a->books)
		return -ENOMEM;
	r = fill(a);
	if (r < 0)
		return r;
	*ret = TAKE(a);

	return 0;
}

struct answer *answer_free(struct answer *a)
{
	if (!a)
		return NULL;
	for (size_t i = 0; a->books && i < a->n; i++)
		book_close(&a->books[i]);
	selection_free(&a->selection);
	exits_free(&a->exits);
	for (size_t i = 0; i < a->n_kept; i++)
		free(a->kept[i]);
	free(a->kept);
	free(a->books);
	free(a);

	return NULL;
}

const Hotpath__ReaderReply *answer_reply(const struct answer *a)
{
	return &a->reply;
}
