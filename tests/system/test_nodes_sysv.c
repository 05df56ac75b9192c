/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_sysv.c - System V memory that another node imports, by hand
 *
 * It stays where it is and is shared with whoever attaches it here; node 2 exports, node 1
 * imports, and what node 2's broker attached for it it lets go of again.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "far.h"
#include "test.h"

#define LONG_MS 15000
#define RW TRACT_RIGHT_READ_WRITE
#define NOBODY 65534u
#define HUGE ((size_t)2 << 20)
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

struct scene {
	struct cluster c;
	struct far_client importer;
	struct rig_client exporter;
	int shmid;
	char *memory;
	struct rig_segment export;
};

/* Gone with the last who has it attached. */
static void memory_up(struct scene *s, size_t size)
{
	s->shmid = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
	if (s->shmid < 0)
		SKIP("no System V shared memory here");
	s->memory = shmat(s->shmid, NULL, 0);
	EXPECT_EQ(shmctl(s->shmid, IPC_RMID, NULL), 0);
	EXPECT((intptr_t)s->memory != -1);
}

static struct rig_segment publish(struct rig_client *exporter, int shmid, size_t size)
{
	struct message m = { .number = MSG_region_sysv }, reply;
	struct rig_segment export = { .fd = -1 };

	m.region_sysv.shmid = (uint32_t)shmid;
	m.region_sysv.size = size;
	reply = rig_ask(exporter, m, NULL);
	EXPECT_EQ(reply.number, MSG_region_known);
	export.region = reply.region_known.region;
	m = (struct message){ .number = MSG_segment_create };
	m.segment_create.region = export.region;
	m.segment_create.size = size;
	m.segment_create.mode = 0666;
	reply = rig_ask(exporter, m, NULL);
	EXPECT_EQ(reply.number, MSG_segment_created);
	export.segment = reply.segment_created.segment;
	m = (struct message){ .number = MSG_segment_publish };
	m.segment_publish.segment = export.segment;
	reply = rig_ask(exporter, m, NULL);
	EXPECT_EQ(reply.number, MSG_segment_published);
	export.id = reply.segment_published.id;
	return export;
}

static void nodes_up(struct scene *s)
{
	cluster_make(&s->c, 2, true, NULL);
	/* For other users, too. */
	EXPECT_EQ(chmod(test_directory(), 0711), 0);
	EXPECT_EQ(chmod(s->c.node[1].directory, 0755), 0);
	cluster_start_all(&s->c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&s->c));
	far_client_up(&s->c, 0, &s->importer);
}

static void scene_up(struct scene *s)
{
	memory_up(s, FAR_SIZE);
	nodes_up(s);
	rig_client_up(s->c.node[1].directory, &s->exporter);
	s->export = publish(&s->exporter, s->shmid, FAR_SIZE);
}

static void scene_down(struct scene *s)
{
	far_client_down(&s->importer);
	rig_client_down(&s->exporter);
	cluster_end(&s->c);
	EXPECT_EQ(shmdt(s->memory), 0);
}

static unsigned attached(const struct scene *s)
{
	struct shmid_ds facts;

	EXPECT_EQ(shmctl(s->shmid, IPC_STAT, &facts), 0);
	return (unsigned)facts.shm_nattch;
}

static enum msg_number withdraw(struct scene *s)
{
	struct message m = { .number = MSG_segment_unpublish };

	m.segment_unpublish.segment = s->export.segment;
	return rig_ask(&s->exporter, m, NULL).number;
}

TEST_SLOW(another_node_works_in_system_v_memory_until_it_is_taken_back, 60)
{
	struct msg_import_connected_far far;
	struct far_reach reach;
	struct scene s;
	char seen[8] = "";

	scene_up(&s);
	far = far_connect(&s.importer, 1, s.export.id, RW);
	EXPECT_EQ(attached(&s), 2);
	reach = far_reach(&far, RW);
	EXPECT_EQ(far_put(&reach, 8, "good", 5), 0);
	EXPECT_STR(s.memory + 8, "good");
	(void)strcpy(s.memory + 64, "here");
	EXPECT_EQ(far_get(&reach, 64, seen, 5), 0);
	EXPECT_STR(seen, "here");
	EXPECT_EQ(withdraw(&s), MSG_segment_withdrawn);
	/* The exporter can have it for itself, as from no process here. */
	EXPECT(!far_is_fresh(&s.importer, &far));
	(void)far_put(&reach, 8, "evil", 5);
	EXPECT_STR(s.memory + 8, "good");
	(void)strcpy(s.memory + 64, "secret");
	memset(seen, 0, sizeof(seen));
	(void)far_get(&reach, 64, seen, 7);
	EXPECT_STR(seen, "");
	EXPECT_WITHIN(LONG_MS, attached(&s) == 1);
	far_leave(&reach);
	scene_down(&s);
}

TEST_SLOW(a_reader_of_another_node_does_not_write_to_system_v_memory, 60)
{
	struct msg_import_connected_far far;
	struct far_reach reach;
	struct scene s;
	char seen[8] = "";

	scene_up(&s);
	(void)strcpy(s.memory, "good");
	far = far_connect(&s.importer, 1, s.export.id, TRACT_RIGHT_READ);
	reach = far_reach(&far, TRACT_RIGHT_READ);
	EXPECT_EQ(far_get(&reach, 0, seen, 5), 0);
	EXPECT_STR(seen, "good");
	far_leave(&reach);
	/* Whatever it claims to have been given. */
	reach = far_reach(&far, RW);
	EXPECT(far_put(&reach, 0, "evil", 5) < 0);
	EXPECT_STR(s.memory, "good");
	far_leave(&reach);
	scene_down(&s);
}

TEST_SLOW(system_v_memory_goes_with_its_exporter_and_the_window_of_another_node, 60)
{
	struct scene s;

	scene_up(&s);
	(void)far_connect(&s.importer, 1, s.export.id, RW);
	EXPECT_EQ(attached(&s), 2);
	rig_client_down(&s.exporter);
	EXPECT_WITHIN(LONG_MS, attached(&s) == 1);
	(void)far_event(&s.importer, MSG_import_revoked);
	far_client_down(&s.importer);
	cluster_end(&s.c);
	EXPECT_EQ(shmdt(s.memory), 0);
}

enum where { HERE, ELSEWHERE };

/* Of huge pages of which there are none to be had, so that whoever touches it gets SIGBUS. */
static void memory_without_pages_up(struct scene *s, size_t size)
{
	s->shmid = shmget(IPC_PRIVATE, size, IPC_CREAT | SHM_HUGETLB | SHM_NORESERVE | 0600);
	if (s->shmid < 0)
		SKIP("no huge pages of System V here");
	s->memory = shmat(s->shmid, NULL, 0);
	EXPECT_EQ(shmctl(s->shmid, IPC_RMID, NULL), 0);
	EXPECT((intptr_t)s->memory != -1);
	if (madvise(s->memory, size, MADV_POPULATE_WRITE) == 0 || errno == EINVAL) {
		EXPECT_EQ(shmdt(s->memory), 0);
		SKIP("there are huge pages set aside here, or an old kernel");
	}
}

TEST_SLOW(who_asks_for_memory_that_is_not_there_gets_nothing_and_harms_no_broker, 60)
{
	struct msg_import_connected_far far;
	struct far_reach reach;
	struct scene s;

	memory_without_pages_up(&s, HUGE);
	nodes_up(&s);
	rig_client_up(s.c.node[1].directory, &s.exporter);
	s.export = publish(&s.exporter, s.shmid, HUGE);
	far = far_connect(&s.importer, 1, s.export.id, RW);
	reach = far_reach(&far, RW);
	EXPECT(far_get_nothing(&reach, 64) < 0);
	far_leave(&reach);
	reach = far_reach(&far, RW);
	EXPECT(far_put(&reach, 64, "evil", 5) < 0);
	far_leave(&reach);
	EXPECT_EQ(withdraw(&s), MSG_segment_withdrawn);
	EXPECT_WITHIN(LONG_MS, attached(&s) == 1);
	scene_down(&s);
}

/* Says so, until it is killed; from an IPC namespace of its own, if that is elsewhere. */
static pid_t claim_as(const struct scene *s, uint32_t uid, enum where where, size_t size,
		      uint32_t *ret_id)
{
	int ends[2];
	pid_t pid;

	EXPECT_EQ(pipe(ends), 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		struct rig_client exporter;
		struct rig_segment export;

		(void)close(ends[0]);
		EXPECT_EQ(shmdt(s->memory), 0);
		EXPECT(where == HERE || unshare(CLONE_NEWIPC) == 0);
		EXPECT_EQ(setresuid(uid, uid, uid), 0);
		rig_client_up(s->c.node[1].directory, &exporter);
		export = publish(&exporter, s->shmid, size);
		EXPECT_EQ(write(ends[1], &export.id, sizeof(export.id)), sizeof(export.id));
		for (;;)
			(void)pause();
	}
	(void)close(ends[1]);
	EXPECT_EQ(read(ends[0], ret_id, sizeof(*ret_id)), sizeof(*ret_id));
	(void)close(ends[0]);
	return pid;
}

static void end_claim(pid_t pid)
{
	EXPECT_EQ(kill(pid, SIGKILL), 0);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
}

static void expect_refused(struct scene *s, uint32_t id)
{
	struct message reply = far_ask(&s->importer, 1, id, TRACT_RIGHT_READ);

	EXPECT_EQ(reply.number, MSG_refused);
	EXPECT_EQ(reply.refused.error, EOPNOTSUPP);
	EXPECT_EQ(attached(s), 1);
}

/* The broker may attach it, and the one who asks it to could not. */
TEST_SLOW(nobody_shows_other_nodes_system_v_memory_of_another_user, 60)
{
	struct scene s;
	uint32_t id;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("only root can be two users");
	memory_up(&s, FAR_SIZE);
	nodes_up(&s);
	pid = claim_as(&s, NOBODY, HERE, FAR_SIZE, &id);
	expect_refused(&s, id);
	end_claim(pid);
	far_client_down(&s.importer);
	cluster_end(&s.c);
	EXPECT_EQ(shmdt(s.memory), 0);
}

/* What it calls so is something else there, which it could attach, or nothing. */
TEST_SLOW(nobody_shows_other_nodes_system_v_memory_of_another_namespace, 60)
{
	struct scene s;
	uint32_t id;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("only root has namespaces for the asking");
	memory_up(&s, FAR_SIZE);
	nodes_up(&s);
	pid = claim_as(&s, geteuid(), ELSEWHERE, FAR_SIZE, &id);
	expect_refused(&s, id);
	end_claim(pid);
	far_client_down(&s.importer);
	cluster_end(&s.c);
	EXPECT_EQ(shmdt(s.memory), 0);
}

TEST_SLOW(no_more_of_system_v_memory_is_shown_to_other_nodes_than_there_is, 60)
{
	struct scene s;
	uint32_t id;
	pid_t pid;

	memory_up(&s, FAR_SIZE);
	nodes_up(&s);
	pid = claim_as(&s, geteuid(), HERE, 2 * FAR_SIZE, &id);
	expect_refused(&s, id);
	end_claim(pid);
	far_client_down(&s.importer);
	cluster_end(&s.c);
	EXPECT_EQ(shmdt(s.memory), 0);
}
