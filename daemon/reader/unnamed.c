/* SPDX-License-Identifier: GPL-2.0-only */
/* From frame descriptions to functions with made-up names. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/reader/frames.h"
#include "daemon/reader/unnamed.h"

#define DIGITS_MAX 20 /* "+0x", 16 digits, NUL */

struct gathering {
	const struct functions *named;
	const struct object *object;
	struct frame *list;
	size_t n, room;
	size_t ignored;
};

/* jmp *slot(%rip), behind what control-flow protection puts in front of it. */
static bool is_jump(const uint8_t *code, uint64_t size)
{
	static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};

	if (size > 4 && !memcmp(code, endbr64, 4)) {
		code += 4;
		size -= 4;
	}
	if (size > 1 && *code == 0xf2) {
		code++;
		size--;
	}

	return size > 1 && code[0] == 0xff && code[1] == 0x25;
}

/* Of the PLT: by its section, or, where those are stripped, too, by its code. */
static bool is_stub(const struct object *o, const struct frame *frame, const uint8_t *code)
{
	for (size_t i = 0; i < o->n_sections; i++) {
		const struct section *s = &o->sections[i];

		if (frame->start - s->address < s->size && s->flags & SHF_EXECINSTR)
			return text_begins(s->name, ".plt") || text_begins(s->name, ".iplt");
	}

	return is_jump(code, frame->size);
}

static bool is_code(const struct object *o, const struct frame *frame)
{
	struct place place;
	const uint8_t *code;

	if (!object_offset(o, frame->start, &place) || !place.executable ||
	    frame->size > place.room)
		return false;
	code = image_at(&o->image, place.offset, frame->size);

	return code && !is_stub(o, frame, code);
}

static bool is_named(const struct functions *f, uint64_t vaddr)
{
	const struct function *fn = functions_around(f, vaddr);

	return fn && (fn->vaddr == vaddr || vaddr - fn->vaddr < fn->size);
}

static int gather(const struct frame *frame, void *context)
{
	struct gathering *g = context;

	if (!frame->called || is_named(g->named, frame->start) || !is_code(g->object, frame))
		return 0;
	if (g->n == SYMBOLS_MAX) {
		g->ignored++;
		return 0;
	}
	if (g->n == g->room) {
		size_t room = g->room ? 2 * g->room : 256;
		void *list = reallocarray(g->list, room, sizeof(*g->list));

		if (!list)
			return -ENOMEM;
		g->list = list;
		g->room = room;
	}
	g->list[g->n++] = *frame;

	return 0;
}

int unnamed_add(struct functions *f, const struct object *o, struct text file, char **ret_names)
{
	size_t each = file.size + DIGITS_MAX;
	struct gathering g = {.named = f, .object = o};
	int r = frames_each(o, gather, &g);
	char *names = NULL;

	f->skipped += g.ignored;
	if (r == 0 && g.n) {
		names = reallocarray(NULL, g.n, each);
		r = names ? functions_reserve(f, g.n) : -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < g.n; i++) {
		char *name = names + i * each;
		int n = snprintf(name, each, "%.*s+0x%" PRIx64, (int)file.size, file.p,
				 g.list[i].start);

		f->names[f->n_names++] = (struct function_name){
			.name = {name, (size_t)n},
			.vaddr = g.list[i].start,
			.size = g.list[i].size,
			.type = STT_FUNC,
			.unnamed = true,
		};
	}
	free(g.list);
	*ret_names = names;

	return r;
}

bool unnamed_is_meant(struct text pattern)
{
	return text_contains(pattern, "+0x");
}
