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

#endif
