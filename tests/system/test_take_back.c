/* SPDX-License-Identifier: MIT */
/*
 * test_take_back.c - memory that stays shared when its export ends, and cannot be taken back
 *
 * What success would hide is said, and there is an export left to try it with again.
 */
#include <errno.h>
#include <string.h>

#include "base/fault.h"
#include "kin.h"
#include "sys/vm.h"

#define PAGES 4u
#define SIZE (PAGES * PAGE)

static bool is_filled(const volatile unsigned char *at, int with)
{
	for (size_t i = 0; i < SIZE; i++)
		if (at[i] != with)
			return false;
	return true;
}

/* An attached region that is exported, and an importer who keeps what it was given. */
struct keeper {
	struct tract *ctx;
	struct tract_region *region;
	unsigned char *memory, *kept;
	struct tract_export *export;
	struct tract_import *import;
	uint32_t id;
};

static void *attach_region(struct tract *ctx, struct tract_region **ret_region)
{
	struct tract_region_spec spec = { .size = SIZE };
	void *memory = NULL;

	EXPECT_EQ(tract_region_create(ctx, &spec, ret_region), 0);
	EXPECT_EQ(tract_attach(*ret_region, &memory, 0, 0, TRACT_RIGHT_READ_WRITE, 0), 0);
	(void)memset(memory, 5, SIZE);
	return memory;
}

static void keeper_up(struct keeper *k)
{
	k->ctx = node_open();
	k->memory = attach_region(k->ctx, &k->region);
	k->export = export_up(k->ctx, k->memory, SIZE, TRACT_EXPORT_REBIND, &k->id);
	k->import = import_up(k->ctx, k->id, TRACT_RIGHT_READ_WRITE);
	k->kept = pages_twin(import_map(k->import, TRACT_RIGHT_READ_WRITE), PAGES);
}

static void keeper_down(struct keeper *k)
{
	import_down(k->import);
	pages_free(k->kept, PAGES);
	EXPECT_EQ(tract_detach(k->memory), 0);
	tract_region_close(k->region);
	tract_close(k->ctx);
}

/* Withdrawn, and importers know; but the bytes are still where they can reach them. */
static void expect_half_destroyed(const struct keeper *k)
{
	struct tract_import *late = NULL;
	uint32_t node;

	EXPECT_EQ(tract_export_id(k->export), 0);
	EXPECT_EQ(tract_node_id(k->ctx, &node), 0);
	EXPECT_EQ(tract_import_connect(k->ctx, node, k->id, TRACT_RIGHT_READ, &late), -ENOENT);
	EXPECT_EQ(tract_import_check(k->import), -ESTALE);
	k->kept[0] = 6;
	EXPECT_EQ(k->memory[0], 6);
	k->kept[0] = 5;
	EXPECT(is_filled(k->memory, 5));
}

static void expect_destroyed(const struct keeper *k)
{
	(void)memset(k->kept, 7, SIZE);
	EXPECT(is_filled(k->memory, 5));
}

TEST(destroying_says_when_shared_memory_could_not_be_taken_back)
{
	static const char *const points[] = { "claim.fence.begun=e12",
					      "exchange.fence.copied=e12" };

	for (unsigned i = 0; i < 2; i++) {
		struct keeper k;

		keeper_up(&k);
		for (unsigned n = 0; n < 2; n++) {
			EXPECT_EQ(fault_arm(points[i]), 0);
			EXPECT_EQ(tract_export_destroy(k.export), -ENOMEM);
			(void)fault_arm(NULL);
			expect_half_destroyed(&k);
		}
		EXPECT_EQ(tract_export_destroy(k.export), 0);
		expect_destroyed(&k);
		keeper_down(&k);
	}
}

TEST(what_could_not_be_destroyed_can_be_published_and_destroyed)
{
	struct keeper k;
	uint32_t id = 0;

	keeper_up(&k);
	EXPECT_EQ(fault_arm("claim.fence.begun=e12"), 0);
	EXPECT_EQ(tract_export_destroy(k.export), -ENOMEM);
	(void)fault_arm(NULL);
	EXPECT_EQ(tract_export_publish(k.export, &id, NULL, 0), 0);
	import_down(import_up(k.ctx, id, TRACT_RIGHT_READ));
	EXPECT_EQ(tract_export_destroy(k.export), 0);
	expect_destroyed(&k);
	keeper_down(&k);
}

TEST(destroying_says_when_memory_bound_before_could_not_be_taken_back)
{
	unsigned char *other = pages_private(PAGES);
	struct keeper k;

	keeper_up(&k);
	(void)memset(other, 8, SIZE);
	EXPECT_EQ(tract_export_rebind(k.export, other, SIZE), 0);
	EXPECT_EQ(fault_arm("claim.fence.begun=e12"), 0);
	EXPECT_EQ(tract_export_destroy(k.export), -ENOMEM);
	(void)fault_arm(NULL);
	expect_half_destroyed(&k);
	EXPECT_EQ(tract_export_destroy(k.export), 0);
	expect_destroyed(&k);
	EXPECT(is_filled(other, 8));
	/* Private again. */
	EXPECT(vm_own_bytes(other, SIZE) == SIZE);
	keeper_down(&k);
	pages_free(other, PAGES);
}

TEST(taking_back_without_a_descriptor_to_spare_says_so)
{
	struct keeper k;
	uint32_t id = 0;

	keeper_up(&k);
	EXPECT_EQ(fault_arm("claim.fence.begun=e24"), 0);
	EXPECT_EQ(tract_export_unpublish(k.export), -EMFILE);
	expect_half_destroyed(&k);
	EXPECT_EQ(tract_export_publish(k.export, &id, NULL, 0), 0);
	EXPECT_EQ(fault_arm("claim.fence.begun=e24"), 0);
	EXPECT_EQ(tract_export_destroy(k.export), -EMFILE);
	(void)fault_arm(NULL);
	expect_half_destroyed(&k);
	EXPECT_EQ(tract_export_destroy(k.export), 0);
	expect_destroyed(&k);
	keeper_down(&k);
}
