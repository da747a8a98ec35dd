/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A cell: the statistics of one target in one group, as blocks that BPF fills
 * and the daemon has mapped (layout: bpf/hotpath.h).
 *
 * Memory: CELL_BYTES(functions), whatever the number of CPUs.
 */
#ifndef DAEMON_CELL_H
#define DAEMON_CELL_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/hotpath.h"
#include "collect-calls.h"

struct cell {
	uint32_t id;	    /* in hp_cells */
	uint32_t functions;
	size_t bytes;	    /* of kernel memory */
	union hp_block *blocks;
	int map_fd;
};

/*
 * Chunks a cell has for its histograms: most functions' durations lie within
 * eight powers of two, a few may take all 36.
 */
static inline uint32_t cell_chunks(uint32_t functions)
{
	uint32_t all = functions * HP_HIST_CHUNKS, some = functions * 8;

	return some < 4 * HP_HIST_CHUNKS ? (all < 4 * HP_HIST_CHUNKS ? all : 4 * HP_HIST_CHUNKS)
					 : some;
}

#define CELL_FORMULA "256 B x (1 + 9 x functions), at most 37 x functions + 1 blocks when few"

static inline size_t cell_bytes(uint32_t functions)
{
	return (size_t)HP_BLOCK_SIZE * (1 + functions + cell_chunks(functions));
}

int cell_new(struct calls *calls, uint32_t functions, struct cell **ret);
/* Takes the cell from BPF's sight, then frees it. */
struct cell *cell_free(struct calls *calls, struct cell *cell);

static inline const struct hp_func *cell_func(const struct cell *cell, uint32_t i)
{
	return &cell->blocks[1 + i].func;
}

#endif
