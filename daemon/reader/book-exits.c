/* SPDX-License-Identifier: GPL-2.0-only */
/* The ways out of a book's functions: what its file says to the questions of the flow. */
#include <errno.h>

#include "daemon/reader/book.h"
#include "daemon/reader/callee.h"
#include "daemon/reader/frames.h"
#include "daemon/reader/never.h"
#include "daemon/reader/slots.h"

static const uint8_t *find_constants(const void *context, uint64_t vaddr, uint64_t *ret_room)
{
	const struct book *b = context;
	struct place place;

	if (!object_offset(b->object, vaddr, &place) || place.writable)
		return NULL;
	*ret_room = place.room;

	return image_at(&b->object->image, place.offset, place.room);
}

static int find_landings(const void *context, uint64_t vaddr, struct landings *ret)
{
	const struct book *b = context;

	return landings_read(b->object, vaddr, ret);
}

/* By its section: linkers also put constants into what is mapped executable. */
static bool is_code(const void *context, uint64_t vaddr)
{
	const struct book *b = context;
	struct place place;

	for (size_t i = 0; i < b->object->n_sections; i++) {
		const struct section *s = &b->object->sections[i];

		if (s->flags & SHF_ALLOC && vaddr - s->address < s->size && s->type != SHT_NOBITS)
			return s->flags & SHF_EXECINSTR;
	}

	return object_offset(b->object, vaddr, &place) && place.executable;
}

static bool is_referred(const void *context, uint64_t vaddr, uint64_t size)
{
	const struct book *b = context;

	return references_find(&b->references, vaddr, size);
}

static enum slot_kind find_slot(const void *context, uint64_t vaddr, uint64_t *ret)
{
	const struct book *b = context;

	return slots_find(&b->slots, b->object, vaddr, ret);
}

/* As its symbol says, or, where that says nothing, its frame description. */
static const char *find_body(const struct book *b, const struct function *fn,
			     struct placement_part *ret)
{
	uint64_t start;

	*ret = (struct placement_part){.vaddr = fn->vaddr, .size = fn->size};
	if (!fn->mapped || !fn->place.executable)
		return "its code is not in the file";
	if (!ret->size &&
	    (!frames_find(b->object, fn->vaddr, &start, &ret->size) || start != fn->vaddr))
		return "its size is not known";
	if (ret->size > fn->bound)
		return "another function begins inside of it";
	ret->code = image_at(&b->object->image, fn->place.offset, ret->size);

	return ret->code ? NULL : "its code is not in the file";
}

static bool takes_return(const void *context, uint64_t vaddr)
{
	return book_takes_return(context, vaddr);
}

static struct flow_code code_of(const struct book *b)
{
	return (struct flow_code){.find_part = book_find_part,
				  .find_constants = find_constants,
				  .find_landings = find_landings,
				  .find_slot = find_slot,
				  .takes_return = takes_return,
				  .is_referred = is_referred,
				  .is_code = is_code,
				  .context = b,
				  .fixed = b->object->header.e_type == ET_EXEC,
				  .resumer = b->resumer};
}

/* setjmp, the unwinder: they look at where they return to, but at no data there. */
static bool is_well_known(const struct book *b, const struct function *fn)
{
	for (uint32_t k = 0; k < fn->n_names; k++)
		if (never_return(functions_name(&b->functions, fn, k)))
			return true;

	return false;
}

bool book_takes_return(const struct book *b, uint64_t vaddr)
{
	const struct function *fn = functions_around(&b->functions, vaddr);
	const struct flow_code code = code_of(b);
	uint8_t *known;

	if (!fn || fn->vaddr != vaddr)
		return callee_takes_return(&code, vaddr);
	known = &b->takes_return[fn - b->functions.list];
	if (!*known)
		*known = !is_well_known(b, fn) && callee_takes_return(&code, vaddr) ? 2 : 1;

	return *known == 2;
}

static int find(const struct book *b, const struct function *fn, const struct placement *site,
		struct exits_finder *finder, struct exits *ret)
{
	struct flow_code code = code_of(b);

	*ret = (struct exits){.none = find_body(b, fn, &code.body)};
	if (!ret->none && b->object->text_relocations)
		ret->none = "its code is changed when it is loaded (text relocations)";
	if (!ret->none && site->class == HOTPATH__SITE_CLASS__SITE_NONE)
		ret->none = "its entry can not be probed";

	return ret->none ? 0 : exits_find(finder, &code, site->skip, ret);
}

static void fill_exit(const struct exit_site *site, uint64_t offset, Hotpath__ReaderExit *out)
{
	hotpath__reader_exit__init(out);
	out->offset = offset;
	out->class_ = site->class;
	out->sp_offset = site->sp_offset;
	out->frame_pointer = site->frame_pointer;
	out->condition = site->condition;
}

int book_prepare_exits(struct book *b)
{
	int r = b->object ? slots_read(&b->slots, b->object) : 0;

	return r == 0 && b->object ? references_read(&b->references, b->object, &b->functions) : r;
}

int book_fill_exits(const struct book *b, const struct function *fn, const struct placement *site,
		    struct exits_finder *finder, Hotpath__ReaderFunction *out)
{
	Hotpath__ReaderExit *block;
	struct exits exits;
	int r = find(b, fn, site, finder, &exits);

	if (r < 0)
		return r;
	out->no_exits = (char *)(exits.none ? exits.none : protobuf_c_empty_string);
	if (!exits.n)
		return 0;
	out->exits = exits_keep(finder, exits.n * sizeof(*out->exits));
	block = exits_keep(finder, exits.n * sizeof(*block));
	if (!out->exits || !block)
		return -ENOMEM;
	for (size_t i = 0; i < exits.n; i++) {
		struct place place;

		/* What was decoded lies in the file. */
		if (!object_offset(b->object, exits.list[i].vaddr, &place))
			return -EBADMSG;
		fill_exit(&exits.list[i], place.offset, &block[i]);
		out->exits[out->n_exits++] = &block[i];
	}

	return 0;
}
