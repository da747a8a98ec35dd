// SPDX-License-Identifier: GPL-2.0-only
/* Names of states, classes and programs. */
#include <stdlib.h>
#include <string.h>
#include "cli/name.h"
#include "cli/program.h"
#include "lib/cleanup.h"

#define COMM_MAX 15

char *program_name(const Hotpath__Target *t, size_t *ret_size)
{
	const uint8_t *slash = t->exe.len ? memrchr(t->exe.data, '/', t->exe.len) : NULL;
	const uint8_t *base = slash ? slash + 1 : t->exe.data;
	size_t size = t->exe.len - (size_t)(base - t->exe.data), n = t->comm.len;

	if (!n || (n == COMM_MAX && size > n && !memcmp(base, t->comm.data, n)))
		return name_copy(base, size, ret_size);

	return name_copy(t->comm.data, n, ret_size);
}

#define LOOK_UP(names, i) ((size_t)(i) < ARRAY_SIZE(names) ? names[i] : "unknown")

const char *program_state(Hotpath__TargetState state)
{
	static const char *const names[] = {
		[HOTPATH__TARGET_STATE__TARGET_RUNNING] = "running",
		[HOTPATH__TARGET_STATE__TARGET_EXITED] = "exited",
		[HOTPATH__TARGET_STATE__TARGET_DETACHED] = "detached",
		[HOTPATH__TARGET_STATE__TARGET_EXECED] = "execed",
		[HOTPATH__TARGET_STATE__TARGET_SILENCED] = "silenced",
	};

	return LOOK_UP(names, state);
}

const char *program_site_class(Hotpath__SiteClass site_class)
{
	static const char *const names[] = {
		[HOTPATH__SITE_CLASS__SITE_NONE] = "impossible",
		[HOTPATH__SITE_CLASS__SITE_NOP5] = "nop5",
		[HOTPATH__SITE_CLASS__SITE_EMULATED] = "emulated",
		[HOTPATH__SITE_CLASS__SITE_STEPPED] = "stepped",
	};

	return LOOK_UP(names, site_class);
}

const char *program_returns(Hotpath__Returns returns)
{
	static const char *const names[] = {
		[HOTPATH__RETURNS__RETURNS_NONE] = "none",
		[HOTPATH__RETURNS__RETURNS_SESSION] = "session",
		[HOTPATH__RETURNS__RETURNS_SITES] = "sites",
	};

	return LOOK_UP(names, returns);
}

void program_json_prices(struct jsonstream *s, Hotpath__Price **price, size_t n)
{
	jsonstream_open(s, "prices", '[');
	for (size_t i = 0; i < n; i++) {
		jsonstream_open(s, NULL, '{');
		jsonstream_value(s, "class", json_string(program_site_class(price[i]->class_)));
		jsonstream_value(s, "returns", json_string(program_returns(price[i]->returns)));
		jsonstream_value(s, "price_ns", json_integer((json_int_t)price[i]->ns));
		if (price[i]->inside_ns)
			jsonstream_value(s, "inside_ns",
					 json_integer((json_int_t)price[i]->inside_ns));
		jsonstream_close(s, '}');
	}
	jsonstream_close(s, ']');
}
