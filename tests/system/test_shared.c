/* SPDX-License-Identifier: MIT */
/* Memory with one owner, between processes. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "kin.h"

/* ---- a process that does what it is told ------------------------------------------------ */

enum deed { NUMBER, OPEN, MAP, LOAD, STORE, UNMAP, WHERE, GIVE, LEAVE };

static uint64_t do_deed(struct kin *parent, struct tract *ctx, struct tract_shared **shared,
			enum deed deed)
{
	static unsigned char *memory;
	uint64_t a = kin_hear(parent), b = kin_hear(parent), number = 0;
	void *addr = NULL;
	int r;

	switch (deed) {
	case NUMBER:
		EXPECT_EQ(tract_process(ctx, &number), 0);
		return number;
	case OPEN:
		return (uint64_t)tract_shared_open(ctx, a, shared);
	case MAP:
		r = tract_shared_map(*shared, &addr, (uint32_t)a);
		memory = addr;
		return (uint64_t)r;
	case LOAD:
		return memory[a];
	case STORE:
		memory[a] = (unsigned char)b;
		return 0;
	case UNMAP:
		return (uint64_t)tract_shared_unmap(*shared, a, (uint32_t)b);
	case WHERE:
		return (uint64_t)tract_shared_where(*shared, a, &addr);
	case GIVE:
		return (uint64_t)tract_shared_give(*shared, a);
	case LEAVE:
		break;
	}
	return 0;
}

static void serve(struct kin *parent, void *arg)
{
	struct tract_shared *shared = NULL;
	struct tract *ctx = node_open();

	(void)arg;
	for (uint64_t deed; (deed = kin_hear(parent)) != LEAVE;)
		kin_tell(parent, do_deed(parent, ctx, &shared, (enum deed)deed));
	tract_shared_close(shared);
	tract_close(ctx);
}

static int64_t ask(struct kin *k, enum deed deed, uint64_t a, uint64_t b)
{
	kin_tell(k, deed);
	kin_tell(k, a);
	kin_tell(k, b);
	return (int64_t)kin_hear(k);
}

/* ---- alone ------------------------------------------------------------------------------ */

TEST(a_region_is_mapped_where_it_is_asked_for_and_nowhere_else)
{
	struct tract *ctx = node_open();
	struct tract_shared *shared = shared_up(ctx, 2 * PAGE, TRACT_PERMIT_READ_WRITE);
	unsigned char *place = pages_private(2), *byte;
	void *addr = place, *there = NULL;
	uint64_t self = 0;

	EXPECT_EQ(tract_process(ctx, &self), 0);
	EXPECT_EQ(tract_shared_map(shared, &addr, TRACT_PERMIT_READ_WRITE), -EADDRINUSE);
	pages_free(place, 2);
	EXPECT_EQ(tract_shared_map(shared, &addr, TRACT_PERMIT_READ_WRITE), 0);
	EXPECT(addr == place);
	byte = addr;
	EXPECT_EQ(byte[PAGE], 0);
	byte[PAGE] = 7;
	EXPECT_EQ(tract_shared_where(shared, self, &there), 0);
	EXPECT(there == addr);
	EXPECT_EQ(tract_shared_map(shared, &addr, TRACT_PERMIT_READ), -EEXIST);
	EXPECT_EQ(byte[PAGE], 7);
	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), -ENXIO);
	EXPECT_EQ(tract_shared_where(shared, self, &there), -ENOENT);
	EXPECT_EQ(shared_map(shared, TRACT_PERMIT_READ)[PAGE], 7);
	EXPECT_EQ(tract_shared_unmap(shared, self, 0), 0);
	EXPECT_EQ(tract_shared_destroy(shared), 0);
	EXPECT_EQ(tract_shared_destroy(shared), -ENOENT);
	tract_shared_close(shared);
	tract_close(ctx);
}

static bool is_mapped(void *addr)
{
	unsigned char vec;

	return mincore(addr, PAGE, &vec) == 0;
}

TEST(what_is_unmapped_is_not_there)
{
	struct tract *ctx = node_open();
	struct tract_shared *shared = shared_up(ctx, 1, TRACT_PERMIT_READ_WRITE);
	unsigned char *byte = shared_map(shared, TRACT_PERMIT_READ_WRITE);

	EXPECT(is_mapped(byte));
	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
	EXPECT(!is_mapped(byte));
	tract_shared_close(shared);
	tract_close(ctx);
}

/* From now on there is no descriptor to be had. */
static struct rlimit limit_descriptors(void)
{
	struct rlimit before, none;

	EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	return before;
}

TEST(what_could_not_be_mapped_for_want_of_a_descriptor_is_not_mapped)
{
	struct tract *ctx = node_open();
	struct tract_shared *shared = shared_up(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	struct rlimit before;
	void *addr = shared_map(shared, TRACT_PERMIT_READ_WRITE);

	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
	before = limit_descriptors();
	EXPECT_EQ(tract_shared_map(shared, &addr, TRACT_PERMIT_READ_WRITE), -EMFILE);
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	(void)shared_map(shared, TRACT_PERMIT_READ_WRITE);
	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
	EXPECT_EQ(tract_shared_destroy(shared), 0);
	tract_shared_close(shared);
	tract_close(ctx);
}

TEST(what_is_mapped_is_found_in_the_map)
{
	struct tract *ctx = node_open();
	struct tract_shared *shared = shared_up(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	unsigned char *byte = shared_map(shared, TRACT_PERMIT_READ_WRITE);
	struct tract_span span;

	EXPECT_EQ(tract_find(byte, &span), 0);
	EXPECT_EQ(span.kind, TRACT_SPAN_IMPORTED);
	EXPECT_EQ(span.size, PAGE);
	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
	EXPECT_EQ(tract_find(byte, &span), -ENOENT);
	tract_shared_close(shared);
	tract_close(ctx);
}

TEST(a_child_of_fork_has_neither_handle_nor_mapping)
{
	struct tract *ctx = node_open();
	struct tract_shared *shared = shared_up(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	unsigned char *byte = shared_map(shared, TRACT_PERMIT_READ_WRITE);
	struct tract_span span;
	int status = 0;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		struct tract_shared_facts facts;

		if (tract_shared_look(shared, &facts) != -ECHILD)
			_exit(1);
		if (is_mapped(byte))
			_exit(2);
		_exit(tract_find(byte, &span) == -ENOENT ? 0 : 3);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	*byte = 1;
	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
	tract_shared_close(shared);
	tract_close(ctx);
}

static _Atomic bool enough;
static void *_Atomic mapped_at;

static void *map_and_unmap(void *arg)
{
	struct tract_shared *shared = arg;
	static void *place;

	while (!atomic_load(&enough)) {
		void *addr = place;
		int r = tract_shared_map(shared, &addr, TRACT_PERMIT_READ_WRITE);

		/* Between two rounds the place is anybody's: a sanitizer takes it at times. */
		if (r == -EADDRINUSE) {
			addr = NULL;
			r = tract_shared_map(shared, &addr, TRACT_PERMIT_READ_WRITE);
		}
		EXPECT_EQ(r, 0);
		place = addr;
		atomic_store(&mapped_at, addr);
		EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
	}
	return NULL;
}

/* At the address there is nothing, or what is held for a mapping: either way it faults. */
static bool child_can_read(const unsigned char *byte)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		_exit(*(const volatile unsigned char *)byte);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status);
}

TEST_SLOW(a_child_has_no_mapping_that_is_just_being_made, 120)
{
	struct tract *ctx = node_open();
	struct tract_shared *shared = shared_up(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	unsigned children = 0, readers = 0;
	pthread_t thread;

	atomic_store(&enough, false);
	atomic_store(&mapped_at, NULL);
	EXPECT_EQ(pthread_create(&thread, NULL, map_and_unmap, shared), 0);
	while (children < 1500) {
		const unsigned char *at = atomic_load(&mapped_at);

		if (at) {
			readers += child_can_read(at);
			children++;
		}
	}
	atomic_store(&enough, true);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	EXPECT_EQ(readers, 0);
	tract_shared_close(shared);
	tract_close(ctx);
}

/* ---- two -------------------------------------------------------------------------------- */

/* The other has it mapped, and owned it before. */
struct scene {
	struct tract *ctx;
	struct kin other;
	uint64_t self, second;
	struct tract_shared *shared;
};

static void scene_up(struct scene *s)
{
	struct tract_shared *shared;

	kin_start(&s->other, serve, NULL);
	s->ctx = node_open();
	EXPECT_EQ(tract_process(s->ctx, &s->self), 0);
	s->second = (uint64_t)ask(&s->other, NUMBER, 0, 0);
	shared = shared_up(s->ctx, 2 * PAGE, TRACT_PERMIT_READ_WRITE);
	EXPECT_EQ(tract_shared_give(shared, s->second), 0);
	s->shared = shared;
}

static void scene_down(struct scene *s)
{
	(void)tract_shared_unmap(s->shared, 0, 0);
	kin_tell(&s->other, LEAVE);
	kin_finish(&s->other);
	tract_shared_close(s->shared);
	tract_close(s->ctx);
}

TEST(the_new_owner_has_it_and_the_old_one_has_not)
{
	struct scene s;
	void *addr = NULL;

	scene_up(&s);
	EXPECT_EQ(tract_shared_map(s.shared, &addr, TRACT_PERMIT_READ), -EACCES);
	EXPECT_EQ(ask(&s.other, OPEN, tract_shared_number(s.shared), 0), 0);
	EXPECT_EQ(ask(&s.other, MAP, TRACT_PERMIT_READ_WRITE, 0), 0);
	EXPECT_EQ(ask(&s.other, STORE, PAGE, 9), 0);
	/* Given back, it is the same memory. */
	EXPECT_EQ(ask(&s.other, GIVE, s.self, 0), 0);
	EXPECT_EQ(shared_map(s.shared, TRACT_PERMIT_READ)[PAGE], 9);
	scene_down(&s);
}

static void share(struct scene *s, unsigned char **ret_mine)
{
	scene_up(s);
	EXPECT_EQ(ask(&s->other, OPEN, tract_shared_number(s->shared), 0), 0);
	EXPECT_EQ(ask(&s->other, MAP, TRACT_PERMIT_READ_WRITE, 0), 0);
	EXPECT_EQ(ask(&s->other, GIVE, s->self, 0), 0);
	*ret_mine = shared_map(s->shared, TRACT_PERMIT_READ_WRITE);
	(*ret_mine)[5] = 50;
	EXPECT_EQ(ask(&s->other, LOAD, 5, 0), 50);
	EXPECT_EQ(ask(&s->other, STORE, 6, 60), 0);
	EXPECT_EQ((*ret_mine)[6], 60);
}

TEST(the_owner_takes_a_mapping_back_by_asking)
{
	struct scene s;
	unsigned char *mine;
	struct tract_shared_facts facts;

	share(&s, &mine);
	EXPECT_EQ(tract_shared_unmap(s.shared, s.second, TRACT_FORCE_ASK), 0);
	EXPECT_EQ(tract_shared_unmap(s.shared, s.second, TRACT_FORCE_ASK), -ENXIO);
	EXPECT_EQ(ask(&s.other, UNMAP, 0, 0), -ENXIO);
	EXPECT_EQ(mine[6], 60);
	EXPECT_EQ(tract_shared_look(s.shared, &facts), 0);
	EXPECT_EQ(facts.owner, s.self);
	scene_down(&s);
}

/* Maps, and cannot be given fresh memory; or cannot even hold still until it is there. */
static void go_on_without_means(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_shared *shared = NULL;
	struct rlimit before;
	unsigned char *memory;
	uint64_t number = 0;

	EXPECT_EQ(tract_process(ctx, &number), 0);
	kin_tell(parent, number);
	EXPECT_EQ(tract_shared_open(ctx, kin_hear(parent), &shared), 0);
	memory = shared_map(shared, TRACT_PERMIT_READ_WRITE);
	EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	if (arg)
		EXPECT_EQ(fault_arm(arg), 0);
	else
		before = limit_descriptors();
	kin_tell(parent, 0);
	EXPECT_EQ(kin_hear(parent), 0);
	kin_tell(parent, is_mapped(memory));
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	/* It is not on its way out, and may be mapped again. */
	EXPECT_EQ(shared_map(shared, TRACT_PERMIT_READ)[0], 5);
	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
	tract_shared_close(shared);
	tract_close(ctx);
}

static void fence_beside(const char *fault)
{
	struct tract_shared *shared;
	struct kin survivor, target;
	struct tract *ctx;
	uint64_t number;

	kin_start(&survivor, go_on_without_means, (void *)(uintptr_t)fault);
	kin_start(&target, serve, NULL);
	ctx = node_open();
	shared = shared_up(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	shared_map(shared, TRACT_PERMIT_READ_WRITE)[0] = 5;
	EXPECT_EQ(tract_shared_grant(shared, kin_hear(&survivor), TRACT_PERMIT_READ_WRITE), 0);
	kin_tell(&survivor, tract_shared_number(shared));
	EXPECT_EQ(kin_hear(&survivor), 0);
	number = (uint64_t)ask(&target, NUMBER, 0, 0);
	EXPECT_EQ(tract_shared_grant(shared, number, TRACT_PERMIT_READ), 0);
	EXPECT_EQ(ask(&target, OPEN, tract_shared_number(shared), 0), 0);
	EXPECT_EQ(ask(&target, MAP, TRACT_PERMIT_READ, 0), 0);
	EXPECT_EQ(tract_shared_unmap(shared, number, TRACT_FORCE_FENCE), 0);
	kin_tell(&survivor, 0);
	EXPECT_EQ(kin_hear(&survivor), 0);
	kin_finish(&survivor);
	kin_tell(&target, LEAVE);
	kin_finish(&target);
	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
	tract_shared_close(shared);
	tract_close(ctx);
}

TEST(who_cannot_be_given_fresh_memory_is_not_left_with_the_old)
{
	fence_beside(NULL);
}

TEST(who_cannot_hold_still_while_memory_is_replaced_does_not_go_on_storing)
{
	fence_beside("segment.stall.begins=e12");
}

TEST(others_take_nothing_from_the_owner)
{
	struct scene s;
	unsigned char *mine;

	share(&s, &mine);
	EXPECT_EQ(ask(&s.other, UNMAP, s.self, TRACT_FORCE_FENCE), -EACCES);
	EXPECT_EQ(ask(&s.other, GIVE, s.second, 0), -EACCES);
	EXPECT_EQ(ask(&s.other, WHERE, s.self, 0), -ENOENT);
	EXPECT_EQ(ask(&s.other, WHERE, s.second, 0), 0);
	scene_down(&s);
}

TEST(a_region_outlives_its_owner_while_it_is_mapped)
{
	struct scene s;
	struct tract_shared_facts facts;
	unsigned char *mine;

	share(&s, &mine);
	EXPECT_EQ(tract_shared_give(s.shared, s.second), 0);
	kin_kill(&s.other);
	EXPECT_WITHIN(5000, tract_shared_look(s.shared, &facts) == 0 && facts.owner == 0);
	EXPECT_EQ(mine[6], 60);
	EXPECT_EQ(tract_shared_unmap(s.shared, 0, 0), 0);
	EXPECT_EQ(tract_shared_look(s.shared, &facts), -ENOENT);
	tract_shared_close(s.shared);
	tract_close(s.ctx);
}
