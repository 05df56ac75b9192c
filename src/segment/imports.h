/* SPDX-License-Identifier: MIT */
/*
 * imports.h - the table of imports, for the files about it
 */
#ifndef SEGMENT_IMPORTS_H
#define SEGMENT_IMPORTS_H

#include "segment/segment.h"

extern struct mutex imports_lock;

void imports_watch_forks(void);
void imports_insert_locked(struct tract_import *import) REQUIRES(imports_lock);
void imports_extract_locked(struct tract_import *import) REQUIRES(imports_lock);
/* NULL: there is none, or @id is 0. */
struct tract_import *imports_find_locked(uint64_t id) REQUIRES(imports_lock);
/* The one after @import, or the first; NULL. */
struct tract_import *imports_after_locked(struct tract_import *import) REQUIRES(imports_lock);

/* ---- imports_event.c -------------------------------------------------------------------- */

/*
 * While a thread asks for an import without imports_lock, what is heard of those that nobody
 * knows is kept.  @import: what came of it, entered; or NULL.
 */
void imports_begin_connecting(void);
void imports_end_connecting_locked(struct tract_import *import) REQUIRES(imports_lock);
void imports_forget_early_locked(void) REQUIRES(imports_lock);
/* Other memory is there to be used, with this epoch. */
void import_moved_locked(struct tract_import *import, uint64_t epoch) REQUIRES(import->lock);

/* ---- imports_far.c ---------------------------------------------------------------------- */

/* What an event asked for has been done to the window, or could not be. */
void import_note_far_locked(struct tract_import *import, const struct message *event, bool done)
	REQUIRES(import->lock);

#endif
