/* SPDX-License-Identifier: MIT */
/*
 * layout_model.h - a region map that keeps an owner for every single byte
 *
 * Written from the interface's words, with no thought for speed: it looks at bytes one by one,
 * tries every address in turn, and counts in 128 bits, where nothing wraps.
 */
#ifndef TESTS_SIM_LAYOUT_MODEL_H
#define TESTS_SIM_LAYOUT_MODEL_H

#include "map/layout.h"

/* How much of the address space is simulated, and how many records there may ever be. */
#define MODEL_BYTES 2048u
#define MODEL_RECORDS 4096u

struct model_owner {
	uint32_t of[MODEL_BYTES]; /* record number, 0: nobody's */
	uint64_t value[MODEL_RECORDS];
	uint32_t records; /* ever made */
};

struct layout_model {
	uintptr_t base; /* address of the first byte that is simulated */
	uintptr_t low;
	uintptr_t high;
	uintptr_t floor;
	uintptr_t page;
	struct model_owner regions;
	struct model_owner areas;
};

void model_init(struct layout_model *m, uintptr_t base, uintptr_t low, uintptr_t high,
		uintptr_t page);
int model_place(const struct layout_model *m, const struct layout_wish *wish,
		uintptr_t *ret_start, uintptr_t *ret_last);
int model_place_area(const struct layout_model *m, const struct layout_wish *wish,
		     uintptr_t *ret_start, uintptr_t *ret_last);
void model_add(struct model_owner *owner, uintptr_t base, uintptr_t start, uintptr_t last,
	       uint64_t value);
bool model_find(const struct layout_model *m, const struct model_owner *owner, uintptr_t first,
		uintptr_t last, struct span *ret_span);
int model_free_area(struct layout_model *m, uintptr_t addr, struct span *ret_area);
/* Looks and does. */
int model_cut(struct layout_model *m, uintptr_t first, uintptr_t last, unsigned mode,
	      uint64_t tail_value, struct layout_cut *ret_cut);
/* Is there room for another few records? */
bool model_has_room(const struct layout_model *m);
/* The first thing in which the layout is not what the model is, or NULL. */
const char *model_differs(const struct layout_model *m, const struct layout *l);

#endif
