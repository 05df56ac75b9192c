/* SPDX-License-Identifier: MIT */
/*
 * test_map.c - rsm_memseg_import_map() and rsm_memseg_import_unmap()
 */
#include "rig.h"

static int map(struct importer *i, rsm_attribute_t attr, rsm_permission_t perm, off_t offset,
	       size_t length)
{
	void *address = i->address;
	int rc = rsm_memseg_import_map(i->segment, &address, attr, perm, offset, length);

	if (rc == RSM_SUCCESS)
		i->address = address;
	return rc;
}

static void unmap(struct importer *i)
{
	EXPECT_EQ(rsm_memseg_import_unmap(i->segment), RSM_SUCCESS);
	i->address = NULL;
}

/* 25.38 */
TEST(a_whole_map_shows_and_changes_the_exporters_memory)
{
	struct exporter e;
	struct child far;

	exporter_up(&e, ID(0), 4);
	(void)memset(e.memory, 3, e.size);
	agent_importing(&far, ID(0), e.size);
	EXPECT_EQ(ask(&far, LOAD_MAPPED, 4 * PAGE - 1, 0), 3);
	e.memory[17] = 4;
	EXPECT_EQ(ask(&far, LOAD_MAPPED, 17, 0), 4);
	EXPECT_EQ(ask(&far, STORE_MAPPED, 2 * PAGE, 5), 0);
	EXPECT_EQ(e.memory[2 * PAGE], 5);
	child_finish(&far);
	exporter_down(&e);
}

/* 25.38 */
TEST(an_exporter_and_an_importer_in_two_children_share)
{
	struct child exporter, importer;

	agent_exporting(&exporter, ID(0), 2);
	agent_importing(&importer, ID(0), 2 * PAGE);
	EXPECT_EQ(ask(&exporter, STORE, PAGE + 1, 6), 0);
	EXPECT_EQ(ask(&importer, LOAD_MAPPED, PAGE + 1, 0), 6);
	EXPECT_EQ(ask(&importer, STORE_MAPPED, 1, 7), 0);
	EXPECT_EQ(ask(&exporter, LOAD, 1, 0), 7);
	child_finish(&importer);
	child_finish(&exporter);
}

/* 25.38 */
TEST(a_partial_map_shows_its_part)
{
	struct pair p;

	pair_up(&p, 4);
	for (unsigned page = 0; page < 4; page++)
		(void)memset(p.e.memory + page * PAGE, 1 + (int)page, PAGE);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_RDWR, (off_t)PAGE, 2 * PAGE), RSM_SUCCESS);
	EXPECT(is_filled(p.i.address, PAGE, 2));
	EXPECT(is_filled(p.i.address + PAGE, PAGE, 3));
	p.i.address[0] = 9;
	importer_deliver(&p.i);
	EXPECT_EQ(p.e.memory[PAGE], 9);
	unmap(&p.i);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_RDWR, (off_t)(3 * PAGE), PAGE), RSM_SUCCESS);
	EXPECT(is_filled(p.i.address, PAGE, 4));
	pair_down(&p);
}

TEST(several_connections_map_several_parts)
{
	struct exporter e;
	struct importer i[3];

	exporter_up(&e, ID(0), 3);
	for (unsigned k = 0; k < 3; k++) {
		(void)memset(e.memory + k * PAGE, 5 + (int)k, PAGE);
		importer_fresh(&i[k], ID(0), RSM_PERM_RDWR);
		EXPECT_EQ(map(&i[k], RSM_MAP_NONE, RSM_PERM_RDWR, (off_t)(k * PAGE), PAGE),
			  RSM_SUCCESS);
	}
	for (unsigned k = 0; k < 3; k++)
		EXPECT(is_filled(i[k].address, PAGE, 5 + (int)k));
	for (unsigned k = 0; k < 3; k++)
		importer_down(&i[k]);
	exporter_down(&e);
}

/* 25.39 */
TEST(a_second_map_is_refused)
{
	struct pair p;

	pair_up(&p, 2);
	importer_map(&p.i, RSM_PERM_RDWR, PAGE);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_RDWR, (off_t)PAGE, PAGE),
		  RSMERR_SEG_ALREADY_MAPPED);
	unmap(&p.i);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_RDWR, (off_t)PAGE, PAGE), RSM_SUCCESS);
	pair_down(&p);
}

/* 25.39, Q13 */
TEST(a_map_after_an_implicit_one_is_refused_until_unmapped)
{
	struct pair p;
	uint8_t byte = 1;

	pair_up(&p, 2);
	EXPECT_EQ(rsm_memseg_import_put8(p.i.segment, 0, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_RDWR, 0, PAGE), RSMERR_SEG_ALREADY_MAPPED);
	unmap(&p.i);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_RDWR, 0, PAGE), RSM_SUCCESS);
	pair_down(&p);
}

TEST(no_segment_is_found_before_no_address)
{
	EXPECT_EQ(rsm_memseg_import_map(NULL, NULL, RSM_MAP_NONE, 0777, -1, 0),
		  RSMERR_BAD_SEG_HNDL);
}

TEST(no_address_is_found_before_being_mapped)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(
		rsm_memseg_import_map(p.i.segment, NULL, RSM_MAP_NONE, RSM_PERM_READ, 0, PAGE),
		RSMERR_BAD_ADDR);
	importer_map(&p.i, RSM_PERM_RDWR, PAGE);
	EXPECT_EQ(
		rsm_memseg_import_map(p.i.segment, NULL, RSM_MAP_NONE, RSM_PERM_READ, 0, PAGE),
		RSMERR_BAD_ADDR);
	pair_down(&p);
}

TEST(being_mapped_is_found_before_bad_permissions)
{
	struct pair p;

	pair_up(&p, 1);
	importer_map(&p.i, RSM_PERM_RDWR, PAGE);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, 0777, 1, 0), RSMERR_SEG_ALREADY_MAPPED);
	pair_down(&p);
}

TEST(permissions_above_0600_are_found_before_no_length)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, 0777, 1, 0), RSMERR_BAD_PERMS);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, 0601, 0, PAGE), RSMERR_BAD_PERMS);
	pair_down(&p);
}

/* 25.40 */
TEST(no_length_is_a_bad_length_and_found_before_misalignment)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_READ, 0, 0), RSMERR_BAD_LENGTH);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_READ, 1, 0), RSMERR_BAD_LENGTH);
	pair_down(&p);
}

/* 25.40, Q5 */
TEST(a_window_beyond_the_segment_is_a_bad_length)
{
	struct pair p;
	const off_t end = (off_t)(2 * PAGE);

	pair_up(&p, 2);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_READ, 0, 2 * PAGE + 1), RSMERR_BAD_LENGTH);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_READ, (off_t)PAGE, PAGE + 1),
		  RSMERR_BAD_LENGTH);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_READ, end, 1), RSMERR_BAD_LENGTH);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_READ, 1024 * end, PAGE), RSMERR_BAD_LENGTH);
	/* Even if the offset is misaligned as well. */
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_READ, 1, 2 * PAGE), RSMERR_BAD_LENGTH);
	pair_down(&p);
}

TEST(a_negative_offset_or_an_overflow_is_a_bad_length)
{
	struct pair p;
	const off_t high = (off_t)(INT64_MAX & ~(int64_t)(PAGE - 1));

	pair_up(&p, 2);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_READ, -(off_t)PAGE, PAGE),
		  RSMERR_BAD_LENGTH);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_READ, -(off_t)PAGE, 2 * PAGE),
		  RSMERR_BAD_LENGTH);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_READ, (off_t)PAGE, SIZE_MAX - PAGE + 1),
		  RSMERR_BAD_LENGTH);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_READ, (off_t)PAGE, SIZE_MAX),
		  RSMERR_BAD_LENGTH);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_READ, high, 2 * PAGE), RSMERR_BAD_LENGTH);
	pair_down(&p);
}

/* 25.40, Q27 */
TEST(a_misaligned_offset_is_refused_and_nothing_hangs_afterwards)
{
	struct pair p;

	pair_up(&p, 2);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_READ, (off_t)(PAGE / 2), PAGE),
		  RSMERR_BAD_MEM_ALIGNMENT);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_RDWR, 0, PAGE), RSM_SUCCESS);
	pair_down(&p);
}

/* 25.41 */
TEST(a_fixed_map_lands_where_it_was_asked_to)
{
	struct pair p;
	unsigned char *reserved = pages_with_hole(4, 4);

	pair_up(&p, 2);
	(void)memset(p.e.memory, 8, p.e.size);
	p.i.address = reserved + PAGE;
	EXPECT_EQ(map(&p.i, RSM_MAP_FIXED, RSM_PERM_RDWR, 0, 2 * PAGE), RSM_SUCCESS);
	EXPECT(p.i.address == reserved + PAGE);
	EXPECT(is_filled(reserved + PAGE, 2 * PAGE, 8));
	EXPECT(is_filled(reserved, PAGE, 0));
	EXPECT(is_filled(reserved + 3 * PAGE, PAGE, 0));
	p.i.address[0] = 1;
	importer_deliver(&p.i);
	EXPECT_EQ(p.e.memory[0], 1);
	pair_down(&p);
	EXPECT_EQ(munmap(reserved, 4 * PAGE), 0);
}

/* 25.41, Q27 */
TEST(a_misaligned_fixed_address_is_refused_and_nothing_hangs_afterwards)
{
	struct pair p;
	unsigned char *reserved = pages_with_hole(2, 2);

	pair_up(&p, 1);
	p.i.address = reserved + 8;
	EXPECT_EQ(map(&p.i, RSM_MAP_FIXED, RSM_PERM_RDWR, 0, PAGE), RSMERR_BAD_MEM_ALIGNMENT);
	p.i.address = reserved;
	EXPECT_EQ(map(&p.i, RSM_MAP_FIXED, RSM_PERM_RDWR, 0, PAGE), RSM_SUCCESS);
	pair_down(&p);
	EXPECT_EQ(munmap(reserved, 2 * PAGE), 0);
}

TEST(without_fixed_the_incoming_address_replaces_nothing)
{
	struct pair p;
	unsigned char *mine = pages_with_hole(1, 1);

	pair_up(&p, 1);
	mine[0] = 3;
	p.i.address = mine;
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_RDWR, 0, PAGE), RSM_SUCCESS);
	EXPECT(p.i.address != mine);
	EXPECT_EQ(mine[0], 3);
	unmap(&p.i);
	p.i.address = (unsigned char *)(uintptr_t)0xdeadbeef;
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_RDWR, 0, PAGE), RSM_SUCCESS);
	p.i.address[1] = 4;
	importer_deliver(&p.i);
	EXPECT_EQ(p.e.memory[1], 4);
	pair_down(&p);
	EXPECT_EQ(munmap(mine, PAGE), 0);
}

TEST(the_reserved_attribute_has_no_effect)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(map(&p.i, RSM_MAP_RESERVED, RSM_PERM_RDWR, 0, PAGE), RSM_SUCCESS);
	p.i.address[0] = 2;
	importer_deliver(&p.i);
	EXPECT_EQ(p.e.memory[0], 2);
	pair_down(&p);
}

/* 25.42 */
TEST(permissions_above_the_connections_are_refused)
{
	struct exporter e;
	struct importer i;

	ONE_NODE_ONLY("pages of another node are fetched, which takes the right to read");
	exporter_up(&e, ID(0), 1);
	importer_fresh(&i, ID(0), RSM_PERM_READ);
	EXPECT_EQ(map(&i, RSM_MAP_NONE, RSM_PERM_RDWR, 0, PAGE), RSMERR_BAD_PERMS);
	EXPECT_EQ(map(&i, RSM_MAP_NONE, RSM_PERM_WRITE, 0, PAGE), RSMERR_BAD_PERMS);
	EXPECT_EQ(map(&i, RSM_MAP_NONE, RSM_PERM_READ, 0, PAGE), RSM_SUCCESS);
	importer_down(&i);
	importer_fresh(&i, ID(0), RSM_PERM_WRITE);
	EXPECT_EQ(map(&i, RSM_MAP_NONE, RSM_PERM_RDWR, 0, PAGE), RSMERR_BAD_PERMS);
	EXPECT_EQ(map(&i, RSM_MAP_NONE, RSM_PERM_READ, 0, PAGE), RSMERR_BAD_PERMS);
	EXPECT_EQ(map(&i, RSM_MAP_NONE, RSM_PERM_WRITE, 0, PAGE), RSM_SUCCESS);
	i.address[0] = 5;
	EXPECT_EQ(e.memory[0], 5);
	importer_down(&i);
	exporter_down(&e);
}

static void load_from(struct child *parent, void *arg)
{
	volatile unsigned char *at = arg;

	(void)parent;
	(void)signal(SIGSEGV, SIG_DFL);
	(void)*at;
}

static void store_to(struct child *parent, void *arg)
{
	volatile unsigned char *at = arg;

	(void)parent;
	(void)signal(SIGSEGV, SIG_DFL);
	*at = 1;
}

static bool faults(void (*access)(struct child *, void *), void *at)
{
	int status = status_of(access, at);

	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

TEST(a_read_only_map_cannot_be_stored_to)
{
	struct pair p;

	pair_up(&p, 1);
	importer_map(&p.i, RSM_PERM_READ, PAGE);
	EXPECT(!faults(load_from, p.i.address));
	EXPECT(faults(store_to, p.i.address));
	pair_down(&p);
}

TEST(a_map_without_permission_is_inaccessible)
{
	struct pair p;

	pair_up(&p, 1);
	importer_map(&p.i, RSM_PERM_NONE, PAGE);
	EXPECT(faults(load_from, p.i.address));
	EXPECT(faults(store_to, p.i.address));
	pair_down(&p);
}

/* 25.43 */
TEST(a_length_need_not_be_a_page_multiple)
{
	struct pair p;
	uint8_t byte = 1;

	pair_up(&p, 2);
	importer_map(&p.i, RSM_PERM_RDWR, PAGE + 10);
	/* The rest of the last page is accessible, but does not count for put. */
	p.i.address[2 * PAGE - 1] = 6;
	importer_deliver(&p.i);
	EXPECT_EQ(p.e.memory[2 * PAGE - 1], 6);
	EXPECT_EQ(rsm_memseg_import_put8(p.i.segment, (off_t)PAGE + 9, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_put8(p.i.segment, (off_t)PAGE + 10, &byte, 1),
		  RSMERR_BAD_OFFSET);
	pair_down(&p);
}

/* 25.44 */
TEST(unmapping_what_is_not_mapped_is_refused)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_import_unmap(p.i.segment), RSMERR_SEG_NOT_MAPPED);
	importer_map(&p.i, RSM_PERM_RDWR, PAGE);
	unmap(&p.i);
	EXPECT_EQ(rsm_memseg_import_unmap(p.i.segment), RSMERR_SEG_NOT_MAPPED);
	pair_down(&p);
}

TEST(unmapping_nothing_is_a_bad_handle)
{
	EXPECT_EQ(rsm_memseg_import_unmap(NULL), RSMERR_BAD_SEG_HNDL);
}

TEST(addresses_are_invalid_after_unmap)
{
	struct pair p;
	unsigned char *was;

	pair_up(&p, 1);
	importer_map(&p.i, RSM_PERM_RDWR, PAGE);
	was = p.i.address;
	was[0] = 2;
	unmap(&p.i);
	/* Whatever is there by now, it is not the segment. */
	(void)faults(store_to, was);
	EXPECT_EQ(p.e.memory[0], 2);
	pair_down(&p);
}

TEST(mapping_an_aborted_import_is_refused_after_the_arguments_are_checked)
{
	struct pair p;

	pair_up(&p, 2);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_READ, 0, PAGE), RSMERR_CONN_ABORTED);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_READ, 0, 0), RSMERR_BAD_LENGTH);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, RSM_PERM_READ, 1, PAGE), RSMERR_BAD_MEM_ALIGNMENT);
	EXPECT_EQ(map(&p.i, RSM_MAP_NONE, 0777, 0, PAGE), RSMERR_BAD_PERMS);
	pair_down(&p);
}
