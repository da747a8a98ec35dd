// SPDX-License-Identifier: GPL-2.0-only
/* From counters to figures; see model.h. */
#include "model.h"

static uint64_t read_once(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void model_function(const struct hp_func *func, uint64_t exits, const struct model_open *open,
		    bool timed, bool final, struct model_function *ret)
{
	uint64_t known, min_inv, child_ns = read_once(&func->child_ns);

	/* Ways out first, entries last: then no call has left that did not enter. */
	*ret = (struct model_function){
		.exits = exits + read_once(&func->hist_lost),
		.total_ns = read_once(&func->total_ns),
		.max_ns = read_once(&func->max_ns),
		.cut = read_once(&func->cut),
		.unwound = read_once(&func->unwound),
		.vetoed = read_once(&func->vetoed),
		.lost = read_once(&func->lost),
		.histogram_lost = read_once(&func->hist_lost),
	};
	ret->self_ns = ret->total_ns > child_ns ? ret->total_ns - child_ns : 0;
	min_inv = read_once(&func->min_inv);
	ret->min_ns = min_inv ? ~min_inv : 0;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	ret->calls = read_once(&func->calls);
	if (!timed)
		return;

	known = ret->exits + ret->cut + ret->unwound + ret->vetoed + ret->lost;
	if (final) {
		ret->cut += open->count;
		ret->open = ret->cut;
		known += open->count;
		if (ret->calls > known)
			ret->lost += ret->calls - known;
	} else {
		ret->open = ret->cut + (ret->calls > known ? ret->calls - known : 0);
	}
	ret->open_ns = read_once(&func->cut_ns) + open->total_ns;
	ret->open_max_ns = final ? 0 : open->max_ns;
}

size_t model_histogram(const struct hp_func *func, const union hp_block *blocks, size_t n_blocks,
		       uint32_t *bucket, uint64_t *count)
{
	size_t n = 0;
	uint32_t k, i, chunk;

	for (k = 0; k < HP_HIST_CHUNKS; k++) {
		chunk = __atomic_load_n(&func->chunk[k], __ATOMIC_RELAXED);
		if (!chunk || chunk >= n_blocks)
			continue;
		for (i = 0; i < HP_HIST_SUB; i++) {
			uint64_t c = read_once(&blocks[chunk].bucket[i]);

			if (!c)
				continue;
			bucket[n] = k * HP_HIST_SUB + i;
			count[n++] = c;
		}
	}
	return n;
}
