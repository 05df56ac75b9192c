/* SPDX-License-Identifier: MIT */
#include "play.h"

#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>

#define EXPORTS 140u /* of each play */

/* ---- what the exporter does ------------------------------------------------------------- */

static void unpublish(struct part *p)
{
	EXPECT_EQ(tract_export_unpublish(p->export), 0);
}

static void destroy(struct part *p)
{
	EXPECT_EQ(tract_export_destroy(p->export), 0);
	p->export = NULL;
}

static void destroy_other(struct part *p)
{
	EXPECT_EQ(tract_export_destroy(p->other), 0);
	p->other = NULL;
}

static void rebind(struct part *p)
{
	EXPECT_EQ(tract_export_rebind(p->export, p->memory[1], SIZE), 0);
}

static void rebind_and_unpublish(struct part *p)
{
	rebind(p);
	unpublish(p);
}

/* The old range stays shared, for the other export stands on it; then it is given back. */
static void rebind_and_destroy_other(struct part *p)
{
	rebind(p);
	destroy_other(p);
}

void fill(void *memory, uint64_t secret)
{
	_Atomic uint64_t *words = memory;
	const size_t count = WORDS;

	for (size_t i = 0; i < count; i++)
		atomic_store_explicit(&words[i], secret, memory_order_relaxed);
}

/* Ordinary memory, which may be given back and used for something else. */
static void reuse_and_destroy(struct part *p)
{
	pages_free(p->memory[0], PAGES);
	EXPECT(mmap(p->memory[0], SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == p->memory[0]);
	fill(p->memory[0], p->secret[0]);
	destroy(p);
}

#define FIRST 1u
#define NEXT 2u

/* Two calls, or pairs of them, and which memory is the exporter's own when they return. */
static const struct act {
	bool attached;
	bool shared; /* another export of it, which the hostile process may not use, goes on */
	bool rebinds;
	bool private; /* never attached: a rebind alone takes only private memory back */
	struct deed {
		void (*call)(struct part *p);
		unsigned ours;
	} deed[2];
} acts[] = {
	{ .deed = { { unpublish, FIRST }, { destroy, FIRST } } },
	{ .deed = { { destroy, FIRST } } },
	{ .attached = true, .deed = { { destroy, FIRST } } },
	{ .shared = true, .deed = { { destroy, FIRST }, { destroy_other, FIRST } } },
	{ .rebinds = true,
	  .private = true,
	  .deed = { { rebind, FIRST }, { destroy, FIRST | NEXT } } },
	{ .attached = true,
	  .rebinds = true,
	  .deed = { { rebind_and_unpublish, FIRST | NEXT }, { destroy, FIRST | NEXT } } },
	{ .shared = true,
	  .rebinds = true,
	  .private = true,
	  .deed = { { rebind_and_destroy_other, FIRST },
		    { reuse_and_destroy, FIRST | NEXT } } },
};

#define ACTS (sizeof(acts) / sizeof(*acts))
static_assert(CAST % ACTS == 0, "a round plays every act");

/* ---- the exporter ----------------------------------------------------------------------- */

static void part_up(struct stage *s, struct part *p, const struct act *act, uint32_t *ret_id)
{
	*p = (struct part){ .act = act,
			    .attached = act->attached || (s->props->always && !act->private) };
	for (unsigned m = 0; m < (act->rebinds ? 2 : 1); m++)
		if (p->attached)
			s->props->attach(s, p, m);
		else
			p->memory[m] = pages_private(PAGES);
	if (act->shared)
		EXPECT_EQ(tract_export_create(s->ctx, p->memory[0], SIZE, 0, &p->other), 0);
	p->export = export_up(s->ctx, p->memory[0], SIZE,
			      act->rebinds ? TRACT_EXPORT_REBIND : 0, ret_id);
}

static void part_down(struct stage *s, struct part *p)
{
	EXPECT(!p->export && !p->other);
	for (unsigned m = 0; m < 2 && p->memory[m]; m++) {
		if (p->attached)
			s->props->detach(s, p, m);
		else
			pages_free(p->memory[m], PAGES);
	}
}

uint64_t count_changed(const void *memory, uint64_t secret)
{
	const _Atomic uint64_t *words = memory;
	const size_t count = WORDS;
	uint64_t changed = 0;

	for (size_t i = 0; i < count; i++)
		changed += atomic_load_explicit(&words[i], memory_order_relaxed) != secret;
	return changed;
}

static void expect_unchanged(struct stage *s, const struct part *p)
{
	for (unsigned m = 0; m < 2; m++) {
		if (p->secret[m] == 0)
			continue;
		EXPECT_EQ(count_changed(p->memory[m], p->secret[m]), 0);
		if (p->view[m])
			EXPECT_EQ(count_changed(p->view[m], p->secret[m]), 0);
		if (p->there[m])
			EXPECT_EQ(s->props->changed_there(s, p->there[m], p->secret[m]), 0);
	}
}

/* Both hostile processes have come to store into the memory of part @i, and go on. */
static void await_assault(struct stage *s, unsigned i)
{
	uint64_t turn = ++s->turns * CAST + i;

	atomic_store(&s->theatre->turn, turn);
	for (unsigned v = 0; v < VILLAINS; v++)
		while (atomic_load(&s->theatre->seen[v]) != turn && !kin_speaks(&s->hostile, 0))
			test_pause_us(10);
}

static void take_back(struct stage *s, unsigned i, const struct deed *deed)
{
	struct part *p = &s->part[i];
	uint64_t stores;
	bool is_news = false;

	if (!deed->call)
		return;
	await_assault(s, i);
	stores = atomic_load(&s->theatre->stores);
	deed->call(p);
	stores = atomic_load(&s->theatre->stores) - stores;
	expect_unchanged(s, p);
	for (unsigned m = 0; m < 2; m++)
		if (deed->ours & 1u << m) {
			is_news = is_news || p->secret[m] == 0;
			p->secret[m] = SECRET | ++s->secrets;
			fill(p->memory[m], p->secret[m]);
		}
	s->revocations += is_news;
	s->raced += is_news && stores > 0;
}

/* What changes stays so, for only the exporter writes secrets; but it looks more than once. */
static void watch(struct stage *s)
{
	bool done;

	kin_tell(&s->hostile, MISUSE);
	do {
		done = kin_speaks(&s->hostile, 1);
		for (unsigned i = 0; i < CAST; i++)
			expect_unchanged(s, &s->part[i]);
		EXPECT_EQ(atomic_load(&s->theatre->leaks), 0);
	} while (!done);
	(void)kin_hear(&s->hostile);
}

static void play_round(struct stage *s, unsigned n)
{
	uint32_t id;

	for (unsigned i = 0; i < CAST; i++) {
		part_up(s, &s->part[i], &acts[(i + n) % ACTS], &id);
		atomic_store(&s->theatre->id[i], id);
	}
	share_deed(&s->hostile, CONNECT);
	if (s->props->connected)
		s->props->connected(s, n);
	for (unsigned d = 0; d < 2; d++) {
		for (unsigned i = 0; i < CAST; i++)
			take_back(s, i, &s->part[i].act->deed[d]);
		watch(s);
	}
	share_deed(&s->hostile, LET_GO);
	for (unsigned i = 0; i < CAST; i++)
		part_down(s, &s->part[i]);
}

void play(void (*hostile)(struct kin *parent, void *arg), const struct props *props)
{
	struct stage s = { .theatre = pages_shared(1), .props = props };
	const unsigned exports = test_is_deep() ? props->most : EXPORTS;

	s.ctx = node_open();
	/* The broker is started before anybody speaks to it by hand. */
	EXPECT_EQ(tract_reconnect(s.ctx), 0);
	kin_start(&s.hostile, hostile, s.theatre);
	if (props->up)
		props->up(&s);
	for (unsigned n = 0; n < (exports + CAST - 1) / CAST; n++)
		play_round(&s, n);
	kin_tell(&s.hostile, 0);
	kin_finish(&s.hostile);
	if (props->down)
		props->down(&s);
	(void)fprintf(stderr, "# %u revocations, stores during %u of them\n", s.revocations,
		      s.raced);
	/* Each at least once: where it was rebound, the first range before the second. */
	EXPECT(s.revocations >= exports);
	EXPECT(s.raced > 0);
	tract_close(s.ctx);
	pages_free(s.theatre, 1);
}
