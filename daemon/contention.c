// SPDX-License-Identifier: GPL-2.0-only
/* What a hit costs, against its price; see contention.h. */
#include "contention.h"

#include "encode.h"
#include "govern.h"
#include "model.h"
#include "registry.h"

/* Of the old factor so much stays: one odd second is not the machine's state. */
#define SMOOTH 0.5

bool contention_weigh(struct contention *c, uint64_t probe, uint64_t priced_ns, unsigned int hz)
{
	uint64_t samples = probe - c->probe, ns = priced_ns - c->priced_ns;
	double factor;

	/* Cleared by a reset. */
	if (probe < c->probe || priced_ns < c->priced_ns) {
		c->probe = probe;
		c->priced_ns = priced_ns;
		return false;
	}
	if (samples < CONTENTION_SAMPLES || !ns)
		return false;
	factor = (double)samples * 1e9 / hz / (double)ns;
	if (factor < CONTENTION_LEAST)
		factor = CONTENTION_LEAST;
	if (factor > CONTENTION_MOST)
		factor = CONTENTION_MOST;
	c->factor = c->factor > 0 ? SMOOTH * c->factor + (1 - SMOOTH) * factor : factor;
	c->probe = probe;
	c->priced_ns = priced_ns;
	return true;
}

uint32_t contention_scale(const struct contention *c)
{
	return c->factor < CONTENTION_MATTERS ? HP_PRICE_ONE : (uint32_t)(c->factor * HP_PRICE_ONE);
}

/* False: one that was called has no price. */
static bool priced(const struct target *t, uint64_t *ret_ns)
{
	size_t i, k;

	*ret_ns = 0;
	for (i = 0; i < t->n_members; i++) {
		const struct member *m = &t->member[i];

		for (k = 0; k < m->group->count; k++) {
			uint64_t calls = model_calls(cell_func(&m->cell, k)), price;

			if (!calls)
				continue;
			price = encode_price(t, m->group, &m->group->functions[k]);
			if (!price)
				return false;
			*ret_ns += calls * price;
		}
	}
	return true;
}

void contention_update(struct target *t)
{
	uint64_t ns;

	if (t->samples.probe >= t->contention.probe &&
	    t->samples.probe - t->contention.probe < CONTENTION_SAMPLES)
		return;
	if ((govern_priced(t, &ns) || priced(t, &ns)) &&
	    contention_weigh(&t->contention, t->samples.probe, ns, HP_SAMPLE_HZ))
		__atomic_store_n(&calls_slot(t->calls, t->slot)->price_scale,
				 contention_scale(&t->contention), __ATOMIC_RELAXED);
}
