// SPDX-License-Identifier: GPL-2.0-only
/* From counters to figures; see model.h. */
#include "model.h"

static uint64_t read_once(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

uint64_t model_calls(const struct hp_func *func)
{
	uint64_t calls = read_once(&func->calls);

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return calls;
}

/* Sums of what was taken off too much can be below it: all the calls took next to nothing. */
static uint64_t above_zero(int64_t ns)
{
	return ns > 0 ? ns : 0;
}

/* Which of the entries are in no class that BPF counts? */
static void model_close(const struct model_open *open, bool final, struct model_function *f)
{
	uint64_t known = f->exits + f->cut + f->unwound + f->vetoed + f->lost;

	/* Entries were read first: those that came since are known by their way out. */
	if (known > f->calls)
		f->calls = known;
	if (!final) {
		f->open = f->cut + f->calls - known;
		f->open_max_ns = f->calls > known ? open->max_ns : 0;
		f->open_ns += f->calls > known ? open->total_ns : 0;
		return;
	}
	f->open_ns += open->total_ns;
	f->cut += open->count;
	f->open = f->cut;
	known += open->count;
	if (f->calls > known)
		f->lost += f->calls - known;
}

void model_function(const struct hp_func *func, uint64_t calls, uint64_t exits,
		    const struct model_open *open, bool timed, bool final,
		    struct model_function *ret)
{
	int64_t total_ns = read_once(&func->total_ns), child_ns = read_once(&func->child_ns);
	uint64_t min_inv = read_once(&func->min_inv);

	*ret = (struct model_function){
		.calls = calls,
		.exits = exits + read_once(&func->hist_lost),
		.total_ns = above_zero(total_ns),
		.min_ns = min_inv ? ~min_inv : 0,
		.max_ns = read_once(&func->max_ns),
		.cut = read_once(&func->cut),
		.open_ns = read_once(&func->cut_ns),
		.unwound = read_once(&func->unwound),
		.vetoed = read_once(&func->vetoed),
		.lost = read_once(&func->lost),
		.histogram_lost = read_once(&func->hist_lost),
		.probe_ns = read_once(&func->probe_ns),
		.clipped = read_once(&func->clipped),
	};
	ret->self_ns = above_zero(total_ns - child_ns);
	if (timed)
		model_close(open, final, ret);
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
