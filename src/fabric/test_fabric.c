/* SPDX-License-Identifier: MIT */
#include "fabric/fabric.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tract/types.h>

#include "base/bytes.h"
#include "base/error.h"
#include "rig.h"
#include "test.h"

#define PAGE ((size_t)4096)
#define MIB ((size_t)1 << 20)

/* Nothing that repeats itself where pieces begin. */
static void fill(char *bytes, size_t size, unsigned seed)
{
	uint32_t state = seed * 2654435761u + 1;

	for (size_t i = 0; i < size; i++) {
		state = state * 1664525u + 1013904223u;
		bytes[i] = (char)(state >> 24);
	}
}

static void expect_ok(int r)
{
	EXPECT_OR_SAY(r == 0, "%s: %s", error_name(r), error_reason());
}

static int put_word(struct fabric_target *target, uint64_t offset, uint64_t word)
{
	int r = fabric_put(target, offset, &word, sizeof(word), 0, RIG_PATIENCE, NULL);

	return r < 0 ? r : fabric_wait(target, RIG_PATIENCE);
}

static int get_word(struct fabric_target *target, uint64_t offset, uint64_t *word)
{
	int r = fabric_get(target, offset, word, sizeof(*word), RIG_PATIENCE, NULL);

	return r < 0 ? r : fabric_wait(target, RIG_PATIENCE);
}

TEST(the_shm_provider_is_refused_with_its_reason)
{
	struct fabric_config config = { .provider = "shm" };
	struct fabric *fabric;

	EXPECT_EQ(fabric_open(&config, &fabric), -EOPNOTSUPP);
	EXPECT(strstr(error_reason(), "never completes") != NULL);
}

TEST(what_libfabric_does_not_have_is_named)
{
	struct fabric_config config = { .provider = "pigeons" };
	struct fabric *fabric;

	EXPECT_EQ(fabric_open(&config, &fabric), -ENODEV);
	EXPECT(strstr(error_reason(), "pigeons") != NULL);
	config = (struct fabric_config){ .provider = "tcp", .domain = "nonesuch0" };
	EXPECT_EQ(fabric_open(&config, &fabric), -ENODEV);
	EXPECT(strstr(error_reason(), "nonesuch0") != NULL);
}

TEST(bytes_that_are_no_address_are_refused)
{
	struct fabric *fabric = rig_fabric();
	struct fabric_address address = { .size = 3 };
	struct fabric_peer *peer;

	EXPECT_EQ(fabric_peer_open(fabric, &address, RIG_PATIENCE, &peer), -EINVAL);
	address.size = FABRIC_ADDRESS_MAX;
	EXPECT_EQ(fabric_peer_open(fabric, &address, RIG_PATIENCE, &peer), -EINVAL);
	address.size = FABRIC_ADDRESS_MAX + 1;
	EXPECT_EQ(fabric_peer_open(fabric, &address, RIG_PATIENCE, &peer), -EINVAL);
	fabric_close(fabric);
}

TEST(a_window_is_whole_pages_with_a_right_and_a_key_of_its_own)
{
	struct fabric_config config = { .provider = test_provider(),
					.address = test_provider_address(),
					.serve = true };
	struct fabric_window_spec spec = { .size = PAGE,
					   .rights = TRACT_RIGHT_READ,
					   .key = 77 };
	scoped(mem) char *memory = aligned_alloc(PAGE, 2 * PAGE);
	scoped(fabric) struct fabric *fabric = NULL;
	scoped(fabric_window) struct fabric_window *window = NULL;
	struct fabric_window *other;
	bool chooses;

	EXPECT_EQ(fabric_open(&config, &fabric), 0);
	chooses = fabric_facts(fabric)->abilities & FABRIC_CHOOSES_KEYS;
	spec.memory = memory;
	if (!chooses) {
		EXPECT_EQ(fabric_window_open(fabric, &spec, &other), -EOPNOTSUPP);
		spec.key = 0;
	}
	spec.memory = memory + 1;
	EXPECT_EQ(fabric_window_open(fabric, &spec, &other), -EINVAL);
	spec.memory = memory;
	spec.size = PAGE - 1;
	EXPECT_EQ(fabric_window_open(fabric, &spec, &other), -EINVAL);
	spec.size = PAGE;
	spec.rights = 0;
	EXPECT_EQ(fabric_window_open(fabric, &spec, &other), -EINVAL);
	spec.rights = TRACT_RIGHT_READ;
	EXPECT_EQ(fabric_window_open(fabric, &spec, &window), 0);
	if (chooses) {
		EXPECT_EQ(fabric_window_key(window), 77);
		EXPECT_EQ(fabric_window_open(fabric, &spec, &other), -EEXIST);
	}
	EXPECT_EQ(fabric_window_count(fabric), 1);
}

TEST_SLOW(bytes_of_every_size_come_back_as_they_went, 60)
{
	static const size_t sizes[] = { 1,     2,	3,   7,	      8,	   9,
					63,    64,	65,  4095,    4096,	   4097,
					65536, MIB - 1, MIB, MIB + 1, 3 * MIB + 5, 64 * MIB };
	struct rig rig = rig_up(1, 64 * MIB, TRACT_RIGHT_READ_WRITE);
	struct importer importer = importer_up(&rig, 0);
	char *from = malloc(64 * MIB), *into = calloc(1, 64 * MIB);

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		size_t size = sizes[i], offset = (rig.size - size) / 3;

		fill(from, size, i);
		expect_ok(
			fabric_put(importer.target, offset, from, size, 0, RIG_PATIENCE, NULL));
		expect_ok(fabric_wait(importer.target, RIG_PATIENCE));
		EXPECT(memcmp(rig.memory + offset, from, size) == 0);
		expect_ok(fabric_get(importer.target, offset, into, size, RIG_PATIENCE, NULL));
		expect_ok(fabric_wait(importer.target, RIG_PATIENCE));
		EXPECT(memcmp(into, from, size) == 0);
	}
	free(from);
	free(into);
	importer_down(&importer);
	rig_down(&rig);
}

TEST(a_stream_of_small_puts_has_arrived_when_the_wait_returns)
{
	struct rig rig = rig_up(1, 16 * PAGE, TRACT_RIGHT_WRITE);
	struct importer importer = importer_up(&rig, 0);
	const unsigned count = 16 * PAGE / sizeof(uint64_t);

	for (uint64_t round = 1; round <= 5; round++) {
		for (unsigned i = 0; i < count; i++) {
			uint64_t word = round << 32 | i;

			expect_ok(fabric_put(importer.target, i * sizeof(word), &word,
					     sizeof(word), 0, RIG_PATIENCE, NULL));
		}
		expect_ok(fabric_wait(importer.target, RIG_PATIENCE));
		for (unsigned i = 0; i < count; i++)
			EXPECT_EQ(((uint64_t *)(void *)rig.memory)[i], round << 32 | i);
	}
	importer_down(&importer);
	rig_down(&rig);
}

TEST(many_under_way_each_have_their_result)
{
	struct rig rig = rig_up(1, 512 * PAGE, TRACT_RIGHT_READ_WRITE);
	struct importer importer = importer_up(&rig, 0);
	struct fabric_result *results = calloc(512, sizeof(*results));
	char *into = malloc(512 * PAGE);

	fill(rig.memory, 512 * PAGE, 1);
	for (unsigned i = 0; i < 512; i++)
		expect_ok(fabric_get(importer.target, i * PAGE, into + i * PAGE, PAGE,
				     RIG_PATIENCE, &results[i]));
	expect_ok(fabric_wait(importer.target, RIG_PATIENCE));
	for (unsigned i = 0; i < 512; i++)
		EXPECT(results[i].left == 0 && results[i].error == 0);
	EXPECT(memcmp(into, rig.memory, 512 * PAGE) == 0);
	free(into);
	free(results);
	importer_down(&importer);
	rig_down(&rig);
}

TEST(what_was_got_is_there_when_its_result_is_finished)
{
	struct rig rig = rig_up(1, 512 * PAGE, TRACT_RIGHT_READ_WRITE);
	struct importer importer = importer_up(&rig, 0);
	char *whole = malloc(512 * PAGE), *one = malloc(PAGE);

	fill(rig.memory, 512 * PAGE, 1);
	for (unsigned i = 0; i < 512; i++) {
		struct fabric_result result = { 0 };

		expect_ok(fabric_put(importer.target, 8, rig.memory, 8, 0, RIG_PATIENCE, NULL));
		expect_ok(fabric_get(importer.target, i * PAGE, one, PAGE, RIG_PATIENCE,
				     &result));
		expect_ok(fabric_finish(importer.target, RIG_PATIENCE, &result));
		EXPECT_EQ(result.left, 0u);
		memcpy(whole + i * PAGE, one, PAGE);
	}
	expect_ok(fabric_wait(importer.target, RIG_PATIENCE));
	EXPECT_EQ(fabric_failures(importer.target), 0u);
	memcpy(whole, rig.memory, 16);
	EXPECT(memcmp(whole, rig.memory, 512 * PAGE) == 0);
	free(one);
	free(whole);
	importer_down(&importer);
	rig_down(&rig);
}

TEST(what_is_out_of_bounds_or_without_the_right_is_not_sent)
{
	struct rig rig = rig_up(1, PAGE, TRACT_RIGHT_READ_WRITE);
	struct importer importer = importer_up(&rig, 0);
	struct fabric_target_spec spec = { .base = rig.windows[0].base,
					   .key = rig.windows[0].key,
					   .size = PAGE,
					   .rights = TRACT_RIGHT_READ };
	struct fabric_target *reader;
	uint64_t word = 0;

	EXPECT_EQ(put_word(importer.target, PAGE - 7, 1), -ERANGE);
	EXPECT_EQ(put_word(importer.target, UINT64_MAX - 3, 1), -ERANGE);
	EXPECT_EQ(get_word(importer.target, PAGE, &word), -ERANGE);
	expect_ok(put_word(importer.target, PAGE - 8, 5));
	expect_ok(fabric_target_open(importer.peer, &spec, &reader));
	EXPECT_EQ(put_word(reader, 0, 1), -EACCES);
	expect_ok(get_word(reader, PAGE - 8, &word));
	EXPECT_EQ(word, 5);
	fabric_target_close(reader);
	importer_down(&importer);
	rig_down(&rig);
}

/* The other process goes on all the while. */
static pid_t fork_writer(const struct rig *rig, unsigned window, int *ret_stop)
{
	int stop[2];
	pid_t pid;

	EXPECT_EQ(pipe(stop), 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		struct importer importer = importer_up(rig, window);
		struct pollfd end = { .fd = stop[0], .events = POLLIN };

		(void)close(stop[1]);
		for (uint64_t i = 1; poll(&end, 1, 0) == 0; i++)
			expect_ok(put_word(importer.target, 0, i));
		importer_down(&importer);
		_exit(0);
	}
	(void)close(stop[0]);
	*ret_stop = stop[1];
	return pid;
}

static uint64_t word_at(const struct rig_window *window)
{
	return __atomic_load_n((const uint64_t *)(const void *)window->memory,
			       __ATOMIC_RELAXED);
}

static void end_writer(pid_t pid, int stop)
{
	int status;

	(void)close(stop);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

static void expect_refused(const struct rig *rig, struct importer *importer,
			   const struct fabric_target_spec *spec)
{
	struct fabric_target *target;
	struct fabric_result result = { 0 };
	uint64_t word = 1, before = word_at(&rig->windows[1]);

	expect_ok(fabric_target_open(importer->peer, spec, &target));
	expect_ok(fabric_put(target, 0, &word, sizeof(word), 0, RIG_PATIENCE, &result));
	EXPECT_EQ(fabric_wait(target, RIG_PATIENCE), -ECONNRESET);
	EXPECT_EQ(result.error, -ECONNRESET);
	EXPECT_EQ(result.left, 0);
	EXPECT(strstr(error_reason(), "0x5ca1ab1e") != NULL);
	EXPECT(strstr(error_reason(), test_provider_address()) != NULL);
	/* Once is enough: what comes later goes another way. */
	EXPECT_EQ(fabric_wait(target, RIG_PATIENCE), 0);
	expect_ok(put_word(importer->target, 8, 1));
	EXPECT_WITHIN(10000, word_at(&rig->windows[1]) > before);
	fabric_target_close(target);
}

TEST(a_wrong_key_is_refused_and_other_processes_do_not_notice)
{
	struct rig rig = rig_up(3, PAGE, TRACT_RIGHT_READ_WRITE);
	struct fabric_target_spec spec = { .base = rig.windows[0].base,
					   .size = PAGE,
					   .rights = TRACT_RIGHT_READ_WRITE,
					   .name = 0x5ca1ab1e };
	int stop;
	pid_t writer = fork_writer(&rig, 1, &stop);
	struct importer importer = importer_up(&rig, 0);

	spec.key = rig.windows[0].key + 1;
	expect_refused(&rig, &importer, &spec);
	/* Past the end of the window, as who serves it knows. */
	spec.key = rig.windows[0].key;
	spec.base = rig.windows[0].base + PAGE;
	expect_refused(&rig, &importer, &spec);
	EXPECT_EQ(word_at(&rig.windows[2]), 0);
	end_writer(writer, stop);
	importer_down(&importer);
	rig_down(&rig);
}

TEST(a_right_that_the_window_does_not_give_is_refused_over_there)
{
	struct rig rig = rig_up(1, PAGE, TRACT_RIGHT_READ);
	struct importer importer = importer_up(&rig, 0);
	uint64_t word;

	EXPECT_EQ(put_word(importer.target, 0, 1), -ECONNRESET);
	EXPECT_EQ(word_at(&rig.windows[0]), 0);
	expect_ok(get_word(importer.target, 0, &word));
	importer_down(&importer);
	rig_down(&rig);
}

/* The same the other way round. */
TEST(a_window_to_write_to_cannot_be_read_over_there)
{
	struct rig rig = rig_up(1, PAGE, TRACT_RIGHT_WRITE);
	struct importer importer = importer_up(&rig, 0);
	uint64_t word = 0;

	expect_ok(put_word(importer.target, 0, 1));
	EXPECT_EQ(get_word(importer.target, 0, &word), -ECONNRESET);
	EXPECT_EQ(word, 0);
	importer_down(&importer);
	rig_down(&rig);
}

TEST(one_peer_that_breaks_is_nothing_to_another)
{
	struct rig first = rig_up(1, PAGE, TRACT_RIGHT_READ_WRITE);
	struct rig second = rig_up(1, PAGE, TRACT_RIGHT_READ_WRITE);
	struct importer importer = importer_up(&first, 0);
	struct fabric_peer *peer;
	struct fabric_target *other;
	uint64_t word = 1;

	expect_ok(fabric_peer_open(importer.fabric, &second.address, RIG_PATIENCE, &peer));
	other = rig_target(&second, peer, 0);
	expect_ok(fabric_put(other, 0, &word, sizeof(word), 0, RIG_PATIENCE, NULL));
	rig_kill(&first);
	EXPECT_WITHIN(10000, fabric_put(importer.target, 0, "", 1, FABRIC_DELIVERED,
					clock_deadline_ms(100), NULL) < 0 ||
				     fabric_wait(importer.target, RIG_PATIENCE) < 0);
	expect_ok(fabric_wait(other, RIG_PATIENCE));
	fabric_target_close(other);
	fabric_peer_close(peer);
	importer_down(&importer);
	rig_bury_dead(&first);
	rig_down(&second);
}

TEST(who_asks_for_the_same_peer_shares_it)
{
	struct rig rig = rig_up(1, PAGE, TRACT_RIGHT_READ_WRITE);
	struct importer importer = importer_up(&rig, 0);
	unsigned fds = test_count_fds();
	struct fabric_peer *again;

	expect_ok(fabric_peer_open(importer.fabric, &rig.address, RIG_PATIENCE, &again));
	EXPECT(again == importer.peer);
	EXPECT_EQ(test_count_fds(), fds);
	fabric_peer_close(again);
	expect_ok(put_word(importer.target, 0, 3));
	EXPECT_EQ(word_at(&rig.windows[0]), 3);
	importer_down(&importer);
	rig_down(&rig);
}

TEST(another_fabric_at_the_same_address_is_not_taken_for_it)
{
	struct rig rig = rig_up(1, PAGE, TRACT_RIGHT_READ_WRITE);
	struct fabric *fabric = rig_fabric();
	struct fabric_address address = rig.address;
	struct fabric_peer *peer;

	address.bytes[21] ^= 1; /* of the word that the page has */
	EXPECT_EQ(fabric_peer_open(fabric, &address, RIG_PATIENCE, &peer), -ESTALE);
	fabric_close(fabric);
	rig_down(&rig);
}

TEST(a_child_of_fork_is_told_so_and_its_parent_goes_on)
{
	struct rig rig = rig_up(1, PAGE, TRACT_RIGHT_READ_WRITE);
	struct importer importer = importer_up(&rig, 0);
	pid_t child = fork();
	int status;

	EXPECT(child >= 0);
	if (child == 0) {
		struct fabric_peer *peer;
		struct fabric_address address;
		uint64_t word;

		EXPECT_EQ(put_word(importer.target, 0, 1), -ECHILD);
		EXPECT_EQ(get_word(importer.target, 0, &word), -ECHILD);
		EXPECT_EQ(fabric_wait(importer.target, RIG_PATIENCE), -ECHILD);
		EXPECT_EQ(fabric_address(importer.fabric, &address), -ECHILD);
		EXPECT_EQ(fabric_peer_open(importer.fabric, &rig.address, RIG_PATIENCE, &peer),
			  -ECHILD);
		importer_down(&importer);
		/* What it opens itself is its own. */
		importer = importer_up(&rig, 0);
		expect_ok(put_word(importer.target, 8, 7));
		importer_down(&importer);
		_exit(0);
	}
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT_EQ(status, 0);
	expect_ok(put_word(importer.target, 0, 2));
	EXPECT_EQ(word_at(&rig.windows[0]), 2);
	importer_down(&importer);
	rig_down(&rig);
}

/* ---- threads ------------------------------------------------------------------------------
 */

struct worker {
	pthread_t thread;
	struct fabric_target *target;
	size_t offset;
	unsigned rounds;
};

static void *work(void *arg)
{
	const struct worker *w = arg;
	scoped(mem) char *from = malloc(8 * PAGE);
	scoped(mem) char *into = malloc(8 * PAGE);

	for (unsigned i = 0; i < w->rounds; i++) {
		size_t size = i % 2 ? 8 * PAGE : 8 + i;

		fill(from, size, (unsigned)w->offset + i);
		expect_ok(fabric_put(w->target, w->offset, from, size, 0, RIG_PATIENCE, NULL));
		expect_ok(fabric_wait(w->target, RIG_PATIENCE));
		expect_ok(fabric_get(w->target, w->offset, into, size, RIG_PATIENCE, NULL));
		expect_ok(fabric_wait(w->target, RIG_PATIENCE));
		EXPECT(memcmp(from, into, size) == 0);
	}
	return NULL;
}

TEST_SLOW(threads_share_a_target_and_each_waits_for_its_own, 60)
{
	struct rig rig = rig_up(1, 64 * PAGE, TRACT_RIGHT_READ_WRITE);
	struct importer importer = importer_up(&rig, 0);
	struct worker workers[4];

	for (unsigned i = 0; i < 4; i++) {
		workers[i] = (struct worker){ .target = importer.target,
					      .offset = i * 16 * PAGE,
					      .rounds = 200 };
		EXPECT_EQ(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++)
		EXPECT_EQ(pthread_join(workers[i].thread, NULL), 0);
	importer_down(&importer);
	rig_down(&rig);
}
