/* SPDX-License-Identifier: MIT */
/*
 * test_rebind.c - what importers see, and lose nothing of, while other memory is bound
 *
 * The ranges are filled with the number of the rebind that binds them, so that a reader knows
 * of every word whether it is old or new: numbers only ever rise, and none is zero.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "kin.h"
#include "segment/segment.h"

#define PAGES 4u
#define READERS 2u
#define REBINDS 200u
#define WORDS (PAGES * PAGE / sizeof(uint64_t))

struct watch {
	_Atomic uint64_t at_least; /* what a load must show that begins now */
	_Atomic bool stop;
	_Atomic uint64_t seen[READERS]; /* numbers that each reader has met */
	uint32_t id;
};

struct reader {
	struct watch *watch;
	unsigned index;
};

/* ---- readers ---------------------------------------------------------------------------- */

/* Every word, with what it showed last. */
static void look_once(const _Atomic uint64_t *words, uint64_t *last, struct watch *watch,
		      unsigned index)
{
	for (size_t i = 0; i < WORDS; i += 3) {
		uint64_t least = atomic_load(&watch->at_least), now = atomic_load(&words[i]);

		EXPECT(now != 0);
		EXPECT_OR_SAY(now >= last[i], "word %zu is %llu after %llu", i,
			      (unsigned long long)now, (unsigned long long)last[i]);
		EXPECT_OR_SAY(now >= least, "word %zu is %llu when %llu was bound", i,
			      (unsigned long long)now, (unsigned long long)least);
		if (i == 0 && now != last[i])
			atomic_fetch_add(&watch->seen[index], 1u);
		last[i] = now;
	}
}

static void read_on(struct kin *parent, void *arg)
{
	const struct reader *r = arg;
	struct tract *ctx = node_open();
	struct tract_import *import = import_up(ctx, r->watch->id, TRACT_RIGHT_READ);
	const _Atomic uint64_t *words = import_map(import, TRACT_RIGHT_READ);
	uint64_t *last = calloc(WORDS, sizeof(*last));

	EXPECT(last != NULL);
	thread_stands_back();
	look_once(words, last, r->watch, r->index);
	kin_tell(parent, 0);
	while (!atomic_load(&r->watch->stop))
		look_once(words, last, r->watch, r->index);
	free(last);
	import_down(import);
	tract_close(ctx);
}

static void fill(void *memory, uint64_t number)
{
	uint64_t *words = memory;

	for (size_t i = 0; i < WORDS; i++)
		words[i] = number;
}

/* Binds one of the ranges after the other, each filled before with a higher number. */
static void watch_rebinds(struct tract *ctx, void *const ranges[2], unsigned count)
{
	struct watch *watch = pages_shared(1);
	struct reader readers[READERS];
	struct kin kin[READERS];
	struct tract_export *export;

	fill(ranges[0], 1);
	export = export_up(ctx, ranges[0], PAGES * PAGE, TRACT_EXPORT_REBIND, &watch->id);
	for (unsigned i = 0; i < READERS; i++) {
		readers[i] = (struct reader){ watch, i };
		kin_start(&kin[i], read_on, &readers[i]);
		(void)kin_hear(&kin[i]);
	}
	for (uint64_t n = 2; n <= count + 1; n++) {
		uint64_t seen[READERS] = { atomic_load(&watch->seen[0]),
					   atomic_load(&watch->seen[1]) };
		void *next = ranges[(n - 1) % 2];

		fill(next, n);
		EXPECT_EQ(tract_export_rebind(export, next, PAGES * PAGE), 0);
		atomic_store(&watch->at_least, n);
		/* Now and then everybody has seen what is new; else nothing would be shown. */
		for (unsigned i = 0; i < READERS && n % 8 == 0; i++)
			while (atomic_load(&watch->seen[i]) == seen[i] &&
			       !kin_speaks(&kin[i], 0))
				test_pause_us(20);
	}
	atomic_store(&watch->stop, true);
	for (unsigned i = 0; i < READERS; i++)
		kin_finish(&kin[i]);
	EXPECT_EQ(tract_export_destroy(export), 0);
	pages_free(watch, 1);
}

static unsigned rebinds(void)
{
	return test_is_deep() ? 20 * REBINDS : REBINDS;
}

TEST_SLOW(readers_see_old_or_new_and_never_old_again_between_private_ranges, 60)
{
	void *ranges[2] = { pages_private(PAGES), pages_private(PAGES) };
	struct tract *ctx = node_open();

	watch_rebinds(ctx, ranges, rebinds());
	tract_close(ctx);
	for (unsigned i = 0; i < 2; i++)
		pages_free(ranges[i], PAGES);
}

static void *region_attached(struct tract *ctx, size_t pages)
{
	struct tract_region_spec spec = { .size = pages * PAGE };
	struct tract_region *region;
	void *addr;

	EXPECT_EQ(tract_region_create(ctx, &spec, &region), 0);
	EXPECT_EQ(tract_attach(region, &addr, 0, 0, TRACT_RIGHT_READ_WRITE, 0), 0);
	tract_region_close(region);
	return addr;
}

TEST_SLOW(readers_see_old_or_new_and_never_old_again_between_regions, 60)
{
	struct tract *ctx = node_open();
	void *ranges[2] = { region_attached(ctx, PAGES), region_attached(ctx, PAGES) };

	watch_rebinds(ctx, ranges, rebinds());
	for (unsigned i = 0; i < 2; i++)
		EXPECT_EQ(tract_detach(ranges[i]), 0);
	tract_close(ctx);
}

TEST_SLOW(readers_see_old_or_new_from_a_region_to_private_memory_and_back, 60)
{
	struct tract *ctx = node_open();
	void *ranges[2] = { region_attached(ctx, PAGES), pages_private(PAGES) };

	watch_rebinds(ctx, ranges, rebinds() / 3);
	EXPECT_EQ(tract_detach(ranges[0]), 0);
	pages_free(ranges[1], PAGES);
	tract_close(ctx);
}

/* ---- writers ---------------------------------------------------------------------------- */

struct ledger {
	_Atomic bool stop;
	_Atomic uint64_t acknowledged; /* puts of which the writer knows that they arrived */
	uint32_t id;
};

/* Puts one number after the other, each into the next word. */
static void put_on(struct kin *parent, void *arg)
{
	struct ledger *ledger = arg;
	struct tract *ctx = node_open();
	struct tract_import *import = import_up(ctx, ledger->id, TRACT_RIGHT_READ_WRITE);
	struct tract_barrier barrier = { 0 };
	uint64_t n = 0;

	EXPECT_EQ(tract_barrier_init(import, &barrier), 0);
	kin_tell(parent, 0);
	while (!atomic_load(&ledger->stop)) {
		int r;

		n++;
		r = tract_import_put64(import, (off_t)(n % WORDS * sizeof(n)), &n, 1);
		/* It says so when it does not know; then it is put again. */
		EXPECT(r == 0 || r == -EIO);
		if (r == 0)
			atomic_store(&ledger->acknowledged, n);
		else
			n--;
	}
	EXPECT_EQ(tract_barrier_destroy(&barrier), 0);
	import_down(import);
	tract_close(ctx);
}

/* The last WORDS acknowledged numbers are each in one of the ranges. */
static uint64_t count_missing(void *const ranges[2], uint64_t acknowledged)
{
	const _Atomic uint64_t *a = ranges[0], *b = ranges[1];
	uint64_t first = acknowledged > WORDS ? acknowledged - WORDS + 1 : 1, missing = 0;

	for (uint64_t n = first; n <= acknowledged; n++)
		missing += atomic_load(&a[n % WORDS]) < n && atomic_load(&b[n % WORDS]) < n;
	return missing;
}

static void write_through_rebinds(struct tract *ctx, void *const ranges[2])
{
	struct ledger *ledger = pages_shared(1);
	struct tract_export *export;
	struct kin writer;
	uint64_t before;

	export = export_up(ctx, ranges[0], PAGES * PAGE, TRACT_EXPORT_REBIND, &ledger->id);
	kin_start(&writer, put_on, ledger);
	(void)kin_hear(&writer);
	for (unsigned n = 1; n <= rebinds(); n++) {
		before = atomic_load(&ledger->acknowledged);
		EXPECT_EQ(tract_export_rebind(export, ranges[n % 2], PAGES * PAGE), 0);
		EXPECT_EQ(count_missing(ranges, before), 0);
		/* Puts go on between any two. */
		while (atomic_load(&ledger->acknowledged) < before + WORDS / 4)
			test_pause_us(20);
	}
	atomic_store(&ledger->stop, true);
	kin_finish(&writer);
	EXPECT_EQ(count_missing(ranges, atomic_load(&ledger->acknowledged)), 0);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(count_missing(ranges, atomic_load(&ledger->acknowledged)), 0);
	pages_free(ledger, 1);
}

TEST_SLOW(every_acknowledged_put_is_in_the_old_range_or_the_new, 60)
{
	void *ranges[2] = { pages_private(PAGES), pages_private(PAGES) };
	struct tract *ctx = node_open();

	write_through_rebinds(ctx, ranges);
	tract_close(ctx);
	for (unsigned i = 0; i < 2; i++)
		pages_free(ranges[i], PAGES);
}

TEST_SLOW(every_acknowledged_put_is_in_the_old_region_or_the_new, 60)
{
	struct tract *ctx = node_open();
	void *ranges[2] = { region_attached(ctx, PAGES), region_attached(ctx, PAGES) };

	write_through_rebinds(ctx, ranges);
	for (unsigned i = 0; i < 2; i++)
		EXPECT_EQ(tract_detach(ranges[i]), 0);
	tract_close(ctx);
}

/* ---- an importer that does not answer --------------------------------------------------- */

/* Stores 7 and closes the barrier, as often as it is asked, and says what came of it. */
static void span_on(struct kin *parent, void *arg)
{
	const struct ledger *ledger = arg;
	struct tract *ctx = node_open();
	struct tract_import *import = import_up(ctx, ledger->id, TRACT_RIGHT_READ_WRITE);
	_Atomic uint64_t *words = import_map(import, TRACT_RIGHT_READ_WRITE);
	struct tract_barrier barrier = { 0 };

	EXPECT_EQ(tract_barrier_init(import, &barrier), 0);
	EXPECT_EQ(tract_import_set_mode(import, TRACT_BARRIER_EXPLICIT), 0);
	kin_tell(parent, 0);
	while (kin_hear(parent) != 0) {
		EXPECT_EQ(tract_barrier_open(&barrier), 0);
		(void)kill(getpid(), SIGSTOP);
		atomic_store(&words[0], 7);
		kin_tell(parent, (uint64_t)-tract_barrier_close(&barrier));
	}
	EXPECT_EQ(tract_barrier_destroy(&barrier), 0);
	import_down(import);
	tract_close(ctx);
}

static void expect_stopped(pid_t pid)
{
	siginfo_t info = { 0 };

	EXPECT_EQ(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
}

TEST_SLOW(a_stopped_importer_delays_a_rebind_by_its_bound_and_is_told_no_lie, 60)
{
	_Atomic uint64_t *ranges[2] = { pages_private(PAGES), pages_private(PAGES) };
	struct ledger *ledger = pages_shared(1);
	struct tract *ctx = node_open();
	struct tract_export *export;
	struct kin late;

	export = export_up(ctx, ranges[0], PAGES * PAGE, TRACT_EXPORT_REBIND, &ledger->id);
	kin_start(&late, span_on, ledger);
	(void)kin_hear(&late);
	for (unsigned n = 1; n <= 2; n++) {
		_Atomic uint64_t *to = ranges[n % 2];
		uint64_t begun, took, answer;

		atomic_store(&to[0], 1);
		kin_tell(&late, 1);
		expect_stopped(late.pid);
		begun = clock_now();
		EXPECT_EQ(tract_export_rebind(export, to, PAGES * PAGE), 0);
		took = clock_now() - begun;
		/* The bound is a second; it waits for that long, and not for much longer. */
		EXPECT(took >= 900 * NS_PER_MS);
		EXPECT(took <= (uint64_t)(1000 + 500 * test_patience()) * NS_PER_MS);
		EXPECT_EQ(kill(late.pid, SIGCONT), 0);
		answer = kin_hear(&late);
		EXPECT(answer == EIO || answer == 0);
		/* Success means that the store is where the exporter looks. */
		if (answer == 0)
			EXPECT_EQ(atomic_load(&to[0]), 7);
	}
	kin_tell(&late, 0);
	kin_finish(&late);
	EXPECT_EQ(tract_export_destroy(export), 0);
	tract_close(ctx);
	pages_free(ledger, 1);
	for (unsigned i = 0; i < 2; i++)
		pages_free(ranges[i], PAGES);
}

/*
 * The importer keeps its own service thread from mapping what is bound, until it has stored and
 * asked.  So the store is in the old memory, and nobody may say that it arrived.
 */
static void lag_behind(struct kin *parent, void *arg)
{
	const struct ledger *ledger = arg;
	struct tract *ctx = node_open();
	struct tract_import *import = import_up(ctx, ledger->id, TRACT_RIGHT_READ_WRITE);
	_Atomic uint64_t *words = import_map(import, TRACT_RIGHT_READ_WRITE);
	struct tract_barrier barrier = { 0 };
	uint64_t seven = 7;

	EXPECT_EQ(tract_barrier_init(import, &barrier), 0);
	EXPECT_EQ(tract_import_set_mode(import, TRACT_BARRIER_EXPLICIT), 0);
	EXPECT_EQ(tract_barrier_open(&barrier), 0);
	mutex_lock(&import->lock);
	kin_tell(parent, 0);
	(void)kin_hear(parent);
	atomic_store(&words[0], 7);
	EXPECT_EQ(tract_barrier_close(&barrier), -EIO);
	EXPECT_EQ(tract_import_set_mode(import, TRACT_BARRIER_IMPLICIT), 0);
	EXPECT_EQ(tract_import_put64(import, 0, &seven, 1), -EIO);
	mutex_unlock(&import->lock);
	EXPECT_EQ(tract_import_put64(import, 0, &seven, 1), 0);
	EXPECT_EQ(tract_barrier_destroy(&barrier), 0);
	kin_tell(parent, 0);
	kin_linger(parent);
	import_down(import);
	tract_close(ctx);
}

TEST_SLOW(an_importer_that_is_late_is_told_so_and_can_repeat, 60)
{
	_Atomic uint64_t *ranges[2] = { pages_private(PAGES), pages_private(PAGES) };
	struct ledger *ledger = pages_shared(1);
	struct tract *ctx = node_open();
	struct tract_export *export;
	struct kin late;

	export = export_up(ctx, ranges[0], PAGES * PAGE, TRACT_EXPORT_REBIND, &ledger->id);
	kin_start(&late, lag_behind, ledger);
	(void)kin_hear(&late);
	EXPECT_EQ(tract_export_rebind(export, ranges[1], PAGES * PAGE), 0);
	EXPECT_EQ(atomic_load(&ranges[1][0]), 0);
	kin_tell(&late, 0);
	(void)kin_hear(&late);
	EXPECT_EQ(atomic_load(&ranges[1][0]), 7);
	EXPECT_EQ(atomic_load(&ranges[0][0]), 0);
	kin_finish(&late);
	EXPECT_EQ(tract_export_destroy(export), 0);
	tract_close(ctx);
	pages_free(ledger, 1);
	for (unsigned i = 0; i < 2; i++)
		pages_free(ranges[i], PAGES);
}

/* ---- what it costs ---------------------------------------------------------------------- */

#define MANY_PAGES 8192u

TEST(rebinding_to_a_region_copies_nothing)
{
	struct tract *ctx = node_open();
	char *from = region_attached(ctx, MANY_PAGES), *to = region_attached(ctx, MANY_PAGES);
	struct tract_export *export;
	struct tract_import *import;
	char *seen;
	uint32_t id;

	for (size_t i = 0; i < MANY_PAGES; i++)
		from[i * PAGE] = 1;
	export = export_up(ctx, from, MANY_PAGES * PAGE, TRACT_EXPORT_REBIND, &id);
	import = import_up(ctx, id, TRACT_RIGHT_READ_WRITE);
	seen = import_map(import, TRACT_RIGHT_READ_WRITE);
	EXPECT_EQ(seen[PAGE], 1);
	EXPECT_EQ(tract_export_rebind(export, to, MANY_PAGES * PAGE), 0);
	EXPECT_EQ(object_bytes(to), 0);
	seen[5 * PAGE] = 9;
	EXPECT_EQ(to[5 * PAGE], 9);
	EXPECT_EQ(from[5 * PAGE], 1);
	import_down(import);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(tract_detach(from), 0);
	EXPECT_EQ(tract_detach(to), 0);
	tract_close(ctx);
}
