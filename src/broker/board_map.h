/* SPDX-License-Identifier: MIT */
/*
 * board_map.h - the node's board, as the broker holds it
 *
 * The broker writes through its own mapping; clients get a description opened read-only, from
 * which the kernel lets nobody map for writing, resize or seal.
 */
#ifndef BROKER_BOARD_MAP_H
#define BROKER_BOARD_MAP_H

#include <stdint.h>

#include "shm/layout.h"

struct board_map {
	struct shm_board *shared;
	int fd;	       /* for reading and writing; never leaves the broker */
	int reader_fd; /* for reading; handed to every client */
};

int board_map_open(struct board_map *b);
void board_map_close(struct board_map *b);
/*
 * Visible to every client before this returns, and before anything that the broker does to
 * the segment's memory afterwards.
 */
void board_map_set(struct board_map *b, uint32_t slot, uint64_t generation, uint64_t epoch);
/* What is told of other nodes is true until then; see shm_board.sure_until. */
void board_map_promise(struct board_map *b, uint64_t until);

#endif
