/* SPDX-License-Identifier: MIT */
#include "registry/board.h"

#include <errno.h>
#include <stdlib.h>

int board_init(struct board *board, uint32_t count)
{
	board->slot = calloc(count ? count : 1, sizeof(*board->slot));
	board->free = calloc(count ? count : 1, sizeof(*board->free));
	if (!board->slot || !board->free) {
		board_deinit(board);
		return -ENOMEM;
	}
	board->count = count;
	board->free_first = 0;
	board->free_count = 0;
	board->fresh = 0;
	return 0;
}

void board_deinit(struct board *board)
{
	free(board->slot);
	free(board->free);
	board->slot = NULL;
	board->free = NULL;
}

static void show(const struct board *board, const struct ports *ports, uint32_t slot)
{
	ports->board_set(ports->body, slot, board->slot[slot].generation,
			 board->slot[slot].epoch);
}

int board_take(struct board *board, const struct ports *ports, uint32_t *ret_slot)
{
	uint32_t slot;

	if (board->fresh < board->count) {
		slot = board->fresh++;
	} else if (board->free_count > 0) {
		slot = board->free[board->free_first];
		board->free_first = (board->free_first + 1) % board->count;
		board->free_count--;
	} else {
		return -EMFILE;
	}
	board->slot[slot].taken = true;
	board->slot[slot].generation++;
	show(board, ports, slot);
	*ret_slot = slot;
	return 0;
}

void board_give(struct board *board, uint32_t slot)
{
	uint32_t last = (board->free_first + board->free_count) % board->count;

	board->slot[slot].taken = false;
	board->free[last] = slot;
	board->free_count++;
}

uint64_t board_generation(const struct board *board, uint32_t slot)
{
	return board->slot[slot].generation;
}

uint64_t board_epoch(const struct board *board, uint32_t slot)
{
	return board->slot[slot].epoch;
}

void board_end_generation(struct board *board, const struct ports *ports, uint32_t slot)
{
	board->slot[slot].generation++;
	show(board, ports, slot);
}

void board_begin_epoch(struct board *board, const struct ports *ports, uint32_t slot,
		       uint64_t epoch)
{
	if (epoch <= board->slot[slot].epoch)
		return;
	board->slot[slot].epoch = epoch;
	show(board, ports, slot);
}

bool board_check(const struct board *board)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < board->count; i++)
		taken += board->slot[i].taken;
	if (taken + board->free_count != board->fresh)
		return false;
	for (uint32_t i = 0; board->count > 0 && i < board->free_count; i++)
		if (board->slot[board->free[(board->free_first + i) % board->count]].taken)
			return false;
	return true;
}
