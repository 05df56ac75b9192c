/* SPDX-License-Identifier: MIT */
#include "link/frames.h"

#include <errno.h>
#include <string.h>

#include "test.h"
#include "wire/sample.h"

static void add(struct link_frames *f, const void *bytes, size_t size)
{
	size_t room;
	void *place = frames_room(f, &room);

	EXPECT(size <= room);
	memcpy(place, bytes, size);
	frames_added(f, size);
}

/* All messages of links, one after the other. */
static size_t all_messages(uint8_t *bytes, size_t capacity, struct message *ret_messages,
			   unsigned *ret_count)
{
	uint64_t seed = 5;
	uint32_t number;
	size_t used = 0, size;

	*ret_count = 0;
	for (unsigned i = 0; (number = sample_number(i)) != 0; i++) {
		if (!frames_is_link(number))
			continue;
		sample_message(&ret_messages[*ret_count], number, SAMPLE_ANY, &seed);
		EXPECT(used + WIRE_SIZE_MAX <= capacity);
		EXPECT_EQ(wire_encode(&ret_messages[(*ret_count)++], bytes + used, &size), 0);
		used += size;
	}
	return used;
}

TEST(messages_come_out_whole_however_the_stream_is_cut)
{
	static struct message expected[64];
	static uint8_t bytes[64 * WIRE_SIZE_MAX];
	struct message message;
	unsigned count;
	size_t size = all_messages(bytes, sizeof(bytes), expected, &count);

	EXPECT(count >= 10);
	for (size_t piece = 1; piece <= WIRE_SIZE_MAX; piece = piece * 2 + 1) {
		struct link_frames f = { 0 };
		unsigned got = 0;

		for (size_t at = 0; at < size; at += piece) {
			add(&f, bytes + at, size - at < piece ? size - at : piece);
			while (frames_next(&f, &message) == 0)
				EXPECT(sample_equal(&message, &expected[got++]));
			EXPECT(!f.broken);
		}
		EXPECT_EQ(got, count);
		EXPECT_EQ(f.used, 0);
	}
}

TEST(there_is_always_room_for_the_rest_of_a_message)
{
	struct message message = { .number = MSG_link_bye };
	uint8_t bytes[WIRE_SIZE_MAX];
	struct link_frames f = { 0 };
	size_t size, room;

	EXPECT_EQ(wire_encode(&message, bytes, &size), 0);
	bytes[12] = (WIRE_SIZE_MAX - WIRE_HEADER_SIZE) & 0xff;
	bytes[13] = (WIRE_SIZE_MAX - WIRE_HEADER_SIZE) >> 8;
	add(&f, bytes, size);
	for (size_t i = size; i < WIRE_SIZE_MAX; i++) {
		EXPECT_EQ(frames_next(&f, &message), -EAGAIN);
		(void)frames_room(&f, &room);
		EXPECT(room > 0);
		add(&f, "", 1);
	}
	EXPECT_EQ(frames_next(&f, &message), -EPROTO);
}

static void expect_broken(size_t at, uint8_t value)
{
	struct message message = { .number = MSG_link_beat };
	uint8_t bytes[WIRE_SIZE_MAX];
	struct link_frames f = { 0 };
	size_t size;

	EXPECT_EQ(wire_encode(&message, bytes, &size), 0);
	bytes[at] = value;
	add(&f, bytes, WIRE_HEADER_SIZE - 1);
	EXPECT_EQ(frames_next(&f, &message), -EAGAIN);
	/* The header is enough to see it. */
	add(&f, bytes + WIRE_HEADER_SIZE - 1, 1);
	EXPECT_EQ(frames_next(&f, &message), -EPROTO);
	add(&f, bytes, size);
	EXPECT_EQ(frames_next(&f, &message), -EPROTO);
}

TEST(what_cannot_be_a_message_is_refused_by_its_header_and_for_good)
{
	expect_broken(0, 0);
	expect_broken(5, 0x03);
	expect_broken(5, 0x0d);
	expect_broken(13, 0x08);
	expect_broken(15, 0x80);
}

TEST(a_message_of_clients_is_none_of_a_links)
{
	struct message message = { .number = MSG_hello };
	uint8_t bytes[WIRE_SIZE_MAX];
	struct link_frames f = { 0 };
	size_t size;

	EXPECT_EQ(wire_encode(&message, bytes, &size), 0);
	add(&f, bytes, size);
	EXPECT_EQ(frames_next(&f, &message), -EPROTO);
}
