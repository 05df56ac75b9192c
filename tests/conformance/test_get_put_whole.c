/* SPDX-License-Identifier: MIT */
/*
 * test_get_put_whole.c - items of 16, 32 and 64 bits are moved in one piece
 */
#include "rig.h"

typedef int access_fn(rsm_memseg_import_handle_t, off_t, void *, size_t);

#define ITEMS(bits)                                                                        \
	static int get##bits(rsm_memseg_import_handle_t s, off_t at, void *data, size_t n) \
	{                                                                                  \
		return rsm_memseg_import_get##bits(s, at, data, n);                        \
	}                                                                                  \
	static int put##bits(rsm_memseg_import_handle_t s, off_t at, void *data, size_t n) \
	{                                                                                  \
		return rsm_memseg_import_put##bits(s, at, data, n);                        \
	}

ITEMS(16)
ITEMS(32)
ITEMS(64)

struct width {
	access_fn *get, *put;
	size_t size;
};

static const struct width width16 = { get16, put16, 2 };
static const struct width width32 = { get32, put32, 4 };
static const struct width width64 = { get64, put64, 8 };

/* One side flips an item between two patterns without pause: a torn one is a mix of both. */
struct flipper {
	const struct width *width;
	volatile int *stop;
};

static void store_item(volatile void *at, size_t size, uint64_t pattern)
{
	if (size == 2)
		__atomic_store_n((volatile uint16_t *)at, (uint16_t)pattern, __ATOMIC_RELAXED);
	else if (size == 4)
		__atomic_store_n((volatile uint32_t *)at, (uint32_t)pattern, __ATOMIC_RELAXED);
	else
		__atomic_store_n((volatile uint64_t *)at, pattern, __ATOMIC_RELAXED);
}

static uint64_t load_item(const volatile void *at, size_t size)
{
	if (size == 2)
		return __atomic_load_n((const volatile uint16_t *)at, __ATOMIC_RELAXED);
	if (size == 4)
		return __atomic_load_n((const volatile uint32_t *)at, __ATOMIC_RELAXED);
	return __atomic_load_n((const volatile uint64_t *)at, __ATOMIC_RELAXED);
}

static void expect_whole(uint64_t item, size_t size)
{
	const uint64_t all = UINT64_MAX >> (64 - 8 * size);

	/* Most are, and each EXPECT costs a system call. */
	if (item != 0 && item != all)
		EXPECT_EQ(item, all);
}

static void flip_by_stores(struct child *parent, void *arg)
{
	const struct flipper *flipper = arg;
	struct importer i;

	importer_up(&i, ID(0), RSM_PERM_RDWR);
	importer_map(&i, RSM_PERM_RDWR, PAGE);
	tell(parent, 0);
	while (!*flipper->stop) {
		store_item(i.address + 64, flipper->width->size, 0);
		store_item(i.address + 64, flipper->width->size, UINT64_MAX);
	}
}

static void flip_by_puts(struct child *parent, void *arg)
{
	const struct flipper *flipper = arg;
	const struct width *w = flipper->width;
	uint64_t zeros[16] = { 0 }, ones[16];
	struct importer i;

	(void)memset(ones, 0xff, sizeof(ones));
	importer_up(&i, ID(0), RSM_PERM_RDWR);
	tell(parent, 0);
	while (!*flipper->stop) {
		if (w->put(i.segment, 64 - (off_t)w->size, zeros, 5) != RSM_SUCCESS ||
		    w->put(i.segment, 64 - (off_t)w->size, ones, 2) != RSM_SUCCESS)
			_exit(1);
	}
}

struct flipping {
	struct flipper flipper;
	struct pair p;
	struct child far;
};

static void flipping_start(struct flipping *f, const struct width *w,
			   void (*body)(struct child *, void *))
{
	f->flipper.width = w;
	f->flipper.stop =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	EXPECT((void *)(uintptr_t)f->flipper.stop != MAP_FAILED);
	pair_up(&f->p, 1);
	child_start(&f->far, body, &f->flipper);
	(void)hear(&f->far);
}

static void flipping_stop(struct flipping *f)
{
	*f->flipper.stop = 1;
	child_finish(&f->far);
	pair_down(&f->p);
	EXPECT_EQ(munmap((void *)(uintptr_t)f->flipper.stop, PAGE), 0);
}

static void expect_untorn_gets(const struct width *w)
{
	struct flipping f;
	uint64_t items[16] = { 0 };
	int rc = RSM_SUCCESS;

	flipping_start(&f, w, flip_by_stores);
	for (unsigned n = 0; n < 50000 && rc == RSM_SUCCESS; n++) {
		/* As the second of two items, and of more. */
		rc = w->get(f.p.i.segment, 64 - (off_t)w->size, items, n % 2 ? 5 : 2);
		expect_whole(load_item((unsigned char *)items + w->size, w->size), w->size);
	}
	EXPECT_EQ(rc, RSM_SUCCESS);
	flipping_stop(&f);
}

static void expect_untorn_puts(const struct width *w)
{
	struct flipping f;

	flipping_start(&f, w, flip_by_puts);
	for (unsigned n = 0; n < 1000000; n++)
		expect_whole(load_item(f.p.e.memory + 64, w->size), w->size);
	flipping_stop(&f);
}

/* What the controller does not promise of its items is not tried: over a network they may come
 * in pieces. */
static void need_promise(uint_t size)
{
	rsmapi_controller_handle_t controller = the_controller();
	rsmapi_controller_attr_t attr;

	EXPECT_EQ(rsm_get_controller_attr(controller, &attr), RSM_SUCCESS);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
	if (nodes_are_two() && !(attr.attr_atomic_sizes & size))
		SKIP("the controller's attr_atomic_sizes does not promise it");
	EXPECT(attr.attr_atomic_sizes & size);
}

/* 25.53 */
TEST(items_of_16_bits_are_not_torn)
{
	need_promise(RSM_DAS16);
	expect_untorn_gets(&width16);
	expect_untorn_puts(&width16);
}

/* 25.53 */
TEST(items_of_32_bits_are_not_torn)
{
	need_promise(RSM_DAS32);
	expect_untorn_gets(&width32);
	expect_untorn_puts(&width32);
}

/* 25.53 */
TEST(items_of_64_bits_are_not_torn)
{
	need_promise(RSM_DAS64);
	expect_untorn_gets(&width64);
	expect_untorn_puts(&width64);
}
