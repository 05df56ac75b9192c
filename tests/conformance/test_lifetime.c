/* SPDX-License-Identifier: MIT */
/*
 * test_lifetime.c - what a child of fork may do with what it inherited
 */
#include "rig.h"

#include <stdio.h>
#include <stdio_ext.h>

static void expect_not_creator(struct child *parent, void *arg)
{
	struct exporter *e = arg;
	rsm_memseg_id_t id = ID(1);
	void *memory = pages_new(1);

	(void)parent;
	EXPECT_EQ(rsm_memseg_export_unpublish(e->segment), RSMERR_NOT_CREATOR);
	EXPECT_EQ(rsm_memseg_export_republish(e->segment, NULL, 0), RSMERR_NOT_CREATOR);
	EXPECT_EQ(rsm_memseg_export_rebind(e->segment, memory, 0, e->size), RSMERR_NOT_CREATOR);
	EXPECT_EQ(rsm_memseg_export_publish(e->segment, &id, NULL, 0),
		  RSMERR_SEG_ALREADY_PUBLISHED);
}

/* 25.79 */
TEST(a_child_changes_nothing_about_its_parents_segment)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(status_of(expect_not_creator, &p.e), 0);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&p.i.barrier), RSM_SUCCESS);
	pair_down(&p);
}

static void expect_no_publish(struct child *parent, void *arg)
{
	struct exporter *e = arg;
	rsm_memseg_id_t id = ID(1);

	(void)parent;
	EXPECT_EQ(rsm_memseg_export_publish(e->segment, &id, NULL, 0), RSMERR_NOT_CREATOR);
}

/* 25.79 */
TEST(a_child_does_not_publish_its_parents_segment)
{
	struct exporter e;

	exporter_bound(&e, 1, 0);
	EXPECT_EQ(status_of(expect_no_publish, &e), 0);
	exporter_publish(&e, ID(0));
	exporter_down(&e);
}

static void destroy_inherited(struct child *parent, void *arg)
{
	struct exporter *e = arg;

	(void)parent;
	EXPECT_EQ(rsm_memseg_export_destroy(e->segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_destroy(e->segment), RSMERR_BAD_SEG_HNDL);
}

/* 25.79 */
TEST(a_childs_destroy_has_no_effect_on_its_parents_segment)
{
	struct pair p;
	uint8_t byte = 4;

	pair_up(&p, 1);
	EXPECT_EQ(status_of(destroy_inherited, &p.e), 0);
	EXPECT_EQ(rsm_memseg_import_put8(p.i.segment, 0, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(p.e.memory[0], 4);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	exporter_publish(&p.e, ID(0));
	pair_down(&p);
}

static void do_nothing(struct child *parent, void *arg)
{
	(void)parent;
	(void)arg;
}

static void leave_by_exit(struct child *parent, void *arg)
{
	struct child self = *parent;

	(void)arg;
	(void)close(self.fd);
	/* Not to write what the runner has not written yet. */
	__fpurge(stdout);
	exit(0);
}

/* 25.80 */
TEST(a_childs_end_does_not_affect_the_parents_segment)
{
	struct pair p;
	uint8_t byte = 4;

	pair_up(&p, 1);
	EXPECT_EQ(status_of(do_nothing, NULL), 0);
	EXPECT_EQ(rsm_memseg_import_put8(p.i.segment, 0, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(p.e.memory[0], 4);
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, SOON), RSM_SUCCESS);
	pair_down(&p);
}

/* 25.80 */
TEST(an_exit_with_all_its_handlers_does_not_either)
{
	struct pair p;
	struct child c;
	uint8_t byte = 4;

	pair_up(&p, 1);
	child_start(&c, leave_by_exit, NULL);
	EXPECT_EQ(child_status(&c), 0);
	EXPECT_EQ(rsm_memseg_import_put8(p.i.segment, 0, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(p.e.memory[0], 4);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	exporter_publish(&p.e, ID(0));
	pair_down(&p);
}

static void just_live(struct child *parent, void *arg)
{
	(void)arg;
	tell(parent, 0);
	linger(parent);
}

/* 25.80, Q35 */
TEST(a_parents_destroy_takes_effect_at_once_while_a_child_lives)
{
	struct pair p;
	struct child c;
	uint8_t byte = 4;

	pair_up(&p, 1);
	importer_map(&p.i, RSM_PERM_RDWR, PAGE);
	child_start(&c, just_live, NULL);
	(void)hear(&c);
	EXPECT_EQ(rsm_memseg_export_destroy(p.e.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_put8(p.i.segment, 0, &byte, 1), RSMERR_CONN_ABORTED);
	p.i.address[0] = 5;
	EXPECT_EQ(p.e.memory[0], 0);
	child_finish(&c);
	importer_down(&p.i);
	EXPECT_EQ(rsm_release_controller(p.e.controller), RSM_SUCCESS);
	free(p.e.memory);
}

static void store_inherited(struct child *parent, void *arg)
{
	struct pair *p = arg;
	volatile unsigned char *memory = p->e.memory;

	(void)hear(parent);
	(void)memory[0];
	memory[1] = 0x31;
	tell(parent, 0);
	linger(parent);
}

static void expect_parents_view(struct pair *p)
{
	importer_deliver(&p->i);
	EXPECT_EQ(memcmp(p->i.address, p->e.memory, p->e.size), 0);
}

/* 25.81 */
TEST(importers_go_on_seeing_what_the_parent_sees)
{
	struct pair p;
	struct child c;

	pair_up(&p, 2);
	importer_map(&p.i, RSM_PERM_RDWR, p.e.size);
	child_start(&c, store_inherited, &p);
	/* The parent writes first, then the child, then each once more. */
	p.e.memory[0] = 0x21;
	EXPECT_EQ(p.i.address[0], 0x21);
	tell(&c, 0);
	(void)hear(&c);
	expect_parents_view(&p);
	p.e.memory[1] = 0x22;
	p.e.memory[PAGE] = 0x23;
	importer_deliver(&p.i);
	EXPECT_EQ(p.i.address[1], 0x22);
	EXPECT_EQ(p.i.address[PAGE], 0x23);
	p.i.address[2] = 0x24;
	importer_deliver(&p.i);
	EXPECT_EQ(p.e.memory[2], 0x24);
	child_finish(&c);
	expect_parents_view(&p);
	pair_down(&p);
}

/* 25.81 */
TEST(importers_see_the_parents_stores_when_the_child_wrote_first)
{
	struct pair p;
	struct child c;

	pair_up(&p, 2);
	importer_map(&p.i, RSM_PERM_RDWR, p.e.size);
	child_start(&c, store_inherited, &p);
	tell(&c, 0);
	(void)hear(&c);
	expect_parents_view(&p);
	p.e.memory[1] = 0x22;
	importer_deliver(&p.i);
	EXPECT_EQ(p.i.address[1], 0x22);
	child_finish(&c);
	pair_down(&p);
}

static void watch_inherited_map(struct child *parent, void *arg)
{
	struct importer *i = arg;
	volatile unsigned char *at = i->address;
	uint8_t byte = 9;

	(void)hear(parent);
	importer_deliver(i);
	EXPECT_EQ(at[3], 0x31);
	at[4] = 0x32;
	importer_deliver(i);
	EXPECT_EQ(rsm_memseg_import_put8(i->segment, 5, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&i->barrier), RSM_SUCCESS);
	tell(parent, 0);
	(void)hear(parent);
	/* The segment is gone by now. */
	EXPECT_EQ(rsm_memseg_import_close_barrier(&i->barrier), RSMERR_CONN_ABORTED);
	at[6] = 0x33;
	tell(parent, 0);
}

/* 25.81 */
TEST(an_inherited_map_sees_the_exporter_and_notices_the_abort)
{
	struct pair p;
	struct child c;

	pair_up(&p, 1);
	importer_map(&p.i, RSM_PERM_RDWR, PAGE);
	child_start(&c, watch_inherited_map, &p.i);
	p.e.memory[3] = 0x31;
	tell(&c, 0);
	(void)hear(&c);
	EXPECT_EQ(p.e.memory[4], 0x32);
	EXPECT_EQ(p.e.memory[5], 9);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	tell(&c, 0);
	(void)hear(&c);
	EXPECT_EQ(p.e.memory[6], 0);
	child_finish(&c);
	pair_down(&p);
}

static void watch_rebind(struct child *parent, void *arg)
{
	struct importer *i = arg;
	volatile unsigned char *at = i->address;
	uint8_t byte = 0;

	/* The child has spoken for itself before the rebind. */
	EXPECT_EQ(rsm_memseg_import_get8(i->segment, 0, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_post(i->segment, 0), RSM_SUCCESS);
	tell(parent, 0);
	(void)hear(parent);
	EXPECT_EQ(rsm_memseg_import_get8(i->segment, 0, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(byte, 0x52);
	EXPECT_EQ(at[1], 0x52);
}

/* 25.81, 25.77 */
TEST(an_inherited_map_follows_a_rebind)
{
	struct pair p;
	struct child c;
	unsigned char *m = pages_new(1);

	pair_up(&p, 1);
	importer_map(&p.i, RSM_PERM_RDWR, PAGE);
	(void)memset(p.e.memory, 0x51, PAGE);
	(void)memset(m, 0x52, PAGE);
	child_start(&c, watch_rebind, &p.i);
	(void)hear(&c);
	EXPECT_EQ(rsm_memseg_export_rebind(p.e.segment, m, 0, PAGE), RSM_SUCCESS);
	tell(&c, 0);
	child_finish(&c);
	pair_down(&p);
	free(m);
}

static void disconnect_inherited(struct child *parent, void *arg)
{
	struct importer *i = arg;

	(void)parent;
	EXPECT_EQ(rsm_memseg_import_disconnect(i->segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_disconnect(i->segment), RSMERR_BAD_SEG_HNDL);
}

TEST(a_childs_disconnect_leaves_the_parents_connection)
{
	struct pair p;
	uint8_t byte = 4;

	pair_up(&p, 1);
	EXPECT_EQ(status_of(disconnect_inherited, &p.i), 0);
	EXPECT_EQ(rsm_memseg_import_put8(p.i.segment, 0, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_post(p.e.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(p.i.segment, SOON), RSM_SUCCESS);
	pair_down(&p);
}

static void go_on_alone(struct child *parent, void *arg)
{
	struct importer *i = arg;
	uint8_t byte = 6;

	EXPECT_EQ(rsm_memseg_import_put8(i->segment, 1, &byte, 1), RSM_SUCCESS);
	tell(parent, 0);
	(void)hear(parent);
	byte = 7;
	EXPECT_EQ(rsm_memseg_import_put8(i->segment, 2, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_post(i->segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(i->segment, -1), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_disconnect(i->segment), RSM_SUCCESS);
}

TEST(a_connection_persists_until_every_process_has_disconnected)
{
	struct exporter e;
	struct importer i;
	struct child c;

	exporter_up(&e, ID(0), 1);
	importer_up(&i, ID(0), RSM_PERM_RDWR);
	child_start(&c, go_on_alone, &i);
	(void)hear(&c);
	importer_down(&i);
	tell(&c, 0);
	EXPECT_EQ(rsm_intr_signal_wait(e.segment, -1), RSM_SUCCESS);
	EXPECT_EQ(e.memory[2], 7);
	EXPECT_EQ(rsm_intr_signal_post(e.segment, 0), RSM_SUCCESS);
	child_finish(&c);
	exporter_down(&e);
}

static void share_the_counter(struct child *parent, void *arg)
{
	struct pair *p = arg;
	struct pollfd pfd;

	EXPECT_EQ(rsm_intr_signal_wait(p->e.segment, -1), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_post(p->e.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_get_pollfd(p->e.segment, &pfd), RSM_SUCCESS);
	EXPECT_EQ(poll(&pfd, 1, 0), 1);
	EXPECT_EQ(pfd.revents, POLLRDNORM);
	EXPECT_EQ(rsm_memseg_release_pollfd(p->e.segment), RSM_SUCCESS);
	tell(parent, 0);
}

TEST(parent_and_child_share_an_exports_events)
{
	struct pair p;
	struct child c;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS);
	child_start(&c, share_the_counter, &p);
	(void)hear(&c);
	child_finish(&c);
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, SOON), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, 0), RSMERR_TIMEOUT);
	EXPECT_EQ(rsm_intr_signal_wait(p.i.segment, SOON), RSM_SUCCESS);
	pair_down(&p);
}

static void own_segments(struct child *parent, void *arg)
{
	struct exporter mine;
	struct importer theirs;
	uint8_t byte = 8;

	(void)arg;
	exporter_up(&mine, ID(1), 1);
	importer_up(&theirs, ID(0), RSM_PERM_RDWR);
	EXPECT_EQ(rsm_memseg_import_put8(theirs.segment, 0, &byte, 1), RSM_SUCCESS);
	tell(parent, 0);
	EXPECT_EQ(rsm_intr_signal_wait(mine.segment, -1), RSM_SUCCESS);
	EXPECT_EQ(mine.memory[0], 9);
	importer_down(&theirs);
	exporter_down(&mine);
	tell(parent, 0);
	linger(parent);
}

TEST(a_childs_own_segments_and_connections_work)
{
	struct exporter e;
	struct importer i;
	struct child c;
	uint8_t byte = 9;

	exporter_up(&e, ID(0), 1);
	child_start(&c, own_segments, NULL);
	(void)hear(&c);
	EXPECT_EQ(e.memory[0], 8);
	importer_up(&i, ID(1), RSM_PERM_RDWR);
	EXPECT_EQ(rsm_memseg_import_put8(i.segment, 0, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_post(i.segment, 0), RSM_SUCCESS);
	(void)hear(&c);
	EXPECT_EQ(rsm_memseg_import_put8(i.segment, 0, &byte, 1), RSMERR_CONN_ABORTED);
	child_finish(&c);
	importer_down(&i);
	exporter_down(&e);
}
