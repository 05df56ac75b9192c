/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_memory.c - a caller's own memory that is none, where the segment is another node's
 *
 * One that a program handles the signal of, or sees the error of, loses nothing by it that
 * other threads have under way on the same connection.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <tract/tract.h>

#include "pair.h"
#include "test.h"

struct scene {
	struct pair p;
	/* Another segment of the same node's. */
	char *memory;
	struct tract_export *export;
	struct tract_import *import;
	struct tract_barrier barrier;
	char *bad; /* nothing is mapped there */
};

static void scene_up(struct scene *s)
{
	uint32_t id = 0;

	pair_up(&s->p);
	s->memory = pages_new(SIZE);
	expect_ok(tract_export_create(s->p.there, s->memory, SIZE, 0, &s->export));
	expect_ok(tract_export_publish(s->export, &id, NULL, 0));
	expect_ok(tract_import_connect(s->p.here, 2, id, RW, &s->import));
	expect_ok(tract_barrier_init(s->import, &s->barrier));
	s->bad = pages_new(SIZE);
	EXPECT_EQ(munmap(s->bad, SIZE), 0);
}

static void scene_down(struct scene *s)
{
	expect_ok(tract_import_close(s->import));
	expect_ok(tract_export_destroy(s->export));
	EXPECT_EQ(munmap(s->memory, SIZE), 0);
	pair_down(&s->p);
}

/* Of the other: one that is open while the first does what is tried. */
static void span_begin(struct scene *s)
{
	uint64_t word = 0x5afe;

	expect_ok(tract_import_set_mode(s->import, TRACT_BARRIER_EXPLICIT));
	expect_ok(tract_barrier_open(&s->barrier));
	for (off_t i = 0; i < 64; i++)
		expect_ok(tract_import_put64(s->import, 8 * i, &word, 1));
}

static void span_end(struct scene *s)
{
	expect_ok(tract_barrier_close(&s->barrier));
	EXPECT_WORD(s->memory, 0x5afe);
	EXPECT_EQ(try_put(&s->p), 0);
}

static sigjmp_buf back;

static void jump(int signal)
{
	(void)signal;
	siglongjmp(back, 1);
}

static void signals_caught(void)
{
	struct sigaction action = { .sa_handler = jump };

	EXPECT_EQ(sigaction(SIGSEGV, &action, NULL), 0);
	EXPECT_EQ(sigaction(SIGBUS, &action, NULL), 0);
}

static bool raises(struct scene *s, bool put, char *memory)
{
	if (sigsetjmp(back, 1))
		return true;
	if (put)
		(void)tract_import_put(s->p.import, 0, memory, SIZE);
	else
		(void)tract_import_get(s->p.import, 0, memory, SIZE);
	return false;
}

TEST_SLOW(put_and_get_of_no_memory_raise_a_signal_and_disturb_no_other_import, 60)
{
	struct scene s;
	char *half;

	scene_up(&s);
	half = pages_new(2 * SIZE);
	EXPECT_EQ(munmap(half + SIZE, SIZE), 0);
	signals_caught();
	span_begin(&s);
	EXPECT(raises(&s, true, s.bad));
	EXPECT(raises(&s, false, s.bad));
	EXPECT(raises(&s, true, half + SIZE / 2));
	EXPECT(raises(&s, false, half + SIZE / 2));
	EXPECT_EQ(mprotect(half, SIZE, PROT_READ), 0);
	EXPECT(raises(&s, false, half));
	EXPECT(!raises(&s, true, half));
	span_end(&s);
	EXPECT_EQ(munmap(half, SIZE), 0);
	scene_down(&s);
}

TEST_SLOW(vectors_of_no_memory_are_an_error_and_disturb_no_other_import, 60)
{
	static char good[4096];
	struct scene s;
	struct tract_vector vector[2];
	size_t done = 9;

	scene_up(&s);
	vector[0] = (struct tract_vector){ .local = good, .length = sizeof(good) };
	vector[1] = (struct tract_vector){ .local = s.bad, .remote = 4096, .length = SIZE / 2 };
	span_begin(&s);
	EXPECT_EQ(tract_import_putv(s.p.import, vector, 2, &done), -EFAULT);
	EXPECT_EQ(done, 1);
	EXPECT_EQ(tract_import_getv(s.p.import, vector, 2, &done), -EFAULT);
	EXPECT_EQ(done, 1);
	span_end(&s);
	scene_down(&s);
}
