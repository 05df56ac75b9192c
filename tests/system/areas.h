/* SPDX-License-Identifier: MIT */
/*
 * areas.h - setting addresses aside, for tests of areas
 */
#ifndef TESTS_SYSTEM_AREAS_H
#define TESTS_SYSTEM_AREAS_H

#include "land.h"

#define OWN tract_map_own()
#define FIXED TRACT_AREA_FIXED
#define IN_AREA (TRACT_ATTACH_FIXED | TRACT_ATTACH_IN_AREA)

/* An address with room for so many pages, where nothing is. */
char *room(size_t pages);
/* Exactly there; what tract_map_reserve() returns. */
int reserve_at(const void *at, size_t size, uint32_t flags, uint8_t tag);
/* Anonymous memory, exactly there; what tract_map_attach() returns. */
int attach_in_area(void *at, size_t pages);
void expect_area(const void *at, const void *start, size_t size, uint8_t tag);
/* With nothing changed. */
void expect_refused(void *from, size_t size, uint32_t flags, uint32_t align, int wanted);

#endif
