/* SPDX-License-Identifier: MIT */
/*
 * test_export_rebind.c - rsm_memseg_export_rebind()
 */
#include "rig.h"

static int rebind(struct exporter *e, void *to, size_t size)
{
	return rsm_memseg_export_rebind(e->segment, to, 0, size);
}

/* 25.76 */
TEST(no_segment_is_found_before_no_address)
{
	EXPECT_EQ(rsm_memseg_export_rebind(NULL, NULL, 0, 0), RSMERR_BAD_SEG_HNDL);
}

/* 25.76 */
TEST(no_address_is_found_before_a_missing_flag)
{
	struct exporter e;

	exporter_bound(&e, 2, 0);
	EXPECT_EQ(rebind(&e, NULL, e.size), RSMERR_BAD_ADDR);
	exporter_down(&e);
}

/* 25.76 */
TEST(without_the_flag_rebind_is_not_allowed)
{
	struct exporter e;
	unsigned char *m = pages_new(2);

	exporter_bound(&e, 2, 0);
	EXPECT_EQ(rebind(&e, m, e.size), RSMERR_REBIND_NOT_ALLOWED);
	/* Not even to where it is, and before the length is looked at. */
	EXPECT_EQ(rebind(&e, e.memory, e.size), RSMERR_REBIND_NOT_ALLOWED);
	EXPECT_EQ(rebind(&e, m, PAGE), RSMERR_REBIND_NOT_ALLOWED);
	exporter_down(&e);
	free(m);
}

static void expect_refusals_in_a_child(struct child *parent, void *arg)
{
	struct exporter *e = arg;

	(void)parent;
	EXPECT_EQ(rebind(e, NULL, e->size), RSMERR_BAD_ADDR);
	EXPECT_EQ(rebind(e, e->memory, e->size), RSMERR_NOT_CREATOR);
	EXPECT_EQ(rebind(e, e->memory, 1), RSMERR_NOT_CREATOR);
}

static void expect_flag_before_creator(struct child *parent, void *arg)
{
	struct exporter *e = arg;

	(void)parent;
	EXPECT_EQ(rebind(e, e->memory, e->size), RSMERR_REBIND_NOT_ALLOWED);
}

TEST(only_the_creator_rebinds_and_that_is_found_before_the_length)
{
	struct exporter e;

	exporter_bound(&e, 2, RSM_ALLOW_REBIND);
	EXPECT_EQ(status_of(expect_refusals_in_a_child, &e), 0);
	exporter_down(&e);
}

TEST(a_missing_flag_is_found_before_not_being_the_creator)
{
	struct exporter e;

	exporter_bound(&e, 2, 0);
	EXPECT_EQ(status_of(expect_flag_before_creator, &e), 0);
	exporter_down(&e);
}

/* 25.76, Q8 */
TEST(the_length_must_be_that_of_the_segment)
{
	struct exporter e;
	unsigned char *m = pages_new(4);

	exporter_bound(&e, 2, RSM_ALLOW_REBIND);
	EXPECT_EQ(rebind(&e, m, PAGE), RSMERR_BAD_LENGTH);
	EXPECT_EQ(rebind(&e, m, 3 * PAGE), RSMERR_BAD_LENGTH);
	EXPECT_EQ(rebind(&e, m, 0), RSMERR_BAD_LENGTH);
	EXPECT_EQ(rebind(&e, m, 2 * PAGE + 1), RSMERR_BAD_LENGTH);
	exporter_down(&e);
	free(m);
}

TEST(a_wrong_length_is_found_before_the_same_address_and_misalignment)
{
	struct exporter e;
	unsigned char *m = pages_new(4);

	exporter_bound(&e, 2, RSM_ALLOW_REBIND);
	EXPECT_EQ(rebind(&e, e.memory, PAGE), RSMERR_BAD_LENGTH);
	EXPECT_EQ(rebind(&e, m + 8, PAGE), RSMERR_BAD_LENGTH);
	exporter_down(&e);
	free(m);
}

/* 25.76, Q7 */
TEST(a_misaligned_address_is_a_bad_address)
{
	struct exporter e;
	unsigned char *m = pages_new(4);

	exporter_bound(&e, 2, RSM_ALLOW_REBIND);
	EXPECT_EQ(rebind(&e, m + 8, e.size), RSMERR_BAD_ADDR);
	EXPECT_EQ(rebind(&e, m + PAGE / 2, e.size), RSMERR_BAD_ADDR);
	exporter_down(&e);
	free(m);
}

TEST(a_misaligned_address_is_found_before_a_read_only_one)
{
	struct exporter e;
	unsigned char *m = pages_with_read_only(4, 0);

	exporter_bound(&e, 2, RSM_ALLOW_REBIND);
	EXPECT_EQ(rebind(&e, m + 8, e.size), RSMERR_BAD_ADDR);
	exporter_down(&e);
	EXPECT_EQ(munmap(m, 4 * PAGE), 0);
}

/* 25.76 */
TEST(rebinding_to_the_current_address_succeeds)
{
	struct pair p;

	pair_up(&p, 2);
	p.e.memory[0] = 4;
	EXPECT_EQ(rebind(&p.e, p.e.memory, p.e.size), RSM_SUCCESS);
	importer_map(&p.i, RSM_PERM_READ, p.e.size);
	EXPECT_EQ(p.i.address[0], 4);
	EXPECT_EQ(rebind(&p.e, p.e.memory, p.e.size), RSM_SUCCESS);
	p.e.memory[0] = 5;
	importer_deliver(&p.i);
	EXPECT_EQ(p.i.address[0], 5);
	pair_down(&p);
}

static void expect_old_binding(struct pair *p)
{
	p->e.memory[1] = (unsigned char)(p->e.memory[1] + 1);
	importer_deliver(&p->i);
	EXPECT_EQ(p->i.address[1], p->e.memory[1]);
	p->i.address[2] = (unsigned char)(p->i.address[2] + 3);
	importer_deliver(&p->i);
	EXPECT_EQ(p->e.memory[2], p->i.address[2]);
}

TEST(an_unusable_range_is_refused_and_the_old_binding_stays)
{
	struct pair p;
	unsigned char *hole = pages_with_hole(2, 1), *fixed = pages_with_read_only(2, 1);
	int fd = file_of_pages(2, 0);
	void *file = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	EXPECT(file != MAP_FAILED);
	pair_up(&p, 2);
	importer_map(&p.i, RSM_PERM_RDWR, p.e.size);
	EXPECT_EQ(rebind(&p.e, hole, p.e.size), RSMERR_BAD_ADDR);
	expect_old_binding(&p);
	EXPECT_EQ(rebind(&p.e, fixed, p.e.size), RSMERR_PERM_DENIED);
	expect_old_binding(&p);
	EXPECT_EQ(rebind(&p.e, file, p.e.size), RSMERR_BAD_ADDR);
	expect_old_binding(&p);
	pair_down(&p);
	EXPECT_EQ(munmap(hole, PAGE), 0);
	EXPECT_EQ(munmap(fixed, 2 * PAGE), 0);
	EXPECT_EQ(munmap(file, 2 * PAGE), 0);
	(void)close(fd);
}

TEST(the_offset_argument_is_ignored)
{
	struct exporter e;
	unsigned char *m = pages_new(2);

	exporter_bound(&e, 2, RSM_ALLOW_REBIND);
	EXPECT_EQ(rsm_memseg_export_rebind(e.segment, m, -1, e.size), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_rebind(e.segment, e.memory, 12345, e.size), RSM_SUCCESS);
	exporter_down(&e);
	free(m);
}

/* 25.77 */
TEST(importers_see_the_new_memory_without_having_mapped)
{
	struct pair p;
	struct child far;
	unsigned char *m = pages_new(2);

	exporter_up(&p.e, ID(0), 2);
	agent_importing(&far, ID(0), 0);
	importer_up(&p.i, ID(0), RSM_PERM_RDWR);
	(void)memset(p.e.memory, 1, p.e.size);
	(void)memset(m, 2, p.e.size);
	EXPECT_EQ(rebind(&p.e, m, p.e.size), RSM_SUCCESS);
	EXPECT_EQ(ask(&far, GET, PAGE, 0), 2);
	EXPECT_EQ(ask(&far, PUT, PAGE, 7), RSM_SUCCESS);
	EXPECT_EQ(m[PAGE], 7);
	EXPECT_EQ(p.e.memory[PAGE], 1);
	importer_map(&p.i, RSM_PERM_RDWR, p.e.size);
	EXPECT_EQ(p.i.address[PAGE], 7);
	child_finish(&far);
	pair_down(&p);
	free(m);
}

/* 25.77, Q30 */
TEST(importers_that_have_mapped_see_the_new_memory)
{
	struct pair p;
	struct child far;
	unsigned char *m = pages_new(2);

	exporter_up(&p.e, ID(0), 2);
	agent_importing(&far, ID(0), 2 * PAGE);
	importer_up(&p.i, ID(0), RSM_PERM_RDWR);
	importer_map(&p.i, RSM_PERM_RDWR, p.e.size);
	(void)memset(p.e.memory, 1, p.e.size);
	(void)memset(m, 2, p.e.size);
	EXPECT_EQ(ask(&far, LOAD_MAPPED, 5, 0), 1);
	EXPECT_EQ(rebind(&p.e, m, p.e.size), RSM_SUCCESS);
	EXPECT(is_filled(p.i.address, p.e.size, 2));
	EXPECT_EQ(ask(&far, LOAD_MAPPED, 5, 0), 2);
	EXPECT_EQ(ask(&far, STORE_MAPPED, 6, 9), 0);
	EXPECT_EQ(m[6], 9);
	p.i.address[PAGE] = 8;
	importer_deliver(&p.i);
	EXPECT_EQ(m[PAGE], 8);
	m[7] = 3;
	EXPECT_EQ(ask(&far, LOAD_MAPPED, 7, 0), 3);
	EXPECT(is_filled(p.e.memory, p.e.size, 1));
	child_finish(&far);
	pair_down(&p);
	free(m);
}

/* 25.77 */
TEST(implicitly_mapped_and_partly_mapped_importers_see_the_new_memory)
{
	struct pair p;
	struct importer part;
	void *address = NULL;
	unsigned char *m = pages_new(4);
	uint8_t byte;

	pair_up(&p, 4);
	EXPECT_EQ(rsm_memseg_import_get8(p.i.segment, 0, &byte, 1), RSM_SUCCESS);
	importer_fresh(&part, ID(0), RSM_PERM_RDWR);
	EXPECT_EQ(rsm_memseg_import_map(part.segment, &address, RSM_MAP_NONE, RSM_PERM_RDWR,
					(off_t)PAGE, 2 * PAGE),
		  RSM_SUCCESS);
	part.address = address;
	for (unsigned page = 0; page < 4; page++)
		(void)memset(m + page * PAGE, 0x10 + (int)page, PAGE);
	EXPECT_EQ(rebind(&p.e, m, p.e.size), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_get8(p.i.segment, (off_t)(3 * PAGE), &byte, 1),
		  RSM_SUCCESS);
	EXPECT_EQ(byte, 0x13);
	EXPECT(is_filled(part.address, PAGE, 0x11));
	EXPECT(is_filled(part.address + PAGE, PAGE, 0x12));
	importer_down(&part);
	pair_down(&p);
	free(m);
}

/* 25.77 */
TEST(the_exporters_stores_to_the_old_range_are_not_seen)
{
	struct pair p;
	struct child far;
	unsigned char *m = pages_new(2);

	exporter_up(&p.e, ID(0), 2);
	agent_importing(&far, ID(0), 2 * PAGE);
	importer_up(&p.i, ID(0), RSM_PERM_RDWR);
	importer_map(&p.i, RSM_PERM_RDWR, p.e.size);
	EXPECT_EQ(rebind(&p.e, m, p.e.size), RSM_SUCCESS);
	(void)memset(p.e.memory, 0xee, p.e.size);
	EXPECT(is_filled(p.i.address, p.e.size, 0));
	EXPECT_EQ(ask(&far, LOAD_MAPPED, 0, 0), 0);
	EXPECT(is_filled(m, p.e.size, 0));
	child_finish(&far);
	pair_down(&p);
	free(m);
}

/* 25.77 */
TEST(the_old_range_keeps_its_contents_and_is_ordinary_memory)
{
	struct pair p;
	unsigned char *m = pages_new(2), *old;
	uint8_t byte = 5;

	pair_up(&p, 2);
	(void)memset(p.e.memory, 1, p.e.size);
	EXPECT_EQ(rsm_memseg_import_put8(p.i.segment, 0, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(rebind(&p.e, m, p.e.size), RSM_SUCCESS);
	EXPECT_EQ(p.e.memory[0], 5);
	EXPECT(is_filled(p.e.memory + 1, p.e.size - 1, 1));
	/* It may be freed at once. */
	old = p.e.memory;
	p.e.memory = m;
	free(old);
	p.e.memory[1] = 2;
	EXPECT_EQ(rsm_memseg_import_get8(p.i.segment, 1, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(byte, 2);
	pair_down(&p);
}

TEST(a_segment_can_be_bound_to_and_fro)
{
	struct pair p;
	unsigned char *m = pages_new(2);

	pair_up(&p, 2);
	importer_map(&p.i, RSM_PERM_RDWR, p.e.size);
	(void)memset(p.e.memory, 1, p.e.size);
	(void)memset(m, 2, p.e.size);
	for (unsigned n = 0; n < 10; n++) {
		EXPECT_EQ(rebind(&p.e, m, p.e.size), RSM_SUCCESS);
		EXPECT(is_filled(p.i.address, p.e.size, 2));
		EXPECT_EQ(rebind(&p.e, p.e.memory, p.e.size), RSM_SUCCESS);
		EXPECT(is_filled(p.i.address, p.e.size, 1));
	}
	pair_down(&p);
	EXPECT(is_filled(m, 2 * PAGE, 2));
	free(m);
}

TEST(rebind_aborts_nobody_and_signals_nobody)
{
	struct pair p;
	unsigned char *m = pages_new(2);

	pair_up(&p, 2);
	importer_map(&p.i, RSM_PERM_RDWR, p.e.size);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rebind(&p.e, m, p.e.size), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(p.i.segment, 0), RSMERR_TIMEOUT);
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, 0), RSMERR_TIMEOUT);
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, SOON), RSM_SUCCESS);
	pair_down(&p);
	free(m);
}

/* 25.78 */
TEST(a_segment_can_be_rebound_before_it_is_published)
{
	struct exporter e;
	struct importer i;
	unsigned char *m = pages_new(2);

	exporter_bound(&e, 2, RSM_ALLOW_REBIND);
	(void)memset(e.memory, 1, e.size);
	(void)memset(m, 2, e.size);
	EXPECT_EQ(rebind(&e, m, e.size), RSM_SUCCESS);
	exporter_publish(&e, ID(0));
	importer_fresh(&i, ID(0), RSM_PERM_READ);
	importer_map(&i, RSM_PERM_READ, e.size);
	EXPECT(is_filled(i.address, e.size, 2));
	EXPECT(is_filled(e.memory, e.size, 1));
	importer_down(&i);
	exporter_down(&e);
	free(m);
}

TEST(an_unpublished_segment_can_be_rebound_and_published_again)
{
	struct exporter e;
	struct importer i;
	unsigned char *m = pages_new(2);

	exporter_up(&e, ID(0), 2);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSM_SUCCESS);
	(void)memset(m, 2, e.size);
	EXPECT_EQ(rebind(&e, m, e.size), RSM_SUCCESS);
	exporter_publish(&e, ID(0));
	importer_fresh(&i, ID(0), RSM_PERM_READ);
	importer_map(&i, RSM_PERM_READ, e.size);
	EXPECT(is_filled(i.address, e.size, 2));
	importer_down(&i);
	exporter_down(&e);
	free(m);
}
