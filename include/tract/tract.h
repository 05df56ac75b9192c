/* SPDX-License-Identifier: MIT */
/*
 * tract.h - all of tract's native interface
 */
#ifndef TRACT_TRACT_H
#define TRACT_TRACT_H

#include <tract/capability.h>
#include <tract/context.h>
#include <tract/inspect.h>
#include <tract/map.h>
#include <tract/node.h>
#include <tract/pager.h>
#include <tract/region.h>
#include <tract/segment.h>
#include <tract/shared.h>
#include <tract/types.h>

#endif
