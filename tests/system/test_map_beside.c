/* SPDX-License-Identifier: MIT */
/*
 * test_map_beside.c - the own map beside others who map: malloc, mmap, threads and the loader
 *
 * Nobody asks anybody here.  Each fills what it has with a pattern of its own and looks at it
 * before it gives it up, so a mapping that went over another one is seen by whose it was.
 */
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "land.h"

#define OWN tract_map_own()
#define MAPPERS 4u
#define STRANGERS 4u
/* Turns of each; whoever is done early goes on, so that the others are not left alone. */
#define TURNS 300u
#define MORE_TURNS 20u

#define LARGEST 8u /* pages of a holding of the map's */
#define HELD 4u	   /* of each kind, by each thread */
#define TAG 0x7ac7u
#define REGION_PAGES 64u
/* Where strangers ask to be mapped: where searches go, too. */
#define NEAR 1024u
#define CROWDED (MAPPERS * HELD * LARGEST + 64u)

/* ---- what somebody has ------------------------------------------------------------------ */

struct holding {
	char *at;
	size_t pages;
	uint64_t stamp;
};

/* A page begins and ends with what it is. */
static void fill(const struct holding *h)
{
	for (size_t i = 0; i < h->pages; i++) {
		uint64_t *page = (uint64_t *)(h->at + i * PAGE);

		page[0] = h->stamp + i;
		page[PAGE / sizeof(*page) - 1] = ~(h->stamp + i);
	}
}

static bool is_intact(const struct holding *h)
{
	bool right = true;

	for (size_t i = 0; i < h->pages; i++) {
		const uint64_t *page = (uint64_t *)(h->at + i * PAGE);

		right = right && page[0] == h->stamp + i &&
			page[PAGE / sizeof(*page) - 1] == ~(h->stamp + i);
	}
	return right;
}

/* ---- all together ----------------------------------------------------------------------- */

struct crowd {
	struct tract_region *region; /* its page n is stamped n */
	char *area;		     /* HELD places of LARGEST pages for each who attaches */
	size_t area_pages;
	pthread_barrier_t begin;
	_Atomic unsigned busy;
	_Atomic(const char *) wrong; /* what was, or NULL */
};

/* A thread of it. */
struct one {
	struct crowd *crowd;
	unsigned number, random, turns;
	uint64_t stamps;
};

/* Threads say what is wrong, and the test fails when all have ended. */
static void expect(struct one *one, bool condition, const char *what)
{
	if (!condition)
		atomic_store(&one->crowd->wrong, what);
}

static unsigned any(struct one *one, unsigned below)
{
	return (unsigned)rand_r(&one->random) % below;
}

static bool goes_on(struct one *one)
{
	struct crowd *crowd = one->crowd;

	if (one->turns == 0)
		(void)pthread_barrier_wait(&crowd->begin);
	if (atomic_load(&crowd->wrong))
		return false;
	if (one->turns == TURNS)
		atomic_fetch_sub(&crowd->busy, 1u);
	one->turns++;
	return one->turns <= TURNS ||
	       (atomic_load(&crowd->busy) > 0 && one->turns <= MORE_TURNS * TURNS);
}

static uint64_t new_stamp(struct one *one)
{
	return one->stamps += 1024;
}

/* ---- those who attach ------------------------------------------------------------------- */

/* The region, a view of it for oneself, or memory of the map's. */
static void attach_something(struct one *one, struct holding *h, uint32_t flags)
{
	struct tract_attachment what = { .tag = TAG, .flags = flags };
	unsigned kind = any(one, 3);
	void *at = h->at;

	h->stamp = any(one, REGION_PAGES - LARGEST);
	what.size = h->pages * PAGE;
	if (kind == 0) {
		what.flags |= TRACT_ATTACH_ANONYMOUS;
	} else {
		what.region = one->crowd->region;
		what.offset = h->stamp * PAGE;
	}
	if (kind == 1)
		what.flags |= TRACT_ATTACH_PRIVATE;
	if (land_attach(&at, &what) < 0) {
		expect(one, false, "attaching works");
		return;
	}
	expect(one, !(flags & TRACT_ATTACH_FIXED) || at == h->at,
	       "fixed is where it was asked");
	h->at = at;
	if (kind > 0)
		expect(one, is_intact(h), "what the region holds is seen");
	if (kind < 2) {
		h->stamp = new_stamp(one);
		fill(h);
	}
}

static void detach_it(struct one *one, struct holding *h, bool in_area)
{
	expect(one, is_intact(h), "what is attached keeps its bytes");
	expect(one,
	       in_area ? detach(h->at, h->pages, TRACT_DETACH_EXACT) == 0
		       : tract_detach(h->at) == 0,
	       "detaching works");
	h->pages = 0;
}

static void turn_by_search(struct one *one, struct holding *h)
{
	if (h->pages > 0) {
		detach_it(one, h, false);
		return;
	}
	h->at = NULL;
	h->pages = 1 + any(one, LARGEST);
	attach_something(one, h, 0);
	/* However many come and go there, nobody is further up. */
	expect(one, h->at < one->crowd->area + NEAR * PAGE, "a search goes to the lowest room");
}

static void turn_in_area(struct one *one, struct holding *h, char *at)
{
	const uint32_t fixed = TRACT_ATTACH_FIXED | TRACT_ATTACH_IN_AREA;

	if (h->pages > 0 && any(one, 2)) {
		detach_it(one, h, true);
	} else if (h->pages > 0) {
		expect(one, is_intact(h), "what is attached keeps its bytes");
		attach_something(one, h, fixed | TRACT_ATTACH_REPLACE);
	} else {
		h->at = at;
		h->pages = 1 + any(one, LARGEST);
		attach_something(one, h, fixed);
	}
}

static void *attach_and_detach(void *arg)
{
	struct one *one = arg;
	struct holding searched[HELD] = { 0 }, placed[HELD] = { 0 };
	char *room = one->crowd->area + (size_t)one->number * HELD * LARGEST * PAGE;

	while (goes_on(one)) {
		unsigned i = any(one, HELD), j = any(one, HELD);

		turn_by_search(one, &searched[i]);
		turn_in_area(one, &placed[j], room + (size_t)j * LARGEST * PAGE);
	}
	for (unsigned i = 0; i < HELD; i++) {
		if (searched[i].pages > 0)
			detach_it(one, &searched[i], false);
		if (placed[i].pages > 0)
			detach_it(one, &placed[i], true);
	}
	return NULL;
}

/* ---- those who know nothing of it ------------------------------------------------------- */

static void *use_malloc(void *arg)
{
	struct one *one = arg;
	struct holding held[HELD] = { 0 };

	while (goes_on(one)) {
		struct holding *h = &held[any(one, HELD)];

		expect(one, is_intact(h), "allocated memory keeps its bytes");
		free(h->at);
		h->pages = 32 + any(one, 32);
		h->stamp = new_stamp(one);
		h->at = malloc(h->pages * PAGE);
		if (!h->at)
			abort();
		fill(h);
	}
	for (unsigned i = 0; i < HELD; i++) {
		expect(one, is_intact(&held[i]), "allocated memory keeps its bytes");
		free(held[i].at);
	}
	return NULL;
}

/* In an area nobody gets anything, whatever is attached there or not. */
static void check_outside(struct one *one, const struct holding *h)
{
	const struct crowd *crowd = one->crowd;

	expect(one,
	       h->at + h->pages * PAGE <= crowd->area ||
		       h->at >= crowd->area + crowd->area_pages * PAGE,
	       "nobody else is mapped in an area");
}

static void map_near(struct one *one, struct holding *h)
{
	char *there = one->crowd->area + (size_t)any(one, CROWDED) * PAGE;

	h->pages = 1 + any(one, 4);
	h->stamp = new_stamp(one);
	h->at = mmap(there, h->pages * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (h->at == MAP_FAILED)
		abort();
	check_outside(one, h);
	fill(h);
}

static void remap(struct one *one, struct holding *h)
{
	size_t pages = 1 + any(one, 8);
	void *moved = mremap(h->at, h->pages * PAGE, pages * PAGE, MREMAP_MAYMOVE);

	if (moved == MAP_FAILED)
		abort();
	h->at = moved;
	if (pages < h->pages)
		h->pages = pages;
	expect(one, is_intact(h), "mapped memory keeps its bytes where it is moved");
	h->pages = pages;
	check_outside(one, h);
	fill(h);
}

static void unmap(struct one *one, struct holding *h)
{
	expect(one, is_intact(h), "mapped memory keeps its bytes");
	expect(one, munmap(h->at, h->pages * PAGE) == 0, "it can be unmapped");
	h->pages = 0;
}

static void *use_mmap(void *arg)
{
	struct one *one = arg;
	struct holding held[HELD] = { 0 };

	while (goes_on(one)) {
		struct holding *h = &held[any(one, HELD)];

		if (h->pages == 0)
			map_near(one, h);
		else if (!TEST_TSAN && any(one, 2)) /* TSan does not follow mremap() */
			remap(one, h);
		else
			unmap(one, h);
	}
	for (unsigned i = 0; i < HELD; i++)
		if (held[i].pages > 0)
			unmap(one, &held[i]);
	return NULL;
}

static void *use_stack(void *arg)
{
	volatile unsigned char room[32 << 10];
	unsigned char value = (unsigned char)(uintptr_t)arg;
	bool right = true;

	for (size_t i = 0; i < sizeof(room); i++)
		room[i] = value;
	(void)sched_yield();
	for (size_t i = 0; i < sizeof(room); i++)
		right = right && room[i] == value;
	return right ? arg : NULL;
}

static void *use_threads(void *arg)
{
	struct one *one = arg;

	while (goes_on(one)) {
		pthread_t thread[2];
		void *result;

		for (uintptr_t i = 0; i < 2; i++)
			if (pthread_create(&thread[i], NULL, use_stack, (void *)(i + 1)) != 0)
				abort();
		for (uintptr_t i = 0; i < 2; i++) {
			if (pthread_join(thread[i], &result) != 0)
				abort();
			expect(one, result == (void *)(i + 1), "a stack keeps its bytes");
		}
	}
	return NULL;
}

static bool guest_comes_and_goes(void)
{
	void *guest = dlopen(getenv("TRACT_TEST_GUEST"), RTLD_NOW | RTLD_LOCAL);
	bool (*guest_is_intact)(void);
	bool right;

	if (!guest)
		return false;
	*(void **)&guest_is_intact = dlsym(guest, "guest_is_intact");
	right = guest_is_intact && guest_is_intact();
	return dlclose(guest) == 0 && right;
}

static void *use_loader(void *arg)
{
	struct one *one = arg;

	while (goes_on(one))
		expect(one, guest_comes_and_goes(), "what is loaded has its bytes");
	return NULL;
}

/* ---- what nobody changes ---------------------------------------------------------------- */

static uint64_t sum_of(const unsigned char *at, const unsigned char *end)
{
	uint64_t sum = 14695981039346656037u;

	for (; at < end; at++)
		sum = (sum ^ *at) * 1099511628211u;
	return sum;
}

/* All code that is mapped from files, and what it adds up to.  The caller frees it. */
static char *text_of_code(void)
{
	FILE *maps = fopen("/proc/self/maps", "re"), *out;
	char line[512], *text = NULL;
	size_t size = 0;

	EXPECT(maps != NULL);
	out = open_memstream(&text, &size);
	EXPECT(out != NULL);
	while (fgets(line, sizeof(line), maps)) {
		uintptr_t start, end;
		uint64_t inode;
		char prot[5];

		EXPECT_EQ(sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %" SCNu64, &start,
				 &end, prot, &inode),
			  4);
		if (inode != 0 && strcmp(prot, "r-xp") == 0)
			(void)fprintf(out, "%" PRIx64 " %s", sum_of((void *)start, (void *)end),
				      line);
	}
	(void)fclose(maps);
	EXPECT_EQ(fclose(out), 0);
	return text;
}

/* ---- the test --------------------------------------------------------------------------- */

static void *(*const strangers[STRANGERS])(void *) = { use_malloc, use_mmap, use_threads,
						       use_loader };

static void gather(struct crowd *crowd)
{
	struct holding whole = { .pages = REGION_PAGES };

	crowd->region = land_region(REGION_PAGES, 0);
	whole.at = attached(.region = crowd->region);
	fill(&whole);
	EXPECT_EQ(tract_detach(whole.at), 0);
	crowd->area_pages = (size_t)MAPPERS * HELD * LARGEST;
	crowd->area = land_area(crowd->area_pages, 0);
	atomic_store(&crowd->busy, MAPPERS + STRANGERS);
	EXPECT_EQ(pthread_barrier_init(&crowd->begin, NULL, MAPPERS + STRANGERS), 0);
}

/* Whoever looks finds what was attached here, and nothing else. */
static void look_on(struct crowd *crowd)
{
	struct tract_span span;
	char *from = NULL;

	land_check();
	for (; tract_map_next_attachment(OWN, from, &span) == 0;
	     from = (char *)span.start + span.size) {
		EXPECT_EQ(span.tag, TAG);
		EXPECT(span.size <= LARGEST * PAGE);
		EXPECT_EQ(span.in_area,
			  (char *)span.start >= crowd->area &&
				  (char *)span.start < crowd->area + crowd->area_pages * PAGE);
	}
}

static void disperse(struct crowd *crowd)
{
	struct tract_span span;

	EXPECT_EQ(pthread_barrier_destroy(&crowd->begin), 0);
	EXPECT_EQ(tract_map_next_attachment(OWN, NULL, &span), -ENOENT);
	EXPECT_EQ(tract_map_release(OWN, crowd->area), 0);
	EXPECT_EQ(land_count(), 0);
	EXPECT(land_is_free(crowd->area, crowd->area_pages));
	land_check();
	tract_region_close(crowd->region);
}

TEST_SLOW(nobody_elses_mapping_changes_while_many_attach_and_detach, 60)
{
	struct crowd crowd = { 0 };
	struct one all[MAPPERS + STRANGERS];
	pthread_t thread[MAPPERS + STRANGERS];
	char *before, *after;

	if (!getenv("TRACT_TEST_GUEST"))
		SKIP("TRACT_TEST_GUEST does not name what can be loaded");
	/* Large blocks are mappings, also after the first was freed. */
	(void)mallopt(M_MMAP_THRESHOLD, 64 << 10);
	EXPECT(guest_comes_and_goes());
	gather(&crowd);
	before = text_of_code();
	for (unsigned i = 0; i < MAPPERS + STRANGERS; i++) {
		all[i] = (struct one){ .crowd = &crowd,
				       .number = i,
				       .random = i + 1,
				       .stamps = (uint64_t)(i + 1) << 32 };
		EXPECT_EQ(
			pthread_create(&thread[i], NULL,
				       i < MAPPERS ? attach_and_detach : strangers[i - MAPPERS],
				       &all[i]),
			0);
	}
	while (atomic_load(&crowd.busy) > 0 && !atomic_load(&crowd.wrong))
		look_on(&crowd);
	for (unsigned i = 0; i < MAPPERS + STRANGERS; i++)
		EXPECT_EQ(pthread_join(thread[i], NULL), 0);
	EXPECT_OR_SAY(!atomic_load(&crowd.wrong), "not so: %s", atomic_load(&crowd.wrong));
	after = text_of_code();
	EXPECT_STR(after, before);
	free(before);
	free(after);
	disperse(&crowd);
}
