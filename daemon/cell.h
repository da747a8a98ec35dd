/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A cell: the statistics of one target in one group, a run of blocks that BPF
 * counts in and the daemon has mapped (layout: bpf/hotpath.h).
 */
#ifndef DAEMON_CELL_H
#define DAEMON_CELL_H

#include <stddef.h>
#include <stdint.h>

#include "blocks.h"
#include "bpf/hotpath.h"

struct cell {
	uint32_t id;	    /* its first block */
	uint32_t functions;
	uint32_t n_blocks;
	union hp_block *blocks;
};

/*
 * Chunks a cell has for its histograms: most functions' durations lie within
 * eight powers of two; where functions are few each may have all 36; and of many
 * thousand, most are never called. When they run out, `histogram_lost` says so.
 */
#define CELL_FORMULA                                                                               \
	"per group of n functions 256 B x (1 + n + chunks), chunks = 36 n up to 144, then 8 n up " \
	"to n = 1,000, then 7,000 + n; the same for each target that is made in advance for a "    \
	"child (none with --no-follow); in pages of 1 MiB, whatever the number of CPUs; and, not " \
	"in the figure above, 3.1 KB for each thread that enters a measured function"

static inline uint32_t cell_chunks(uint32_t functions)
{
	uint32_t few = functions < 4 ? functions * HP_HIST_CHUNKS : 4 * HP_HIST_CHUNKS;
	uint32_t many = functions < 1000 ? 8 * functions : 7000 + functions;

	return many > few ? many : few;
}

static inline size_t cell_bytes(uint32_t functions)
{
	return (size_t)HP_BLOCK_SIZE * (1 + functions + cell_chunks(functions));
}

int cell_new(struct blocks *space, uint32_t functions, struct cell *ret);
/* BPF must not know the cell any more, and a barrier (blocks.h) have passed since;
 * one that was never made is nothing. */
void cell_done(struct blocks *space, struct cell *cell);

/* As new. The same holds. */
void cell_clear(struct cell *cell);

static inline const struct hp_func *cell_func(const struct cell *cell, uint32_t i)
{
	return &cell->blocks[1 + i].func;
}

#endif
