/* SPDX-License-Identifier: MIT */
/*
 * fake_inside.h - for the files that the fake body is made of
 */
#ifndef REGISTRY_FAKE_INSIDE_H
#define REGISTRY_FAKE_INSIDE_H

#include "registry/fake_body.h"

void fake_bug(struct fake_body *fake, const char *rule);
/* One that exists, or a bug. */
struct fake_object *fake_memory_of(struct fake_body *fake, uint64_t id);
/* It was dropped, and no window leads to it. */
void fake_object_end(struct fake_body *fake, struct fake_object *object, bool empty);
int fake_object_add(struct fake_body *fake, uint64_t id, int kind, uint64_t size);
/* A bell's, as an index; or a bug. */
uint32_t fake_slot_of(struct fake_body *fake, uint32_t slot);
/* Is there a window through which it is written, or pinned? */
bool fake_windows_write(const struct fake_body *fake, uint64_t object);
void fake_clients_init(struct fake_body *fake);
void fake_peers_init(struct fake_body *fake);

#endif
