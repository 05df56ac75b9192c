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
#include <unistd.h>

#include "cluster.h"
#include "test.h"

#define LONG_MS 15000
#define RW TRACT_RIGHT_READ_WRITE
#define SIZE ((size_t)256 << 10)
#define FIRST_ID 0x400001u
#define IMPORTS 2u

struct scene {
	struct cluster c;
	struct tract *here, *there;
	char *memory, *bad; /* bad: nothing is mapped there */
	struct tract_export *export[IMPORTS];
	struct tract_import *import[IMPORTS];
	struct tract_barrier barrier[IMPORTS];
};

static void expect_ok(int r)
{
	EXPECT_OR_SAY(r == 0, "%d: %s", r, tract_reason());
}

static char *pages_new(size_t size)
{
	char *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT((void *)memory != MAP_FAILED);
	return memory;
}

static void scene_up(struct scene *s)
{
	cluster_make(&s->c, 2, true, NULL);
	cluster_start_all(&s->c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&s->c));
	expect_ok(tract_open(s->c.node[0].directory, &s->here));
	expect_ok(tract_open(s->c.node[1].directory, &s->there));
	s->memory = pages_new(IMPORTS * SIZE);
	for (unsigned i = 0; i < IMPORTS; i++) {
		uint32_t id = FIRST_ID + i;

		expect_ok(tract_export_create(s->there, s->memory + i * SIZE, SIZE, 0,
					      &s->export[i]));
		expect_ok(tract_export_publish(s->export[i], &id, NULL, 0));
		expect_ok(tract_import_connect(s->here, 2, id, RW, &s->import[i]));
		expect_ok(tract_barrier_init(s->import[i], &s->barrier[i]));
	}
	s->bad = pages_new(SIZE);
	EXPECT_EQ(munmap(s->bad, SIZE), 0);
}

static void scene_down(struct scene *s)
{
	for (unsigned i = 0; i < IMPORTS; i++) {
		expect_ok(tract_import_close(s->import[i]));
		expect_ok(tract_export_destroy(s->export[i]));
	}
	EXPECT_EQ(munmap(s->memory, IMPORTS * SIZE), 0);
	tract_close(s->here);
	tract_close(s->there);
	cluster_end(&s->c);
}

/* Of the second import: a span that is open while the first does what is tried. */
static void span_begin(struct scene *s)
{
	uint64_t word = 0x5afe;

	expect_ok(tract_import_set_mode(s->import[1], TRACT_BARRIER_EXPLICIT));
	expect_ok(tract_barrier_open(&s->barrier[1]));
	for (off_t i = 0; i < 64; i++)
		expect_ok(tract_import_put64(s->import[1], 8 * i, &word, 1));
}

static void span_end(struct scene *s)
{
	expect_ok(tract_barrier_close(&s->barrier[1]));
	EXPECT_EQ(*(const volatile uint64_t *)(const void *)(s->memory + SIZE), 0x5afe);
	expect_ok(tract_import_put(s->import[0], 0, s->memory + SIZE, SIZE));
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
		(void)tract_import_put(s->import[0], 0, memory, SIZE);
	else
		(void)tract_import_get(s->import[0], 0, memory, SIZE);
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
	struct scene s;
	struct tract_vector vector[2];
	size_t done = 9;

	scene_up(&s);
	vector[0] = (struct tract_vector){ .local = s.memory, .length = 4096 };
	vector[1] = (struct tract_vector){ .local = s.bad, .remote = 4096, .length = SIZE / 2 };
	span_begin(&s);
	EXPECT_EQ(tract_import_putv(s.import[0], vector, 2, &done), -EFAULT);
	EXPECT_EQ(done, 1);
	EXPECT_EQ(tract_import_getv(s.import[0], vector, 2, &done), -EFAULT);
	EXPECT_EQ(done, 1);
	span_end(&s);
	scene_down(&s);
}
