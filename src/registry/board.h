/* SPDX-License-Identifier: MIT */
/*
 * board.h - which segment has which slot of the board
 *
 * A segment has one slot for its life.  Slots are reused oldest first; their generation and
 * epoch go on from where they were, so what one segment's importers learned never fits another.
 */
#ifndef REGISTRY_BOARD_H
#define REGISTRY_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/ports.h"

struct board_slot {
	uint64_t generation;
	uint64_t epoch;
	bool taken;
};

struct board {
	uint32_t count;
	struct board_slot *slot;
	uint32_t fresh; /* no slot from here on was ever used */
	uint32_t *free; /* a ring of others: @free_count entries from @free_first on */
	uint32_t free_first;
	uint32_t free_count;
};

int board_init(struct board *board, uint32_t count);
void board_deinit(struct board *board);

/* 0, or -EMFILE if every slot is taken. */
int board_take(struct board *board, const struct ports *ports, uint32_t *ret_slot);
void board_give(struct board *board, uint32_t slot);
/* Would that be -EMFILE? */
static inline bool board_is_full(const struct board *board)
{
	return board->fresh == board->count && board->free_count == 0;
}

uint64_t board_generation(const struct board *board, uint32_t slot);
uint64_t board_epoch(const struct board *board, uint32_t slot);
/* From here on nobody's check succeeds who connected before. */
void board_end_generation(struct board *board, const struct ports *ports, uint32_t slot);
/* From here on no check succeeds of who has not moved to the memory of @epoch. */
void board_begin_epoch(struct board *board, const struct ports *ports, uint32_t slot,
		       uint64_t epoch);

bool board_check(const struct board *board);

#endif
