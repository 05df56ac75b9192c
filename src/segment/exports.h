/* SPDX-License-Identifier: MIT */
/*
 * exports.h - all exports of the process, for what fork does to them
 */
#ifndef SEGMENT_EXPORTS_H
#define SEGMENT_EXPORTS_H

#include "segment/segment.h"

void exports_add(struct tract_export *export);
void exports_remove(struct tract_export *export);
bool export_is_inherited(const struct tract_export *export);

/* ---- export_shared.c: exports of shared regions ------------------------------------------ */

/*
 * If the export's range is a mapping of a shared region, makes it one of that: 1.  0: it is
 * not; or the broker's refusal.
 */
int export_bind_shared(struct tract_export *export, uint32_t mode);
int export_unpublish_shared(struct tract_export *export) REQUIRES(export->lock);
/* 0, and it may be freed; or -ENOMEM, -EMFILE. */
int export_destroy_shared(struct tract_export *export) REQUIRES(export->lock);

#endif
