/* SPDX-License-Identifier: MIT */
#include "broker/bell_map.h"

#include <unistd.h>

#include "test.h"
#include "wire/wire.h"

TEST(a_slot_becomes_active_with_its_counters_at_zero)
{
	struct shm_bell *bell;
	int fd;

	EXPECT_EQ(bell_map_new(&fd, &bell), 0);
	EXPECT_EQ(bell->magic, SHM_BELL_MAGIC);
	atomic_store(&bell->importer[5].pending, 9u);
	atomic_store(&bell->importer[5].polled, 9u);
	bell_map_set_active(bell, 5, true);
	EXPECT_EQ(atomic_load(&bell->importer[5].active), 1);
	EXPECT_EQ(atomic_load(&bell->importer[5].pending), 0);
	EXPECT_EQ(atomic_load(&bell->importer[5].polled), 0);
	EXPECT_EQ(atomic_load(&bell->slots_in_use), 6);
	bell_map_free(bell);
	(void)close(fd);
}

TEST(a_slot_that_ends_keeps_what_was_counted)
{
	struct shm_bell *bell;
	int fd;

	EXPECT_EQ(bell_map_new(&fd, &bell), 0);
	bell_map_set_active(bell, 0, true);
	atomic_store(&bell->importer[0].pending, 3u);
	bell_map_set_active(bell, 0, false);
	EXPECT_EQ(atomic_load(&bell->importer[0].active), 0);
	EXPECT_EQ(atomic_load(&bell->importer[0].pending), 3);
	bell_map_free(bell);
	(void)close(fd);
}

TEST(the_exporters_slot_is_none_of_the_importers)
{
	struct shm_bell *bell;
	int fd;

	EXPECT_EQ(bell_map_new(&fd, &bell), 0);
	bell_map_set_active(bell, WIRE_SLOT_EXPORTER, true);
	EXPECT_EQ(atomic_load(&bell->exporter.active), 1);
	EXPECT_EQ(atomic_load(&bell->slots_in_use), 0);
	bell_map_free(bell);
	(void)close(fd);
}

TEST(a_polled_word_is_never_the_same_for_two_owners_of_a_slot)
{
	struct shm_bell *bell;
	uint32_t before;
	int fd;

	EXPECT_EQ(bell_map_new(&fd, &bell), 0);
	bell_map_set_active(bell, 1, true);
	bell_map_raise_polled(bell, 1);
	before = atomic_load(&bell->importer[1].polled);
	EXPECT(before != 0);
	bell_map_set_active(bell, 1, false);
	bell_map_set_active(bell, 1, true);
	EXPECT_EQ(atomic_load(&bell->importer[1].polled), 0);
	bell_map_raise_polled(bell, 1);
	EXPECT(atomic_load(&bell->importer[1].polled) != before);
	EXPECT(atomic_load(&bell->importer[1].polled) != 0);
	bell_map_free(bell);
	(void)close(fd);
}

TEST(what_the_broker_posts_is_counted_and_never_wraps)
{
	struct shm_bell *bell;
	int fd;

	EXPECT_EQ(bell_map_new(&fd, &bell), 0);
	bell_map_set_active(bell, WIRE_SLOT_EXPORTER, true);
	bell_map_post(bell, WIRE_SLOT_EXPORTER, 2, false);
	bell_map_post(bell, WIRE_SLOT_EXPORTER, 3, true);
	EXPECT_EQ(atomic_load(&bell->exporter.pending), 2);
	bell_map_post(bell, WIRE_SLOT_EXPORTER, UINT64_MAX, false);
	EXPECT_EQ(atomic_load(&bell->exporter.pending), UINT32_MAX);
	EXPECT_EQ(bell_map_take(bell, WIRE_SLOT_EXPORTER), UINT32_MAX);
	EXPECT_EQ(bell_map_take(bell, WIRE_SLOT_EXPORTER), 0);
	bell_map_post(bell, WIRE_SLOT_EXPORTER, 1, true);
	EXPECT_EQ(bell_map_take(bell, WIRE_SLOT_EXPORTER), 1);
	bell_map_free(bell);
	(void)close(fd);
}
