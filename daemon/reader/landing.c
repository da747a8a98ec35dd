/* SPDX-License-Identifier: GPL-2.0-only */
/* The call-site table of an LSDA, as every C++, Rust and D compiler writes it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/reader/frames.h"
#include "daemon/reader/landing.h"

#define PE_OMIT	  0xff
#define PE_ULEB	  0x01
#define PE_UDATA4 0x03

struct cursor {
	const uint8_t *at, *end;
	bool bad;
};

static uint8_t take_byte(struct cursor *c)
{
	if (c->at >= c->end) {
		c->bad = true;
		return 0;
	}

	return *c->at++;
}

static uint64_t take_uleb(struct cursor *c)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 63; shift += 7) {
		uint8_t byte = take_byte(c);

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	c->bad = true;

	return 0;
}

static uint64_t take_word(struct cursor *c, uint8_t encoding)
{
	uint32_t value;

	if (encoding == PE_ULEB)
		return take_uleb(c);
	if (encoding != PE_UDATA4 || c->end - c->at < 4) {
		c->bad = true;
		return 0;
	}
	memcpy(&value, c->at, sizeof(value));
	c->at += sizeof(value);

	return value;
}

static int append(struct landings *l, struct landing landing)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		void *list = reallocarray(l->list, room, sizeof(*l->list));

		if (!list)
			return -ENOMEM;
		l->list = list;
		l->room = room;
	}
	l->list[l->n++] = landing;

	return 0;
}

static int read_sites(struct cursor c, uint8_t encoding, uint64_t start, struct landings *ret)
{
	uint64_t last = 0;

	while (c.at < c.end) {
		uint64_t from = take_word(&c, encoding), size = take_word(&c, encoding);
		uint64_t pad = take_word(&c, encoding);
		int r;

		take_uleb(&c); /* what is done there: caught or cleaned up is the same to us */
		if (c.bad || from < last || from > UINT32_MAX || size > UINT32_MAX)
			return -EBADMSG;
		last = from + size;
		if (!pad || !size)
			continue;
		r = append(ret, (struct landing){start + from, start + last, start + pad});
		if (r < 0)
			return r;
	}

	return 0;
}

int landings_read(const struct object *o, uint64_t vaddr, struct landings *ret)
{
	uint64_t start = 0, lsda = 0, size;
	struct place place;
	struct cursor c;
	uint8_t encoding;

	switch (frames_find_lsda(o, vaddr, &start, &lsda)) {
	case FRAMES_NO_LSDA:
		return 0;
	case FRAMES_UNREADABLE:
		return -EBADMSG;
	case FRAMES_LSDA:
		break;
	}
	if (!object_offset(o, lsda, &place))
		return -EBADMSG;
	c.at = image_at(&o->image, place.offset, place.room);
	if (!c.at)
		return -EBADMSG;
	c.end = c.at + place.room;
	c.bad = false;
	/* Pads that count from elsewhere than the function's start: no compiler at hand
	 * writes them. */
	if (take_byte(&c) != PE_OMIT)
		return -EBADMSG;
	if (take_byte(&c) != PE_OMIT)
		take_uleb(&c); /* where the types begin */
	encoding = take_byte(&c);
	size = take_uleb(&c);
	if (c.bad || size > (uint64_t)(c.end - c.at))
		return -EBADMSG;
	c.end = c.at + size;

	return read_sites(c, encoding, start, ret);
}

void landings_free(struct landings *l)
{
	free(l->list);
	*l = (struct landings){0};
}
