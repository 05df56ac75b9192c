/* SPDX-License-Identifier: MIT */
/*
 * caps.c - capabilities inside the broker: what a check, a new one and a revocation take
 *
 *	bench-caps RESULTS
 *
 * One thread, and the time that it had the processor; no messages, no mappings.  The holder has
 * 10,000 capabilities all the while, and tokens are presented in no order, each after the
 * answer to the one before.
 */
#include "registry/cap.h"

#include <stdlib.h>

#include "chance.h"
#include "harness.h"

#define HELD 10000u
#define ASKED 65536u
#define TREE 100u
/* Made or revoked between two looks at the clock. */
#define CHUNK 256u
#define TREES 16u
#define RIGHTS (CAP_READ | CAP_GRANT | CAP_REVOKE | CAP_MAP)

static const struct race race = { .rounds = 400, .batch_ns = 5e5 };

struct world {
	struct cap_space space;
	struct cap_table owner, holder;
	struct cap_object object;
	struct cap_end end;
	uint64_t asked[ASKED];
	uint64_t chunk[CHUNK];
	size_t at; /* what is asked next: every turn goes on where the last one ended */
};

static struct cap *derive(struct cap *parent, struct cap_table *target)
{
	struct cap *cap;

	if (cap_derive_from(parent, RIGHTS, target, &cap) < 0)
		die("cannot derive a capability");
	return cap;
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));
	uint64_t *token = calloc(HELD, sizeof(*token));

	if (!w || !token)
		die("no memory for %u capabilities", HELD);
	cap_space_init(&w->space, chance_below(UINT64_MAX));
	cap_table_init(&w->owner, &w->space, UINT32_MAX);
	cap_table_init(&w->holder, &w->space, UINT32_MAX);
	if (cap_object_init(&w->object, &w->space, 1, CAP_READ, &w->owner) < 0)
		die("cannot make an object");
	for (size_t i = 0; i < HELD; i++)
		token[i] = derive(w->object.root, &w->holder)->token;
	for (size_t i = 0; i < ASKED; i++)
		w->asked[i] = token[chance_below(HELD)];
	free(token);
	return w;
}

static void world_free(struct world *w)
{
	const char *broken = "";

	if (!cap_check(&w->space, &broken))
		die("not true: %s", broken);
	cap_object_end(&w->object, CAP_EXPLICIT, &w->end);
	cap_table_end(&w->owner, &w->end);
	cap_table_end(&w->holder, &w->end);
	cap_space_deinit(&w->space);
	free(w);
}

/* ---- what is measured ------------------------------------------------------------------- */

static double run_check(void *arg, size_t times)
{
	struct world *w = arg;
	struct cap *cap = w->object.root;
	double begin = cpu_ns();

	for (size_t i = 0; i < times; i++) {
		uint64_t token = w->asked[w->at++ % ASKED];

		/* No right is that high: adding it only makes it wait. */
		token += cap->rights >> 31;
		if (cap_require(&w->holder, token, CAP_READ | CAP_MAP, &cap) < 0)
			return -1;
	}
	return cpu_ns() - begin;
}

static double create(struct world *w, size_t count)
{
	double begin = cpu_ns();

	for (size_t i = 0; i < count; i++)
		w->chunk[i] = derive(w->object.root, &w->holder)->token;
	return cpu_ns() - begin;
}

/* Negative: it failed. */
static double revoke(struct world *w, size_t count, uint32_t expected)
{
	uint32_t revoked = expected;
	double begin = cpu_ns();

	for (size_t i = 0; i < count; i++)
		if (cap_revoke(&w->owner, w->chunk[i], &w->end, &revoked) < 0 ||
		    revoked != expected)
			return -1;
	return cpu_ns() - begin;
}

/* One of the two is counted. */
static double create_and_revoke(struct world *w, size_t times, bool creating)
{
	double sum = 0;

	while (times > 0) {
		size_t count = times < CHUNK ? times : CHUNK;
		double made = create(w, count), gone = revoke(w, count, 1);

		if (gone < 0)
			return -1;
		sum += creating ? made : gone;
		times -= count;
	}
	return sum;
}

static double run_create(void *arg, size_t times)
{
	return create_and_revoke(arg, times, true);
}

static double run_revoke(void *arg, size_t times)
{
	return create_and_revoke(arg, times, false);
}

/* Each is derived from one before, in no order. */
static uint64_t plant(struct world *w)
{
	struct cap *cap[TREE];

	for (size_t i = 0; i < TREE; i++) {
		struct cap *parent = i ? cap[chance_below(i)] : w->object.root;

		cap[i] = derive(parent, &w->holder);
		if (cap[i]->state == CAP_OFFERED &&
		    cap_redeem(&w->holder, cap[i]->token, &cap[i]) < 0)
			die("cannot redeem an offer");
	}
	return cap[0]->token;
}

static double run_revoke_tree(void *arg, size_t times)
{
	struct world *w = arg;
	double sum = 0;

	while (times > 0) {
		size_t count = times < TREES ? times : TREES;
		double gone;

		for (size_t i = 0; i < count; i++)
			w->chunk[i] = plant(w);
		gone = revoke(w, count, TREE);
		if (gone < 0)
			return -1;
		sum += gone;
		times -= count;
	}
	return sum;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *row;
		double (*run)(void *arg, size_t times);
	} rows[] = {
		{ "cap-check", run_check },
		{ "cap-create", run_create },
		{ "cap-revoke", run_revoke },
		{ "cap-revoke-tree", run_revoke_tree },
	};
	struct world *w;

	if (argc != 2)
		die("usage: bench-caps RESULTS");
	report_open(argv[1]);
	w = world_new();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct contender c = { "tract", rows[i].run, w };

		race_report(rows[i].row, &c, 1, &race);
	}
	world_free(w);
	return 0;
}
