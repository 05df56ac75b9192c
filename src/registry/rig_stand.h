/* SPDX-License-Identifier: MIT */
/*
 * rig_stand.h - a shared region that is exported on one node and imported on another, for tests
 */
#ifndef REGISTRY_RIG_STAND_H
#define REGISTRY_RIG_STAND_H

#include "registry/rig_pair.h"
#include "registry/rig_shared.h"

enum { ASKED = 0, FENCED = 2 };

/* A region there whose owner has mapped, exported and published it; somebody here imports it.
 */
struct standing {
	struct pair pair;
	struct fake_client *owner, *other, *importer; /* the second is process 2 there */
	uint64_t shared, mapping, segment, object;
	uint32_t id;
	struct msg_import_connected_far far;
};

/* Without an importer yet; flags of the region's, and what its owner has mapped it for. */
struct standing standing_of(uint32_t flags, uint32_t permission);
/* For reading and writing. */
struct standing standing_up(void);
struct rig *standing_there(const struct standing *s);

uint64_t standing_export(const struct standing *s, struct fake_client *client,
			 uint64_t mapping);
/* As the answer to who has just mapped says. */
uint64_t standing_mapping_of(const struct fake_client *client);
/* The other process there has it mapped, too, by a capability with @rights: the token. */
uint64_t standing_map(const struct standing *s, uint32_t rights);
/* One more export, of what @exporter has mapped, with one more importer here. */
struct standing standing_another(struct standing *s, struct fake_client *exporter,
				 uint64_t mapping);

const struct message *standing_asks(const struct standing *s, struct message message);
enum msg_number standing_answer(const struct standing *s);
struct message standing_unpublish(const struct standing *s);
/* How often its memory was replaced. */
uint64_t standing_backing(const struct standing *s);
/* Slices of copying there, and whatever else is due. */
void standing_work(const struct standing *s);
/* The same as rig_obey() there, whatever else there is to be told. */
struct fake_said standing_obey(const struct standing *s, struct fake_client *client,
			       enum msg_number number);
/* This node hears of the import's end, and says so; before that @asker is not answered. */
void standing_hear(struct standing *s, const struct fake_client *asker);
/* The importer holds still, or moves, and @far is what it has then. */
void standing_survive(struct standing *s, struct fake_client *importer,
		      struct msg_import_connected_far *far, enum msg_number number);

bool standing_reaches(struct standing *s, uint64_t object);
bool standing_is_fresh(const struct standing *s);
/* No check succeeds here, and nothing that is done here arrives. */
void standing_expect_cut_off(struct standing *s);
/* The other process there has it mapped as ever. */
void standing_expect_mapped(const struct standing *s);

#endif
