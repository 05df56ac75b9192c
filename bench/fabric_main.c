/* SPDX-License-Identifier: MIT */
/*
 * fabric_main.c - the fabric beside libfabric used by hand
 *
 *	bench-fabric RESULTS [PROVIDER [ADDRESS]]
 *
 * A process serves windows, another uses them: by our layer and by hand, which looks or sleeps,
 *in turn, with the same provider and the same window.  What the rows came to is also printed.
 */
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <tract/types.h>

#include "base/clock.h"
#include "base/error.h"
#include "fabric_bare.h"
#include "harness.h"

#define WINDOWS 1000u
#define WINDOW_SIZE ((size_t)4096)
#define LARGE ((size_t)1 << 20)
#define OPENINGS 25u
#define CONTENDERS 3u
#define LOOKING "libfabric, looking"
#define SLEEPING "libfabric, sleeping"
#define QUIET_PUTS 20000u

/* Window 0 is a large one. */
struct served {
	struct fabric_address address;
	struct {
		uint64_t base, key;
	} windows[WINDOWS + 1];
	_Atomic unsigned taken_back; /* the process that serves counts */
};

static struct served *served;
static char buffer[LARGE];

static void check(int r, const char *what)
{
	if (r < 0)
		die("%s: %s: %s", what, error_name(r), error_reason());
}

static uint64_t soon(void)
{
	return clock_deadline_ms(30000);
}

/* ---- who serves ---------------------------------------------------------------------------
 */

static void open_windows(struct fabric *fabric, struct fabric_window **windows)
{
	char *memory = mmap(NULL, LARGE + WINDOWS * WINDOW_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("no memory to serve");
	for (unsigned i = 0; i <= WINDOWS; i++) {
		struct fabric_window_spec spec = { .memory = memory,
						   .size = i ? WINDOW_SIZE : LARGE,
						   .rights = TRACT_RIGHT_READ_WRITE };

		memory += spec.size;
		check(fabric_window_open(fabric, &spec, &windows[i]), "a window");
		served->windows[i].base = fabric_window_base(windows[i]);
		served->windows[i].key = fabric_window_key(windows[i]);
	}
}

/* When it is told to, takes back every other window. */
static void serve(const struct fabric_config *config, int orders, int answers)
{
	static struct fabric_window *windows[WINDOWS + 1];
	struct fabric *fabric;
	char byte = 0;

	check(fabric_open(config, &fabric), "a fabric that serves");
	check(fabric_address(fabric, &served->address), "its address");
	open_windows(fabric, windows);
	if (write(answers, &byte, 1) != 1 || read(orders, &byte, 1) != 1)
		_exit(1);
	for (unsigned i = 2; i <= WINDOWS; i += 2) {
		check(fabric_window_bury(windows[i]), "burying");
		atomic_fetch_add_explicit(&served->taken_back, 1u, memory_order_relaxed);
	}
	for (unsigned i = 2; i <= WINDOWS; i += 2)
		fabric_window_close(windows[i]);
	atomic_fetch_add_explicit(&served->taken_back, 1u, memory_order_relaxed);
	(void)!read(orders, &byte, 1);
	_exit(0);
}

/* ---- transfers ----------------------------------------------------------------------------
 */

static double put_ours(void *arg, size_t times)
{
	struct fabric_target *target = arg;
	double start = clock_ns();

	for (size_t n = 0; n < times; n++)
		check(fabric_put(target, 0, buffer, LARGE, 0, soon(), NULL), "put");
	check(fabric_wait(target, soon()), "put");
	return clock_ns() - start;
}

static double get_ours(void *arg, size_t times)
{
	struct fabric_target *target = arg;
	double start = clock_ns();

	for (size_t n = 0; n < times; n++)
		check(fabric_get(target, 0, buffer, LARGE, soon(), NULL), "get");
	check(fabric_wait(target, soon()), "get");
	return clock_ns() - start;
}

static double put_bare(void *arg, size_t times)
{
	double start = clock_ns();

	bare_stream(arg, buffer, 1, LARGE, times, false);
	return clock_ns() - start;
}

static double get_bare(void *arg, size_t times)
{
	double start = clock_ns();

	bare_stream(arg, buffer, 1, LARGE, times, true);
	return clock_ns() - start;
}

static void put_and_wait(struct fabric_target *target)
{
	uint64_t word = 1;

	check(fabric_put(target, 0, &word, sizeof(word), 0, soon(), NULL), "put");
	check(fabric_wait(target, soon()), "put");
}

static double word_ours(void *arg, size_t times)
{
	double start = clock_ns();

	for (size_t n = 0; n < times; n++)
		put_and_wait(arg);
	return clock_ns() - start;
}

static double word_bare(void *arg, size_t times)
{
	uint64_t word = 1;
	double start = clock_ns();

	for (size_t n = 0; n < times; n++)
		bare_deliver(arg, &word, sizeof(word));
	return clock_ns() - start;
}

static void say(const char *row, const char *what, const struct contender *contenders,
		const struct race_result *result)
{
	(void)printf("%-8s %-33s %8.1f us\n", row, what, result->time[0].median / 1e3);
	for (unsigned i = 1; i < CONTENDERS; i++)
		(void)printf("         %-33s %8.1f us  ratio %.2f (%.2f .. %.2f)\n",
			     contenders[i].name, result->time[i].median / 1e3,
			     result->ratio[i].median, result->ratio[i].low,
			     result->ratio[i].high);
}

static void race_three(const char *row, const char *what, const struct contender *contenders,
		       const struct race *race)
{
	struct race_result result;
	const char *failed;

	if (race_run(contenders, CONTENDERS, race, &result, &failed) < 0)
		die("%s failed", failed);
	for (unsigned i = 0; i < CONTENDERS; i++) {
		report_time(row, contenders[i].name, result.time[i]);
		if (i > 0)
			report_ratio(row, contenders[i].name, result.ratio[i]);
	}
	say(row, what, contenders, &result);
}

static void row_transfers(struct fabric_target *target, struct bare *bare)
{
	const struct contender put[CONTENDERS] = { { "tract", put_ours, target },
						   { LOOKING, put_bare, &bare[0] },
						   { SLEEPING, put_bare, &bare[1] } };
	const struct contender get[CONTENDERS] = { { "tract", get_ours, target },
						   { LOOKING, get_bare, &bare[0] },
						   { SLEEPING, get_bare, &bare[1] } };
	const struct contender word[CONTENDERS] = { { "tract", word_ours, target },
						    { LOOKING, word_bare, &bare[0] },
						    { SLEEPING, word_bare, &bare[1] } };
	const struct race large = { .rounds = 60, .batch = 64 };
	const struct race small = { .rounds = 60, .batch = 300 };

	race_three("fput1m", "put of 1 MiB, pipelined", put, &large);
	race_three("fget1m", "get of 1 MiB, pipelined", get, &large);
	race_three("fput64", "put of 8 bytes, delivered", word, &small);
}

/* ---- the first put ------------------------------------------------------------------------
 */

static struct fabric_target *target_of(struct fabric_peer *peer, unsigned window)
{
	struct fabric_target_spec spec = { .base = served->windows[window].base,
					   .key = served->windows[window].key,
					   .size = window ? WINDOW_SIZE : LARGE,
					   .rights = TRACT_RIGHT_READ_WRITE,
					   .name = window };
	struct fabric_target *target;

	check(fabric_target_open(peer, &spec, &target), "a target");
	return target;
}

static void row_first(struct fabric *fabric)
{
	double opening[OPENINGS], first[OPENINGS], second[OPENINGS], ratio[OPENINGS];
	struct spread spread;

	for (unsigned i = 0; i < OPENINGS; i++) {
		double start = clock_ns();
		struct fabric_peer *peer;
		struct fabric_target *target;

		check(fabric_peer_open(fabric, &served->address, soon(), &peer), "a peer");
		target = target_of(peer, 1);
		opening[i] = clock_ns() - start;
		first[i] = word_ours(target, 1);
		second[i] = word_ours(target, 1);
		ratio[i] = first[i] / second[i];
		fabric_target_close(target);
		fabric_peer_close(peer);
	}
	report_time("ffirst", "open", spread_of(opening, OPENINGS));
	report_time("ffirst", "first", spread_of(first, OPENINGS));
	report_time("ffirst", "second", spread_of(second, OPENINGS));
	spread = spread_of(ratio, OPENINGS);
	report_ratio("ffirst", "second", spread);
	(void)printf(
		"%-8s %-33s %8.1f us\n         the second: %.1f us, ratio %.2f (%.2f .. %.2f); "
		"opening: %.1f ms\n",
		"ffirst", "first put after opening", spread_of(first, OPENINGS).median / 1e3,
		spread_of(second, OPENINGS).median / 1e3, spread.median, spread.low,
		spread.high, spread_of(opening, OPENINGS).median / 1e6);
}

/* ---- taking back --------------------------------------------------------------------------
 */

/* Puts to the windows that stay, in turn: the longest took so many nanoseconds. */
static double longest_put(struct fabric_target **targets, unsigned puts, unsigned until)
{
	double longest = 0;

	for (unsigned n = 0, i = 1;
	     n < puts ||
	     atomic_load_explicit(&served->taken_back, memory_order_relaxed) < until;
	     n++, i = (i + 2) % WINDOWS) {
		double took;

		took = word_ours(targets[i], 1);
		if (took > longest)
			longest = took;
	}
	return longest;
}

static void row_buried(struct fabric_peer *peer, int orders)
{
	static struct fabric_target *targets[WINDOWS];
	double before, during;

	for (unsigned i = 1; i < WINDOWS; i += 2)
		targets[i] = target_of(peer, i);
	before = longest_put(targets, QUIET_PUTS, 0);
	if (write(orders, "", 1) != 1)
		die("who serves is gone");
	during = longest_put(targets, QUIET_PUTS, WINDOWS / 2 + 1);
	for (unsigned i = 1; i < WINDOWS; i += 2)
		fabric_target_close(targets[i]);
	report_value("fburied", "longest-before", before);
	report_value("fburied", "longest-during", during);
	(void)printf("%-8s %-33s %8.2f ms\n         before: %.2f ms\n", "fburied",
		     "longest of 20000 puts, 500 buried", during / 1e6, before / 1e6);
}

/* ---- the program --------------------------------------------------------------------------
 */

static void measure(const struct fabric_config *config, int orders)
{
	static struct bare bare[2];
	struct fabric_config ours = { .provider = config->provider };
	struct fabric *fabric;
	struct fabric_peer *peer;
	struct fabric_target *target;

	check(fabric_open(&ours, &fabric), "a fabric");
	row_first(fabric);
	check(fabric_peer_open(fabric, &served->address, soon(), &peer), "a peer");
	target = target_of(peer, 0);
	for (unsigned i = 0; i < 2; i++)
		bare_open(&bare[i], fabric_facts(fabric)->provider, &served->address,
			  served->windows[0].base, served->windows[0].key, i == 1);
	row_transfers(target, bare);
	for (unsigned i = 0; i < 2; i++)
		bare_close(&bare[i]);
	row_buried(peer, orders);
	fabric_target_close(target);
	fabric_peer_close(peer);
	fabric_close(fabric);
}

int main(int argc, char **argv)
{
	struct fabric_config config = { .provider = argc > 2 ? argv[2] : "tcp",
					.address = argc > 3 ? argv[3] : "127.0.0.1",
					.serve = true };
	int orders[2], answers[2];
	char byte;
	pid_t pid;

	if (argc < 2 || argc > 4)
		die("usage: bench-fabric RESULTS [PROVIDER [ADDRESS]]");
	served = mmap(NULL, sizeof(*served), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (served == MAP_FAILED || pipe(orders) < 0 || pipe(answers) < 0)
		die("cannot begin");
	(void)fflush(NULL);
	pid = fork();
	if (pid < 0)
		die("cannot fork");
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(orders[1]);
		(void)close(answers[0]);
		serve(&config, orders[0], answers[1]);
	}
	(void)close(orders[0]);
	(void)close(answers[1]);
	if (read(answers[0], &byte, 1) != 1)
		die("who serves did not begin");
	report_open(argv[1]);
	measure(&config, orders[1]);
	(void)close(orders[1]);
	(void)waitpid(pid, NULL, 0);
	return 0;
}
