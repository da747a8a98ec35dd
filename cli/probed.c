// SPDX-License-Identifier: GPL-2.0-only
/* One function of an object, put together from what was told; probed.h. */
#include <string.h>
#include "cli/probed.h"

/* O(functions * inlined ones): those that patterns name, a few thousand at most. */
static uint32_t inlined_copies(const Hotpath__ReaderObjectReply *o, ProtobufCBinaryData name)
{
	for (size_t i = 0; i < o->n_inlined; i++)
		if (o->inlined[i]->name.len == name.len && name.len &&
		    !memcmp(o->inlined[i]->name.data, name.data, name.len))
			return o->inlined[i]->sites;

	return 0;
}

static Hotpath__SiteClass dearest_exit(const Hotpath__ReaderFunction *f)
{
	Hotpath__SiteClass dearest = HOTPATH__SITE_CLASS__SITE_NONE;

	for (size_t i = 0; i < f->n_exits; i++)
		if (f->exits[i]->class_ > dearest)
			dearest = f->exits[i]->class_;

	return dearest;
}

struct probed probed_at(const Hotpath__ProbedObject *object, size_t i)
{
	struct probed p = {.f = object->object->functions[i]};
	bool possible = p.f->class_ != HOTPATH__SITE_CLASS__SITE_NONE;

	p.reason = possible && *p.f->never_return ? p.f->never_return : p.f->site_reason;
	p.judged = i < object->n_returns;
	if (p.judged)
		p.returns = object->returns[i];
	if (possible && i < object->n_returns_reason)
		p.reason = object->returns_reason[i];
	if (possible && i < object->n_price_ns)
		p.price_ns = object->price_ns[i];
	p.exit_class = dearest_exit(p.f);
	p.inlined = inlined_copies(object->object, p.f->name);
	return p;
}

bool probed_is_possible(const struct probed *p)
{
	return p->f->class_ != HOTPATH__SITE_CLASS__SITE_NONE;
}

bool probed_is_stepped(const struct probed *p)
{
	return p->f->class_ == HOTPATH__SITE_CLASS__SITE_STEPPED ||
	       (p->judged && p->returns == HOTPATH__RETURNS__RETURNS_SITES &&
		p->exit_class == HOTPATH__SITE_CLASS__SITE_STEPPED);
}

static void count_one(struct probed_tally *tally, const struct probed *p)
{
	tally->judged |= p->judged;
	tally->priced |= p->price_ns > 0;
	tally->inlined |= p->inlined > 0;
	if (!probed_is_possible(p)) {
		tally->impossible++;
		return;
	}
	tally->session += p->judged && p->returns == HOTPATH__RETURNS__RETURNS_SESSION;
	tally->sites += p->judged && p->returns == HOTPATH__RETURNS__RETURNS_SITES;
	tally->entry_only += p->judged && p->returns == HOTPATH__RETURNS__RETURNS_NONE;
	if (!probed_is_stepped(p))
		return;
	tally->stepped++;
	if (p->price_ns > tally->stepped_most_ns)
		tally->stepped_most_ns = p->price_ns;
}

struct probed_tally probed_count(const Hotpath__ProbedObject *object)
{
	struct probed_tally tally = {0};

	for (size_t i = 0; i < object->object->n_functions; i++) {
		struct probed p = probed_at(object, i);

		count_one(&tally, &p);
	}

	return tally;
}
