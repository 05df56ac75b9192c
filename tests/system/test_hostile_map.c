/* SPDX-License-Identifier: MIT */
/*
 * test_hostile_map.c - importers that keep everything, of memory that a map has attached
 *
 * As in test_hostile.c; but the exporter's memory is a part of a region that lies in an area,
 * is cut, and shown a second time over other addresses; or a dataspace that the region map of
 * L4Re has attached; or attached in the map of another process as well, which sees the secrets
 * and nothing else.
 */
#include <l4/re/c/mem_alloc.h>
#include <l4/re/c/rm.h>
#include <l4/re/c/util/cap_alloc.h>
#include <l4/sys/task.h>

#include "play.h"
#include "sys/vm.h"

#define OWN tract_map_own()
#define RW TRACT_RIGHT_READ_WRITE

/* ---- by the map's own calls ---------------------------------------------------------------
 */

/* The memory is the middle of what is attached, when its ends were cut off again. */
static void attach_part(struct stage *s, struct part *p, unsigned m)
{
	const struct tract_region_spec spec = { .size = SIZE + 2 * PAGE };
	struct tract_attachment what = { .rights = RW, .flags = TRACT_ATTACH_IN_AREA };
	void *area = NULL, *at, *view = NULL;

	(void)s;
	EXPECT_EQ(tract_region_create_local(&spec, &what.region), 0);
	EXPECT_EQ(tract_map_reserve(OWN, &area, SIZE + 2 * PAGE, 0, 12, 0), 0);
	at = area;
	EXPECT_EQ(tract_map_attach(OWN, &what, &at), 0);
	EXPECT_EQ(tract_map_detach(OWN, at, PAGE, TRACT_DETACH_EXACT, NULL), 0);
	p->memory[m] = (char *)at + PAGE;
	EXPECT_EQ(tract_map_detach(OWN, (char *)p->memory[m] + SIZE, PAGE, TRACT_DETACH_EXACT,
				   NULL),
		  0);
	EXPECT_EQ(tract_map_reserve(OWN, &view, SIZE, 0, 12, 0), 0);
	EXPECT_EQ(tract_map_show(OWN, what.region, view, SIZE, PAGE, TRACT_RIGHT_READ), 0);
	p->view[m] = view;
	tract_region_close(what.region);
}

static void detach_part(struct stage *s, struct part *p, unsigned m)
{
	(void)s;
	EXPECT_EQ(tract_map_hide(OWN, p->view[m], SIZE, RW), 0);
	EXPECT_EQ(tract_map_release(OWN, p->view[m]), 0);
	EXPECT_EQ(tract_map_detach(OWN, p->memory[m], SIZE, TRACT_DETACH_EXACT, NULL), 0);
	EXPECT_EQ(tract_map_release(OWN, p->memory[m]), 0);
}

static const struct props parts = {
	.always = true, .most = 5000, .attach = attach_part, .detach = detach_part
};

TEST_SLOW(who_keeps_a_part_of_a_map_by_hand_changes_and_reads_nothing, 120)
{
	play(be_hostile_by_hand, &parts);
}

TEST_SLOW(who_keeps_a_part_of_a_map_by_the_library_changes_and_reads_nothing, 120)
{
	play(be_hostile_by_library, &parts);
}

/* ---- by the region map of L4Re ------------------------------------------------------------
 */

/* Attached once for writing and once for reading, by a slot that is given up at once. */
static void attach_dataspace(struct stage *s, struct part *p, unsigned m)
{
	l4re_ds_t ds = l4re_util_cap_alloc();

	(void)s;
	EXPECT(!l4_is_invalid_cap(ds));
	EXPECT_EQ(l4re_ma_alloc((long)SIZE, ds, 0), 0);
	EXPECT_EQ(l4re_rm_attach(&p->memory[m], SIZE, L4RE_RM_SEARCH_ADDR | L4RE_RM_EAGER_MAP,
				 ds, 0, L4_PAGESHIFT),
		  0);
	EXPECT_EQ(l4re_rm_attach(&p->view[m], SIZE, L4RE_RM_SEARCH_ADDR | L4RE_RM_READ_ONLY, ds,
				 0, L4_SUPERPAGESHIFT),
		  0);
	l4re_util_cap_free_um(ds);
}

static void detach_dataspace(struct stage *s, struct part *p, unsigned m)
{
	(void)s;
	EXPECT_EQ(l4re_rm_detach(p->memory[m]), 0);
	EXPECT_EQ(l4re_rm_detach_unmap((l4_addr_t)p->view[m], L4_BASE_TASK_CAP), 0);
}

static const struct props dataspaces = {
	.always = true, .most = 5000, .attach = attach_dataspace, .detach = detach_dataspace
};

TEST_SLOW(who_keeps_a_dataspace_by_hand_changes_and_reads_nothing, 120)
{
	play(be_hostile_by_hand, &dataspaces);
}

TEST_SLOW(who_keeps_a_dataspace_by_the_library_changes_and_reads_nothing, 120)
{
	play(be_hostile_by_library, &dataspaces);
}

/* ---- in another process's map -------------------------------------------------------------
 */

enum wish { END, OFFER, WITHDRAW, COUNT, FILL, OBJECT, MOVED, DETACH };

static int take_inode(const struct vm_area *area, void *arg)
{
	*(uint64_t *)arg = area->inode;
	return 0;
}

/* Which object is mapped there. */
static uint64_t object_at(const void *at)
{
	uint64_t inode = 0;

	EXPECT_EQ(vm_walk(at, PAGE, take_inode, &inode), 0);
	return inode;
}

static uint64_t grant(struct tract *ctx, enum wish wish, void *at, uint64_t word)
{
	char name[TRACT_ATTACH_NAME_MAX + 1];
	uint64_t offset;

	/* Which thread mapped it, and before what, the test has been told: TSan knows of no
	 * order but that of the map's lock. */
	(void)tract_map_name(OWN, at, name, &offset);
	switch (wish) {
	case OFFER:
		return (uint64_t)-tract_map_offer(ctx, NULL, 0);
	case WITHDRAW:
		return (uint64_t)-tract_map_withdraw(ctx);
	case COUNT:
		return count_changed(at, word);
	case FILL:
		fill(at, word);
		return 0;
	case OBJECT:
		return object_at(at);
	case MOVED:
		EXPECT_WITHIN(5000, object_at(at) != word);
		return 0;
	case DETACH:
		return (uint64_t)-tract_detach(at);
	default:
		return 0;
	}
}

static void host_body(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	enum wish wish;
	void *at;

	(void)arg;
	while ((wish = (enum wish)kin_hear(parent)) != END) {
		at = (void *)kin_hear(parent);
		kin_tell(parent, grant(ctx, wish, at, kin_hear(parent)));
	}
	tract_close(ctx);
}

static uint64_t host_do(struct kin *host, enum wish wish, const void *at, uint64_t word)
{
	kin_tell(host, wish);
	kin_tell(host, (uintptr_t)at);
	kin_tell(host, word);
	return kin_hear(host);
}

static void host_up(struct stage *s)
{
	kin_start(&s->host, host_body, NULL);
	EXPECT_EQ(host_do(&s->host, OFFER, NULL, 0), 0);
	EXPECT_EQ(tract_map_of(s->ctx, s->host.pid, &s->map), 0);
}

static void host_down(struct stage *s)
{
	tract_map_close(s->map);
	kin_tell(&s->host, END);
	kin_finish(&s->host);
}

static void attach_there(struct stage *s, struct part *p, unsigned m)
{
	const struct tract_region_spec spec = { .size = SIZE };
	struct tract_attachment what = { .rights = RW };

	/* Handed out again, once it was withdrawn. */
	if (s->withdrawn) {
		tract_map_close(s->map);
		EXPECT_EQ(host_do(&s->host, OFFER, NULL, 0), 0);
		EXPECT_EQ(tract_map_of(s->ctx, s->host.pid, &s->map), 0);
		s->withdrawn = false;
	}
	EXPECT_EQ(tract_region_create_local(&spec, &what.region), 0);
	EXPECT_EQ(tract_attach(what.region, &p->memory[m], 0, 0, RW, 0), 0);
	EXPECT_EQ(tract_map_attach(s->map, &what, &p->there[m]), 0);
	tract_region_close(what.region);
}

static void detach_there(struct stage *s, struct part *p, unsigned m)
{
	EXPECT_EQ(tract_detach(p->memory[m]), 0);
	if (s->withdrawn)
		EXPECT_EQ(host_do(&s->host, DETACH, p->there[m], 0), 0);
	else
		EXPECT_EQ(tract_map_detach(s->map, p->there[m], SIZE, TRACT_DETACH_EXACT, NULL),
			  0);
}

static uint64_t changed_there(struct stage *s, void *there, uint64_t secret)
{
	return host_do(&s->host, COUNT, there, secret);
}

/* In every other round the host withdraws its map before anything is taken back: what was
 * attached stays, and follows its region all the same. */
static void perhaps_withdraw(struct stage *s, unsigned n)
{
	if (n % 2) {
		EXPECT_EQ(host_do(&s->host, WITHDRAW, NULL, 0), 0);
		s->withdrawn = true;
	}
}

static const struct props guests = { .always = true,
				     .most = 2000,
				     .attach = attach_there,
				     .detach = detach_there,
				     .changed_there = changed_there,
				     .connected = perhaps_withdraw,
				     .up = host_up,
				     .down = host_down };

TEST_SLOW(who_keeps_what_is_in_another_map_by_hand_changes_and_reads_nothing, 120)
{
	play(be_hostile_by_hand, &guests);
}

TEST_SLOW(who_keeps_what_is_in_another_map_by_the_library_changes_and_reads_nothing, 120)
{
	play(be_hostile_by_library, &guests);
}

/* ---- when the exporter dies ---------------------------------------------------------------
 */

/* What the three children and the test have in common. */
struct wake {
	struct theatre theatre;
	_Atomic uintptr_t there[CAST]; /* in the host's map */
};

static void *place_of(const struct wake *wake, unsigned i)
{
	return (void *)atomic_load(&wake->there[i]);
}

static void mortal_body(struct kin *parent, void *arg)
{
	const struct tract_region_spec spec = { .size = SIZE };
	struct tract_attachment what = { .rights = RW };
	struct tract *ctx = node_open();
	struct tract_map *map = NULL;
	struct wake *wake = arg;

	EXPECT_EQ(tract_map_of(ctx, (pid_t)kin_hear(parent), &map), 0);
	for (unsigned i = 0; i < CAST; i++) {
		void *here = NULL, *there = NULL;
		uint32_t id;

		EXPECT_EQ(tract_region_create_local(&spec, &what.region), 0);
		EXPECT_EQ(tract_attach(what.region, &here, 0, 0, RW, 0), 0);
		EXPECT_EQ(tract_map_attach(map, &what, &there), 0);
		fill(here, i + 1);
		(void)export_up(ctx, here, SIZE, 0, &id);
		atomic_store(&wake->theatre.id[i], id);
		atomic_store(&wake->there[i], (uintptr_t)there);
	}
	kin_tell(parent, 0);
	kin_linger(parent);
}

/* What is there is the host's own, once the broker has said so. */
static void inherit(struct kin *mortal, struct kin *host, struct wake *wake)
{
	uint64_t was[CAST];

	for (unsigned i = 0; i < CAST; i++)
		was[i] = host_do(host, OBJECT, place_of(wake, i), 0);
	kin_kill(mortal);
	for (unsigned i = 0; i < CAST; i++) {
		(void)host_do(host, MOVED, place_of(wake, i), was[i]);
		EXPECT_EQ(host_do(host, COUNT, place_of(wake, i), 0), 0);
		(void)host_do(host, FILL, place_of(wake, i), SECRET | (CAST + i));
	}
}

static void bury(void (*hostile)(struct kin *parent, void *arg))
{
	const size_t pages = (sizeof(struct wake) + PAGE - 1) / PAGE;
	struct wake *wake = pages_shared(pages);
	struct kin mortal, host, villain;
	struct tract *ctx = node_open();

	EXPECT_EQ(tract_reconnect(ctx), 0);
	kin_start(&host, host_body, NULL);
	kin_start(&mortal, mortal_body, wake);
	kin_start(&villain, hostile, &wake->theatre);
	EXPECT_EQ(host_do(&host, OFFER, NULL, 0), 0);
	kin_tell(&mortal, (uint64_t)host.pid);
	(void)kin_hear(&mortal);
	share_deed(&villain, CONNECT);
	inherit(&mortal, &host, wake);
	for (unsigned n = 0; n < 4; n++) {
		share_deed(&villain, MISUSE);
		for (unsigned i = 0; i < CAST; i++)
			EXPECT_EQ(host_do(&host, COUNT, place_of(wake, i), SECRET | (CAST + i)),
				  0);
	}
	EXPECT_EQ(atomic_load(&wake->theatre.leaks), 0);
	share_deed(&villain, LET_GO);
	for (unsigned i = 0; i < CAST; i++)
		EXPECT_EQ(host_do(&host, DETACH, place_of(wake, i), 0), 0);
	kin_tell(&villain, 0);
	kin_finish(&villain);
	kin_tell(&host, END);
	kin_finish(&host);
	tract_close(ctx);
	pages_free(wake, pages);
}

TEST_SLOW(who_keeps_what_a_dead_one_attached_elsewhere_by_hand_changes_and_reads_nothing, 60)
{
	bury(be_hostile_by_hand);
}

TEST_SLOW(who_keeps_what_a_dead_one_attached_elsewhere_by_the_library_changes_and_reads_nothing,
	  60)
{
	bury(be_hostile_by_library);
}
