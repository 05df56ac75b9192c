/* SPDX-License-Identifier: MIT */
/*
 * test_disconnect.c - forced disconnect: what importers see, and what they no longer can do
 */
#include "rig.h"

enum cause { BY_UNPUBLISH, BY_DESTROY, BY_EXIT, BY_SIGKILL, BY_EXEC };

/* An exporter in another process, one mapped and one unmapped importer in this one. */
struct scene {
	struct child far;
	struct importer mapped, unmapped;
};

static void scene_up(struct scene *s)
{
	agent_exporting(&s->far, ID(0), 2);
	EXPECT_EQ(ask(&s->far, STORE, 0, 0x55), 0);
	importer_up(&s->mapped, ID(0), RSM_PERM_RDWR);
	importer_map(&s->mapped, RSM_PERM_RDWR, 2 * PAGE);
	importer_up(&s->unmapped, ID(0), RSM_PERM_RDWR);
	EXPECT_EQ(s->mapped.address[0], 0x55);
}

static int put_to(struct importer *i)
{
	uint8_t byte = 1;

	return rsm_memseg_import_put8(i->segment, 1, &byte, 1);
}

static int get_from(struct importer *i)
{
	uint8_t byte;

	return rsm_memseg_import_get8(i->segment, 1, &byte, 1);
}

static void happen(struct scene *s, enum cause cause)
{
	switch (cause) {
	case BY_UNPUBLISH:
		EXPECT_EQ(ask(&s->far, UNPUBLISH, 0, 0), RSM_SUCCESS);
		break;
	case BY_DESTROY:
		EXPECT_EQ(ask(&s->far, DESTROY, 0, 0), RSM_SUCCESS);
		break;
	case BY_EXIT:
		order(&s->far, EXIT, 0, 0);
		break;
	case BY_SIGKILL:
		EXPECT_EQ(kill(s->far.pid, SIGKILL), 0);
		break;
	case BY_EXEC:
		order(&s->far, EXEC, 0, 0);
	}
	/* These two are known when the call returns; the others when the kernel says so. */
	if (cause == BY_UNPUBLISH || cause == BY_DESTROY)
		EXPECT_EQ(put_to(&s->mapped), RSMERR_CONN_ABORTED);
	else
		EXPECT_WITHIN(10000, put_to(&s->mapped) == RSMERR_CONN_ABORTED);
}

static void scene_down(struct scene *s, enum cause cause)
{
	int status;

	importer_down(&s->mapped);
	importer_down(&s->unmapped);
	status = child_status(&s->far);
	if (cause == BY_SIGKILL)
		EXPECT(WIFSIGNALED(status));
	else
		EXPECT_EQ(status, 0);
}

/* One test for each cause. */
#define FOR_EACH_CAUSE(name)                  \
	static void name(struct scene *s);    \
	TEST(name##_after_unpublish)          \
	{                                     \
		struct scene s;               \
		scene_up(&s);                 \
		happen(&s, BY_UNPUBLISH);     \
		name(&s);                     \
		scene_down(&s, BY_UNPUBLISH); \
	}                                     \
	TEST(name##_after_destroy)            \
	{                                     \
		struct scene s;               \
		scene_up(&s);                 \
		happen(&s, BY_DESTROY);       \
		name(&s);                     \
		scene_down(&s, BY_DESTROY);   \
	}                                     \
	TEST(name##_after_exit)               \
	{                                     \
		struct scene s;               \
		scene_up(&s);                 \
		happen(&s, BY_EXIT);          \
		name(&s);                     \
		scene_down(&s, BY_EXIT);      \
	}                                     \
	TEST(name##_after_sigkill)            \
	{                                     \
		struct scene s;               \
		scene_up(&s);                 \
		happen(&s, BY_SIGKILL);       \
		name(&s);                     \
		scene_down(&s, BY_SIGKILL);   \
	}                                     \
	TEST(name##_after_exec)               \
	{                                     \
		struct scene s;               \
		scene_up(&s);                 \
		happen(&s, BY_EXEC);          \
		name(&s);                     \
		scene_down(&s, BY_EXEC);      \
	}                                     \
	static void name(struct scene *s)

/* 25.72 */
FOR_EACH_CAUSE(loads_and_stores_do_not_fault)
{
	volatile unsigned char *at = s->mapped.address;

	for (size_t k = 0; k < 2 * PAGE; k += 64) {
		at[k] = 0x42;
		(void)at[k];
	}
}

/* 25.72 */
FOR_EACH_CAUSE(implicit_accesses_report_the_abort)
{
	uint8_t byte = 0;
	rsm_iovec_t element = { .io_type = RSM_VA_TYPE, .transfer_length = 1 };
	rsm_scat_gath_t io = { .io_request_count = 1, .iovec = &element };

	EXPECT_EQ(put_to(&s->mapped), RSMERR_CONN_ABORTED);
	EXPECT_EQ(get_from(&s->mapped), RSMERR_CONN_ABORTED);
	EXPECT_EQ(put_to(&s->unmapped), RSMERR_CONN_ABORTED);
	EXPECT_EQ(get_from(&s->unmapped), RSMERR_CONN_ABORTED);
	EXPECT_EQ(rsm_memseg_import_put(s->mapped.segment, 0, &byte, 1), RSMERR_CONN_ABORTED);
	EXPECT_EQ(rsm_memseg_import_get(s->mapped.segment, 0, &byte, 1), RSMERR_CONN_ABORTED);
	element.local.vaddr = (caddr_t)&byte;
	io.remote_handle = s->mapped.segment;
	EXPECT_EQ(rsm_memseg_import_putv(&io), RSMERR_CONN_ABORTED);
	EXPECT_EQ(rsm_memseg_import_getv(&io), RSMERR_CONN_ABORTED);
}

/* 25.72, Q2 */
FOR_EACH_CAUSE(explicit_accesses_succeed_if_mapped_and_fail_if_not)
{
	EXPECT_EQ(rsm_memseg_import_set_mode(s->mapped.segment, RSM_BARRIER_MODE_EXPLICIT),
		  RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_set_mode(s->unmapped.segment, RSM_BARRIER_MODE_EXPLICIT),
		  RSM_SUCCESS);
	EXPECT_EQ(put_to(&s->mapped), RSM_SUCCESS);
	EXPECT_EQ(get_from(&s->mapped), RSM_SUCCESS);
	EXPECT_EQ(put_to(&s->unmapped), RSMERR_CONN_ABORTED);
	EXPECT_EQ(get_from(&s->unmapped), RSMERR_CONN_ABORTED);
}

/* 25.72 */
FOR_EACH_CAUSE(map_is_refused_and_unmap_and_disconnect_work)
{
	void *address = NULL;

	EXPECT_EQ(rsm_memseg_import_map(s->unmapped.segment, &address, RSM_MAP_NONE,
					RSM_PERM_READ, 0, PAGE),
		  RSMERR_CONN_ABORTED);
	EXPECT_EQ(rsm_memseg_import_disconnect(s->mapped.segment), RSMERR_SEG_STILL_MAPPED);
	EXPECT_EQ(rsm_memseg_import_unmap(s->mapped.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_unmap(s->mapped.segment), RSMERR_SEG_NOT_MAPPED);
	s->mapped.address = NULL;
	EXPECT_EQ(rsm_memseg_import_map(s->mapped.segment, &address, RSM_MAP_NONE,
					RSM_PERM_READ, 0, PAGE),
		  RSMERR_CONN_ABORTED);
	/* scene_down() disconnects both. */
}

/* 25.72 */
FOR_EACH_CAUSE(everything_else_works_as_usual)
{
	rsm_memseg_import_handle_t i = s->mapped.segment;
	rsm_barrier_mode_t mode;
	rsmapi_barrier_t barrier;
	struct pollfd pfd;

	EXPECT_EQ(rsm_memseg_import_init_barrier(i, RSM_BARRIER_SEGMENT, &barrier),
		  RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_order_barrier(&barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&barrier), RSMERR_CONN_ABORTED);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_get_mode(i, &mode), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_set_mode(i, mode), RSM_SUCCESS);
	EXPECT_EITHER(rsm_intr_signal_post(i, 0), RSM_SUCCESS, RSMERR_CONN_ABORTED);
	EXPECT_EQ(rsm_intr_signal_wait(i, 0), RSMERR_TIMEOUT);
	EXPECT_EQ(rsm_memseg_get_pollfd(i, &pfd), RSM_SUCCESS);
	EXPECT_EQ(poll(&pfd, 1, 0), 0);
	EXPECT_EQ(rsm_memseg_release_pollfd(i), RSM_SUCCESS);
}

/* 25.72 */
FOR_EACH_CAUSE(the_id_is_free_again)
{
	struct exporter e;

	(void)s;
	exporter_up(&e, ID(0), 1);
	exporter_down(&e);
}

TEST(an_implicitly_mapped_import_reports_the_abort_and_disconnects)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(put_to(&p.i), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	EXPECT_EQ(put_to(&p.i), RSMERR_CONN_ABORTED);
	EXPECT_EQ(rsm_memseg_import_set_mode(p.i.segment, RSM_BARRIER_MODE_EXPLICIT),
		  RSM_SUCCESS);
	EXPECT_EQ(put_to(&p.i), RSM_SUCCESS);
	EXPECT_EQ(p.e.memory[1], 1);
	pair_down(&p);
}

TEST(a_bad_offset_is_found_before_an_abort_if_mapped)
{
	struct pair p;
	uint8_t byte = 0;

	pair_up(&p, 1);
	importer_map(&p.i, RSM_PERM_RDWR, PAGE);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_put8(p.i.segment, (off_t)PAGE, &byte, 1),
		  RSMERR_BAD_OFFSET);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(put_to(&p.i), RSMERR_BARRIER_UNINITIALIZED);
	pair_down(&p);
}

/* 25.73 */
TEST(a_store_after_unpublish_never_appears_at_the_exporter)
{
	struct exporter e;
	struct child far;

	exporter_up(&e, ID(0), 2);
	(void)memset(e.memory, 1, e.size);
	agent_importing(&far, ID(0), 2 * PAGE);
	EXPECT_EQ(ask(&far, STORE_MAPPED, 0, 2), 0);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSM_SUCCESS);
	for (size_t k = 0; k < 2 * PAGE; k += 509)
		EXPECT_EQ(ask(&far, STORE_MAPPED, k, 3), 0);
	EXPECT_EQ(ask(&far, PUT, 5, 3), RSMERR_CONN_ABORTED);
	EXPECT_EQ(e.memory[0], 2);
	EXPECT(is_filled(e.memory + 1, e.size - 1, 1));
	child_finish(&far);
	exporter_down(&e);
}

/* 25.73 */
TEST(a_change_after_unpublish_never_appears_at_the_importer)
{
	struct exporter e;
	struct child far;

	exporter_up(&e, ID(0), 2);
	agent_importing(&far, ID(0), 2 * PAGE);
	(void)ask(&far, LOAD_MAPPED, 100, 0);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSM_SUCCESS);
	(void)memset(e.memory, 0x99, e.size);
	for (size_t k = 0; k < 2 * PAGE; k += 509)
		EXPECT(ask(&far, LOAD_MAPPED, k, 0) != 0x99);
	EXPECT(ask(&far, GET, 100, 0) != 0x99);
	EXPECT_EQ(rsm_memseg_export_publish(e.segment, &e.id, NULL, 0), RSM_SUCCESS);
	(void)memset(e.memory, 0x9a, e.size);
	EXPECT(ask(&far, LOAD_MAPPED, 100, 0) != 0x9a);
	child_finish(&far);
	exporter_down(&e);
}

/* 25.73 */
TEST(nothing_passes_either_way_after_destroy)
{
	struct exporter e;
	struct child far;

	exporter_up(&e, ID(0), 2);
	agent_importing(&far, ID(0), 2 * PAGE);
	EXPECT_EQ(rsm_memseg_export_destroy(e.segment), RSM_SUCCESS);
	(void)memset(e.memory, 0x77, e.size);
	EXPECT(ask(&far, LOAD_MAPPED, 0, 0) != 0x77);
	EXPECT_EQ(ask(&far, STORE_MAPPED, 0, 1), 0);
	EXPECT(is_filled(e.memory, e.size, 0x77));
	EXPECT_EQ(rsm_release_controller(e.controller), RSM_SUCCESS);
	child_finish(&far);
	free(e.memory);
}

struct storm {
	volatile uint64_t *stop;
};

static void store_without_pause(struct child *parent, void *arg)
{
	struct storm *storm = arg;
	struct importer i;
	volatile uint64_t *words;
	uint64_t n;

	importer_up(&i, ID(0), RSM_PERM_RDWR);
	importer_map(&i, RSM_PERM_RDWR, PAGE);
	words = (volatile uint64_t *)(void *)i.address;
	tell(parent, 0);
	for (n = 1; !*storm->stop; n++)
		words[n % 64] = n;
}

/* 25.73 */
TEST(stores_in_full_flight_stop_at_unpublish)
{
	struct storm storm;
	struct exporter e;
	struct child far;
	void *flag =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	EXPECT(flag != MAP_FAILED);
	storm.stop = flag;
	exporter_up(&e, ID(0), 1);
	for (unsigned n = 0; n < 20; n++) {
		*storm.stop = 0;
		child_start(&far, store_without_pause, &storm);
		(void)hear(&far);
		EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSM_SUCCESS);
		(void)memset(e.memory, 0x31, e.size);
		test_pause_us(500);
		EXPECT(is_filled(e.memory, e.size, 0x31));
		*storm.stop = 1;
		child_finish(&far);
		EXPECT(is_filled(e.memory, e.size, 0x31));
		exporter_publish(&e, ID(0));
	}
	exporter_down(&e);
	EXPECT_EQ(munmap(flag, PAGE), 0);
}

/* 25.73 */
TEST(unpublishing_one_of_two_segments_over_the_same_memory_spares_the_other)
{
	struct exporter e;
	struct child kept, cut;
	rsm_memseg_export_handle_t second = NULL;
	rsm_memseg_id_t id = ID(1);

	exporter_up(&e, ID(0), 2);
	EXPECT_EQ(rsm_memseg_export_create(e.controller, &second, e.memory, e.size, 0),
		  RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_publish(second, &id, NULL, 0), RSM_SUCCESS);
	agent_importing(&cut, ID(0), 2 * PAGE);
	agent_importing(&kept, ID(1), 2 * PAGE);
	EXPECT_EQ(ask(&kept, STORE_MAPPED, 7, 7), 0);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSM_SUCCESS);
	EXPECT_EQ(ask(&cut, STORE_MAPPED, 7, 9), 0);
	EXPECT_EQ(e.memory[7], 7);
	EXPECT_EQ(ask(&kept, PUT, 8, 8), RSM_SUCCESS);
	EXPECT_EQ(e.memory[8], 8);
	EXPECT_EQ(ask(&kept, STORE_MAPPED, 9, 9), 0);
	EXPECT_EQ(e.memory[9], 9);
	e.memory[10] = 10;
	EXPECT_EQ(ask(&kept, LOAD_MAPPED, 10, 0), 10);
	EXPECT(ask(&cut, LOAD_MAPPED, 10, 0) != 10);
	EXPECT_EQ(ask(&cut, PUT, 8, 1), RSMERR_CONN_ABORTED);
	EXPECT_EQ(rsm_memseg_export_destroy(second), RSM_SUCCESS);
	child_finish(&cut);
	child_finish(&kept);
	exporter_down(&e);
}

TEST(what_an_aborted_importer_stores_is_seen_by_no_other)
{
	struct exporter e;
	struct child one, two;

	exporter_up(&e, ID(0), 1);
	agent_importing(&one, ID(0), PAGE);
	agent_importing(&two, ID(0), PAGE);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSM_SUCCESS);
	/* Each has memory of its own as soon as it has been told. */
	EXPECT_WITHIN(5000, ask(&one, STORE_MAPPED, 3, 0xaa) == 0 &&
				    ask(&two, LOAD_MAPPED, 3, 0) == 0);
	EXPECT_EQ(ask(&one, STORE_MAPPED, 3, 0xbb), 0);
	EXPECT_EQ(ask(&two, LOAD_MAPPED, 3, 0), 0);
	child_finish(&one);
	child_finish(&two);
	exporter_down(&e);
}

/* 25.74 */
TEST(publishing_again_under_the_same_id_revives_nobody)
{
	struct pair p;
	struct importer fresh;

	pair_up(&p, 1);
	importer_map(&p.i, RSM_PERM_RDWR, PAGE);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	exporter_publish(&p.e, ID(0));
	EXPECT_EQ(put_to(&p.i), RSMERR_CONN_ABORTED);
	importer_up(&fresh, ID(0), RSM_PERM_RDWR);
	EXPECT_EQ(put_to(&fresh), RSM_SUCCESS);
	EXPECT_EQ(p.e.memory[1], 1);
	p.i.address[2] = 2;
	EXPECT_EQ(p.e.memory[2], 0);
	EXPECT_EQ(put_to(&p.i), RSMERR_CONN_ABORTED);
	importer_down(&fresh);
	pair_down(&p);
}

TEST(to_resume_an_importer_disconnects_and_connects_again)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	exporter_publish(&p.e, ID(0));
	importer_down(&p.i);
	importer_up(&p.i, ID(0), RSM_PERM_RDWR);
	EXPECT_EQ(put_to(&p.i), RSM_SUCCESS);
	pair_down(&p);
}

/* 25.75 */
TEST(an_importer_killed_while_it_writes_harms_nobody)
{
	struct storm storm;
	struct pair p;
	struct child far;
	uint64_t never = 0;

	storm.stop = &never;
	pair_up(&p, 1);
	for (unsigned n = 0; n < 5; n++) {
		child_start(&far, store_without_pause, &storm);
		(void)hear(&far);
		child_kill(&far, SIGKILL);
		p.e.memory[PAGE - 1] = (unsigned char)n;
		EXPECT_EQ(put_to(&p.i), RSM_SUCCESS);
		EXPECT_EQ(rsm_intr_signal_post(p.e.segment, 0), RSM_SUCCESS);
		EXPECT_EQ(rsm_intr_signal_wait(p.i.segment, SOON), RSM_SUCCESS);
	}
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	exporter_publish(&p.e, ID(0));
	pair_down(&p);
}

TEST(republish_disconnects_nobody)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_republish(p.e.segment, NULL, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(put_to(&p.i), RSM_SUCCESS);
	pair_down(&p);
}
