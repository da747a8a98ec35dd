/* SPDX-License-Identifier: GPL-2.0-only */
/* One object: its files opened, its functions listed and judged. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/reader/book.h"
#include "daemon/reader/debugfile.h"
#include "daemon/reader/debuginfo.h"
#include "daemon/reader/frames.h"
#include "daemon/reader/gopclntab.h"
#include "daemon/reader/never.h"
#include "daemon/reader/pattern.h"
#include "daemon/reader/retaddr.h"
#include "daemon/reader/unnamed.h"

static int set_error(struct book *b, const char *error)
{
	b->error = strdup(error);

	return b->error ? 0 : -ENOMEM;
}

static void collect_facts(struct book *b)
{
	struct symbol_table table;
	const struct object *o = b->object;

	if (symbols_open(o, SYMBOLS_STATIC, &table) == 0) {
		b->facts.named = true;
		facts_add(&b->facts, o, &table);
	}
	if (symbols_open(o, SYMBOLS_DYNAMIC, &table) == 0)
		facts_add(&b->facts, o, &table);
	facts_finish(&b->facts, o);

	b->never_return = never_return_object(o, !strcmp(b->facts.language, "go"));
	b->allocator = never_unwinds_object(o, b->file);
}

int book_open_image(struct book *b, struct image image, struct text path)
{
	const char *error = NULL;
	int r;

	*b = (struct book){.path = path, .file = pattern_file_name(path)};
	r = object_parse(image, &b->object, &error);
	if (r == -ENOMEM)
		return r;
	if (r == 0 && b->object->sections_error) {
		error = b->object->sections_error;
		b->object = object_free(b->object);
	}
	if (error)
		return set_error(b, error);
	collect_facts(b);

	return 0;
}

static const char *open_error(int r)
{
	switch (r) {
	case -ENODEV:
		return "not a regular file";
	case -ENODATA:
		return "empty file";
	default:
		return strerror(-r);
	}
}

int book_open(struct book *b, int fd, struct text path)
{
	struct image image;
	struct stat st;
	int r;

	r = image_open(fd, &image);
	if (r < 0) {
		*b = (struct book){.path = path, .file = pattern_file_name(path)};
		return set_error(b, open_error(r));
	}

	r = book_open_image(b, image, path);
	if (r == 0 && fstat(fd, &st) == 0)
		b->user = st.st_uid;

	return r;
}

/* The first source that gave something. */
static int set_from(struct book *b, const char *from)
{
	if (!b->symbols_from)
		b->symbols_from = strdup(from);

	return b->symbols_from ? 0 : -ENOMEM;
}

/* Adds the table of one file. */
static int add_table(struct book *b, const struct object *o, enum symbols_kind kind,
		     const char *from)
{
	size_t before = b->functions.n_names;
	struct symbol_table table;
	int r;

	if (symbols_open(o, kind, &table) < 0)
		return -ENOENT;
	r = functions_add(&b->functions, &table);

	return r < 0 || b->functions.n_names == before ? r : set_from(b, from);
}

/* The object's own table, else that of its debug file, else what is embedded. */
static int add_static(struct book *b)
{
	_cleanup_free_ char *path = NULL;
	int r = add_table(b, b->object, SYMBOLS_STATIC, ".symtab");

	if (r != -ENOENT)
		return r;
	r = debugfile_open(b->object, b->path, b->user, &b->debug, &path, &b->debug_refused);
	if (r == 0)
		r = add_table(b, b->debug, SYMBOLS_STATIC, path);
	if (r == 0 || r == -ENOMEM)
		return r;
	r = debugfile_embedded(b->object, &b->embedded);
	if (r == 0)
		r = add_table(b, b->embedded, SYMBOLS_STATIC, ".gnu_debugdata");

	return r == -ENOMEM ? r : 0;
}

/* Stripped Go: its runtime's own table. */
static int add_go(struct book *b)
{
	size_t n;
	int r = gopclntab_add(&b->functions, b->object, &n, &b->nameless);

	return r < 0 || !n ? r : set_from(b, ".gopclntab");
}

/* Stripped: what no symbol names goes by its address. */
static int add_unnamed(struct book *b)
{
	int r = unnamed_add(&b->functions, b->object, b->file, &b->unnamed);

	if (r < 0 || !b->unnamed)
		return r;
	r = set_from(b, ".eh_frame");

	return r < 0 ? r : functions_finish(&b->functions, b->object);
}

static uint64_t find_resumer(const struct functions *f)
{
	for (size_t i = 0; i < f->n_names && f->list; i++)
		if (text_is(f->names[i].name, "runtime.deferreturn"))
			return f->names[i].vaddr;

	return 0;
}

static int read_functions(struct book *b)
{
	bool stripped;
	int r;

	r = add_static(b);
	if (r < 0)
		return r;
	stripped = !b->symbols_from;
	if (stripped)
		r = add_go(b);
	if (r < 0)
		return r;
	r = add_table(b, b->object, SYMBOLS_DYNAMIC, ".dynsym");
	if (r < 0 && r != -ENOENT)
		return r;
	r = functions_finish(&b->functions, b->object);
	if (r < 0)
		return r;

	if (!strcmp(b->facts.language, "go"))
		b->resumer = find_resumer(&b->functions);

	return stripped ? add_unnamed(b) : 0;
}

int book_read_functions(struct book *b)
{
	int r;

	if (!b->object || b->functions_read)
		return 0;
	b->functions_read = true;
	r = frames_sort(b->object);
	if (r == 0)
		r = read_functions(b);
	if (r < 0)
		return r;
	b->takes_return = calloc(b->functions.count + 1, 1);

	return b->takes_return ? 0 : -ENOMEM;
}

void book_close(struct book *b)
{
	functions_free(&b->functions);
	slots_free(&b->slots);
	references_free(&b->references);
	free(b->takes_return);
	b->object = object_free(b->object);
	b->debug = object_free(b->debug);
	b->embedded = object_free(b->embedded);
	free(b->symbols_from);
	free(b->unnamed);
	free(b->debug_refused);
	free(b->error);
	*b = (struct book){0};
}

const struct object *book_debuginfo(const struct book *b)
{
	if (b->object && debuginfo_has(b->object))
		return b->object;

	return b->debug && debuginfo_has(b->debug) ? b->debug : NULL;
}

static uint64_t code_size(const struct function *fn)
{
	/* Without a size the next symbol ends it: what is decoded beyond it only adds caution. */
	uint64_t size = fn->size ? fn->size : fn->bound;

	return size < fn->place.room ? size : fn->place.room;
}

static bool is_cold(const struct book *b, const struct function *fn)
{
	struct text name = functions_name(&b->functions, fn, 0);

	while (name.size && name.p[name.size - 1] >= '0' && name.p[name.size - 1] <= '9')
		name.size--;

	return text_ends(name, ".cold") || text_ends(name, ".cold.");
}

enum placement_part_kind book_find_part(const void *context, uint64_t vaddr,
					struct placement_part *ret)
{
	const struct book *b = context;
	const struct function *fn = functions_around(&b->functions, vaddr);
	struct place place;

	if (fn && fn->vaddr == vaddr && !is_cold(b, fn))
		return PART_FUNCTION;
	ret->cold = false;
	if (fn && vaddr - fn->vaddr < fn->size) {
		ret->cold = is_cold(b, fn);
		ret->vaddr = fn->vaddr;
		ret->size = fn->size;
	} else if (!frames_find(b->object, vaddr, &ret->vaddr, &ret->size)) {
		return PART_UNKNOWN;
	}
	if (!object_offset(b->object, ret->vaddr, &place) || ret->size > place.room)
		return PART_UNKNOWN;
	ret->code = image_at(&b->object->image, place.offset, ret->size);

	return ret->code ? PART_CODE : PART_UNKNOWN;
}

/* Where the kernel begins, not who calls; a library's is often made up. */
static bool is_entry(const struct object *o, const struct function *fn)
{
	return fn->vaddr == o->header.e_entry && !o->soname.size &&
	       (o->has_interpreter || object_is_static(o));
}

static const char *unprobeable(const struct book *b, const struct function *fn)
{
	if (is_entry(b->object, fn))
		return never_probe(text_from("_start"));
	if (!fn->mapped)
		return "its code is not in the file";
	if (!fn->place.executable)
		return "not in executable memory";
	if (fn->resolver)
		return "IFUNC: the symbol names the resolver, not the function";

	for (uint32_t k = 0; k < fn->n_names; k++) {
		const char *reason = never_probe(functions_name(&b->functions, fn, k));

		if (reason)
			return reason;
	}

	return NULL;
}

static struct placement place(const struct book *b, const struct function *fn,
			      const struct book_options *options)
{
	const char *reason = unprobeable(b, fn);
	struct placement_code code = {
		.size = code_size(fn),
		.vaddr = fn->vaddr,
		.nop5_stepped = options->nop5_stepped,
		.arguments_free = options->arguments_free,
		.find_part = book_find_part,
		.context = b,
	};

	if (reason)
		return (struct placement){HOTPATH__SITE_CLASS__SITE_NONE, 0, reason};
	/* A second symbol within the prologue is entered by calls of its own. */
	if (code.size > fn->bound)
		code.size = fn->bound;
	code.code = image_at(&b->object->image, fn->place.offset, code.size);

	return placement_decide(&code);
}

/* By its code, for those that have no telling name. */
static const char *never_by_code(const struct book *b, const struct function *fn)
{
	uint64_t size = fn->mapped ? code_size(fn) : 0;
	const char *objection;
	const uint8_t *code;

	if (!size || !fn->place.executable || fn->resolver)
		return NULL;
	if (size > fn->bound)
		size = fn->bound;
	code = image_at(&b->object->image, fn->place.offset, size);

	objection = code ? retaddr_objection(code, size) : NULL;
	if (!objection && code && strcmp(b->facts.language, "go") &&
	    book_takes_return(b, fn->vaddr))
		objection = RETADDR_TAKES;

	return objection;
}

struct verdict book_judge(const struct book *b, const struct function *fn,
			  const struct book_options *options)
{
	struct verdict v = {.site = place(b, fn, options), .never_return = b->never_return};
	const char *by_code = never_by_code(b, fn);

	if (object_is_loader(b->object))
		v.never_timed = b->never_return;

	for (uint32_t k = 0; k < fn->n_names; k++) {
		struct text name = functions_name(&b->functions, fn, k);

		if (!v.never_return)
			v.never_return = never_return(name);
		if (!v.never_timed)
			v.never_timed = never_timed(name);
		if (b->allocator && never_unwinds(name))
			v.never_unwinds = true;
	}
	if (!v.never_return && fn->unnamed)
		v.never_return = never_return_unnamed(b->object);
	if (!v.never_return)
		v.never_return = by_code;
	if (!v.never_timed && by_code && retaddr_leaves_stack(by_code))
		v.never_timed = by_code;

	return v;
}
