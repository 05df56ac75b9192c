/* SPDX-License-Identifier: MIT */
#include "registry/rig_cap.h"

#include <stdlib.h>

static struct cap_rig the_rig;

void caps_check(const struct cap_rig *rig)
{
	const char *broken = "";

	EXPECT_OR_SAY(cap_check(&rig->space, &broken), "not true: %s", broken);
}

static void record(void *arg, struct cap *cap)
{
	struct cap_rig *rig = arg;

	EXPECT(rig->ended_count < ENDED_MAX);
	/* Nothing of it is left when the user is told. */
	EXPECT(!cap_find(cap->holder ? cap->holder : &rig->alice, cap->token));
	rig->ended[rig->ended_count++] = (struct ended){ .token = cap->token,
							 .state = cap->state,
							 .was = cap->was,
							 .reason = cap->reason,
							 .holder = cap->holder };
}

struct cap_rig *caps_up_with(uint32_t ceiling, uint32_t limit)
{
	struct cap_rig *rig = &the_rig;

	*rig = (struct cap_rig){ .end = { .seconds = NOW, .ended = record, .arg = rig } };
	cap_space_init(&rig->space, 99);
	cap_table_init(&rig->alice, &rig->space, limit);
	cap_table_init(&rig->bob, &rig->space, limit);
	cap_table_init(&rig->carol, &rig->space, limit);
	cap_table_init(&rig->dave, &rig->space, limit);
	EXPECT_EQ(cap_object_init(&rig->object, &rig->space, OBJECT, ceiling, &rig->alice), 0);
	caps_check(rig);
	return rig;
}

struct cap_rig *caps_up(void)
{
	return caps_up_with(CAP_READ | CAP_WRITE, CAP_LIMIT_DEFAULT);
}

void caps_down(struct cap_rig *rig)
{
	struct cap_end quiet = { .seconds = NOW };

	caps_check(rig);
	if (rig->object.root)
		cap_object_end(&rig->object, CAP_EXPLICIT, &quiet);
	caps_check(rig);
	EXPECT_EQ(rig->space.index.count, 0);
	while (!LIST_EMPTY(&rig->space.tables))
		cap_table_end(LIST_FIRST(&rig->space.tables), &quiet);
	cap_space_deinit(&rig->space);
}

uint64_t caps_root(const struct cap_rig *rig)
{
	return rig->object.root->token;
}

int caps_derive_error(struct cap_rig *rig, struct cap_table *by, uint64_t parent,
		      uint32_t rights, struct cap_table *target)
{
	struct cap *cap = NULL;
	int r = cap_derive(by, parent, rights, target, &cap);

	caps_check(rig);
	EXPECT((r == 0) == (cap != NULL));
	return r;
}

uint64_t caps_derive(struct cap_rig *rig, struct cap_table *by, uint64_t parent,
		     uint32_t rights, struct cap_table *target)
{
	struct cap *cap;

	EXPECT_EQ(cap_derive(by, parent, rights, target, &cap), 0);
	caps_check(rig);
	return cap->token;
}

uint64_t caps_give(struct cap_rig *rig, struct cap_table *by, uint64_t parent, uint32_t rights,
		   struct cap_table *target)
{
	uint64_t token = caps_derive(rig, by, parent, rights, target);

	caps_redeem(rig, target, token);
	return token;
}

int caps_create_error(struct cap_rig *rig, struct cap_table *by, struct cap_table *target,
		      uint32_t mode)
{
	struct cap *cap = NULL;
	int r = cap_create(by, &rig->object, target, mode, &cap);

	caps_check(rig);
	EXPECT((r == 0) == (cap != NULL));
	return r;
}

uint64_t caps_create(struct cap_rig *rig, struct cap_table *by, struct cap_table *target,
		     uint32_t mode)
{
	struct cap *cap;

	EXPECT_EQ(cap_create(by, &rig->object, target, mode, &cap), 0);
	caps_check(rig);
	return cap->token;
}

int caps_redeem_error(struct cap_rig *rig, struct cap_table *by, uint64_t token)
{
	struct cap *cap;
	int r = cap_redeem(by, token, &cap);

	caps_check(rig);
	return r;
}

void caps_redeem(struct cap_rig *rig, struct cap_table *by, uint64_t token)
{
	EXPECT_EQ(caps_redeem_error(rig, by, token), 0);
}

int caps_require(const struct cap_table *by, uint64_t token, uint32_t rights)
{
	struct cap *cap = NULL;
	int r = cap_require(by, token, rights, &cap);

	EXPECT(r < 0 || cap->token == token);
	return r;
}

int caps_revoke(struct cap_rig *rig, struct cap_table *by, uint64_t token)
{
	uint32_t before = rig->ended_count, count = 0;
	int r = cap_revoke(by, token, &rig->end, &count);

	caps_check(rig);
	EXPECT_EQ(rig->ended_count - before, count);
	return r < 0 ? r : (int)count;
}

int caps_delete(struct cap_rig *rig, struct cap_table *by, uint64_t token)
{
	int r = cap_delete(by, token, &rig->end);

	caps_check(rig);
	return r;
}

int caps_move(struct cap_rig *rig, struct cap_table *to, uint64_t token)
{
	int r = cap_move(to, token, &rig->end);

	caps_check(rig);
	return r;
}

void caps_exit(struct cap_rig *rig, struct cap_table *table)
{
	cap_table_end(table, &rig->end);
	caps_check(rig);
}

const struct ended *caps_ended(const struct cap_rig *rig, uint64_t token)
{
	const struct ended *found = NULL;

	for (uint32_t i = 0; i < rig->ended_count; i++) {
		if (rig->ended[i].token != token)
			continue;
		EXPECT(!found);
		found = &rig->ended[i];
	}
	EXPECT(found);
	return found;
}

struct cap_notice caps_notice(struct cap_table *table)
{
	struct cap_notice notice = { 0 }, first = { 0 };
	uint64_t dropped;

	EXPECT(cap_notices_peek(table, &first));
	EXPECT_EQ(cap_notices_drain(table, &notice, 1, &dropped), 1);
	EXPECT_EQ(first.token, notice.token);
	EXPECT_EQ(dropped, 0);
	return notice;
}
