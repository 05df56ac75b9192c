/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_shared_key.c - a process of another node that goes on writing to a shared region
 *
 * It has the key of a window and does nothing that it is told.  Both sides speak with their
 * brokers by hand; node 2 exports, node 1 imports.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "far.h"
#include "test.h"

#define LONG_MS 15000
#define RW TRACT_RIGHT_READ_WRITE

struct scene {
	struct cluster c;
	struct far_client owner, importer;
	uint64_t mapping;
	char *memory;
	struct rig_segment export;
	struct msg_import_connected_far far;
	struct far_reach reach;
};

static char *see(int fd)
{
	char *memory = mmap(NULL, FAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	EXPECT(memory != MAP_FAILED);
	(void)close(fd);
	return memory;
}

static void map_own(struct scene *s)
{
	struct message m = { .number = MSG_shared_create }, reply;
	int fd;

	m.shared_create.size = FAR_SIZE;
	m.shared_create.ceiling = 3;
	m.shared_create.node = UINT32_MAX;
	reply = rig_ask(&s->owner.rig, m, NULL);
	EXPECT_EQ(reply.number, MSG_shared_known);
	m = (struct message){ .number = MSG_shared_map };
	m.shared_map.shared = reply.shared_known.shared;
	m.shared_map.permission = 3;
	/* Nobody looks whether it is there. */
	m.shared_map.address = 1 << 24;
	reply = rig_ask(&s->owner.rig, m, &fd);
	EXPECT_EQ(reply.number, MSG_shared_mapped);
	s->mapping = reply.shared_mapped.import;
	s->memory = see(fd);
}

static struct rig_segment export_own(struct scene *s)
{
	struct message m = { .number = MSG_shared_export }, reply;
	struct rig_segment export = { .fd = -1 };

	m.shared_export.import = s->mapping;
	m.shared_export.size = FAR_SIZE;
	m.shared_export.mode = 0666;
	reply = rig_ask(&s->owner.rig, m, NULL);
	EXPECT_EQ(reply.number, MSG_segment_created);
	export.segment = reply.segment_created.segment;
	m = (struct message){ .number = MSG_segment_publish };
	m.segment_publish.segment = export.segment;
	reply = rig_ask(&s->owner.rig, m, NULL);
	EXPECT_EQ(reply.number, MSG_segment_published);
	export.id = reply.segment_published.id;
	return export;
}

static void scene_up(struct scene *s)
{
	cluster_make(&s->c, 2, true, NULL);
	cluster_start_all(&s->c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&s->c));
	far_client_up(&s->c, 1, &s->owner);
	far_client_up(&s->c, 0, &s->importer);
	map_own(s);
	s->export = export_own(s);
	s->far = far_connect(&s->importer, 1, s->export.id, RW);
	s->reach = far_reach(&s->far, RW);
	EXPECT_EQ(far_put(&s->reach, 0, "good", 5), 0);
	EXPECT_STR(s->memory, "good");
	EXPECT(far_is_fresh(&s->importer, &s->far));
}

static void scene_down(struct scene *s)
{
	far_leave(&s->reach);
	far_client_down(&s->importer);
	far_client_down(&s->owner);
	(void)munmap(s->memory, FAR_SIZE);
	cluster_end(&s->c);
}

static struct message unpublishing(struct scene *s, uint64_t segment)
{
	struct message m = { .number = MSG_segment_unpublish };

	m.segment_unpublish.segment = segment;
	m.serial = ++s->owner.rig.serial;
	return m;
}

/* By the key that it was given, which is all that it has. */
static void expect_nothing_of_it(struct scene *s)
{
	char seen[8] = "";

	EXPECT(!far_is_fresh(&s->importer, &s->far));
	(void)far_put(&s->reach, 0, "evil", 5);
	EXPECT_STR(s->memory, "good");
	(void)strcpy(s->memory + 64, "secret");
	(void)far_get(&s->reach, 64, seen, 7);
	EXPECT_STR(seen, "");
}

TEST_SLOW(who_writes_on_by_the_key_of_a_shared_region_neither_sees_nor_changes_it, 60)
{
	struct message reply;
	struct scene s;

	scene_up(&s);
	reply = rig_ask(&s.owner.rig, unpublishing(&s, s.export.segment), NULL);
	EXPECT_EQ(reply.number, MSG_segment_withdrawn);
	expect_nothing_of_it(&s);
	scene_down(&s);
}

/* What the owner is told, and obeys; the memory that comes along. */
static int obey(struct scene *s, enum msg_number number)
{
	struct message event = { 0 };
	int fds[CONN_FDS_MAX], fd = -1;
	unsigned count;

	EXPECT_EQ(conn_receive(&s->owner.events, &event, fds, &count), 0);
	EXPECT_STR(wire_name(event.number), wire_name(number));
	if (count > 0)
		fd = fds[0];
	far_heard(&s->owner, event.serial);
	return fd;
}

/* The memory is replaced, since an importer of the owner's node had it. */
static void replace(struct scene *s)
{
	struct rig_segment other = export_own(s);
	struct message m = unpublishing(s, other.segment), reply = { 0 };
	int fds[CONN_FDS_MAX], fd;
	struct rig_client local;
	unsigned count;

	rig_client_up(s->c.node[1].directory, &local);
	EXPECT_EQ(rig_import(&local, other.id, RW, &fd).number, MSG_import_connected);
	(void)close(fd);
	EXPECT_EQ(conn_send(&s->owner.rig.conn, &m, NULL, 0), 0);
	(void)obey(s, MSG_import_stall);
	fd = obey(s, MSG_import_moved);
	EXPECT_EQ(conn_receive(&s->owner.rig.conn, &reply, fds, &count), 0);
	EXPECT_STR(wire_name(reply.number), "segment_withdrawn");
	(void)munmap(s->memory, FAR_SIZE);
	s->memory = see(fd);
	rig_client_down(&local);
}

TEST_SLOW(who_neither_holds_still_nor_moves_is_left_behind_by_memory_that_is_replaced, 60)
{
	struct scene s;

	scene_up(&s);
	replace(&s);
	expect_nothing_of_it(&s);
	scene_down(&s);
}

TEST_SLOW(who_has_moved_reaches_the_fresh_memory_and_the_old_key_leads_nowhere, 60)
{
	struct far_reach old;
	struct message told;
	struct scene s;

	scene_up(&s);
	replace(&s);
	(void)far_event(&s.importer, MSG_import_stall);
	told = far_event(&s.importer, MSG_import_moved_far);
	far_heard(&s.importer, told.serial);
	s.far.epoch = told.import_moved_far.epoch;
	s.far.base = told.import_moved_far.base;
	s.far.key = told.import_moved_far.key;
	old = s.reach;
	s.reach = far_reach(&s.far, RW);
	EXPECT(far_is_fresh(&s.importer, &s.far));
	EXPECT_EQ(far_put(&s.reach, 0, "moved", 6), 0);
	EXPECT_STR(s.memory, "moved");
	(void)far_put(&old, 0, "evil", 5);
	EXPECT_STR(s.memory, "moved");
	far_leave(&old);
	scene_down(&s);
}
