/* SPDX-License-Identifier: GPL-2.0-only */
/* Including and excluding patterns over objects and functions. */
#include <errno.h>
#include <stdlib.h>

#include "daemon/reader/selection.h"

int selection_parse(struct selection *s, const struct text *sources, size_t n, char **ret_error)
{
	s->patterns = calloc(n + 1, sizeof(*s->patterns));
	if (!s->patterns)
		return -ENOMEM;

	for (s->n = 0; s->n < n; s->n++) {
		int r = pattern_parse(sources[s->n], &s->patterns[s->n], ret_error);

		if (r < 0)
			return r;
		s->n_including += !pattern_excludes(s->patterns[s->n]) &&
				  !pattern_is_whole(s->patterns[s->n]);
	}

	return 0;
}

void selection_free(struct selection *s)
{
	for (size_t i = 0; i < s->n; i++)
		pattern_free(s->patterns[i]);
	free(s->patterns);
	*s = (struct selection){0};
}

static bool fits_object(const struct pattern *p, const struct selection_object *o)
{
	return pattern_fits_object(p, o->path, o->soname) ||
	       (o->called.size && pattern_fits_object(p, o->called, (struct text){0}));
}

bool selection_reads(const struct selection *s, const struct selection_object *o)
{
	if (!s->n_including && o->main)
		return true;

	for (size_t i = 0; i < s->n; i++)
		if (!pattern_excludes(s->patterns[i]) && fits_object(s->patterns[i], o))
			return true;

	return false;
}

static bool fits_any_name(const struct pattern *p, const struct selection_object *o,
			  const struct functions *f, const struct function *fn,
			  struct demangled *caches)
{
	if (fn->unnamed && !pattern_means_unnamed(p, o->main))
		return false;

	for (uint32_t k = 0; k < fn->n_names; k++) {
		/* Aliases beyond the cached few are rare: their demangling is done anew. */
		struct demangled own = {0};
		bool fits =
			pattern_fits_name(p, functions_name(f, fn, k), k < 4 ? &caches[k] : &own);

		demangled_free(&own);
		if (fits)
			return true;
	}

	return false;
}

bool selection_takes(struct selection *s, const struct selection_object *o,
		     const struct functions *f, const struct function *fn)
{
	bool included = !s->n_including && o->main, excluded = false;
	struct demangled caches[4] = {0};

	for (size_t i = 0; i < s->n; i++) {
		struct pattern *p = s->patterns[i];

		if (!fits_object(p, o) || !fits_any_name(p, o, f, fn, caches))
			continue;
		++*pattern_matches(p);
		if (pattern_excludes(p))
			excluded = true;
		else
			included = true;
	}
	for (size_t k = 0; k < 4; k++)
		demangled_free(&caches[k]);

	return included && !excluded;
}

bool selection_names(const struct selection *s, const struct selection_object *o, struct text name)
{
	bool included = !s->n_including && o->main, excluded = false;
	struct demangled cache = {0};

	for (size_t i = 0; i < s->n; i++) {
		const struct pattern *p = s->patterns[i];

		if (!fits_object(p, o) || !pattern_fits_name(p, name, &cache))
			continue;
		if (pattern_excludes(p))
			excluded = true;
		else
			included = true;
	}
	demangled_free(&cache);

	return included && !excluded;
}
