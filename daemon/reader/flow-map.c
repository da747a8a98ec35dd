/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the bytes of a traced function are: its own code and its parts, numbered as one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/reader/flow.h"

#define INSTRUCTION_MAX 15

const struct flow_stretch *flow_stretch(const struct flow *f, uint32_t at)
{
	size_t i = 0;

	while (i + 1 < f->n_stretches && f->stretches[i + 1].base <= at)
		i++;

	return &f->stretches[i];
}

uint64_t flow_vaddr(const struct flow *f, uint32_t at)
{
	const struct flow_stretch *s = flow_stretch(f, at);

	return s->part.vaddr + (at - s->base);
}

const uint8_t *flow_bytes(const struct flow *f, uint32_t at, size_t *ret_room)
{
	const struct flow_stretch *s = flow_stretch(f, at);

	*ret_room = s->part.size - (at - s->base);

	return s->part.code + (at - s->base);
}

bool flow_locate(const struct flow *f, uint64_t vaddr, uint32_t *ret_at)
{
	for (size_t i = 0; i < f->n_stretches; i++) {
		const struct flow_stretch *s = &f->stretches[i];

		if (vaddr - s->part.vaddr < s->part.size) {
			*ret_at = s->base + (uint32_t)(vaddr - s->part.vaddr);
			return true;
		}
	}

	return false;
}

uint32_t flow_find(const struct flow *f, uint32_t at)
{
	if (at >= f->size || !f->map[at] || f->map[at] == FLOW_WITHIN)
		return FLOW_NONE;

	return f->map[at] - 1;
}

uint32_t flow_before(const struct flow *f, uint32_t step)
{
	uint32_t at = f->steps[step].at, start = flow_stretch(f, at)->base;

	for (uint32_t i = 1; i <= INSTRUCTION_MAX && at - start >= i; i++) {
		uint32_t n = flow_find(f, at - i);

		if (n == FLOW_NONE)
			continue;
		if (f->steps[n].step.length != i)
			return FLOW_NONE;
		switch (f->steps[n].step.kind) {
		case STEP_ON:
		case STEP_CALL:
		case STEP_BRANCH:
			return n;
		default:
			return FLOW_NONE;
		}
	}

	return FLOW_NONE;
}

int flow_grow(void **list, uint32_t *room, uint32_t need, size_t size)
{
	uint32_t want = *room ? *room : 256;
	void *p;

	if (need <= *room)
		return 0;
	while (want < need)
		want *= 2;
	p = reallocarray(*list, want, size);
	if (!p)
		return -ENOMEM;
	*list = p;
	*room = want;

	return 0;
}

static bool overlaps(const struct flow *f, const struct placement_part *part)
{
	for (size_t i = 0; i < f->n_stretches; i++) {
		const struct placement_part *p = &f->stretches[i].part;

		if (part->vaddr - p->vaddr < p->size || p->vaddr - part->vaddr < part->size)
			return true;
	}

	return false;
}

int flow_add_stretch(struct flow *f, struct placement_part part)
{
	struct flow_stretch *s = &f->stretches[f->n_stretches];
	int r;

	if (f->n_stretches == FLOW_STRETCHES_MAX) {
		f->why = "it has too many parts";
		return 0;
	}
	if (part.size > FLOW_SIZE_MAX - f->size) {
		f->why = "its code is too large";
		return 0;
	}
	if (!part.size || overlaps(f, &part)) {
		f->why = part.size ? "its parts overlap" : "its size is not known";
		return 0;
	}
	r = flow_grow((void **)&f->map, &f->map_room, f->size + (uint32_t)part.size, sizeof(*f->map));
	if (r < 0)
		return r;
	memset(f->map + f->size, 0, part.size * sizeof(*f->map));
	*s = (struct flow_stretch){.part = part, .base = f->size};
	s->first_landing = f->landings.n;
	r = f->code->find_landings ? f->code->find_landings(f->code->context, part.vaddr,
							    &f->landings)
				   : 0;
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		f->why = "its landing pads can not be read";
	s->n_landings = f->landings.n - s->first_landing;
	f->size += (uint32_t)part.size;
	f->n_stretches++;

	return 0;
}
