/* SPDX-License-Identifier: MIT */
/*
 * test_hostile.c - an importer that keeps everything, and an exporter that does not mind
 *
 * The hostile importer speaks the protocol by hand or uses the library, and keeps what it gets:
 * it duplicates the descriptor, reopens it, maps each several times, sends it to an accomplice,
 * and goes on storing through all of it while the exporter takes the memory back.  When the
 * call has returned the exporter writes a secret over all of its memory.  None of it may
 * change any more, and neither hostile process may read a word of it.
 */
#include "play.h"

static void attach(struct stage *s, struct part *p, unsigned m)
{
	const struct tract_region_spec spec = { .size = SIZE };
	struct tract_region *region = NULL;

	EXPECT_EQ(tract_region_create(s->ctx, &spec, &region), 0);
	EXPECT_EQ(tract_attach(region, &p->memory[m], 0, 0, TRACT_RIGHT_READ_WRITE, 0), 0);
	tract_region_close(region);
}

static void attach_local(struct stage *s, struct part *p, unsigned m)
{
	const struct tract_region_spec spec = { .size = SIZE };
	struct tract_region *region = NULL;

	(void)s;
	EXPECT_EQ(tract_region_create_local(&spec, &region), 0);
	EXPECT_EQ(tract_attach(region, &p->memory[m], 0, 0, TRACT_RIGHT_READ_WRITE, 0), 0);
	EXPECT_EQ(tract_attach(region, &p->view[m], 0, 0, TRACT_RIGHT_READ, 0), 0);
	tract_region_close(region);
}

static void detach(struct stage *s, struct part *p, unsigned m)
{
	(void)s;
	EXPECT_EQ(tract_detach(p->memory[m]), 0);
	if (p->view[m])
		EXPECT_EQ(tract_detach(p->view[m]), 0);
}

/* What is promised of all kinds of memory is tried most often with all of them. */
static const struct props of_all_kinds = { .most = 50000, .attach = attach, .detach = detach };
/* The object was made by the exporter itself, and offered to the broker as it is. */
static const struct props local = {
	.always = true, .most = 5000, .attach = attach_local, .detach = detach
};

TEST_SLOW(who_speaks_by_hand_and_keeps_everything_changes_and_reads_nothing, 120)
{
	play(be_hostile_by_hand, &of_all_kinds);
}

TEST_SLOW(who_uses_the_library_and_keeps_everything_changes_and_reads_nothing, 120)
{
	play(be_hostile_by_library, &of_all_kinds);
}

TEST_SLOW(who_keeps_all_of_a_local_region_by_hand_changes_and_reads_nothing, 120)
{
	play(be_hostile_by_hand, &local);
}

TEST_SLOW(who_keeps_all_of_a_local_region_by_the_library_changes_and_reads_nothing, 120)
{
	play(be_hostile_by_library, &local);
}
