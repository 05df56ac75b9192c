/* SPDX-License-Identifier: MIT */
/*
 * test_adopt_faults.c - what fails in the middle leaves the range as it was
 *
 * Each fault point on the way is armed in turn.  Afterwards the content is there, nothing has
 * leaked, whoever imports another export of the range goes on, and the next try succeeds.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fault.h"
#include "kin.h"
#include "map/guard.h"
#include "sys/vm.h"

#define PAGES 4u
#define SIZE (PAGES * PAGE)

static bool is_filled(const volatile unsigned char *at, int with)
{
	for (size_t i = 0; i < SIZE; i++)
		if (at[i] != with)
			return false;
	return true;
}

static int check_private(const struct vm_area *area, void *arg)
{
	(void)arg;
	return area->shared || !(area->prot & VM_WRITE) ? -EPERM : 0;
}

static bool is_private(const void *memory)
{
	return vm_walk(memory, SIZE, check_private, NULL) == 0;
}

static void arm(const char *point)
{
	char spec[128];

	(void)snprintf(spec, sizeof(spec), "%s=e12", point);
	EXPECT_EQ(fault_arm(spec), 0);
}

/* ---- one export ------------------------------------------------------------------------- */

/* 0, or what creating or publishing said; whatever there is is gone again. */
static int try_once(struct tract *ctx, unsigned char *memory)
{
	struct tract_export *export = NULL;
	uint32_t id = 0;
	int r;

	r = tract_export_create(ctx, memory, SIZE, 0, &export);
	if (r < 0) {
		EXPECT(export == NULL);
		EXPECT(is_private(memory));
		return r;
	}
	r = tract_export_publish(export, &id, NULL, 0);
	EXPECT_EQ(tract_export_destroy(export), 0);
	return r;
}

TEST(an_export_that_fails_anywhere_leaves_the_range_as_it_was)
{
	unsigned char *memory = pages_private(PAGES);
	struct tract *ctx = node_open();
	unsigned fds, mappings, failed = 0;

	EXPECT_EQ(try_once(ctx, memory), 0);
	(void)memset(memory, 5, SIZE);
	fds = test_count_fds();
	mappings = test_count_memfd_mappings();
	for (unsigned n = 0;; n++) {
		int r;

		fault_arm_nth(n);
		r = try_once(ctx, memory);
		if (!fault_nth_visited())
			break;
		failed += r < 0;
		(void)fault_arm(NULL);
		EXPECT(is_private(memory));
		EXPECT(is_filled(memory, 5));
		EXPECT_EQ(test_count_fds(), fds);
	}
	EXPECT(failed >= 5);
	(void)fault_arm(NULL);
	EXPECT_EQ(try_once(ctx, memory), 0);
	EXPECT_EQ(test_count_memfd_mappings(), mappings);
	pages_free(memory, PAGES);
	tract_close(ctx);
}

/* So much that it is moved, and emptied, in several pieces. */
#define MANY_PAGES 2048u

/* A private mapping of a new file of zeros. */
static unsigned char *map_new_file(int *ret_fd)
{
	char path[128];
	void *memory;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/file", test_directory());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	EXPECT(fd >= 0);
	EXPECT_EQ(ftruncate(fd, (off_t)(MANY_PAGES * PAGE)), 0);
	memory = mmap(NULL, MANY_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	EXPECT(memory != MAP_FAILED);
	*ret_fd = fd;
	return memory;
}

TEST(an_export_of_a_file_that_fails_leaves_to_the_file_what_was_not_stored_to)
{
	struct tract *ctx = node_open();
	struct tract_export *export = NULL;
	volatile unsigned char *memory;
	int fd;

	memory = map_new_file(&fd);
	for (size_t i = 0; i < MANY_PAGES; i += 2)
		memory[i * PAGE] = 5;
	arm("exchange.adopt.copied");
	EXPECT_EQ(tract_export_create(ctx, (void *)(uintptr_t)memory, MANY_PAGES * PAGE, 0,
				      &export),
		  -ENOMEM);
	(void)fault_arm(NULL);
	for (size_t i = 0; i < MANY_PAGES; i++)
		EXPECT_EQ(pwrite(fd, "\7", 1, (off_t)(i * PAGE)), 1);
	for (size_t i = 0; i < MANY_PAGES; i++)
		EXPECT_EQ(memory[i * PAGE], i % 2 ? 7 : 5);
	pages_free((void *)(uintptr_t)memory, MANY_PAGES);
	(void)close(fd);
	tract_close(ctx);
}

TEST(memory_of_more_mappings_than_can_be_guarded_is_refused_and_left_alone)
{
	const size_t count = 2 * GUARD_RANGES;
	unsigned char *memory = pages_private(count);
	struct tract_export *export = NULL;
	struct tract *ctx = node_open();

	for (size_t i = 0; i < count; i += 2)
		EXPECT_EQ(mprotect(memory + i * PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC),
			  0);
	(void)memset(memory, 5, count * PAGE);
	EXPECT_EQ(fault_arm("uffd.open=e1@*"), 0);
	EXPECT_EQ(tract_export_create(ctx, memory, count * PAGE, 0, &export), -ENOMEM);
	(void)fault_arm(NULL);
	for (size_t i = 0; i < count; i++)
		EXPECT_EQ(memory[i * PAGE], 5);
	EXPECT_EQ(tract_export_create(ctx, memory, count * PAGE, 0, &export), 0);
	EXPECT_EQ(tract_export_destroy(export), 0);
	pages_free(memory, count);
	tract_close(ctx);
}

/* ---- hardly a mapping to spare ---------------------------------------------------------- */

/* Makes mappings, a page each, until the kernel refuses another. */
static char *use_up_mappings(size_t size, size_t *ret_used)
{
	size_t at = PAGE;
	char *many =
		mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	EXPECT(many != MAP_FAILED);
	while (at < size && mprotect(many + at, PAGE, PROT_READ) == 0)
		at += 2 * PAGE;
	if (at >= size)
		SKIP("vm.max_map_count is raised: it would take too long to reach it");
	*ret_used = at;
	return many;
}

TEST_SLOW(an_export_that_fails_with_hardly_a_mapping_to_spare_loses_nothing, 60)
{
	size_t size = 70000 * PAGE, used = 0;
	unsigned char *memory = pages_private(PAGES);
	struct tract *ctx = node_open();
	unsigned refused = 0, made = 0, more;
	char *many;

	if (TEST_TSAN)
		SKIP("TSan needs mappings of its own, and dies when there are none");
	(void)memset(memory, 5, SIZE);
	EXPECT_EQ(try_once(ctx, memory), 0);
	many = use_up_mappings(size, &used);
	/* The second time nearly enough for moving memory, and then one by one. */
	for (unsigned freed = 0; freed < 12; freed += more) {
		more = freed ? 1 : 5;
		arm("exchange.adopt.copied");
		EXPECT_EQ(try_once(ctx, memory), -ENOMEM);
		(void)fault_arm(NULL);
		EXPECT(is_filled(memory, 5));
		if (try_once(ctx, memory) == 0)
			made++;
		else
			refused++;
		EXPECT(is_filled(memory, 5));
		EXPECT(is_private(memory));
		/* Each of these pages is a mapping. */
		EXPECT_EQ(munmap(many + used - (freed + more) * PAGE, more * PAGE), 0);
	}
	EXPECT(refused > 0);
	EXPECT(made > 0);
	EXPECT_EQ(munmap(many, size), 0);
	pages_free(memory, PAGES);
	tract_close(ctx);
}

/* ---- taking back ------------------------------------------------------------------------ */

/* Two exports of one range; somebody imports each. */
struct pair {
	struct tract *ctx;
	unsigned char *memory, *seen, *kept;
	struct tract_export *goes, *stays;
	struct tract_import *gone, *staying;
};

static void pair_up(struct pair *p)
{
	uint32_t id;

	p->ctx = node_open();
	p->memory = pages_private(PAGES);
	(void)memset(p->memory, 5, SIZE);
	p->goes = export_up(p->ctx, p->memory, SIZE, TRACT_EXPORT_REBIND, &id);
	p->gone = import_up(p->ctx, id, TRACT_RIGHT_READ_WRITE);
	p->seen = import_map(p->gone, TRACT_RIGHT_READ_WRITE);
	p->stays = export_up(p->ctx, p->memory, SIZE, 0, &id);
	p->staying = import_up(p->ctx, id, TRACT_RIGHT_READ_WRITE);
	p->kept = import_map(p->staying, TRACT_RIGHT_READ_WRITE);
}

/* The survivor is on the same memory as the exporter, and its checks say so. */
static void expect_kept(const struct pair *p)
{
	EXPECT(is_filled(p->memory, 5));
	EXPECT(is_filled(p->kept, 5));
	p->memory[0] = 6;
	EXPECT_EQ(p->kept[0], 6);
	p->kept[0] = 5;
	EXPECT_EQ(p->memory[0], 5);
	EXPECT_EQ(tract_import_check(p->staying), 0);
}

static void pair_down(struct pair *p)
{
	if (p->goes)
		EXPECT_EQ(tract_export_destroy(p->goes), 0);
	expect_kept(p);
	import_down(p->gone);
	import_down(p->staying);
	EXPECT_EQ(tract_export_destroy(p->stays), 0);
	EXPECT(is_filled(p->memory, 5));
	EXPECT(is_private(p->memory));
	pages_free(p->memory, PAGES);
	tract_close(p->ctx);
}

static const char *const on_the_way[] = { "uffd.open", "claim.fence.begun",
					  "exchange.fence.copied", "claim.fence.moved" };

TEST(an_unpublish_that_fails_on_its_way_keeps_the_content_and_the_survivors)
{
	for (unsigned i = 0; i < sizeof(on_the_way) / sizeof(*on_the_way); i++) {
		struct pair p;
		uint32_t id = 0;
		int r;

		pair_up(&p);
		arm(on_the_way[i]);
		r = tract_export_unpublish(p.goes);
		EXPECT(r == 0 || r == -ENOMEM);
		(void)fault_arm(NULL);
		expect_kept(&p);
		EXPECT_EQ(tract_import_check(p.gone), -ESTALE);
		/* The next try takes back what the first could not. */
		EXPECT_EQ(tract_export_publish(p.goes, &id, NULL, 0), 0);
		EXPECT_EQ(tract_export_unpublish(p.goes), 0);
		expect_kept(&p);
		pair_down(&p);
	}
}

TEST(a_destroy_that_fails_on_its_way_keeps_the_content_and_the_survivors)
{
	unsigned failed = 0;

	for (unsigned i = 0; i < sizeof(on_the_way) / sizeof(*on_the_way); i++) {
		struct pair p;
		int r;

		pair_up(&p);
		arm(on_the_way[i]);
		r = tract_export_destroy(p.goes);
		(void)fault_arm(NULL);
		EXPECT(r == 0 || r == -ENOMEM);
		expect_kept(&p);
		EXPECT_EQ(tract_import_check(p.gone), -ESTALE);
		failed += r < 0;
		/* The next try takes back what the first could not. */
		if (r < 0)
			EXPECT_EQ(tract_export_destroy(p.goes), 0);
		p.goes = NULL;
		expect_kept(&p);
		pair_down(&p);
	}
	EXPECT(failed >= 2);
}

TEST(the_last_destroy_makes_memory_private_whatever_fails)
{
	static const char *const points[] = { "uffd.open", "exchange.restore.held" };

	for (unsigned i = 0; i < 2; i++) {
		struct tract *ctx = node_open();
		unsigned char *memory = pages_private(PAGES), *twin;
		struct tract_export *export;
		struct tract_import *import;
		uint32_t id;

		(void)memset(memory, 5, SIZE);
		export = export_up(ctx, memory, SIZE, 0, &id);
		import = import_up(ctx, id, TRACT_RIGHT_READ_WRITE);
		twin = pages_twin(import_map(import, TRACT_RIGHT_READ_WRITE), PAGES);
		arm(points[i]);
		EXPECT_EQ(tract_export_destroy(export), 0);
		(void)fault_arm(NULL);
		(void)memset(twin, 7, SIZE);
		EXPECT(is_filled(memory, 5));
		EXPECT(is_private(memory));
		import_down(import);
		EXPECT_EQ(munmap(twin, SIZE), 0);
		pages_free(memory, PAGES);
		tract_close(ctx);
	}
}

/* ---- rebinding -------------------------------------------------------------------------- */

TEST(a_rebind_that_fails_on_its_way_leaves_the_old_binding_and_both_ranges)
{
	static const char *const points[] = { "region.create.answered",
					      "claim.adopt.region_made",
					      "exchange.adopt.copied",
					      "segment.rebind.claimed" };

	for (unsigned i = 0; i < sizeof(points) / sizeof(*points); i++) {
		unsigned char *other = pages_private(PAGES);
		struct pair p;

		pair_up(&p);
		(void)memset(other, 8, SIZE);
		arm(points[i]);
		EXPECT_EQ(tract_export_rebind(p.goes, other, SIZE), -ENOMEM);
		(void)fault_arm(NULL);
		EXPECT(is_private(other));
		EXPECT(is_filled(other, 8));
		expect_kept(&p);
		EXPECT(is_filled(p.seen, 5));
		EXPECT_EQ(tract_export_rebind(p.goes, other, SIZE), 0);
		EXPECT(is_filled(p.seen, 8));
		pair_down(&p);
		EXPECT(is_filled(other, 8));
		pages_free(other, PAGES);
	}
}

/* ---- memory that is only read ----------------------------------------------------------- */

struct onlooker {
	const volatile unsigned char *at;
	_Atomic bool stop;
	_Atomic uint64_t strange, looks;
};

static void *look_on(void *arg)
{
	struct onlooker *o = arg;

	while (!atomic_load(&o->stop)) {
		for (size_t i = 0; i < MANY_PAGES * PAGE; i += PAGE)
			if (o->at[i] != 5)
				atomic_fetch_add(&o->strange, 1u);
		atomic_fetch_add(&o->looks, 1u);
	}
	return NULL;
}

/* Publishes, lets somebody connect, and takes back, while another thread looks at @at. */
static void expect_no_change_in(const void *at, struct tract *ctx, struct tract_export *export)
{
	struct onlooker onlooker = { .at = at };
	pthread_t thread;

	EXPECT_EQ(pthread_create(&thread, NULL, look_on, &onlooker), 0);
	for (unsigned n = 0; n < 30; n++) {
		struct tract_import *import;
		uint32_t id = 0;

		EXPECT_EQ(tract_export_publish(export, &id, NULL, 0), 0);
		import = import_up(ctx, id, TRACT_RIGHT_READ_WRITE);
		EXPECT_EQ(tract_export_unpublish(export), 0);
		import_down(import);
	}
	atomic_store(&onlooker.stop, true);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	EXPECT_EQ(atomic_load(&onlooker.strange), 0);
	EXPECT(atomic_load(&onlooker.looks) > 0);
}

TEST_SLOW(a_reader_of_another_export_never_sees_memory_being_taken_back, 60)
{
	const size_t size = MANY_PAGES * PAGE;
	unsigned char *memory = pages_private(MANY_PAGES);
	struct tract *ctx = node_open();
	struct tract_export *stays, *goes = NULL;
	struct tract_import *import;
	uint32_t id;

	(void)memset(memory, 5, size);
	stays = export_up(ctx, memory, size, 0, &id);
	EXPECT_EQ(tract_export_create(ctx, memory, size, 0, &goes), 0);
	import = import_up(ctx, id, TRACT_RIGHT_READ);
	expect_no_change_in(import_map(import, TRACT_RIGHT_READ), ctx, goes);
	import_down(import);
	EXPECT_EQ(tract_export_destroy(goes), 0);
	EXPECT_EQ(tract_export_destroy(stays), 0);
	pages_free(memory, MANY_PAGES);
	tract_close(ctx);
}

TEST_SLOW(a_second_attachment_for_reading_never_sees_memory_being_taken_back, 60)
{
	const size_t size = MANY_PAGES * PAGE;
	struct tract_region_spec spec = { .size = size };
	struct tract *ctx = node_open();
	struct tract_region *region = NULL;
	struct tract_export *export = NULL;
	void *memory, *looked_at;

	EXPECT_EQ(tract_region_create(ctx, &spec, &region), 0);
	EXPECT_EQ(tract_attach(region, &memory, 0, 0, TRACT_RIGHT_READ_WRITE, 0), 0);
	EXPECT_EQ(tract_attach(region, &looked_at, 0, 0, TRACT_RIGHT_READ, 0), 0);
	(void)memset(memory, 5, size);
	EXPECT_EQ(tract_export_create(ctx, memory, size, 0, &export), 0);
	expect_no_change_in(looked_at, ctx, export);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(tract_detach(looked_at), 0);
	EXPECT_EQ(tract_detach(memory), 0);
	tract_region_close(region);
	tract_close(ctx);
}
