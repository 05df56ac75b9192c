/* SPDX-License-Identifier: MIT */
/*
 * land.h - regions, what is at an address, and whether anything changed, for tests of the map
 *
 * Everything here fails the test where it fails.  These tests link the library's layers
 * themselves: fault_arm() reaches them, and land_check() asks the map whether all that it keeps
 * agrees.
 */
#ifndef TESTS_SYSTEM_LAND_H
#define TESTS_SYSTEM_LAND_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tract/tract.h>

#include "test.h"

#ifndef PAGE
#define PAGE tract_page_size()
#endif

/* attach(&at, .region = r, ...): the short way to fill a struct tract_attachment.  Rights that
 * are left zero are both. */
#define attach(at, ...) land_attach((at), &(struct tract_attachment){ __VA_ARGS__ })
int land_attach(void *at, const struct tract_attachment *what);
/* The same, which must work, wherever there is room; or exactly at an address. */
#define attached(...) land_attached(&(struct tract_attachment){ __VA_ARGS__ })
void *land_attached(const struct tract_attachment *what);
#define attached_at(at, ...) land_attached_at((at), &(struct tract_attachment){ __VA_ARGS__ })
void *land_attached_at(void *at, const struct tract_attachment *what);

/* A local region whose page number n begins with the byte @first + n. */
struct tract_region *land_region(size_t pages, unsigned char first);
/* An area with room for so many pages; page aligned. */
char *land_area(size_t pages, uint32_t flags);
int detach(void *at, size_t pages, uint32_t mode);
/* Nothing is attached, and no area but the library's own is there, in these pages. */
void land_clear(void *at, size_t pages);

/* 0, or the signal that reading, or writing, its first byte raises. */
int land_load(const void *at);
int land_store(void *at);
/* The first byte of each page as a letter, '!' where reading it faults; static storage. */
const char *land_bytes(const void *at, size_t pages);
/* Can the program have these pages? */
bool land_is_free(const void *at, size_t pages);

/*
 * Everything the map says of these pages, and what the kernel has mapped at each of them: two
 * such texts are equal where nothing changed.  The caller frees it.
 */
char *land_text(const void *at, size_t pages);
void land_expect_same(char *before, const void *at, size_t pages);

/* Is every invariant of the map's true? */
void land_check(void);

unsigned land_threads(void);
/* Regions, areas and attachments told by the library, but for its own area. */
unsigned land_count(void);

#endif
