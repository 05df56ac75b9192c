/* SPDX-License-Identifier: MIT */
/*
 * rig_cap.h - some holders, an object, and a record of what ended, for tests of capabilities
 *
 * Alice owns the object, whose ceiling is read and write.  Every step checks the invariants.
 */
#ifndef REGISTRY_RIG_CAP_H
#define REGISTRY_RIG_CAP_H

#include "registry/cap.h"
#include "test.h"

#define OBJECT 77u
#define NOW 1234u
#define ENDED_MAX 1024u

/* The rights of an owner under this ceiling. */
#define OWNERS (CAP_READ | CAP_WRITE | CAP_MANAGEMENT)

struct ended {
	uint64_t token;
	enum cap_state state, was;
	enum cap_reason reason;
	struct cap_table *holder;
};

struct cap_rig {
	struct cap_space space;
	struct cap_table alice, bob, carol, dave;
	struct cap_object object;
	struct cap_end end;
	uint32_t ended_count;
	struct ended ended[ENDED_MAX];
};

/* One for the test. */
struct cap_rig *caps_up(void);
struct cap_rig *caps_up_with(uint32_t ceiling, uint32_t limit);
/* Everything goes; nothing may stay. */
void caps_down(struct cap_rig *rig);
void caps_check(const struct cap_rig *rig);

/* Tokens: of the root; of what was derived or offered, which is expected to succeed. */
uint64_t caps_root(const struct cap_rig *rig);
uint64_t caps_derive(struct cap_rig *rig, struct cap_table *by, uint64_t parent,
		     uint32_t rights, struct cap_table *target);
/* The same, and the target takes it. */
uint64_t caps_give(struct cap_rig *rig, struct cap_table *by, uint64_t parent, uint32_t rights,
		   struct cap_table *target);
uint64_t caps_create(struct cap_rig *rig, struct cap_table *by, struct cap_table *target,
		     uint32_t mode);
void caps_redeem(struct cap_rig *rig, struct cap_table *by, uint64_t token);

/* 0 or what was said. */
int caps_derive_error(struct cap_rig *rig, struct cap_table *by, uint64_t parent,
		      uint32_t rights, struct cap_table *target);
int caps_create_error(struct cap_rig *rig, struct cap_table *by, struct cap_table *target,
		      uint32_t mode);
int caps_require(const struct cap_table *by, uint64_t token, uint32_t rights);
int caps_redeem_error(struct cap_rig *rig, struct cap_table *by, uint64_t token);
/* How many, or what was said. */
int caps_revoke(struct cap_rig *rig, struct cap_table *by, uint64_t token);
int caps_delete(struct cap_rig *rig, struct cap_table *by, uint64_t token);
int caps_move(struct cap_rig *rig, struct cap_table *to, uint64_t token);
void caps_exit(struct cap_rig *rig, struct cap_table *table);

/* What the user was told of the end of @token; fails the test unless it was, once. */
const struct ended *caps_ended(const struct cap_rig *rig, uint64_t token);
/* Takes the oldest notice, which must be there. */
struct cap_notice caps_notice(struct cap_table *table);

#endif
