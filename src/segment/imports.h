/* SPDX-License-Identifier: MIT */
/*
 * imports.h - the table of imports, for imports.c and imports_far.c
 */
#ifndef SEGMENT_IMPORTS_H
#define SEGMENT_IMPORTS_H

#include "segment/segment.h"

extern struct mutex imports_lock;

void imports_watch_forks(void);
void imports_insert_locked(struct tract_import *import) REQUIRES(imports_lock);
void imports_extract_locked(struct tract_import *import) REQUIRES(imports_lock);
/* Other memory is there to be used, with this epoch. */
void import_moved_locked(struct tract_import *import, uint64_t epoch) REQUIRES(import->lock);

/* ---- imports_far.c ---------------------------------------------------------------------- */

/* An event about an import that nobody knows: it may be one that is being made. */
void imports_keep_stray_locked(const struct message *event) REQUIRES(imports_lock);
/* What an event asked for has been done to the window, or could not be. */
void import_note_far_locked(struct tract_import *import, const struct message *event, bool done)
	REQUIRES(import->lock);

#endif
