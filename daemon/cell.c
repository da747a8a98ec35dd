// SPDX-License-Identifier: GPL-2.0-only
/* Lays out a cell in a run of blocks; see cell.h. */
#include "cell.h"

#include <string.h>

int cell_new(struct blocks *space, uint32_t functions, struct cell *ret)
{
	struct cell cell = {
		.functions = functions,
		.n_blocks = cell_bytes(functions) / HP_BLOCK_SIZE,
	};
	int r;

	r = blocks_take(space, cell.n_blocks, &cell.id);
	if (r < 0)
		return r;

	cell.blocks = blocks_at(space, cell.id);
	cell.blocks[0].head = (struct hp_cell_head){
		.functions = functions,
		.chunks = cell_chunks(functions),
	};
	*ret = cell;
	return 0;
}

/* To write to a block makes its page of memory: what is zero is left alone. */
static void block_clear(union hp_block *block)
{
	static const union hp_block zero;

	if (memcmp(block, &zero, sizeof(zero)) != 0)
		memset(block, 0, sizeof(*block));
}

void cell_clear(struct cell *cell)
{
	struct hp_cell_head *head = &cell->blocks[0].head;
	uint32_t used = head->chunks_used < head->chunks ? head->chunks_used : head->chunks, i;

	for (i = 1; i <= head->functions + used; i++)
		block_clear(&cell->blocks[i]);
	head->chunks_used = 0;
}

void cell_done(struct blocks *space, struct cell *cell)
{
	if (cell->id)
		blocks_give(space, cell->id);
	*cell = (struct cell){};
}
