/* SPDX-License-Identifier: MIT */
/*
 * test_get_put.c - rsm_memseg_import_get8() to get64(), get(), and the same for put
 *
 * Items of 8, 16, 32 and 64 bits are tried through one table of functions that all take
 * untyped pointers, so that each rule is written down once.
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

ITEMS(8)
ITEMS(16)
ITEMS(32)
ITEMS(64)

/* An item of the bulk functions is a byte. */
static const struct width {
	access_fn *get, *put;
	size_t size;
} widths[] = {
	{ get8, put8, 1 },
	{ get16, put16, 2 },
	{ get32, put32, 4 },
	{ get64, put64, 8 },
	{ rsm_memseg_import_get, rsm_memseg_import_put, 1 },
};

#define FOR_EACH_WIDTH(w) for (const struct width *w = widths; w < widths + 5; w++)

static void expect_both(const struct width *w, struct importer *i, off_t offset, void *data,
			size_t count, int wanted)
{
	EXPECT_EQ(w->get(i->segment, offset, data, count), wanted);
	EXPECT_EQ(w->put(i->segment, offset, data, count), wanted);
}

/* 25.45, Q1 */
TEST(a_fresh_import_needs_a_barrier_first)
{
	struct exporter e;
	struct importer i;
	uint64_t data[2] = { 0 };

	exporter_up(&e, ID(0), 1);
	importer_fresh(&i, ID(0), RSM_PERM_RDWR);
	FOR_EACH_WIDTH(w)
	{
		expect_both(w, &i, 0, data, 1, RSMERR_BARRIER_UNINITIALIZED);
		expect_both(w, &i, 0, data, 0, RSMERR_BARRIER_UNINITIALIZED);
	}
	importer_down(&i);
	exporter_down(&e);
}

static void expect_round_trip(const struct width *w, struct pair *p, size_t offset,
			      size_t count)
{
	const size_t bytes = count * w->size;
	uint64_t out[600] = { 0 }, in[600] = { 0 };

	for (size_t k = 0; k < bytes; k++)
		((unsigned char *)out)[k] = (unsigned char)(k * 7 + w->size + offset);
	(void)memset(p->e.memory, 0xdd, p->e.size);
	EXPECT_EQ(w->put(p->i.segment, (off_t)offset, out, count), RSM_SUCCESS);
	EXPECT_EQ(memcmp(p->e.memory + offset, out, bytes), 0);
	EXPECT(is_filled(p->e.memory, offset, 0xdd));
	EXPECT(is_filled(p->e.memory + offset + bytes, p->e.size - offset - bytes, 0xdd));
	EXPECT_EQ(w->get(p->i.segment, (off_t)offset, in, count), RSM_SUCCESS);
	EXPECT_EQ(memcmp(in, out, bytes), 0);
	EXPECT(is_filled((unsigned char *)in + bytes, sizeof(in) - bytes, 0));
}

/* 25.46 */
TEST(items_make_the_round_trip_at_start_middle_and_end)
{
	struct pair p;

	pair_up(&p, 4);
	FOR_EACH_WIDTH(w)
	{
		static const size_t counts[] = { 0, 1, 2, 3, 16, 500 };

		for (size_t k = 0; k < sizeof(counts) / sizeof(*counts); k++) {
			expect_round_trip(w, &p, 0, counts[k]);
			expect_round_trip(w, &p, PAGE + 3 * w->size, counts[k]);
			expect_round_trip(w, &p, 4 * PAGE - counts[k] * w->size, counts[k]);
		}
	}
	pair_down(&p);
}

/* 25.46 */
TEST(whole_segments_make_the_round_trip)
{
	struct pair p;
	unsigned char *out = pages_new(4), *in = pages_new(4);

	pair_up(&p, 4);
	FOR_EACH_WIDTH(w)
	{
		for (size_t k = 0; k < p.e.size; k++)
			out[k] = (unsigned char)(k * k + w->size);
		EXPECT_EQ(w->put(p.i.segment, 0, out, p.e.size / w->size), RSM_SUCCESS);
		EXPECT_EQ(memcmp(p.e.memory, out, p.e.size), 0);
		EXPECT_EQ(w->get(p.i.segment, 0, in, p.e.size / w->size), RSM_SUCCESS);
		EXPECT_EQ(memcmp(in, out, p.e.size), 0);
	}
	pair_down(&p);
	free(out);
	free(in);
}

/* 25.46 */
TEST(values_are_those_that_the_exporter_stores)
{
	struct pair p;
	uint16_t v16 = 0;
	uint32_t v32 = 0;
	uint64_t v64 = 0x1122334455667788;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_import_put64(p.i.segment, 8, &v64, 1), RSM_SUCCESS);
	EXPECT_EQ(((uint64_t *)(void *)p.e.memory)[1], 0x1122334455667788);
	((uint32_t *)(void *)p.e.memory)[5] = 0xa1b2c3d4;
	EXPECT_EQ(rsm_memseg_import_get32(p.i.segment, 20, &v32, 1), RSM_SUCCESS);
	EXPECT_EQ(v32, 0xa1b2c3d4);
	((uint16_t *)(void *)p.e.memory)[50] = 0xfedc;
	EXPECT_EQ(rsm_memseg_import_get16(p.i.segment, 100, &v16, 1), RSM_SUCCESS);
	EXPECT_EQ(v16, 0xfedc);
	pair_down(&p);
}

/* 25.46 */
TEST(other_processes_put_and_get_too)
{
	struct exporter e;
	struct child far;

	exporter_up(&e, ID(0), 1);
	agent_importing(&far, ID(0), 0);
	EXPECT_EQ(ask(&far, PUT, 100, 200), RSM_SUCCESS);
	EXPECT_EQ(e.memory[100], 200);
	e.memory[101] = 201;
	EXPECT_EQ(ask(&far, GET, 101, 0), 201);
	child_finish(&far);
	exporter_down(&e);
}

/* 25.47, Q3 */
TEST(a_misaligned_pointer_is_refused)
{
	struct pair p;
	uint64_t data[4] = { 0 };

	pair_up(&p, 1);
	FOR_EACH_WIDTH(w)
	{
		for (size_t by = 1; by < 8; by++)
			expect_both(w, &p.i, 0, (unsigned char *)data + by, 1,
				    by % w->size ? RSMERR_BAD_MEM_ALIGNMENT : RSM_SUCCESS);
	}
	pair_down(&p);
}

/* 25.47, Q3 */
TEST(a_misaligned_offset_is_refused)
{
	struct pair p;
	uint64_t data[4] = { 0 };

	pair_up(&p, 1);
	FOR_EACH_WIDTH(w)
	{
		for (off_t by = 1; by < 8; by++)
			expect_both(w, &p.i, by, data, 1,
				    by % (off_t)w->size ? RSMERR_BAD_MEM_ALIGNMENT
							: RSM_SUCCESS);
	}
	pair_down(&p);
}

/* 25.48, Q6 */
TEST(one_item_past_the_end_is_a_bad_offset)
{
	struct pair p;
	uint64_t data[4] = { 0 };

	pair_up(&p, 2);
	FOR_EACH_WIDTH(w)
	{
		const off_t last = (off_t)(p.e.size - w->size);

		expect_both(w, &p.i, last, data, 1, RSM_SUCCESS);
		expect_both(w, &p.i, last, data, 2, RSMERR_BAD_OFFSET);
		expect_both(w, &p.i, (off_t)p.e.size, data, 1, RSMERR_BAD_OFFSET);
		expect_both(w, &p.i, (off_t)p.e.size * 1024, data, 1, RSMERR_BAD_OFFSET);
	}
	pair_down(&p);
}

/* 25.48 */
TEST(a_count_that_overflows_is_a_bad_offset)
{
	struct pair p;
	uint64_t data[4] = { 0 };

	pair_up(&p, 2);
	(void)memset(p.e.memory, 1, p.e.size);
	FOR_EACH_WIDTH(w)
	{
		const size_t wraps = SIZE_MAX / w->size;

		expect_both(w, &p.i, 0, data, SIZE_MAX, RSMERR_BAD_OFFSET);
		expect_both(w, &p.i, (off_t)w->size, data, wraps, RSMERR_BAD_OFFSET);
		expect_both(w, &p.i, 8, data, (size_t)1 << 61, RSMERR_BAD_OFFSET);
		expect_both(w, &p.i, 0, data, (size_t)1 << 32, RSMERR_BAD_OFFSET);
		expect_both(w, &p.i, 0, data, ((size_t)1 << 32) + 1, RSMERR_BAD_OFFSET);
	}
	EXPECT(is_filled(p.e.memory, p.e.size, 1));
	EXPECT(is_filled(data, sizeof(data), 0));
	pair_down(&p);
}

/* 25.48 */
TEST(a_negative_offset_is_a_bad_offset)
{
	struct pair p;
	uint64_t data[4] = { 0 };

	pair_up(&p, 2);
	FOR_EACH_WIDTH(w)
	{
		expect_both(w, &p.i, -8, data, 1, RSMERR_BAD_OFFSET);
		expect_both(w, &p.i, -8, data, 2, RSMERR_BAD_OFFSET);
		expect_both(w, &p.i, INT64_MIN, data, 1, RSMERR_BAD_OFFSET);
	}
	pair_down(&p);
}

/* 25.49 */
TEST(a_null_pointer_is_a_bad_address_even_if_nothing_moves)
{
	struct pair p;

	pair_up(&p, 1);
	FOR_EACH_WIDTH(w)
	{
		expect_both(w, &p.i, 0, NULL, 0, RSMERR_BAD_ADDR);
		expect_both(w, &p.i, 0, NULL, 1, RSMERR_BAD_ADDR);
	}
	pair_down(&p);
}

TEST(no_segment_is_found_before_no_data)
{
	struct importer none = { 0 };

	FOR_EACH_WIDTH(w)
	expect_both(w, &none, 1, NULL, 0, RSMERR_BAD_SEG_HNDL);
}

TEST(no_data_is_found_before_a_misaligned_offset)
{
	struct pair p;

	pair_up(&p, 1);
	FOR_EACH_WIDTH(w)
	expect_both(w, &p.i, 1, NULL, 1, RSMERR_BAD_ADDR);
	pair_down(&p);
}

TEST(misalignment_is_found_before_lacking_permission)
{
	struct exporter e;
	struct importer i;
	uint64_t data[2] = { 0 };

	exporter_up(&e, ID(0), 1);
	importer_up(&i, ID(0), RSM_PERM_NONE);
	FOR_EACH_WIDTH(w)
	{
		if (w->size == 1)
			continue;
		expect_both(w, &i, 1, data, 1, RSMERR_BAD_MEM_ALIGNMENT);
		expect_both(w, &i, 0, (unsigned char *)data + 1, 1, RSMERR_BAD_MEM_ALIGNMENT);
	}
	importer_down(&i);
	exporter_down(&e);
}

TEST(lacking_permission_is_found_before_a_bad_offset)
{
	struct exporter e;
	struct importer i;
	uint64_t data[2] = { 0 };

	exporter_up(&e, ID(0), 1);
	importer_up(&i, ID(0), RSM_PERM_READ);
	FOR_EACH_WIDTH(w)
	{
		EXPECT_EQ(w->put(i.segment, (off_t)PAGE, data, 1), RSMERR_PERM_DENIED);
		EXPECT_EQ(w->put(i.segment, 0, data, 0), RSMERR_PERM_DENIED);
		EXPECT_EQ(w->get(i.segment, (off_t)PAGE, data, 1), RSMERR_BAD_OFFSET);
	}
	importer_down(&i);
	exporter_down(&e);
}

TEST(a_bad_offset_is_found_before_a_missing_barrier)
{
	struct exporter e;
	struct importer i;
	uint64_t data[2] = { 0 };

	exporter_up(&e, ID(0), 1);
	importer_fresh(&i, ID(0), RSM_PERM_RDWR);
	importer_map(&i, RSM_PERM_RDWR, PAGE);
	FOR_EACH_WIDTH(w)
	{
		expect_both(w, &i, (off_t)PAGE, data, 1, RSMERR_BAD_OFFSET);
		expect_both(w, &i, 0, data, 1, RSMERR_BARRIER_UNINITIALIZED);
	}
	importer_down(&i);
	exporter_down(&e);
}

TEST(an_aborted_unmapped_import_is_found_before_permission_and_offset)
{
	struct exporter e;
	struct importer i;
	uint64_t data[2] = { 0 };

	exporter_up(&e, ID(0), 1);
	importer_up(&i, ID(0), RSM_PERM_NONE);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSM_SUCCESS);
	FOR_EACH_WIDTH(w)
	{
		expect_both(w, &i, 0, data, 1, RSMERR_CONN_ABORTED);
		expect_both(w, &i, (off_t)PAGE, data, 1, RSMERR_CONN_ABORTED);
		expect_both(w, &i, 0, NULL, 1, RSMERR_BAD_ADDR);
	}
	importer_down(&i);
	exporter_down(&e);
}

/* 25.50, Q28 */
TEST(a_read_only_import_gets_and_does_not_put)
{
	struct exporter e;
	struct importer i;
	uint64_t data[2] = { 0 };

	exporter_up(&e, ID(0), 1);
	importer_up(&i, ID(0), RSM_PERM_READ);
	(void)memset(e.memory, 5, e.size);
	FOR_EACH_WIDTH(w)
	{
		data[0] = 0;
		EXPECT_EQ(w->put(i.segment, 0, data, 1), RSMERR_PERM_DENIED);
		EXPECT_EQ(w->get(i.segment, 0, data, 1), RSM_SUCCESS);
		EXPECT(is_filled(data, w->size, 5));
	}
	EXPECT(is_filled(e.memory, e.size, 5));
	importer_down(&i);
	exporter_down(&e);
}

/* 25.50 */
TEST(a_write_only_import_puts_and_does_not_get)
{
	struct exporter e;
	struct importer i;
	uint64_t data[2] = { 0x0707070707070707, 0 };

	exporter_up(&e, ID(0), 1);
	importer_up(&i, ID(0), RSM_PERM_WRITE);
	FOR_EACH_WIDTH(w)
	{
		EXPECT_EQ(w->get(i.segment, 0, data, 1), RSMERR_PERM_DENIED);
		EXPECT_EQ(w->put(i.segment, 8, data, 1), RSM_SUCCESS);
		EXPECT(is_filled(e.memory + 8, w->size, 7));
	}
	importer_down(&i);
	exporter_down(&e);
}

TEST(a_put_through_a_read_only_map_is_denied_without_a_fault)
{
	struct pair p;
	uint64_t data[2] = { 1, 1 };

	pair_up(&p, 1);
	importer_map(&p.i, RSM_PERM_READ, PAGE);
	FOR_EACH_WIDTH(w)
	{
		EXPECT_EQ(w->put(p.i.segment, 0, data, 1), RSMERR_PERM_DENIED);
		EXPECT_EQ(w->get(p.i.segment, 0, data, 1), RSM_SUCCESS);
	}
	EXPECT(is_filled(p.e.memory, p.e.size, 0));
	pair_down(&p);
}

TEST(accesses_through_an_inaccessible_map_are_denied_without_a_fault)
{
	struct pair p;
	uint64_t data[2] = { 1, 1 };

	pair_up(&p, 1);
	importer_map(&p.i, RSM_PERM_NONE, PAGE);
	FOR_EACH_WIDTH(w)
	expect_both(w, &p.i, 0, data, 1, RSMERR_PERM_DENIED);
	pair_down(&p);
}

static void map_window(struct pair *p, size_t offset, size_t length)
{
	void *address = NULL;

	EXPECT_EQ(rsm_memseg_import_map(p->i.segment, &address, RSM_MAP_NONE, RSM_PERM_RDWR,
					(off_t)offset, length),
		  RSM_SUCCESS);
	p->i.address = address;
}

/* 25.51 */
TEST(offsets_count_from_the_segments_start_through_a_partial_map)
{
	struct pair p;
	uint64_t data[2];

	pair_up(&p, 4);
	map_window(&p, PAGE, 2 * PAGE);
	FOR_EACH_WIDTH(w)
	{
		const off_t start = (off_t)PAGE, end = (off_t)(3 * PAGE);

		(void)memset(data, 9, sizeof(data));
		EXPECT_EQ(w->put(p.i.segment, start, data, 1), RSM_SUCCESS);
		EXPECT(is_filled(p.e.memory + PAGE, w->size, 9));
		EXPECT(is_filled(p.i.address, w->size, 9));
		expect_both(w, &p.i, 0, data, 1, RSMERR_BAD_OFFSET);
		expect_both(w, &p.i, start - (off_t)w->size, data, 2, RSMERR_BAD_OFFSET);
		expect_both(w, &p.i, end - (off_t)w->size, data, 1, RSM_SUCCESS);
		expect_both(w, &p.i, end, data, 1, RSMERR_BAD_OFFSET);
	}
	EXPECT(is_filled(p.e.memory, PAGE, 0));
	EXPECT(is_filled(p.e.memory + 3 * PAGE, PAGE, 0));
	pair_down(&p);
}

/* 25.52 */
TEST(explicit_mode_needs_no_barrier)
{
	struct exporter e;
	struct importer i;
	uint64_t data[2] = { 0 };

	exporter_up(&e, ID(0), 1);
	importer_fresh(&i, ID(0), RSM_PERM_RDWR);
	EXPECT_EQ(rsm_memseg_import_set_mode(i.segment, RSM_BARRIER_MODE_EXPLICIT),
		  RSM_SUCCESS);
	e.memory[0] = 7;
	FOR_EACH_WIDTH(w)
	expect_both(w, &i, 0, data, 1, RSM_SUCCESS);
	EXPECT_EQ(e.memory[0], 7);
	importer_down(&i);
	exporter_down(&e);
}

TEST(nothing_moves_with_a_count_of_zero)
{
	struct pair p;
	uint64_t data[2] = { 3, 3 };

	pair_up(&p, 1);
	FOR_EACH_WIDTH(w)
	expect_both(w, &p.i, 0, data, 0, RSM_SUCCESS);
	EXPECT_EQ(data[0], 3);
	EXPECT(is_filled(p.e.memory, p.e.size, 0));
	pair_down(&p);
}
