/* SPDX-License-Identifier: MIT */
/*
 * pieces.h - move what is held into an object, piece by piece, and back
 *
 * A piece's old pages are given back before the next piece is copied, so that memory is needed
 * for the content and a piece more, and never for two of everything.  That is so for private
 * memory and for objects of our own.  What others may be sharing keeps its pages, and so does
 * what could not leave its range (hold.h).
 *
 * There is a way back from wherever the move has got to, and it needs no memory that is not
 * there: each step frees as much as the next one takes, and the first is paid for by a reserve
 * that was laid aside before anything was held.
 */
#ifndef MAP_PIECES_H
#define MAP_PIECES_H

#include <stddef.h>
#include <stdint.h>

#include "map/hold.h"

/* How much is copied before the old pages are given back; huge pages go as a whole. */
#define PIECE_SIZE ((size_t)2 << 20)
/* The same on the way back, where there may be no more than the reserve. */
#define PIECE_BACK_SIZE ((size_t)128 << 10)

/* What the reserve has at most: twice a step, for that needs page tables, too. */
#define RESERVE_SIZE (2 * PIECE_BACK_SIZE)
/* The most that is there twice, or on the side, at any moment. */
#define PIECES_TWICE (PIECE_SIZE + RESERVE_SIZE)

/* Memory for the first step back, and a mapping: the kernel asks for one more than it needs. */
struct reserve {
	void *memory;
	size_t size;
};

/* 0, or -ENOMEM; @size is how much there is to be moved. */
int reserve_take(struct reserve *reserve, uint64_t size);
/* Its memory is free: the way back begins. */
void reserve_release(struct reserve *reserve);
/* So is its mapping: what is held can be undone. */
void reserve_end(struct reserve *reserve);

/* Copies private memory.  What was never touched is zero in the object too, and costs nothing.
 */
int pieces_copy_private(int fd, uint64_t offset, const char *from, size_t size);

struct pieces {
	struct holds *holds;
	const char *addr; /* where the object begins */
	int fd;
	struct reserve reserve;
	struct hold *copied; /* whose piece was copied last and is still there twice; NULL */
	size_t copied_end;   /* of that piece, in the hold */
};

/* Before anything is held.  0, or -ENOMEM. */
int pieces_begin(struct pieces *p, struct holds *h, const void *addr, uint64_t size, int fd);
/* Moves all that is held.  On failure, too, pieces_move_back() may be called. */
int pieces_move(struct pieces *p);
/* Puts everything back where holds_undo() expects it, and ends. */
void pieces_move_back(struct pieces *p);
void pieces_end(struct pieces *p);

#endif
