/* SPDX-License-Identifier: MIT */
/*
 * bell_map.h - the broker's side of a segment's bell
 *
 * Clients write here too, so nothing read from it is believed.
 */
#ifndef BROKER_BELL_MAP_H
#define BROKER_BELL_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/layout.h"

int bell_map_new(int *ret_fd, struct shm_bell **ret_bell);
void bell_map_free(struct shm_bell *bell);
/* Slot WIRE_SLOT_EXPORTER is the exporter's.  A slot that becomes active starts at zero. */
void bell_map_set_active(struct shm_bell *bell, uint32_t slot, bool active);
void bell_map_raise_polled(struct shm_bell *bell, uint32_t slot);

/* What posters and takers do who have it mapped: count, unless @once and there are some, and
 * wake who waits; take all there are. */
void bell_map_post(struct shm_bell *bell, uint32_t slot, uint64_t count, bool once);
uint64_t bell_map_take(struct shm_bell *bell, uint32_t slot);

#endif
