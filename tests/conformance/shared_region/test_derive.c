/* SPDX-License-Identifier: MIT */
/*
 * test_derive.c - cap_derive(), cap_check(), cap_info(), cap_delete(), and how many there may
 * be
 */
#include "rig.h"

static int derive(struct own *a, shared_region_cap parent, shared_region_rights rights,
		  shared_region_pid target, shared_region_cap *ret_child)
{
	int code;

	*ret_child = 0;
	code = shared_region_cap_derive(a->client, parent, rights, target, ret_child);
	if (code < 0)
		EXPECT_EQ(*ret_child, 0);
	return code;
}

/* ---- deriving --------------------------------------------------------------------------- */

/* 6.3, 18.14 */
TEST(fewer_rights_are_derived)
{
	shared_region_cap child;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(derive(&a, own_root(&a), READING, a.self, &child));
	EXPECT_EQ(rights_of(a.client, child), READING);
	own_down(&a);
}

/* 6.3: the same ones, too. */
TEST(all_rights_are_derived)
{
	shared_region_cap child;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(derive(&a, own_root(&a), WRITING | MANAGING, a.self, &child));
	EXPECT_EQ(rights_of(a.client, child), WRITING | MANAGING);
	own_down(&a);
}

/* D-8, C-2, V-4, 18.14: an error and no reduction. */
TEST(more_rights_than_the_parents_are_a_denied_permission)
{
	shared_region_cap parent, child;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_FAILS(
		derive(&a, own_root(&a), READING | SHARED_REGION_RIGHT_EXECUTE, a.self, &child),
		PERMISSION_DENIED);
	parent = own_derive(&a, READING | SHARED_REGION_RIGHT_GRANT, a.self);
	EXPECT_FAILS(derive(&a, parent, WRITING, a.self, &child), PERMISSION_DENIED);
	EXPECT_FAILS(derive(&a, parent, READING | SHARED_REGION_RIGHT_REVOKE, a.self, &child),
		     PERMISSION_DENIED);
	EXPECT_OK(derive(&a, parent, READING, a.self, &child));
	own_down(&a);
}

/* 1.6: bits that are no right of a region are nobody's. */
TEST(rights_that_there_are_not_are_a_denied_permission)
{
	static const shared_region_rights none[] = { 0x80, 0x100, 0x80000000 };
	shared_region_cap child;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	for (size_t i = 0; i < 3; i++)
		EXPECT_FAILS(derive(&a, own_root(&a), READING | none[i], a.self, &child),
			     PERMISSION_DENIED);
	own_down(&a);
}

/* 18.10 */
TEST(nobody_derives_beyond_the_ceiling)
{
	shared_region_cap child;
	struct own a;

	own_make(&a, 1, SHARED_REGION_READ);
	EXPECT_FAILS(derive(&a, own_root(&a), WRITING, a.self, &child), PERMISSION_DENIED);
	EXPECT_OK(derive(&a, own_root(&a), READING, a.self, &child));
	own_down(&a);
}

/* 6.3, 18.14 */
TEST(without_grant_nothing_is_derived)
{
	shared_region_cap parent, child;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	parent = own_derive(&a, WRITING, a.self);
	EXPECT_FAILS(derive(&a, parent, READING, a.self, &child), PERMISSION_DENIED);
	EXPECT_FAILS(derive(&a, parent, READING, b.self, &child), PERMISSION_DENIED);
	/* 3: authority comes before the existence of others. */
	EXPECT_FAILS(derive(&a, parent, READING, NOBODY, &child), PERMISSION_DENIED);
	agent_down(&b);
	own_down(&a);
}

/* 6.3 */
TEST(no_rights_at_all_are_an_invalid_argument)
{
	shared_region_cap child;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_FAILS(derive(&a, own_root(&a), 0, a.self, &child), INVALID_ARGUMENT);
	/* 3: arguments come first. */
	EXPECT_FAILS(derive(&a, 12345, 0, a.self, &child), INVALID_ARGUMENT);
	own_down(&a);
}

/* 6.3 */
TEST(deriving_for_a_missing_process_finds_no_process)
{
	shared_region_cap child;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_FAILS(derive(&a, own_root(&a), READING, NOBODY, &child), PROCESS_NOT_FOUND);
	EXPECT_FAILS(derive(&a, own_root(&a), READING, 0, &child), PROCESS_NOT_FOUND);
	own_down(&a);
}

/* S-24, 6.3: into one's own table, with an id of its own. */
TEST(a_child_has_an_id_of_its_own)
{
	shared_region_cap parent, child;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	parent = own_derive(&a, PASSING_ON, a.self);
	EXPECT_OK(derive(&a, parent, PASSING_ON, a.self, &child));
	EXPECT(shared_region_cap_id(child) != shared_region_cap_id(parent));
	own_down(&a);
}

/* 6.3, 2.4 */
TEST(what_is_derived_is_held_by_oneself_and_offered_to_others)
{
	struct shared_region_cap_info info = { 0 };
	shared_region_cap mine, theirs;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	mine = own_derive(&a, READING, a.self);
	theirs = own_derive(&a, READING, b.self);
	EXPECT_OK(shared_region_cap_info(a.client, mine, &info));
	EXPECT_EQ(info.state, SHARED_REGION_CAP_HELD);
	EXPECT_EQ(info.region_id, shared_region_id(a.region));
	EXPECT_OK(ask(&b, INFO, theirs));
	EXPECT_EQ(b.said[2], SHARED_REGION_CAP_OFFERED);
	EXPECT_OK(ask(&b, CAP_MAP, 0, theirs, SHARED_REGION_READ));
	EXPECT_OK(ask(&b, INFO, theirs));
	EXPECT_EQ(b.said[2], SHARED_REGION_CAP_HELD);
	agent_down(&b);
	own_down(&a);
}

/* 6.3: between three processes. */
TEST(a_capability_is_passed_on_with_fewer_rights_each_time)
{
	shared_region_cap cap;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	a.at[0] = 0x81;
	cap = share_rights(&a, &b, PASSING_ON, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, DERIVE, cap, READING, c.self));
	cap = b.said[0];
	EXPECT_OK(ask(&c, CAP_MAP, 0, cap, SHARED_REGION_READ));
	EXPECT_EQ(agent_byte(&c, 0, 0), 0x81);
	EXPECT_FAILS(ask(&c, DERIVE, cap, SHARED_REGION_RIGHT_READ, a.self), PERMISSION_DENIED);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 2.2 */
TEST(from_a_capability_on_what_is_gone_nothing_is_derived)
{
	shared_region_cap root, child;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	root = own_root(&a);
	EXPECT_OK(shared_region_destroy(a.region));
	EXPECT_FAILS(derive(&a, root, READING, a.self, &child), INVALID_CAPABILITY);
	own_down(&a);
}

/* ---- checking --------------------------------------------------------------------------- */

/* 6.4, S-23 */
TEST(a_check_tells_a_missing_token_from_a_missing_right)
{
	shared_region_cap cap;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	cap = own_derive(&a, READING, a.self);
	EXPECT_OK(shared_region_cap_check(a.client, cap, READING));
	EXPECT_OK(shared_region_cap_check(a.client, cap, SHARED_REGION_RIGHT_MAP));
	EXPECT_OK(shared_region_cap_check(a.client, cap, 0));
	EXPECT_FAILS(shared_region_cap_check(a.client, cap, SHARED_REGION_RIGHT_WRITE),
		     PERMISSION_DENIED);
	EXPECT_FAILS(shared_region_cap_check(a.client, 0, SHARED_REGION_RIGHT_WRITE),
		     INVALID_CAPABILITY);
	own_down(&a);
}

/* 1.6: all bits, and not any. */
TEST(a_check_wants_all_rights)
{
	shared_region_cap cap;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	cap = own_derive(&a, READING, a.self);
	EXPECT_FAILS(shared_region_cap_check(a.client, cap, WRITING), PERMISSION_DENIED);
	EXPECT_FAILS(shared_region_cap_check(a.client, cap, READING | 0x80), PERMISSION_DENIED);
	own_down(&a);
}

/* 13 */
TEST(a_revoked_capability_is_not_told_of)
{
	struct shared_region_cap_info info = { .rights = 0x5a };
	shared_region_cap cap;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	cap = own_derive(&a, READING, a.self);
	EXPECT_OK(shared_region_cap_revoke(a.client, cap, SHARED_REGION_ASK, NULL));
	EXPECT_FAILS(shared_region_cap_info(a.client, cap, &info), INVALID_CAPABILITY);
	EXPECT_EQ(info.rights, 0x5a);
	EXPECT_FAILS(shared_region_cap_check(a.client, cap, 0), INVALID_CAPABILITY);
	own_down(&a);
}

/* ---- deleting --------------------------------------------------------------------------- */

/* 13 */
TEST(a_deleted_capability_is_none)
{
	shared_region_cap cap, child;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	cap = own_derive(&a, PASSING_ON, a.self);
	EXPECT_OK(shared_region_cap_delete(a.client, cap));
	EXPECT_FAILS(shared_region_cap_delete(a.client, cap), INVALID_CAPABILITY);
	EXPECT_FAILS(shared_region_cap_check(a.client, cap, 0), INVALID_CAPABILITY);
	EXPECT_FAILS(derive(&a, cap, READING, a.self, &child), INVALID_CAPABILITY);
	own_down(&a);
}

/* D-10, C-4, V-5: children adopt the nearest live ancestor. */
TEST(children_of_a_deleted_capability_stay_and_are_its_parents_to_revoke)
{
	shared_region_cap parent, child;
	struct agent b, c;
	uint32_t count = 0;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	parent = share_rights(&a, &b, PASSING_ON, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, DERIVE, parent, READING, c.self));
	child = b.said[0];
	EXPECT_OK(ask(&c, CAP_MAP, 0, child, SHARED_REGION_READ));
	EXPECT_OK(ask(&b, DELETE, parent));
	EXPECT_OK(ask(&c, CHECK, child, READING));
	EXPECT_EQ(ask(&c, LOAD, 0, 0), 0);
	EXPECT_OK(shared_region_cap_revoke(a.client, child, SHARED_REGION_ASK, &count));
	EXPECT_EQ(count, 1);
	EXPECT_FAILS(ask(&c, CHECK, child, 0), INVALID_CAPABILITY);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* S-29: a wrong token deletes nothing. */
TEST(a_wrong_token_deletes_nothing)
{
	shared_region_cap cap;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	cap = own_derive(&a, READING, a.self);
	EXPECT_FAILS(shared_region_cap_delete(a.client, cap ^ UINT64_C(1) << 48),
		     INVALID_CAPABILITY);
	EXPECT_FAILS(shared_region_cap_delete(a.client, cap ^ UINT64_C(1) << 61),
		     INVALID_CAPABILITY);
	EXPECT_OK(shared_region_cap_check(a.client, cap, READING));
	own_down(&a);
}

/* ---- how many --------------------------------------------------------------------------- */

/* Derives for @b until that fails; the last that did not is in *ret_last. */
static unsigned fill_table(struct own *a, const struct agent *b, shared_region_cap *ret_last)
{
	shared_region_cap cap;
	unsigned count = 0;
	int code;

	while ((code = derive(a, own_root(a), READING, b->self, &cap)) == 0) {
		EXPECT(count < 1000);
		count++;
		*ret_last = cap;
	}
	EXPECT_FAILS(code, OUT_OF_MEMORY);
	return count;
}

/* 1.10, 18.17 */
TEST(a_process_has_256_capabilities_and_no_257th)
{
	shared_region_cap last = 0, cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_EQ(fill_table(&a, &b, &last), 256);
	/* Nothing leaks, however often. */
	for (unsigned i = 0; i < 20; i++)
		EXPECT_FAILS(derive(&a, own_root(&a), READING, b.self, &cap), OUT_OF_MEMORY);
	EXPECT_FAILS(shared_region_create_capability(a.region, b.self, SHARED_REGION_SHARE,
						     &cap, NULL),
		     OUT_OF_MEMORY);
	EXPECT_OK(ask(&b, CHECK, last, READING));
	/* After deleting one, there is room for one. */
	EXPECT_OK(ask(&b, DELETE, last));
	EXPECT_OK(derive(&a, own_root(&a), READING, b.self, &cap));
	EXPECT_FAILS(derive(&a, own_root(&a), READING, b.self, &last), OUT_OF_MEMORY);
	EXPECT_OK(ask(&b, CHECK, cap, READING));
	agent_down(&b);
	own_down(&a);
}

/* 18.17, S-29: revoking gives room as well. */
TEST(revoked_capabilities_take_no_room)
{
	shared_region_cap last = 0, cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_EQ(fill_table(&a, &b, &last), 256);
	EXPECT_OK(shared_region_cap_revoke(a.client, last, SHARED_REGION_ASK, NULL));
	EXPECT_OK(derive(&a, own_root(&a), READING, b.self, &cap));
	EXPECT_FAILS(derive(&a, own_root(&a), READING, b.self, &last), OUT_OF_MEMORY);
	agent_down(&b);
	own_down(&a);
}

/* 3.11: the target's table, and nobody else's. */
TEST(a_full_table_is_its_own_processs_only)
{
	shared_region_cap last = 0, cap;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_make(&a, 1, SHARED_REGION_WRITE);
	(void)fill_table(&a, &b, &last);
	EXPECT_OK(derive(&a, own_root(&a), READING, c.self, &cap));
	EXPECT_OK(derive(&a, own_root(&a), READING, a.self, &cap));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}
