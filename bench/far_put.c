/* SPDX-License-Identifier: MIT */
/*
 * far_put.c - what the library pays for put and get beside bare libfabric
 *
 * Both use the same window: that of a second connection of this process, of which the broker is
 * asked what it tells the library.
 */
#include "fabric_bare.h"
#include "far.h"
#include "segment/segment.h"
#include "wire/wire.h"

#include <string.h>
#include <sys/mman.h>

#define LOOKING "libfabric, looking"
#define SLEEPING "libfabric, sleeping"
#define LARGE ((size_t)1 << 20)
#define PAIRS 15u

struct moving {
	struct far_bench *far;
	struct tract_import *import;
	struct tract_barrier barrier;
	struct bare looking, sleeping;
	char *places; /* BARE_DEPTH of LARGE bytes */
};

/* ---- the library ------------------------------------------------------------------------ */

static double put_large(void *arg, size_t times)
{
	struct moving *m = arg;
	double begin = clock_ns();
	bool fine = tract_barrier_open(&m->barrier) == 0;

	for (size_t i = 0; fine && i < times; i++)
		fine = tract_import_put(m->import, 0, m->far->buffer, LARGE) == 0;
	return fine && tract_barrier_close(&m->barrier) == 0 ? clock_ns() - begin : -1;
}

/* A get returns with the bytes, so that those under way at a time are of one vector, and those
 * of one vector that went to the same place would be made one after the other. */
static double get_large(void *arg, size_t times)
{
	struct moving *m = arg;
	struct tract_vector vector[BARE_DEPTH];
	double begin = clock_ns();
	bool fine = tract_barrier_open(&m->barrier) == 0;
	size_t count, done;

	for (unsigned i = 0; i < BARE_DEPTH; i++)
		vector[i] = (struct tract_vector){ .local = m->places + i * LARGE,
						   .length = LARGE };
	for (size_t i = 0; fine && i < times; i += count) {
		count = times - i < BARE_DEPTH ? times - i : BARE_DEPTH;
		fine = tract_import_getv(m->import, vector, count, &done) == 0;
	}
	return fine && tract_barrier_close(&m->barrier) == 0 ? clock_ns() - begin : -1;
}

static double get_one(void *arg, size_t times)
{
	struct moving *m = arg;
	double begin = clock_ns();
	bool fine = tract_barrier_open(&m->barrier) == 0;

	for (size_t i = 0; fine && i < times; i++)
		fine = tract_import_get(m->import, 0, m->places + i % BARE_DEPTH * LARGE,
					LARGE) == 0;
	return fine && tract_barrier_close(&m->barrier) == 0 ? clock_ns() - begin : -1;
}

static double put_word(void *arg, size_t times)
{
	struct moving *m = arg;
	double begin = clock_ns();
	uint64_t word = 1;
	bool fine = true;

	for (size_t i = 0; fine && i < times; i++)
		fine = tract_barrier_open(&m->barrier) == 0 &&
		       tract_import_put64(m->import, 0, &word, 1) == 0 &&
		       tract_barrier_close(&m->barrier) == 0;
	return fine ? clock_ns() - begin : -1;
}

/* ---- by hand ---------------------------------------------------------------------------- */

static double stream(struct bare *bare, void *buffer, size_t times, bool read)
{
	double begin = clock_ns();

	bare_stream(bare, buffer, read ? BARE_DEPTH : 1, LARGE, times, read);
	return clock_ns() - begin;
}

static double put_looking(void *arg, size_t times)
{
	struct moving *m = arg;

	return stream(&m->looking, m->far->buffer, times, false);
}

static double put_sleeping(void *arg, size_t times)
{
	struct moving *m = arg;

	return stream(&m->sleeping, m->far->buffer, times, false);
}

static double get_looking(void *arg, size_t times)
{
	struct moving *m = arg;

	return stream(&m->looking, m->places, times, true);
}

static double get_sleeping(void *arg, size_t times)
{
	struct moving *m = arg;

	return stream(&m->sleeping, m->places, times, true);
}

static double deliver(struct bare *bare, size_t times)
{
	double begin = clock_ns();
	uint64_t word = 1;

	for (size_t i = 0; i < times; i++)
		bare_deliver(bare, &word, sizeof(word));
	return clock_ns() - begin;
}

static double word_looking(void *arg, size_t times)
{
	struct moving *m = arg;

	return deliver(&m->looking, times);
}

static double word_sleeping(void *arg, size_t times)
{
	struct moving *m = arg;

	return deliver(&m->sleeping, times);
}

/* A connection to the same segment, beside the library's, as the broker tells of it. */
static uint64_t window_of(const struct moving *m, struct msg_import_connected_far *ret_said)
{
	struct message reply, request = { .number = MSG_import_connect_through };

	request.import_connect_through = (struct msg_import_connect_through){
		.node = 2, .id = m->far->id, .rights = FAR_RW
	};
	far_check(session_call(m->import->session, &request, NULL, 0, &reply, NULL),
		  "the window");
	if (reply.number != MSG_import_connected_far)
		die("the broker answers something else");
	*ret_said = reply.import_connected_far;
	return ret_said->import;
}

static void bare_up(struct moving *m, const struct msg_import_connected_far *said)
{
	struct fabric_address address = { .size = (uint16_t)said->address.length };

	if (said->address.length > sizeof(address.bytes))
		die("an address that is none");
	memcpy(address.bytes, said->address.bytes, said->address.length);
	bare_open(&m->looking, "tcp;ofi_rxm", &address, said->base, said->key, false);
	bare_open(&m->sleeping, "tcp;ofi_rxm", &address, said->base, said->key, true);
}

void far_rows_moving(struct far_bench *far)
{
	struct moving m = { .far = far };
	const struct contender put[] = { { "tract", put_large, &m },
					 { LOOKING, put_looking, &m },
					 { SLEEPING, put_sleeping, &m } };
	const struct contender get[] = { { "tract", get_large, &m },
					 { LOOKING, get_looking, &m },
					 { SLEEPING, get_sleeping, &m },
					 { "one get after the other", get_one, &m } };
	const struct contender word[] = { { "tract", put_word, &m },
					  { LOOKING, word_looking, &m },
					  { SLEEPING, word_sleeping, &m } };
	const struct race large = { .rounds = 40, .batch = 64 };
	const struct race small = { .rounds = 60, .batch = 300 };
	struct message end = { .number = MSG_import_close };
	struct msg_import_connected_far said;

	m.places = mmap(NULL, BARE_DEPTH * LARGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (m.places == MAP_FAILED)
		die("no memory");
	m.import = far_connect(far, &m.barrier);
	end.import_close.import = window_of(&m, &said);
	bare_up(&m, &said);
	race_report("far-put1m", put, 3, &large);
	race_report("far-get1m", get, 4, &large);
	race_report("far-put64", word, 3, &small);
	bare_close(&m.looking);
	bare_close(&m.sleeping);
	(void)munmap(m.places, BARE_DEPTH * LARGE);
	far_check(session_tell(m.import->session, &end), "its end");
	far_check(tract_import_close(m.import), "close");
}

/* ---- the first put ---------------------------------------------------------------------- */

void far_row_first(struct far_bench *far)
{
	double opening[PAIRS], first[PAIRS], second[PAIRS], ratio[PAIRS];
	struct moving m = { .far = far };

	/* The first of a process loads libfabric. */
	for (unsigned i = 0; i <= PAIRS; i++) {
		unsigned at = i ? i - 1 : 0;
		double begin = clock_ns();

		m.import = far_connect(far, &m.barrier);
		opening[at] = clock_ns() - begin;
		first[at] = put_word(&m, 1);
		second[at] = put_word(&m, 1);
		ratio[at] = first[at] / second[at];
		if (i == 0)
			report_value("far-first", "loading", opening[0]);
		/* With the last import goes the connection. */
		far_check(tract_import_close(m.import), "close");
	}
	report_time("far-first", "first", spread_of(first, PAIRS));
	report_time("far-first", "the second", spread_of(second, PAIRS));
	report_time("far-first", "connecting", spread_of(opening, PAIRS));
	report_ratio("far-first", "the second", spread_of(ratio, PAIRS));
}
