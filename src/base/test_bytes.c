/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"

#include <string.h>

#include "test.h"

TEST(integers_are_little_endian_and_unaligned)
{
	static const uint8_t expected[] = { 0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0f,
					    0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08 };
	uint8_t bytes[15];
	struct writer w = writer_of(bytes, sizeof(bytes));

	write_u8(&w, 0x01);
	write_u16(&w, 0x0203);
	write_u32(&w, 0x04050607);
	write_u64(&w, 0x08090a0b0c0d0e0f);
	EXPECT(!w.failed);
	EXPECT_EQ(w.used, 15);
	EXPECT_EQ(w.left, 0);
	EXPECT(memcmp(bytes, expected, sizeof(bytes)) == 0);
}

TEST(what_was_written_is_read_back)
{
	uint8_t bytes[64];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct reader r;

	write_u16(&w, 0xfedc);
	write_bytes(&w, "abc", 3);
	write_u64(&w, UINT64_MAX - 1);
	write_u32(&w, 0x80000001);
	write_u8(&w, 0xff);
	r = reader_of(bytes, w.used);
	EXPECT_EQ(read_u16(&r), 0xfedc);
	EXPECT(memcmp(read_bytes(&r, 3), "abc", 3) == 0);
	EXPECT(read_u64(&r) == UINT64_MAX - 1);
	EXPECT_EQ(read_u32(&r), 0x80000001);
	EXPECT_EQ(read_u8(&r), 0xff);
	EXPECT_EQ(r.left, 0);
	EXPECT(!r.failed);
}

TEST(reading_past_the_end_fails_and_stays_failed)
{
	const uint8_t bytes[3] = { 1, 2, 3 };
	struct reader r = reader_of(bytes, sizeof(bytes));

	EXPECT_EQ(read_u32(&r), 0);
	EXPECT(r.failed);
	EXPECT_EQ(read_u8(&r), 0);
	EXPECT(read_bytes(&r, 0) == NULL);
}

TEST(borrowed_bytes_lie_inside_the_buffer)
{
	const uint8_t bytes[4] = { 0 };
	struct reader r = reader_of(bytes, sizeof(bytes));

	EXPECT(read_bytes(&r, 1) == bytes);
	EXPECT(read_bytes(&r, 3) == bytes + 1);
	EXPECT(read_bytes(&r, 0) != NULL);
	EXPECT(read_bytes(&r, SIZE_MAX) == NULL);
}

TEST(an_empty_string_can_be_read_from_nowhere)
{
	struct reader r = reader_of(NULL, 0);

	EXPECT(read_bytes(&r, 0) != NULL);
	EXPECT(!r.failed);
}

TEST(writing_past_the_end_changes_nothing)
{
	uint8_t bytes[4] = { 9, 9, 9, 9 };
	struct writer w = writer_of(bytes, 3);

	write_u16(&w, 0);
	write_u16(&w, 0);
	EXPECT(w.failed);
	EXPECT_EQ(w.used, 2);
	write_u8(&w, 0);
	EXPECT_EQ(bytes[2], 9);
	EXPECT_EQ(bytes[3], 9);
}

TEST(overflow_is_noticed)
{
	uint64_t sum;
	uint32_t product;

	EXPECT(!add_fits(UINT64_MAX, UINT64_C(1), &sum));
	EXPECT(add_fits(UINT64_MAX - 1, UINT64_C(1), &sum));
	EXPECT(sum == UINT64_MAX);
	EXPECT(!mul_fits(UINT32_C(1) << 16, UINT32_C(1) << 16, &product));
	EXPECT(mul_fits(3, 5, &product));
	EXPECT_EQ(product, 15);
}

TEST(rounding_up_reaches_the_next_multiple)
{
	EXPECT_EQ(round_up(0, 4096), 0);
	EXPECT_EQ(round_up(1, 4096), 4096);
	EXPECT_EQ(round_up(4096, 4096), 4096);
	EXPECT(is_multiple(8192, 4096));
	EXPECT(!is_multiple(8193, 4096));
}
