/* SPDX-License-Identifier: MIT */
#include "broker/idmap.h"

#include <errno.h>

#include "test.h"

TEST(what_was_added_is_found_and_taken_once)
{
	struct idmap_node node;
	struct idmap m;
	int value;

	EXPECT_EQ(idmap_init(&m), 0);
	EXPECT_EQ(idmap_add(&m, &node, 7, &value), 0);
	EXPECT(idmap_find(&m, 7) == &value);
	EXPECT(idmap_find(&m, 7 + 64) == NULL);
	EXPECT(idmap_take(&m, 7) == &value);
	EXPECT(idmap_take(&m, 7) == NULL);
	EXPECT(idmap_first(&m) == NULL);
	idmap_deinit(&m);
}

TEST(an_id_is_added_once)
{
	struct idmap_node a, b;
	struct idmap m;

	EXPECT_EQ(idmap_init(&m), 0);
	EXPECT_EQ(idmap_add(&m, &a, 7, &a), 0);
	EXPECT_EQ(idmap_add(&m, &b, 7, &b), -EEXIST);
	EXPECT(idmap_find(&m, 7) == &a);
	idmap_deinit(&m);
}

static void add_up(void *value, void *arg)
{
	uint64_t *sum = arg;
	const uint64_t *number = value;

	*sum += *number;
}

TEST(growing_loses_nothing)
{
	static struct idmap_node nodes[5000];
	static uint64_t numbers[5000];
	uint64_t sum = 0;
	struct idmap m;

	EXPECT_EQ(idmap_init(&m), 0);
	for (uint64_t i = 0; i < 5000; i++) {
		numbers[i] = i;
		EXPECT_EQ(idmap_add(&m, &nodes[i], i * 3, &numbers[i]), 0);
	}
	for (uint64_t i = 0; i < 5000; i++)
		EXPECT(idmap_find(&m, i * 3) == &numbers[i]);
	idmap_each(&m, add_up, &sum);
	EXPECT_EQ(sum, 4999 * 5000 / 2);
	idmap_deinit(&m);
}
