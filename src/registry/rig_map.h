/* SPDX-License-Identifier: MIT */
/*
 * rig_map.h - a process that handed its map out, and one that wants it changed
 */
#ifndef REGISTRY_RIG_MAP_H
#define REGISTRY_RIG_MAP_H

#include "registry/rig.h"

struct fake_client *join_pid(struct rig *rig, int32_t pid, uint32_t uid);
uint64_t get_map(struct rig *rig, struct fake_client *client, uint32_t pid);

/* A process that hands its map out, another of its user that has it, and memory of the
 * latter's.
 */
struct scene {
	struct rig *rig;
	struct fake_client *owner, *asker;
	uint64_t map, region;
};

struct scene scene_up(void);
/* What the asker may say. */
struct message to_attach(const struct scene *s);
struct message to_detach(const struct scene *s);
/* The owner answers what it was asked. */
void answer(struct scene *s, const struct fake_said *said, struct msg_map_answer words);
#define ALL_GONE ((struct msg_map_answer){ .start = 0x10000, .size = 2 * RIG_PAGE })

/* Both of it, and it works: the import that the owner has, and what the asker hears. */
uint64_t do_attach(struct scene *s);
const struct msg_map_changed *do_detach(struct scene *s, struct msg_map_answer words);

#endif
