/* SPDX-License-Identifier: GPL-2.0-only */
/* Suffixes of gcc and clang, stripped from the end. */
#include "daemon/reader/clone.h"
#include "lib/cleanup.h"

static const char *const suffixes[] = {".constprop", ".isra",	".lto_priv", ".localalias",
				       ".llvm",	     ".__uniq", ".clone",    ".abi0"};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Without ".12" at its end. */
static struct text without_number(struct text name)
{
	struct text t = name;

	while (t.size && is_digit(t.p[t.size - 1]))
		t.size--;
	if (t.size == name.size || !t.size || t.p[t.size - 1] != '.')
		return name;
	t.size--;

	return t;
}

static bool strip_one(struct text *name)
{
	struct text t = without_number(*name);

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		struct text suffix = text_from(suffixes[i]);

		if (t.size > suffix.size && text_ends(t, suffixes[i])) {
			*name = (struct text){t.p, t.size - suffix.size};
			return true;
		}
	}

	return false;
}

struct text clone_base(struct text name)
{
	/* Clones of clones: foo.constprop.0.isra.0 */
	while (strip_one(&name))
		;

	return name;
}
