/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_apart.c - nodes on hosts of their own, and what the network does to them
 *
 * Node 1 imports, in this process; node 2 exports, in another.  Nothing is closed by a kernel
 * that knows of an end, as it is where a process dies: there is silence.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <tract/tract.h>
#include <unistd.h>

#include "base/clock.h"
#include "cluster.h"
#include "test.h"
#include "wire.h"

#define LONG_MS 30000
#define RW TRACT_RIGHT_READ_WRITE
#define SIZE ((size_t)256 << 10)
#define BOUND_NS (CLUSTER_TIMEOUT_MS * NS_PER_MS)
#define EXPORTS 2u

/* What the exporter is told to do; it answers with 64 bits. */
enum order { LOOK = 1, UNPUBLISH, PUBLISH };

struct request {
	uint32_t order, export;
	uint64_t offset;
};

struct scene {
	struct wire wire;
	struct cluster c;
	pid_t exporter;
	int orders, answers;
	struct tract *here;
};

static void expect_ok(int r)
{
	ck_assert_msg(r == 0, "%d: %s", r, tract_reason());
}

/* ---- the exporter ------------------------------------------------------------------------ */

static uint32_t id_of(unsigned export)
{
	return 0x400001 + export;
}

static int publish(struct tract_export *export, unsigned i)
{
	uint32_t id = id_of(i);

	return tract_export_publish(export, &id, NULL, 0);
}

static void serve(const struct scene *s, int orders, int answers)
{
	struct tract_export *exports[EXPORTS];
	char *memory = mmap(NULL, EXPORTS * SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct request q;
	struct tract *there;
	uint64_t answer = 0;

	EXPECT(memory != MAP_FAILED);
	expect_ok(tract_open(s->c.node[1].directory, &there));
	for (unsigned i = 0; i < EXPORTS; i++) {
		expect_ok(tract_export_create(there, memory + i * SIZE, SIZE, 0, &exports[i]));
		expect_ok(publish(exports[i], i));
	}
	do {
		EXPECT_EQ(write(answers, &answer, sizeof(answer)), sizeof(answer));
		if (read(orders, &q, sizeof(q)) != sizeof(q))
			return;
		if (q.order == LOOK)
			answer = *(const volatile uint64_t *)(void *)(memory + q.export * SIZE +
								      q.offset);
		else if (q.order == UNPUBLISH)
			answer = (uint64_t)-tract_export_unpublish(exports[q.export]);
		else
			answer = (uint64_t)-publish(exports[q.export], q.export);
	} while (true);
}

static uint64_t hear(const struct scene *s)
{
	uint64_t answer;

	EXPECT_EQ(read(s->answers, &answer, sizeof(answer)), sizeof(answer));
	return answer;
}

static uint64_t ask(const struct scene *s, enum order order, unsigned export, uint64_t offset)
{
	struct request q = { order, export, offset };

	EXPECT_EQ(write(s->orders, &q, sizeof(q)), sizeof(q));
	return hear(s);
}

static void exporter_start(struct scene *s)
{
	int there[2], back[2];

	EXPECT_EQ(pipe(there), 0);
	EXPECT_EQ(pipe(back), 0);
	wire_enter(&s->wire, 1);
	s->exporter = fork();
	EXPECT(s->exporter >= 0);
	if (s->exporter == 0) {
		(void)close(there[1]);
		serve(s, there[0], back[1]);
		_exit(0);
	}
	wire_enter(&s->wire, 0);
	(void)close(there[0]);
	(void)close(back[1]);
	s->orders = there[1];
	s->answers = back[0];
	EXPECT_EQ(hear(s), 0);
}

static void exporter_end(struct scene *s)
{
	(void)close(s->orders);
	(void)close(s->answers);
	EXPECT_EQ(waitpid(s->exporter, NULL, 0), s->exporter);
}

/* ---- the scene --------------------------------------------------------------------------- */

static void broker_start(struct scene *s, unsigned node)
{
	wire_enter(&s->wire, node);
	cluster_start(&s->c, node);
	wire_enter(&s->wire, 0);
}

static void hosts_up(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	wire_up(&s->wire);
	cluster_make_apart(&s->c, 2, wire_hosts, NULL);
	for (unsigned i = 0; i < 2; i++)
		broker_start(s, i);
}

static void scene_up(struct scene *s)
{
	hosts_up(s);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&s->c));
	exporter_start(s);
	expect_ok(tract_open(s->c.node[0].directory, &s->here));
}

static void scene_down(struct scene *s)
{
	tract_close(s->here);
	exporter_end(s);
	cluster_end(&s->c);
	wire_down(&s->wire);
}

static struct tract_import *import_up(const struct scene *s, unsigned export,
				      struct tract_barrier *barrier)
{
	struct tract_import *import;

	expect_ok(tract_import_connect(s->here, 2, id_of(export), RW, &import));
	expect_ok(tract_barrier_init(import, barrier));
	return import;
}

/* All is as it was in the beginning. */
static void expect_that_it_works(const struct scene *s, unsigned export)
{
	struct tract_barrier barrier = { 0 };
	struct tract_import *import = import_up(s, export, &barrier);
	uint64_t word = 0x600d;

	expect_ok(tract_import_put64(import, 128, &word, 1));
	EXPECT_EQ(ask(s, LOOK, export, 128), word);
	expect_ok(tract_import_close(import));
}

/* ---- calls that are under way ------------------------------------------------------------ */

/* A thread that makes the same call until it fails. */
struct caller {
	int (*call)(struct caller *caller);
	const struct scene *s;
	struct tract_import *import;
	struct tract_barrier barrier;
	pthread_t thread;
	_Atomic unsigned rounds;
	char *bytes;
	int r;
	uint64_t ended;
};

static int call_put(struct caller *caller)
{
	uint64_t word = 1;

	return tract_import_put64(caller->import, 8, &word, 1);
}

static int call_get(struct caller *caller)
{
	return tract_import_get(caller->import, 0, caller->bytes, SIZE);
}

static int call_span(struct caller *caller)
{
	uint64_t word = 2;
	int r = tract_barrier_open(&caller->barrier);

	for (off_t i = 1; r == 0 && i < 64; i++)
		r = tract_import_put64(caller->import, 4096 + 8 * i, &word, 1);
	return r < 0 ? r : tract_barrier_close(&caller->barrier);
}

static int call_connect(struct caller *caller)
{
	struct tract_import *import;
	int r = tract_import_connect(caller->s->here, 2, id_of(0), RW, &import);

	return r < 0 ? r : tract_import_close(import);
}

static int call_post(struct caller *caller)
{
	int r = tract_import_post(caller->import, TRACT_POST_ONCE);

	/* Whose exporter has gone posts to nobody. */
	return r < 0 ? r : tract_import_check(caller->import);
}

/* Nothing is posted to it: it takes its time, and no more. */
static int call_wait(struct caller *caller)
{
	int r = tract_import_wait(caller->import, CLUSTER_TIMEOUT_MS);

	return r == -ETIMEDOUT && tract_import_check(caller->import) == 0 ? 0 : r;
}

static void *go_on(void *arg)
{
	struct caller *caller = arg;

	while ((caller->r = caller->call(caller)) == 0)
		atomic_fetch_add(&caller->rounds, 1u);
	caller->ended = clock_now();
	return NULL;
}

#define CALLERS 6u

static void callers_start(const struct scene *s, struct caller callers[CALLERS])
{
	static int (*const calls[CALLERS])(struct caller *) = { call_put,  call_get,
								call_span, call_connect,
								call_post, call_wait };

	memset(callers, 0, CALLERS * sizeof(*callers));
	for (unsigned i = 0; i < CALLERS; i++) {
		struct caller *caller = &callers[i];

		caller->call = calls[i];
		caller->s = s;
		caller->import = import_up(s, 0, &caller->barrier);
		caller->bytes = malloc(SIZE);
		if (calls[i] == call_span)
			expect_ok(
				tract_import_set_mode(caller->import, TRACT_BARRIER_EXPLICIT));
	}
	for (unsigned i = 0; i < CALLERS; i++)
		EXPECT_EQ(pthread_create(&callers[i].thread, NULL, go_on, &callers[i]), 0);
	for (unsigned i = 0; i < CALLERS; i++)
		EXPECT_WITHIN(LONG_MS, callers[i].call == call_wait || callers[i].rounds > 3);
}

/* Every one has ended within twice the bound since @cut, and for a reason. */
static void callers_end(struct caller callers[CALLERS], uint64_t cut)
{
	for (unsigned i = 0; i < CALLERS; i++) {
		struct caller *caller = &callers[i];
		uint64_t took;
		int r;

		EXPECT_EQ(pthread_join(caller->thread, NULL), 0);
		took = caller->ended > cut ? caller->ended - cut : 0;
		r = caller->r;
		ck_assert_msg((double)took < 2.0 * test_patience() * (double)BOUND_NS,
			      "call %u took %.2f of the bound", i,
			      (double)took / (double)BOUND_NS);
		ck_assert_msg(
			r == -ESTALE || r == -EIO ||
				(caller->call == call_wait && r == -ETIMEDOUT) ||
				(caller->call == call_connect &&
				 (r == -ETIMEDOUT || r == -EHOSTUNREACH || r == -ECONNABORTED)),
			"call %u ended with %d", i, r);
		EXPECT_WITHIN(LONG_MS, tract_import_check(caller->import) == -ESTALE);
		expect_ok(tract_import_close(caller->import));
		free(caller->bytes);
	}
}

/* The exporter does not wait for longer, either. */
static void expect_taken_back(const struct scene *s, unsigned export)
{
	uint64_t began = clock_now(), took;

	EXPECT_EQ(ask(s, UNPUBLISH, export, 0), 0);
	took = clock_now() - began;
	ck_assert_msg((double)took < 2.0 * test_patience() * (double)BOUND_NS,
		      "unpublish took %.2f of the bound", (double)took / (double)BOUND_NS);
}

enum break_of { CABLE, FROM_IMPORTER, FROM_EXPORTER };

static void cut(const struct scene *s, enum break_of how)
{
	if (how == CABLE)
		wire_pull(&s->wire);
	else
		wire_silence(&s->wire, how == FROM_EXPORTER);
}

static void mend(const struct scene *s, enum break_of how)
{
	if (how == CABLE)
		wire_plug(&s->wire);
	else
		wire_hear(&s->wire, how == FROM_EXPORTER);
}

static void try_break(enum break_of how)
{
	struct caller callers[CALLERS];
	uint64_t began;
	struct scene s;

	scene_up(&s);
	callers_start(&s, callers);
	began = clock_now();
	cut(&s, how);
	expect_taken_back(&s, 0);
	callers_end(callers, began);
	mend(&s, how);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&s.c));
	EXPECT_EQ(ask(&s, PUBLISH, 0, 0), 0);
	expect_that_it_works(&s, 0);
	scene_down(&s);
}

TEST_SLOW(a_cable_that_is_pulled_ends_every_call_within_the_bound, 120)
{
	try_break(CABLE);
}

TEST_SLOW(an_importers_host_that_is_not_heard_ends_every_call_within_the_bound, 120)
{
	try_break(FROM_IMPORTER);
}

TEST_SLOW(an_exporters_host_that_is_not_heard_ends_every_call_within_the_bound, 120)
{
	try_break(FROM_EXPORTER);
}

/* ---- what was reported lost -------------------------------------------------------------- */

/* Puts @word, of which nobody hears: that is reported by the put, or by the barrier's end. */
static void put_and_lose(struct tract_import *import, struct tract_barrier *barrier,
			 bool explicit, uint64_t word)
{
	int r;

	if (explicit) {
		expect_ok(tract_import_set_mode(import, TRACT_BARRIER_EXPLICIT));
		expect_ok(tract_barrier_open(barrier));
	}
	r = tract_import_put64(import, 0, &word, 1);
	if (explicit) {
		EXPECT_EQ(r, 0);
		EXPECT_WITHIN(LONG_MS, tract_import_check(import) == -ESTALE);
		r = tract_barrier_close(barrier);
	}
	EXPECT(r == -ESTALE || r == -EIO);
}

/*
 * What a put wrote that failed is on its way, for all that this host's kernel knows, and the
 * way is open again before the exporter's broker has given the importers up.
 */
static void try_late_delivery(enum break_of how, bool explicit)
{
	struct tract_barrier barrier = { 0 };
	struct tract_import *import;
	uint64_t word = 1, seen;
	struct scene s;

	scene_up(&s);
	import = import_up(&s, 0, &barrier);
	expect_ok(tract_import_put64(import, 0, &word, 1));
	cut(&s, how);
	put_and_lose(import, &barrier, explicit, 2);
	seen = ask(&s, LOOK, 0, 0);
	mend(&s, how);
	EXPECT(how == FROM_EXPORTER || seen == 1);
	/* As long as the exporter's broker may have had the window. */
	EXPECT_WITHIN(LONG_MS, cluster_logged(&s.c, 1, "link.gone node=1"));
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&s.c));
	expect_that_it_works(&s, 0);
	EXPECT_EQ(ask(&s, LOOK, 0, 0), seen);
	expect_ok(tract_import_close(import));
	scene_down(&s);
}

TEST_SLOW(what_was_reported_lost_does_not_arrive_when_the_cable_is_back, 60)
{
	try_late_delivery(CABLE, false);
}

TEST_SLOW(what_was_reported_lost_does_not_arrive_when_the_importer_is_heard_again, 60)
{
	try_late_delivery(FROM_IMPORTER, false);
}

TEST_SLOW(what_was_reported_lost_does_not_arrive_when_the_exporter_is_heard_again, 60)
{
	try_late_delivery(FROM_EXPORTER, false);
}

TEST_SLOW(what_a_barrier_reported_lost_does_not_arrive_when_the_cable_is_back, 60)
{
	try_late_delivery(CABLE, true);
}

TEST_SLOW(what_a_barrier_reported_lost_does_not_arrive_when_the_importer_is_heard_again, 60)
{
	try_late_delivery(FROM_IMPORTER, true);
}

/* ---- hosts that are gone ----------------------------------------------------------------- */

/* Without a word: no kernel says that their connections are at an end. */
static void exporters_host_dies(struct scene *s)
{
	wire_pull(&s->wire);
	EXPECT_EQ(kill(s->exporter, SIGKILL), 0);
	exporter_end(s);
	cluster_kill(&s->c, 1);
}

TEST_SLOW(an_exporters_host_that_is_gone_ends_every_call_within_the_bound, 120)
{
	struct caller callers[CALLERS];
	uint64_t began;
	struct scene s;

	scene_up(&s);
	callers_start(&s, callers);
	began = clock_now();
	exporters_host_dies(&s);
	callers_end(callers, began);
	/* Booted again, it is another broker, and another exporter. */
	wire_plug(&s.wire);
	broker_start(&s, 1);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&s.c));
	exporter_start(&s);
	expect_that_it_works(&s, 0);
	scene_down(&s);
}

/* In a process of its own, until it is killed. */
static pid_t importer_start(const struct scene *s)
{
	int ends[2];
	char byte;
	pid_t pid;

	EXPECT_EQ(pipe(ends), 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		struct scene own = *s;
		struct tract_barrier barrier = { 0 };
		struct tract_import *import;
		uint64_t word = 3;

		expect_ok(tract_open(s->c.node[0].directory, &own.here));
		import = import_up(&own, 0, &barrier);
		for (unsigned i = 0;; i++) {
			(void)tract_import_put64(import, 8, &word, 1);
			if (i == 3)
				EXPECT_EQ(write(ends[1], "", 1), 1);
		}
	}
	(void)close(ends[1]);
	EXPECT_EQ(read(ends[0], &byte, 1), 1);
	(void)close(ends[0]);
	return pid;
}

TEST_SLOW(an_importers_host_that_is_gone_leaves_no_window_and_holds_up_nobody_for_longer, 120)
{
	struct scene s;
	pid_t importer;

	hosts_up(&s);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&s.c));
	exporter_start(&s);
	importer = importer_start(&s);
	wire_pull(&s.wire);
	EXPECT_EQ(kill(importer, SIGKILL), 0);
	EXPECT_EQ(waitpid(importer, NULL, 0), importer);
	cluster_kill(&s.c, 0);
	expect_taken_back(&s, 0);
	EXPECT(cluster_logged(&s.c, 1, "import.closed"));
	wire_plug(&s.wire);
	broker_start(&s, 0);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&s.c));
	EXPECT_EQ(ask(&s, PUBLISH, 0, 0), 0);
	expect_ok(tract_open(s.c.node[0].directory, &s.here));
	expect_that_it_works(&s, 0);
	scene_down(&s);
}

/* ---- a bad network ----------------------------------------------------------------------- */

/* Every success is true, and whatever is late or sent twice is where and what it should be. */
static void try_disturbance(const char *how)
{
	struct tract_barrier barrier = { 0 };
	struct tract_import *import;
	struct scene s;

	scene_up(&s);
	import = import_up(&s, 1, &barrier);
	wire_disturb(&s.wire, how);
	expect_ok(tract_import_set_mode(import, TRACT_BARRIER_EXPLICIT));
	for (uint64_t round = 1; round <= 10; round++) {
		expect_ok(tract_barrier_open(&barrier));
		for (uint64_t i = 0; i < 512; i++) {
			uint64_t word = round << 32 | i;

			expect_ok(tract_import_put64(import, (off_t)(8 * i), &word, 1));
		}
		expect_ok(tract_barrier_close(&barrier));
		for (uint64_t i = 0; i < 512; i += 73)
			EXPECT_EQ(ask(&s, LOOK, 1, 8 * i), round << 32 | i);
	}
	EXPECT_EQ(ask(&s, UNPUBLISH, 1, 0), 0);
	EXPECT_EQ(tract_import_check(import), -ESTALE);
	EXPECT_EQ(ask(&s, LOOK, 1, 8), UINT64_C(10) << 32 | 1);
	/* It was slow, and no more. */
	EXPECT(!cluster_logged(&s.c, 0, "link.lost"));
	expect_ok(tract_import_close(import));
	scene_down(&s);
}

TEST_SLOW(packets_that_are_lost_cost_time_and_nothing_else, 120)
{
	try_disturbance("loss 2%");
}

TEST_SLOW(packets_that_are_late_in_disorder_or_sent_twice_cost_time_and_nothing_else, 120)
{
	try_disturbance("delay 10ms 5ms duplicate 2% reorder 10%");
}
