/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "registry/access.h"
#include "test.h"

#define OWNER_UID 10u
#define OWNER_GID 20u
#define HERE 7u

static const struct registry_identity owner = { .uid = OWNER_UID, .gid = 99 };
static const struct registry_identity groupie = { .uid = 11, .gid = OWNER_GID };
static const struct registry_identity member = {
	.uid = 12, .gid = 98, .groups = { .count = 2, .gid = { 55, OWNER_GID } }
};
static const struct registry_identity stranger = { .uid = 13, .gid = 97 };
static const struct registry_identity root = { .uid = 0, .gid = 0 };

static int decide(const struct wire_access *access, uint32_t mode,
		  const struct registry_identity *who, uint32_t rights)
{
	struct access_question question = { .access = access,
					    .default_mode = mode,
					    .uid = OWNER_UID,
					    .gid = OWNER_GID,
					    .node = HERE,
					    .importer = who,
					    .rights = rights };

	return access_decide(&question);
}

static int open_to_all(uint32_t mode, const struct registry_identity *who, uint32_t rights)
{
	static const struct wire_access nobody_named;

	return decide(&nobody_named, mode, who, rights);
}

TEST(an_empty_list_gives_everybody_the_default_mode)
{
	EXPECT_EQ(open_to_all(0777, &stranger, 6), 0);
	EXPECT_EQ(open_to_all(0755, &stranger, 4), 0);
	EXPECT_EQ(open_to_all(0755, &stranger, 2), -EACCES);
}

TEST(each_class_is_judged_by_its_own_digit)
{
	EXPECT_EQ(open_to_all(0624, &owner, 6), 0);
	EXPECT_EQ(open_to_all(0624, &groupie, 2), 0);
	EXPECT_EQ(open_to_all(0624, &groupie, 4), -EACCES);
	EXPECT_EQ(open_to_all(0624, &stranger, 4), 0);
	EXPECT_EQ(open_to_all(0624, &stranger, 2), -EACCES);
}

TEST(an_owner_with_fewer_bits_than_others_has_fewer_rights)
{
	EXPECT_EQ(open_to_all(0066, &owner, 4), -EACCES);
	EXPECT_EQ(open_to_all(0606, &groupie, 4), -EACCES);
}

TEST(supplementary_groups_count)
{
	EXPECT_EQ(open_to_all(0060, &member, 6), 0);
	EXPECT_EQ(open_to_all(0606, &member, 4), -EACCES);
}

TEST(who_is_in_more_groups_than_are_told_has_what_the_group_and_the_others_have)
{
	struct registry_identity many = { .uid = 12,
					  .gid = 98,
					  .groups = { .count = WIRE_GROUPS_MAX } };

	for (uint32_t i = 0; i < WIRE_GROUPS_MAX; i++)
		many.groups.gid[i] = 1000 + i;
	EXPECT_EQ(open_to_all(0606, &many, 4), -EACCES);
	EXPECT_EQ(open_to_all(0660, &many, 4), -EACCES);
	EXPECT_EQ(open_to_all(0664, &many, 4), 0);
	EXPECT_EQ(open_to_all(0664, &many, 2), -EACCES);
	many.groups.count--;
	EXPECT_EQ(open_to_all(0606, &many, 4), 0);
	many.groups.gid[0] = OWNER_GID;
	EXPECT_EQ(open_to_all(0606, &many, 4), -EACCES);
}

TEST(no_rights_are_always_granted)
{
	EXPECT_EQ(open_to_all(0, &stranger, 0), 0);
}

TEST(root_overrides_the_mode_but_not_the_list)
{
	struct wire_access elsewhere = { .count = 1, .entry = { { HERE + 1, 0666 } } };

	EXPECT_EQ(open_to_all(0, &root, 6), 0);
	EXPECT_EQ(decide(&elsewhere, 0666, &root, 0), -EXDEV);
}

TEST(a_list_leaves_out_whom_it_does_not_name)
{
	struct wire_access access = { .count = 2, .entry = { { 1, 0666 }, { 2, 0666 } } };

	EXPECT_EQ(decide(&access, 0666, &owner, 0), -EXDEV);
	EXPECT_EQ(decide(&access, 0666, &owner, 4), -EXDEV);
}

TEST(the_first_entry_for_a_node_counts)
{
	struct wire_access access = {
		.count = 3, .entry = { { 1, 0666 }, { HERE, 0400 }, { HERE, 0666 } }
	};

	EXPECT_EQ(decide(&access, 0666, &owner, 4), 0);
	EXPECT_EQ(decide(&access, 0666, &owner, 2), -EACCES);
	EXPECT_EQ(decide(&access, 0666, &stranger, 4), -EACCES);
}

TEST(a_list_takes_the_place_of_the_default_mode)
{
	struct wire_access access = { .count = 1, .entry = { { HERE, 0666 } } };

	EXPECT_EQ(decide(&access, 0, &stranger, 6), 0);
}

TEST(a_lone_node_accepts_one_entry_for_itself)
{
	struct wire_access access = { .count = 1, .entry = { { HERE, 0666 } } };
	const char *rule = "";

	EXPECT_EQ(access_check(&access, HERE, true, &rule), 0);
	access.entry[0].mode = 0111;
	EXPECT_EQ(access_check(&access, HERE, true, &rule), 0);
	access.count = 0;
	EXPECT_EQ(access_check(&access, HERE, true, &rule), 0);
}

TEST(a_lone_node_refuses_other_lists_in_words)
{
	struct wire_access two = { .count = 2, .entry = { { HERE, 0666 }, { HERE, 0666 } } };
	struct wire_access other = { .count = 1, .entry = { { HERE + 1, 0666 } } };
	struct wire_access wide = { .count = 1, .entry = { { HERE, 0667 } } };
	const char *rule = "";

	EXPECT_EQ(access_check(&two, HERE, true, &rule), -EINVAL);
	EXPECT(rule[0]);
	EXPECT_EQ(access_check(&other, HERE, true, &rule), -EINVAL);
	EXPECT_EQ(access_check(&wide, HERE, true, &rule), -EINVAL);
}
