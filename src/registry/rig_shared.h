/* SPDX-License-Identifier: MIT */
/*
 * rig_shared.h - shared regions in tests of what tools see and do
 */
#ifndef REGISTRY_RIG_SHARED_H
#define REGISTRY_RIG_SHARED_H

#include "registry/rig.h"

enum {
	READ = 1,
	WRITE = 2,
	GRANT = 8,
	MAP = 0x40,
	ALL = 3,
};

/* Two pages, for reading and writing. */
uint64_t rig_shared(struct rig *rig, struct fake_client *owner);
uint64_t rig_root(struct rig *rig, struct fake_client *owner, uint64_t shared);
/* A new token of @process's: offered, or held if it is the client's own. */
uint64_t rig_derive(struct rig *rig, struct fake_client *client, uint64_t parent,
		    uint32_t rights, uint64_t process);
void rig_take(struct rig *rig, struct fake_client *client, uint64_t token);
/* By ownership, if @token is 0. */
void rig_map(struct rig *rig, struct fake_client *client, uint64_t shared, uint64_t token,
	     uint32_t permission);
/* Answers what it is told, until its mapping was taken back. */
void rig_let_go(struct rig *rig, struct fake_client *client);
/* Of a token, which tools see. */
uint64_t rig_cap_id(uint64_t token);

/* Rows, as @client sees them; key, process or id is 0 if there is none. */
struct msg_shared_row rig_shared_row(struct rig *rig, struct fake_client *client,
				     uint64_t after);
struct msg_mapping_row rig_mapping_row(struct rig *rig, struct fake_client *client,
				       uint64_t shared, uint64_t after);
struct msg_cap_row rig_cap_row(struct rig *rig, struct fake_client *client, uint64_t shared,
			       uint64_t after);
uint32_t rig_cap_count(struct rig *rig, struct fake_client *client, uint64_t shared);
uint32_t rig_mapping_count(struct rig *rig, struct fake_client *client, uint64_t shared);

/* An owner, and two more processes of its user. */
struct rig_trio {
	struct rig *rig;
	struct fake_client *owner, *other, *third; /* processes 1, 2, 3 */
	uint64_t shared, root;
};

struct rig_trio rig_trio_up(void);

#endif
