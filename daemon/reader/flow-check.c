/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether what was traced is all there is, and code at all. */
#include "daemon/reader/flow.h"

#define PADDING_MAX 64 /* bytes on either side that are looked at */

static const struct level no_level = {LEVEL_UNKNOWN, LEVEL_UNKNOWN};

static bool is_padding(const uint8_t *code, size_t size)
{
	while (size) {
		struct level level = no_level;
		struct step s;

		if (step_decode(code, size, 0, &level, &s) < 0 ||
		    (!s.nop && s.kind != STEP_STOP))
			return false;
		code += s.length;
		size -= s.length;
	}

	return true;
}

bool flow_is_padding(const struct flow *f, uint32_t at)
{
	uint32_t start = at, end = at, base = flow_stretch(f, at)->base;
	size_t room;
	const uint8_t *code;

	while (start > base && !f->map[start - 1] && at - start < PADDING_MAX)
		start--;
	code = flow_bytes(f, start, &room);
	while (end - start < room && !f->map[end] && end - at < PADDING_MAX)
		end++;

	return end > start && is_padding(code, end - start);
}

/* Whether anything but padding was not reached: dead code, data, or a way we do not know. */
static bool leaves_code(const struct flow *f)
{
	for (size_t i = 0; i < f->n_stretches; i++) {
		const struct flow_stretch *s = &f->stretches[i];

		for (uint32_t at = 0; at < s->part.size;) {
			uint32_t end = at;

			while (end < s->part.size && !f->map[s->base + end])
				end++;
			if (end > at && !is_padding(s->part.code + at, end - at))
				return true;
			at = end + 1;
		}
	}

	return false;
}

const char *flow_check(struct flow *f)
{
	if (leaves_code(f))
		return f->guessed ? "an indirect jump may lead to code that nothing else leads to"
				  : "nothing seen leads to a part of its code";

	return flow_find_data(f);
}
