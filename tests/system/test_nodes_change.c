/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_change.c - what happens to connections to another node's segments while they last
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "far.h"
#include "shm/layout.h"
#include "test.h"

#define LONG_MS 15000
#define RW TRACT_RIGHT_READ_WRITE

/* Node 2 exports, node 1 imports. */
struct scene {
	struct cluster c;
	struct far_client importer;
	struct far_export export;
	struct msg_import_connected_far far;
};

static void scene_up(struct scene *s)
{
	cluster_make(&s->c, 2, true, NULL);
	cluster_start_all(&s->c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&s->c));
	far_export_up(&s->c, 1, &s->export);
	far_client_up(&s->c, 0, &s->importer);
	s->far = far_connect(&s->importer, 1, s->export.segment.id, RW);
}

static void scene_down(struct scene *s)
{
	far_client_down(&s->importer);
	far_export_down(&s->export);
	cluster_end(&s->c);
}

/* ---- other memory ------------------------------------------------------------------------ */

static uint64_t make_region(struct far_export *e, char **ret_memory)
{
	struct message request = { .number = MSG_region_create }, reply;
	int fd;

	request.region_create.size = FAR_SIZE;
	reply = rig_ask(&e->rig, request, &fd);
	EXPECT_EQ(reply.number, MSG_region_created);
	*ret_memory = mmap(NULL, FAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT(*ret_memory != MAP_FAILED);
	(void)close(fd);
	return reply.region_created.region;
}

/* The answer is still to come. */
static void begin_rebind(struct far_export *e, uint64_t region)
{
	struct message request = { .number = MSG_segment_rebind, .serial = ++e->rig.serial };

	request.segment_rebind.segment = e->segment.segment;
	request.segment_rebind.region = region;
	EXPECT_EQ(conn_send(&e->rig.conn, &request, NULL, 0), 0);
}

static struct message end_rebind(struct far_export *e)
{
	struct message reply = { 0 };
	int fds[CONN_FDS_MAX];
	unsigned count;

	EXPECT_EQ(conn_receive(&e->rig.conn, &reply, fds, &count), 0);
	EXPECT_STR(wire_name(reply.number), "segment_rebound");
	return reply;
}

TEST_SLOW(rebind_moves_the_other_nodes_window_and_ends_when_that_is_done, 60)
{
	struct far_reach reach, after;
	struct message moved;
	struct scene s;
	char *memory;

	scene_up(&s);
	/* One made to be rebound: the first is not. */
	far_close(&s.importer, s.far.import);
	far_rebindable(&s.export);
	s.far = far_connect(&s.importer, 1, s.export.segment.id, RW);
	reach = far_reach(&s.far, RW);
	EXPECT_EQ(far_put(&reach, 0, "old", 4), 0);
	begin_rebind(&s.export, make_region(&s.export, &memory));
	moved = far_event(&s.importer, MSG_import_moved_far);
	EXPECT_EQ(moved.import_moved_far.import, s.far.import);
	EXPECT_EQ(moved.import_moved_far.epoch, s.far.epoch + 1);
	/* Until it has moved the old memory is the right one. */
	EXPECT_EQ(far_put(&reach, 16, "late", 5), 0);
	EXPECT(far_is_fresh(&s.importer, &s.far));
	EXPECT_STR(s.export.memory + 16, "late");
	s.far.base = moved.import_moved_far.base;
	s.far.key = moved.import_moved_far.key;
	after = far_reach(&s.far, RW);
	far_leave(&reach);
	far_heard(&s.importer, moved.serial);
	EXPECT_EQ(end_rebind(&s.export).segment_rebound.late, 0);
	EXPECT(!far_is_fresh(&s.importer, &s.far));
	s.far.epoch = moved.import_moved_far.epoch;
	EXPECT(far_is_fresh(&s.importer, &s.far));
	EXPECT_EQ(far_put(&after, 0, "new", 4), 0);
	EXPECT_STR(memory, "new");
	EXPECT_STR(s.export.memory, "old");
	far_leave(&after);
	(void)munmap(memory, FAR_SIZE);
	scene_down(&s);
}

TEST_SLOW(who_does_not_move_in_time_reaches_nothing_and_is_told, 60)
{
	struct far_reach reach;
	struct scene s;
	char *memory;

	scene_up(&s);
	far_close(&s.importer, s.far.import);
	far_rebindable(&s.export);
	s.far = far_connect(&s.importer, 1, s.export.segment.id, RW);
	reach = far_reach(&s.far, RW);
	EXPECT_EQ(far_put(&reach, 0, "old", 4), 0);
	begin_rebind(&s.export, make_region(&s.export, &memory));
	(void)far_event(&s.importer, MSG_import_moved_far);
	(void)end_rebind(&s.export);
	EXPECT(!far_is_fresh(&s.importer, &s.far));
	/* Its connection is lost, or its words are. */
	(void)far_put(&reach, 0, "bad", 4);
	EXPECT_STR(s.export.memory, "old");
	EXPECT_STR(memory, "");
	far_leave(&reach);
	(void)munmap(memory, FAR_SIZE);
	scene_down(&s);
}

/* ---- signals ----------------------------------------------------------------------------- */

static struct shm_bell *map_bell(struct far_export *e)
{
	struct message request = { .number = MSG_segment_bell };
	void *bell;
	int fd;

	request.segment_bell.segment = e->segment.segment;
	EXPECT_EQ(rig_ask(&e->rig, request, &fd).number, MSG_bell);
	bell = mmap(NULL, sizeof(struct shm_bell), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT(bell != MAP_FAILED);
	(void)close(fd);
	return bell;
}

TEST_SLOW(a_post_from_another_node_is_in_the_exporters_bell, 60)
{
	struct message post = { .number = MSG_import_post_far };
	struct shm_bell *bell;
	struct scene s;

	scene_up(&s);
	post.import_post_far.import = s.far.import;
	/* Before there is a bell, and after. */
	EXPECT_EQ(rig_ask(&s.importer.rig, post, NULL).number, MSG_done);
	bell = map_bell(&s.export);
	EXPECT_WITHIN(LONG_MS, atomic_load(&bell->exporter.pending) == 1);
	EXPECT_EQ(rig_ask(&s.importer.rig, post, NULL).number, MSG_done);
	EXPECT_WITHIN(LONG_MS, atomic_load(&bell->exporter.pending) == 2);
	(void)munmap(bell, sizeof(*bell));
	scene_down(&s);
}

TEST_SLOW(a_post_to_another_node_is_told_there, 60)
{
	struct message request = { .number = MSG_bell_poller }, event;
	struct shm_bell *bell;
	struct scene s;
	int pipe;

	scene_up(&s);
	bell = map_bell(&s.export);
	EXPECT_EQ(atomic_load(&bell->slots_in_use), 1);
	EXPECT_EQ(atomic_load(&bell->importer[0].active), 1);
	EXPECT(atomic_load(&bell->importer[0].polled) > 0);
	request.bell_poller.from = s.export.segment.segment;
	EXPECT_EQ(rig_ask(&s.export.rig, request, &pipe).number, MSG_bell_pipe);
	(void)atomic_fetch_add(&bell->importer[0].pending, 3u);
	EXPECT_EQ(write(pipe, "", 1), 1);
	event = far_event(&s.importer, MSG_import_signalled);
	EXPECT_EQ(event.import_signalled.import, s.far.import);
	EXPECT_EQ(event.import_signalled.count, 3);
	EXPECT_EQ(atomic_load(&bell->importer[0].pending), 0);
	(void)close(pipe);
	(void)munmap(bell, sizeof(*bell));
	scene_down(&s);
}

/* ---- who does not care --------------------------------------------------------------------
 */

/* A process of node 1 that never answers, and writes by the key it was given for ever. */
struct villain {
	_Atomic unsigned tries;
	pid_t pid;
};

static struct villain *villain_start(struct scene *s)
{
	struct villain *v = mmap(NULL, sizeof(*v), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	EXPECT(v != MAP_FAILED);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		struct far_client client;
		struct msg_import_connected_far far;
		struct far_reach reach;
		char bytes[4096];

		far_client_up(&s->c, 0, &client);
		far = far_connect(&client, 1, s->export.segment.id, RW);
		reach = far_reach(&far, RW);
		for (unsigned i = 1;; i++) {
			memset(bytes, (int)(i % 100 + 1), sizeof(bytes));
			(void)far_put(&reach, 0, bytes, sizeof(bytes));
			atomic_fetch_add(&v->tries, 1u);
		}
	}
	v->pid = pid;
	return v;
}

static void villain_end(struct villain *v)
{
	EXPECT_EQ(kill(v->pid, SIGKILL), 0);
	EXPECT_EQ(waitpid(v->pid, NULL, 0), v->pid);
	(void)munmap(v, sizeof(*v));
}

TEST_SLOW(who_writes_on_by_an_old_key_changes_nothing_and_disturbs_no_other_process, 60)
{
	struct message request = { .number = MSG_segment_unpublish };
	struct rig_segment other;
	struct villain *villain;
	struct far_reach reach;
	uint64_t word = 1;
	unsigned tries;
	struct scene s;

	scene_up(&s);
	villain = villain_start(&s);
	far_close(&s.importer, s.far.import);
	other = rig_publish(&s.export.rig, FAR_SIZE);
	(void)close(other.fd);
	s.far = far_connect(&s.importer, 1, other.id, RW);
	reach = far_reach(&s.far, RW);
	EXPECT_WITHIN(LONG_MS, atomic_load(&villain->tries) > 2);
	request.segment_unpublish.segment = s.export.segment.segment;
	EXPECT_EQ(rig_ask(&s.export.rig, request, NULL).number, MSG_segment_withdrawn);
	/* It is the exporter's alone now. */
	memset(s.export.memory, 0, 4096);
	tries = atomic_load(&villain->tries);
	for (; atomic_load(&villain->tries) < tries + 5; word++) {
		EXPECT_EQ(far_put(&reach, 0, &word, sizeof(word)), 0);
		EXPECT(far_is_fresh(&s.importer, &s.far));
	}
	for (unsigned i = 0; i < 4096; i++)
		EXPECT_EQ(s.export.memory[i], 0);
	villain_end(villain);
	far_leave(&reach);
	scene_down(&s);
}

/* ---- many -------------------------------------------------------------------------------- */

#define MANY 64u

TEST_SLOW(taking_back_half_of_many_segments_disturbs_no_transfer_to_the_others, 120)
{
	struct message request = { .number = MSG_segment_unpublish }, event;
	struct rig_segment segment[MANY];
	struct far_reach first, taken;
	struct msg_import_connected_far far[MANY];
	struct fabric_target_spec spec;
	struct scene s;
	uint64_t word;

	scene_up(&s);
	for (unsigned i = 0; i < MANY; i++) {
		segment[i] = rig_publish(&s.export.rig, FAR_SIZE);
		(void)close(segment[i].fd);
		far[i] = far_connect(&s.importer, 1, segment[i].id, RW);
	}
	first = far_reach(&far[0], RW);
	/* Over the same connection. */
	for (unsigned i = 1; i < MANY; i += 2) {
		spec = (struct fabric_target_spec){ .base = far[i].base,
						    .key = far[i].key,
						    .size = far[i].size,
						    .rights = RW };
		taken = first;
		EXPECT_EQ(fabric_target_open(first.peer, &spec, &taken.target), 0);
		word = i;
		EXPECT_EQ(far_put(&taken, 0, &word, sizeof(word)), 0);
		request.segment_unpublish.segment = segment[i].segment;
		EXPECT_EQ(rig_ask(&s.export.rig, request, NULL).number, MSG_segment_withdrawn);
		EXPECT(!far_is_fresh(&s.importer, &far[i]));
		/* It has not heard, and the connection is whole, or another one. */
		EXPECT_EQ(far_put(&taken, 0, &word, sizeof(word)) == 0,
			  far_buries_alone(&taken));
		EXPECT_EQ(far_put(&first, 0, &word, sizeof(word)), 0);
		fabric_target_close(taken.target);
		event = far_event(&s.importer, MSG_import_revoked);
		EXPECT_EQ(event.import_revoked.import, far[i].import);
		far_heard(&s.importer, event.serial);
		EXPECT_EQ(far_put(&first, 8, &word, sizeof(word)), 0);
		EXPECT(far_is_fresh(&s.importer, &far[0]));
	}
	far_leave(&first);
	scene_down(&s);
}
