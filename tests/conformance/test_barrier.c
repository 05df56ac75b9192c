/* SPDX-License-Identifier: MIT */
/*
 * test_barrier.c - barriers and barrier modes
 */
#include "rig.h"

static int put(struct pair *p)
{
	uint64_t item = 1;

	return rsm_memseg_import_put64(p->i.segment, 0, &item, 1);
}

static int get(struct pair *p)
{
	uint64_t item;

	return rsm_memseg_import_get64(p->i.segment, 0, &item, 1);
}

static int init(struct pair *p, rsmapi_barrier_t *barrier)
{
	return rsm_memseg_import_init_barrier(p->i.segment, RSM_BARRIER_SEGMENT, barrier);
}

/* 25.59 */
TEST(no_barrier_is_a_bad_pointer_everywhere)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(init(&p, NULL), RSMERR_BAD_BARRIER_PTR);
	EXPECT_EQ(rsm_memseg_import_open_barrier(NULL), RSMERR_BAD_BARRIER_PTR);
	EXPECT_EQ(rsm_memseg_import_close_barrier(NULL), RSMERR_BAD_BARRIER_PTR);
	EXPECT_EQ(rsm_memseg_import_order_barrier(NULL), RSMERR_BAD_BARRIER_PTR);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(NULL), RSMERR_BAD_BARRIER_PTR);
	pair_down(&p);
}

/* 25.59 */
TEST(a_zeroed_barrier_is_uninitialized)
{
	rsmapi_barrier_t barrier = { 0 };

	EXPECT_EQ(rsm_memseg_import_open_barrier(&barrier), RSMERR_BARRIER_UNINITIALIZED);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&barrier), RSMERR_BARRIER_UNINITIALIZED);
	EXPECT_EQ(rsm_memseg_import_order_barrier(&barrier), RSMERR_BARRIER_UNINITIALIZED);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&barrier), RSMERR_BARRIER_UNINITIALIZED);
}

TEST(init_finds_no_segment_before_no_barrier)
{
	rsmapi_barrier_t barrier;

	EXPECT_EQ(rsm_memseg_import_init_barrier(NULL, RSM_BARRIER_SEGMENT, NULL),
		  RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_import_init_barrier(NULL, RSM_BARRIER_SEGMENT, &barrier),
		  RSMERR_BAD_SEG_HNDL);
}

TEST(init_overwrites_whatever_was_there)
{
	struct pair p;
	rsmapi_barrier_t barrier;

	pair_up(&p, 1);
	(void)memset(&barrier, 0xa5, sizeof(barrier));
	EXPECT_EQ(init(&p, &barrier), RSM_SUCCESS);
	EXPECT(barrier.seg != NULL);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&barrier), RSM_SUCCESS);
	pair_down(&p);
}

/* Q43 */
TEST(every_type_of_barrier_is_accepted)
{
	static const int types[] = { RSM_BARRIER_SEGMENT,
				     RSM_BARRIER_NODE,
				     RSM_BARRIER_SEGMENT_THREAD,
				     RSM_BARRIER_NODE_THREAD,
				     RSM_BAR_DEFAULT,
				     0,
				     0x99 };
	struct pair p;
	rsmapi_barrier_t barrier;

	pair_up(&p, 1);
	for (size_t k = 0; k < sizeof(types) / sizeof(*types); k++) {
		EXPECT_EQ(rsm_memseg_import_init_barrier(
				  p.i.segment, (rsm_barrier_type_t)types[k], &barrier),
			  RSM_SUCCESS);
		EXPECT_EQ(rsm_memseg_import_open_barrier(&barrier), RSM_SUCCESS);
		EXPECT_EQ(put(&p), RSM_SUCCESS);
		EXPECT_EQ(rsm_memseg_import_destroy_barrier(&barrier), RSM_SUCCESS);
	}
	pair_down(&p);
}

/* 25.60 */
TEST(a_span_of_stores_closes_with_success)
{
	struct pair p;

	pair_up(&p, 1);
	importer_map(&p.i, RSM_PERM_RDWR, PAGE);
	EXPECT_EQ(rsm_memseg_import_set_mode(p.i.segment, RSM_BARRIER_MODE_EXPLICIT),
		  RSM_SUCCESS);
	for (unsigned char n = 1; n < 10; n++) {
		EXPECT_EQ(rsm_memseg_import_open_barrier(&p.i.barrier), RSM_SUCCESS);
		p.i.address[100] = n;
		EXPECT_EQ(rsm_memseg_import_order_barrier(&p.i.barrier), RSM_SUCCESS);
		p.i.address[101] = n;
		EXPECT_EQ(put(&p), RSM_SUCCESS);
		EXPECT_EQ(rsm_memseg_import_order_barrier(&p.i.barrier), RSM_SUCCESS);
		EXPECT_EQ(rsm_memseg_import_close_barrier(&p.i.barrier), RSM_SUCCESS);
		EXPECT(p.e.memory[100] == n && p.e.memory[101] == n);
	}
	pair_down(&p);
}

TEST(opening_an_open_barrier_begins_a_new_span)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&p.i.barrier), RSMERR_BARRIER_NOT_OPENED);
	pair_down(&p);
}

/* Q38 */
TEST(closing_what_is_not_open_is_refused)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&p.i.barrier), RSMERR_BARRIER_NOT_OPENED);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&p.i.barrier), RSMERR_BARRIER_NOT_OPENED);
	pair_down(&p);
}

/* Q38 */
TEST(closing_what_is_not_open_on_an_aborted_import_reports_the_abort)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&p.i.barrier), RSMERR_CONN_ABORTED);
	pair_down(&p);
}

TEST(ordering_what_is_not_open_changes_nothing)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EITHER(rsm_memseg_import_order_barrier(&p.i.barrier), RSM_SUCCESS,
		      RSMERR_BARRIER_NOT_OPENED);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&p.i.barrier), RSMERR_BARRIER_NOT_OPENED);
	pair_down(&p);
}

/* 25.61 */
TEST(an_abort_inside_a_span_shows_when_it_closes)
{
	struct pair p;

	pair_up(&p, 1);
	importer_map(&p.i, RSM_PERM_RDWR, PAGE);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&p.i.barrier), RSM_SUCCESS);
	p.i.address[0] = 1;
	importer_deliver(&p.i);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	p.i.address[0] = 2;
	EXPECT_EQ(rsm_memseg_import_close_barrier(&p.i.barrier), RSMERR_CONN_ABORTED);
	EXPECT_EQ(p.e.memory[0], 1);
	pair_down(&p);
}

/* 25.61 */
TEST(an_aborted_import_never_closes_a_span_again)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	for (unsigned n = 0; n < 3; n++) {
		EXPECT_EQ(rsm_memseg_import_open_barrier(&p.i.barrier), RSM_SUCCESS);
		EXPECT_EQ(rsm_memseg_import_close_barrier(&p.i.barrier), RSMERR_CONN_ABORTED);
	}
	pair_down(&p);
}

/* 25.61 */
TEST(a_new_barrier_on_an_aborted_import_does_not_close_either)
{
	struct pair p;
	rsmapi_barrier_t barrier;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	EXPECT_EQ(init(&p, &barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&barrier), RSMERR_CONN_ABORTED);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&barrier), RSM_SUCCESS);
	pair_down(&p);
}

/* Q18 */
TEST(ordering_ignores_an_abort)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_order_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&p.i.barrier), RSMERR_CONN_ABORTED);
	pair_down(&p);
}

/* Q40 */
TEST_SLOW(an_abort_is_not_forgotten_after_65536_more, 100)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	for (unsigned n = 1; n <= 65540; n++) {
		/* Not through EXPECT_EQ, which costs more than what it looks at. */
		if (rsm_memseg_export_publish(p.e.segment, &p.e.id, NULL, 0) != RSM_SUCCESS ||
		    rsm_memseg_import_open_barrier(&p.i.barrier) != RSM_SUCCESS ||
		    rsm_memseg_import_close_barrier(&p.i.barrier) != RSMERR_CONN_ABORTED ||
		    rsm_memseg_export_unpublish(p.e.segment) != RSM_SUCCESS ||
		    rsm_memseg_import_close_barrier(&p.i.barrier) != RSMERR_CONN_ABORTED)
			EXPECT_EQ(n, 0);
	}
	pair_down(&p);
}

/* 25.62 */
TEST(without_its_barrier_an_import_needs_one_again)
{
	struct pair p;
	rsmapi_barrier_t barrier;

	pair_up(&p, 1);
	EXPECT_EQ(put(&p), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(put(&p), RSMERR_BARRIER_UNINITIALIZED);
	EXPECT_EQ(get(&p), RSMERR_BARRIER_UNINITIALIZED);
	EXPECT_EQ(init(&p, &barrier), RSM_SUCCESS);
	EXPECT_EQ(put(&p), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&barrier), RSM_SUCCESS);
	pair_down(&p);
}

/* Q39 */
TEST(a_destroyed_barrier_is_uninitialized)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT(p.i.barrier.seg == NULL);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&p.i.barrier), RSMERR_BARRIER_UNINITIALIZED);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&p.i.barrier), RSMERR_BARRIER_UNINITIALIZED);
	EXPECT_EQ(rsm_memseg_import_order_barrier(&p.i.barrier), RSMERR_BARRIER_UNINITIALIZED);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&p.i.barrier),
		  RSMERR_BARRIER_UNINITIALIZED);
	pair_down(&p);
}

TEST(the_last_barrier_initialized_is_the_implicit_one)
{
	struct pair p;
	rsmapi_barrier_t second;

	pair_up(&p, 1);
	EXPECT_EQ(init(&p, &second), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&second), RSM_SUCCESS);
	/* The first one is still there, but is not the implicit one. */
	EXPECT_EQ(put(&p), RSMERR_BARRIER_UNINITIALIZED);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&p.i.barrier), RSM_SUCCESS);
	pair_down(&p);
}

TEST(destroying_another_barrier_leaves_the_implicit_one)
{
	struct pair p;
	rsmapi_barrier_t second;

	pair_up(&p, 1);
	EXPECT_EQ(init(&p, &second), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(put(&p), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&second), RSM_SUCCESS);
	pair_down(&p);
}

TEST(several_barriers_of_an_import_are_independent)
{
	struct pair p;
	rsmapi_barrier_t barriers[20];

	pair_up(&p, 1);
	for (unsigned k = 0; k < 20; k++)
		EXPECT_EQ(init(&p, &barriers[k]), RSM_SUCCESS);
	for (unsigned k = 0; k < 20; k += 2)
		EXPECT_EQ(rsm_memseg_import_open_barrier(&barriers[k]), RSM_SUCCESS);
	for (unsigned k = 0; k < 20; k++)
		EXPECT_EQ(rsm_memseg_import_close_barrier(&barriers[k]),
			  k % 2 ? RSMERR_BARRIER_NOT_OPENED : RSM_SUCCESS);
	for (unsigned k = 0; k < 20; k++)
		EXPECT_EQ(rsm_memseg_import_destroy_barrier(&barriers[k]), RSM_SUCCESS);
	pair_down(&p);
}

TEST(barriers_of_two_imports_are_independent)
{
	struct exporter one, two;
	struct importer i, j;

	exporter_up(&one, ID(1), 1);
	exporter_up(&two, ID(2), 1);
	importer_up(&i, ID(1), RSM_PERM_RDWR);
	importer_up(&j, ID(2), RSM_PERM_RDWR);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&j.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_unpublish(one.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&j.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&i.barrier), RSMERR_CONN_ABORTED);
	importer_down(&i);
	importer_down(&j);
	exporter_down(&one);
	exporter_down(&two);
}

TEST(an_open_barrier_can_be_destroyed)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&p.i.barrier), RSM_SUCCESS);
	pair_down(&p);
}

TEST(barriers_need_no_permission)
{
	struct exporter e;
	struct importer i;

	exporter_up(&e, ID(0), 1);
	importer_up(&i, ID(0), RSM_PERM_NONE);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_order_barrier(&i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&i.barrier), RSMERR_CONN_ABORTED);
	importer_down(&i);
	exporter_down(&e);
}

static rsm_barrier_mode_t mode_of(struct pair *p)
{
	rsm_barrier_mode_t mode = (rsm_barrier_mode_t)77;

	EXPECT_EQ(rsm_memseg_import_get_mode(p->i.segment, &mode), RSM_SUCCESS);
	return mode;
}

/* 25.63 */
TEST(the_mode_is_implicit_at_first_and_can_be_set_both_ways)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(mode_of(&p), RSM_BARRIER_MODE_IMPLICIT);
	EXPECT_EQ(rsm_memseg_import_set_mode(p.i.segment, RSM_BARRIER_MODE_EXPLICIT),
		  RSM_SUCCESS);
	EXPECT_EQ(mode_of(&p), RSM_BARRIER_MODE_EXPLICIT);
	EXPECT_EQ(rsm_memseg_import_set_mode(p.i.segment, RSM_BARRIER_MODE_IMPLICIT),
		  RSM_SUCCESS);
	EXPECT_EQ(mode_of(&p), RSM_BARRIER_MODE_IMPLICIT);
	pair_down(&p);
}

/* 25.63, Q20 */
TEST(an_unknown_mode_is_refused_and_nothing_changes)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_import_set_mode(p.i.segment, (rsm_barrier_mode_t)7),
		  RSMERR_BAD_MODE);
	EXPECT_EQ(rsm_memseg_import_set_mode(p.i.segment, (rsm_barrier_mode_t)2),
		  RSMERR_BAD_MODE);
	EXPECT_EQ(mode_of(&p), RSM_BARRIER_MODE_IMPLICIT);
	pair_down(&p);
}

/* Q23 */
TEST(modes_find_no_segment_first_and_no_result_is_a_bad_address)
{
	struct pair p;
	rsm_barrier_mode_t mode;

	EXPECT_EQ(rsm_memseg_import_get_mode(NULL, &mode), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_import_get_mode(NULL, NULL), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_import_set_mode(NULL, (rsm_barrier_mode_t)7), RSMERR_BAD_SEG_HNDL);
	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_import_get_mode(p.i.segment, NULL), RSMERR_BAD_ADDR);
	pair_down(&p);
}

TEST(the_mode_belongs_to_one_import)
{
	struct exporter e;
	struct importer one, two;
	rsm_barrier_mode_t mode;

	exporter_up(&e, ID(0), 1);
	importer_up(&one, ID(0), RSM_PERM_RDWR);
	importer_up(&two, ID(0), RSM_PERM_RDWR);
	EXPECT_EQ(rsm_memseg_import_set_mode(one.segment, RSM_BARRIER_MODE_EXPLICIT),
		  RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_get_mode(two.segment, &mode), RSM_SUCCESS);
	EXPECT_EQ(mode, RSM_BARRIER_MODE_IMPLICIT);
	importer_down(&one);
	importer_down(&two);
	exporter_down(&e);
}

TEST(the_mode_affects_the_calls_that_follow)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(put(&p), RSMERR_BARRIER_UNINITIALIZED);
	EXPECT_EQ(rsm_memseg_import_set_mode(p.i.segment, RSM_BARRIER_MODE_EXPLICIT),
		  RSM_SUCCESS);
	EXPECT_EQ(put(&p), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_set_mode(p.i.segment, RSM_BARRIER_MODE_IMPLICIT),
		  RSM_SUCCESS);
	EXPECT_EQ(put(&p), RSMERR_BARRIER_UNINITIALIZED);
	pair_down(&p);
}

/* To another node each takes a page there and back, twice. */
static uint64_t spans(void)
{
	return nodes_are_two() ? 500 : 20000;
}

static void write_spans(struct child *parent, void *arg)
{
	struct importer i;
	volatile uint64_t *words;

	(void)arg;
	importer_up(&i, ID(0), RSM_PERM_RDWR);
	importer_map(&i, RSM_PERM_RDWR, PAGE);
	words = (volatile uint64_t *)(void *)i.address;
	tell(parent, 0);
	for (uint64_t n = 1; n <= spans(); n++) {
		if (rsm_memseg_import_open_barrier(&i.barrier) != RSM_SUCCESS)
			_exit(1);
		words[0] = n;
		if (rsm_memseg_import_order_barrier(&i.barrier) != RSM_SUCCESS)
			_exit(2);
		words[32] = n;
		if (rsm_memseg_import_close_barrier(&i.barrier) != RSM_SUCCESS)
			_exit(3);
	}
}

TEST(what_is_ordered_first_arrives_first)
{
	struct exporter e;
	struct child far;
	volatile uint64_t *words;
	uint64_t second;

	exporter_up(&e, ID(0), 1);
	words = (volatile uint64_t *)(void *)e.memory;
	child_start(&far, write_spans, NULL);
	(void)hear(&far);
	do {
		second = __atomic_load_n(&words[32], __ATOMIC_ACQUIRE);
		if (words[0] < second)
			EXPECT_EQ(words[0], second);
	} while (second < spans());
	child_finish(&far);
	exporter_down(&e);
}
