/* SPDX-License-Identifier: MIT */
#include "base/idtable.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "test.h"

TEST(an_id_finds_its_value_until_it_is_taken)
{
	struct idtable t = IDTABLE_INIT(10);
	int value;
	uint64_t id;

	EXPECT_EQ(idtable_add(&t, &value, &id), 0);
	EXPECT(id != 0);
	EXPECT(idtable_find(&t, id) == &value);
	EXPECT_EQ(idtable_used(&t), 1);
	EXPECT(idtable_take(&t, id) == &value);
	EXPECT(idtable_find(&t, id) == NULL);
	EXPECT(idtable_take(&t, id) == NULL);
	EXPECT_EQ(idtable_used(&t), 0);
	EXPECT(idtable_check(&t));
	idtable_deinit(&t);
}

TEST(made_up_ids_find_nothing)
{
	struct idtable t;
	int value;
	uint64_t id;

	idtable_init(&t, 10);
	EXPECT(idtable_find(&t, 0) == NULL);
	EXPECT(idtable_find(&t, 1) == NULL);
	EXPECT(idtable_find(&t, UINT64_MAX) == NULL);
	EXPECT_EQ(idtable_add(&t, &value, &id), 0);
	EXPECT(idtable_find(&t, id + 1) == NULL);
	EXPECT(idtable_find(&t, id + (UINT64_C(1) << 32)) == NULL);
	EXPECT(idtable_take(&t, 0) == NULL);
	idtable_deinit(&t);
}

TEST(a_full_table_says_so)
{
	struct idtable t = IDTABLE_INIT(2);
	int value;
	uint64_t first, id = 77;

	EXPECT_EQ(idtable_add(&t, &value, &first), 0);
	EXPECT_EQ(idtable_add(&t, &value, &id), 0);
	id = 77;
	EXPECT_EQ(idtable_add(&t, &value, &id), -ENOSPC);
	EXPECT_EQ(id, 77);
	EXPECT(idtable_take(&t, first) == &value);
	EXPECT_EQ(idtable_add(&t, &value, &id), 0);
	idtable_deinit(&t);
}

TEST(a_reused_slot_refuses_the_old_id)
{
	struct idtable t = IDTABLE_INIT(1);
	int old, new;
	uint64_t old_id, new_id;

	EXPECT_EQ(idtable_add(&t, &old, &old_id), 0);
	EXPECT(idtable_take(&t, old_id) == &old);
	EXPECT_EQ(idtable_add(&t, &new, &new_id), 0);
	EXPECT(new_id != old_id);
	EXPECT_EQ((uint32_t)new_id, (uint32_t)old_id);
	EXPECT(idtable_find(&t, old_id) == NULL);
	EXPECT(idtable_take(&t, old_id) == NULL);
	EXPECT(idtable_find(&t, new_id) == &new);
	idtable_deinit(&t);
}

TEST(slots_are_reused_oldest_first)
{
	struct idtable t = IDTABLE_INIT(3);
	int value;
	uint64_t ids[3], again[3];

	for (int i = 0; i < 3; i++)
		EXPECT_EQ(idtable_add(&t, &value, &ids[i]), 0);
	EXPECT(idtable_take(&t, ids[1]));
	EXPECT(idtable_take(&t, ids[2]));
	EXPECT(idtable_take(&t, ids[0]));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(idtable_add(&t, &value, &again[i]), 0);
	EXPECT_EQ((uint32_t)again[0], (uint32_t)ids[1]);
	EXPECT_EQ((uint32_t)again[1], (uint32_t)ids[2]);
	EXPECT_EQ((uint32_t)again[2], (uint32_t)ids[0]);
	EXPECT(idtable_check(&t));
	idtable_deinit(&t);
}

TEST(ten_thousand_ids_are_all_different_and_all_found)
{
	enum { COUNT = 10000 };
	struct idtable t = IDTABLE_INIT(COUNT);
	uint64_t *ids = malloc(2 * COUNT * sizeof(*ids));
	char *values = malloc(COUNT);

	EXPECT(ids && values);
	for (int i = 0; i < COUNT; i++)
		EXPECT_EQ(idtable_add(&t, values + i, &ids[i]), 0);
	EXPECT(idtable_check(&t));
	for (int i = 0; i < COUNT; i++)
		EXPECT(idtable_find(&t, ids[i]) == values + i);
	for (int i = 0; i < COUNT; i += 2)
		EXPECT(idtable_take(&t, ids[i]) == values + i);
	for (int i = 0; i < COUNT; i += 2)
		EXPECT_EQ(idtable_add(&t, values + i, &ids[COUNT + i]), 0);
	for (int i = 0; i < COUNT; i++)
		EXPECT(idtable_find(&t, ids[i]) == (i % 2 ? values + i : NULL));
	for (int i = 0; i < COUNT; i += 2)
		EXPECT(idtable_find(&t, ids[COUNT + i]) == values + i);
	EXPECT(idtable_check(&t));
	idtable_deinit(&t);
	free(ids);
	free(values);
}

TEST(walking_sees_what_is_in_the_table)
{
	struct idtable t = IDTABLE_INIT(200);
	char values[100];
	uint64_t ids[100];
	uint32_t cursor = 0;
	char *last = NULL, *value;
	int seen = 0;

	for (int i = 0; i < 100; i++)
		EXPECT_EQ(idtable_add(&t, values + i, &ids[i]), 0);
	for (int i = 0; i < 100; i += 3)
		EXPECT(idtable_take(&t, ids[i]));
	while ((value = idtable_next(&t, &cursor))) {
		EXPECT((value - values) % 3 != 0);
		EXPECT(value > last);
		last = value;
		seen++;
	}
	EXPECT_EQ(seen, 66);
	idtable_deinit(&t);
}

/* Two objects whose ids come and go in one slot; a finder may see one, never the other's. */
struct shared {
	struct idtable table;
	_Atomic uint64_t ids[2];
	int values[2];
	_Atomic bool done;
};

static void *find_all_the_time(void *arg)
{
	struct shared *s = arg;
	uintptr_t wrong = 0;

	while (!atomic_load_explicit(&s->done, memory_order_relaxed)) {
		for (int i = 0; i < 2; i++) {
			uint64_t id = atomic_load_explicit(&s->ids[i], memory_order_relaxed);
			void *found = idtable_find(&s->table, id);

			wrong += found && found != &s->values[i];
		}
	}
	return (void *)wrong;
}

TEST(finding_beside_reuse_never_finds_another_value)
{
	struct shared s = { .table = IDTABLE_INIT(1) };
	pthread_t finder;
	void *wrong;

	EXPECT_EQ(thread_start(&finder, "finder", find_all_the_time, &s), 0);
	for (int i = 0; i < 20000; i++) {
		uint64_t id;

		EXPECT_EQ(idtable_add(&s.table, &s.values[i % 2], &id), 0);
		atomic_store_explicit(&s.ids[i % 2], id, memory_order_relaxed);
		EXPECT(idtable_take(&s.table, id) == &s.values[i % 2]);
	}
	atomic_store(&s.done, true);
	EXPECT_EQ(pthread_join(finder, &wrong), 0);
	EXPECT(wrong == NULL);
	idtable_deinit(&s.table);
}

static void *look_at_signals(void *arg)
{
	sigset_t *blocked = arg;

	(void)pthread_sigmask(SIG_SETMASK, NULL, blocked);
	return NULL;
}

TEST(a_started_thread_takes_no_signals)
{
	sigset_t inside, before, after;
	pthread_t thread;

	(void)pthread_sigmask(SIG_SETMASK, NULL, &before);
	EXPECT_EQ(
		thread_start(&thread, "a name longer than it may be", look_at_signals, &inside),
		0);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	EXPECT(sigismember(&inside, SIGINT) && sigismember(&inside, SIGCHLD) &&
	       sigismember(&inside, SIGRTMAX));
	(void)pthread_sigmask(SIG_SETMASK, NULL, &after);
	EXPECT_EQ(sigismember(&after, SIGINT), sigismember(&before, SIGINT));
}
