/* SPDX-License-Identifier: MIT */
/* What is said of the codec is said of every message; for_each_sample() has them all. */
#include "wire/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "wire/sample.h"

#define ANY_SAMPLES 20u

/* One sample, as a value and on the wire.  In its own heap block, the exact size, the bytes let
 * a sanitizer or valgrind see a read past their end. */
struct sample {
	struct message message;
	uint8_t bytes[WIRE_SIZE_MAX];
	size_t size;
	unsigned descriptors;
};

static struct sample sample_of(uint32_t number, enum sample_kind kind, uint64_t *seed)
{
	struct sample s;

	memset(&s.message, 0xa5, sizeof(s.message));
	sample_message(&s.message, number, kind, seed);
	s.descriptors = (unsigned)wire_descriptors(number);
	EXPECT_EQ(wire_encode(&s.message, s.bytes, &s.size), 0);
	return s;
}

static void for_each_sample(unsigned any, void (*look)(const struct sample *))
{
	uint64_t seed = 1;
	uint32_t number;
	struct sample s;

	for (unsigned i = 0; (number = sample_number(i)) != 0; i++) {
		s = sample_of(number, SAMPLE_LEAST, &seed);
		look(&s);
		s = sample_of(number, SAMPLE_MOST, &seed);
		look(&s);
		for (unsigned n = 0; n < any; n++) {
			s = sample_of(number, SAMPLE_ANY, &seed);
			look(&s);
		}
	}
}

/* Decodes from a heap block of exactly this size. */
static int decode_exact(const uint8_t *bytes, size_t size, unsigned descriptors,
			struct message *ret_message)
{
	uint8_t *copy = malloc(size ? size : 1);
	int r;

	EXPECT(copy != NULL);
	memcpy(copy, bytes, size);
	r = wire_decode(copy, size, descriptors, ret_message);
	free(copy);
	return r;
}

static void expect_refused(const uint8_t *bytes, size_t size, unsigned descriptors)
{
	struct message message;

	EXPECT_EQ(decode_exact(bytes, size, descriptors, &message), -EPROTO);
}

static void comes_back(const struct sample *s)
{
	uint8_t again[WIRE_SIZE_MAX];
	struct message message;
	size_t size;

	memset(&message, 0x5a, sizeof(message));
	EXPECT_EQ(decode_exact(s->bytes, s->size, s->descriptors, &message), 0);
	EXPECT(sample_equal(&message, &s->message));
	EXPECT_EQ(wire_encode(&message, again, &size), 0);
	EXPECT_EQ(size, s->size);
	EXPECT(memcmp(again, s->bytes, size) == 0);
}

TEST(every_message_comes_back_as_it_went)
{
	for_each_sample(ANY_SAMPLES, comes_back);
}

static void cut_anywhere_is_refused(const struct sample *s)
{
	for (size_t size = 0; size < s->size; size++)
		expect_refused(s->bytes, size, s->descriptors);
}

TEST(a_message_cut_anywhere_is_refused)
{
	for_each_sample(2, cut_anywhere_is_refused);
}

static void set_length(uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < 4; i++)
		bytes[12 + i] = (uint8_t)(length >> 8 * i);
}

static void cut_body_is_refused(const struct sample *s)
{
	uint8_t bytes[WIRE_SIZE_MAX];

	memcpy(bytes, s->bytes, s->size);
	for (size_t size = WIRE_HEADER_SIZE; size < s->size; size++) {
		set_length(bytes, size - WIRE_HEADER_SIZE);
		expect_refused(bytes, size, s->descriptors);
	}
}

TEST(a_body_cut_anywhere_is_refused_though_the_header_agrees)
{
	for_each_sample(2, cut_body_is_refused);
}

static void a_byte_more_is_refused(const struct sample *s)
{
	uint8_t bytes[WIRE_SIZE_MAX + 1] = { 0 };

	memcpy(bytes, s->bytes, s->size);
	expect_refused(bytes, s->size + 1, s->descriptors);
	set_length(bytes, s->size + 1 - WIRE_HEADER_SIZE);
	expect_refused(bytes, s->size + 1, s->descriptors);
}

TEST(a_message_with_a_byte_too_many_is_refused)
{
	for_each_sample(2, a_byte_more_is_refused);
}

static void other_descriptors_are_refused(const struct sample *s)
{
	uint8_t bytes[WIRE_SIZE_MAX];

	memcpy(bytes, s->bytes, s->size);
	for (unsigned n = 0; n < 16; n++) {
		if (n == s->descriptors)
			continue;
		bytes[6] = (uint8_t)s->descriptors;
		expect_refused(bytes, s->size, n);
		bytes[6] = (uint8_t)n;
		expect_refused(bytes, s->size, n);
		expect_refused(bytes, s->size, s->descriptors);
	}
}

TEST(another_number_of_descriptors_is_refused)
{
	for_each_sample(0, other_descriptors_are_refused);
}

static void is_inspected(const struct sample *s)
{
	uint8_t bytes[WIRE_SIZE_MAX];
	struct message message;

	EXPECT_EQ(wire_inspect(s->bytes, s->size, &message), 0);
	EXPECT(sample_equal(&message, &s->message));
	EXPECT_EQ(wire_inspect(s->bytes, s->size - 1, &message), -EPROTO);
	memcpy(bytes, s->bytes, s->size);
	bytes[6]++;
	EXPECT_EQ(wire_inspect(bytes, s->size, &message), -EPROTO);
}

TEST(a_message_that_passed_is_inspected_without_its_descriptors)
{
	for_each_sample(2, is_inspected);
}

/* One bit each, then all of them. */
static unsigned next_change(unsigned change)
{
	if (test_is_deep())
		return change + 1;
	return change == 128 ? 255 : 2 * change;
}

/* Either it is no message any more, or it is one that says exactly these bytes. */
static void changed_bytes_are_refused_or_meant(const struct sample *s)
{
	uint8_t bytes[WIRE_SIZE_MAX], again[WIRE_SIZE_MAX];
	struct message message;
	char line[64];
	size_t size;

	memcpy(bytes, s->bytes, s->size);
	for (size_t at = 0; at < s->size; at++) {
		for (unsigned change = 1; change < 256; change = next_change(change)) {
			bytes[at] = (uint8_t)(s->bytes[at] ^ change);
			if (wire_decode(bytes, s->size, s->descriptors, &message) < 0)
				continue;
			/* An EXPECT that holds is a system call: too many for here. */
			if (wire_encode(&message, again, &size) < 0 || size != s->size ||
			    memcmp(again, bytes, size) != 0)
				ck_abort_msg("byte %zu changed by 0x%02x", at, change);
			wire_print(&message, line, sizeof(line));
		}
		bytes[at] = s->bytes[at];
	}
}

TEST_SLOW(a_changed_byte_is_refused_or_means_what_it_says, 120)
{
	for_each_sample(1, changed_bytes_are_refused_or_meant);
}

TEST(numbers_and_names_are_unique)
{
	uint32_t a, b;

	for (unsigned i = 0; (a = sample_number(i)) != 0; i++) {
		EXPECT(wire_name(a) != NULL);
		for (unsigned j = 0; j < i; j++) {
			b = sample_number(j);
			EXPECT(a != b);
			EXPECT(strcmp(wire_name(a), wire_name(b)) != 0);
		}
	}
}

static bool is_in_table(uint32_t number)
{
	uint32_t known;

	for (unsigned i = 0; (known = sample_number(i)) != 0; i++)
		if (known == number)
			return true;
	return false;
}

TEST(another_magic_is_refused)
{
	struct sample s;
	uint64_t seed = 1;

	s = sample_of(MSG_done, SAMPLE_LEAST, &seed);
	for (size_t at = 0; at < 4; at++) {
		s.bytes[at] ^= 1;
		expect_refused(s.bytes, s.size, 0);
		s.bytes[at] ^= 1;
	}
}

TEST(an_unknown_number_is_refused)
{
	struct message message;
	struct sample s;
	uint64_t seed = 1;

	s = sample_of(MSG_done, SAMPLE_LEAST, &seed);
	for (uint32_t number = 0; number <= UINT16_MAX; number++) {
		if (is_in_table(number))
			continue;
		EXPECT(wire_name(number) == NULL);
		EXPECT_EQ(wire_descriptors(number), -1);
		s.bytes[4] = (uint8_t)number;
		s.bytes[5] = (uint8_t)(number >> 8);
		EXPECT_EQ(wire_decode(s.bytes, s.size, 0, &message), -EPROTO);
	}
	/* -1 as a count must not match -1 as an answer. */
	s.bytes[6] = s.bytes[7] = 0xff;
	EXPECT_EQ(wire_decode(s.bytes, s.size, UINT16_MAX, &message), -EPROTO);
	EXPECT_EQ(wire_decode(s.bytes, s.size, UINT32_MAX, &message), -EPROTO);
	EXPECT(wire_name(0x10000 + MSG_done) == NULL);
}

TEST(an_unknown_number_is_not_encoded)
{
	struct message message = { .number = (enum msg_number)0x7777 };
	uint8_t bytes[WIRE_SIZE_MAX];
	size_t size = 99;

	EXPECT_EQ(wire_encode(&message, bytes, &size), -EINVAL);
	EXPECT_EQ(size, 99);
}

TEST(a_message_is_laid_out_as_the_document_says)
{
	static const uint8_t expected[] = {
		0x74, 0x63, 0x52, 0x54, 0x10, 0x03, 0x00, 0x00, /* magic, number, descriptors */
		0x04, 0x03, 0x02, 0x01, 0x0c, 0x00, 0x00, 0x00, /* serial, length */
		0x01, 0x00, 0x00, 0x00, 0x0d, 0x0c, 0x0b, 0x0a, /* node, id */
		0x06, 0x00, 0x00, 0x00,				/* rights */
	};
	struct message message = {
		.number = MSG_import_connect,
		.serial = 0x01020304,
		.import_connect = { .node = 1, .id = 0x0a0b0c0d, .rights = 6 },
	};
	uint8_t bytes[WIRE_SIZE_MAX];
	size_t size;

	EXPECT_EQ(wire_encode(&message, bytes, &size), 0);
	EXPECT_EQ(size, sizeof(expected));
	EXPECT(memcmp(bytes, expected, size) == 0);
}

TEST(a_message_is_read_from_any_address)
{
	uint8_t buffer[WIRE_SIZE_MAX + 8];
	struct message message;
	struct sample s;
	uint64_t seed = 1;

	s = sample_of(MSG_segment_publish, SAMPLE_ANY, &seed);
	for (size_t shift = 0; shift < 8; shift++) {
		memcpy(buffer + shift, s.bytes, s.size);
		EXPECT_EQ(wire_decode(buffer + shift, s.size, 0, &message), 0);
		EXPECT(sample_equal(&message, &s.message));
	}
}

TEST(decoding_leaves_alone_what_the_message_does_not_have)
{
	struct message message, before;
	struct sample s;
	uint64_t seed = 1;

	s = sample_of(MSG_import_connect, SAMPLE_ANY, &seed);
	memset(&message, 0x77, sizeof(message));
	before = message;
	EXPECT_EQ(wire_decode(s.bytes, s.size, 0, &message), 0);
	EXPECT(memcmp((char *)&message.import_connect + sizeof(message.import_connect),
		      (char *)&before.import_connect + sizeof(before.import_connect),
		      sizeof(message) - offsetof(struct message, import_connect) -
			      sizeof(message.import_connect)) == 0);
}

/* Neither is @message encoded, nor are @good's bytes with @value at @at decoded. */
static void expect_neither(const struct message *message, const struct message *good, size_t at,
			   uint32_t value)
{
	uint8_t bytes[WIRE_SIZE_MAX];
	size_t size;

	EXPECT_EQ(wire_encode(message, bytes, &size), -EINVAL);
	EXPECT_EQ(wire_encode(good, bytes, &size), 0);
	EXPECT(at + 4 <= size);
	for (size_t i = 0; i < 4; i++)
		bytes[at + i] = (uint8_t)(value >> 8 * i);
	expect_refused(bytes, size, (unsigned)wire_descriptors(good->number));
}

TEST(a_flag_is_0_or_1)
{
	struct message good = { .number = MSG_segment_withdrawn }, bad = good;

	bad.segment_withdrawn.exposed = 2;
	expect_neither(&bad, &good, 16, 2);
	expect_neither(&bad, &good, 16, 0x100);
}

TEST(rights_are_read_and_write)
{
	static const uint32_t none[] = { 1, 3, 5, 7, 8, 0x100, 0x80000006 };
	struct message good = { .number = MSG_import_connect }, bad = good;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		bad.import_connect.rights = none[i];
		expect_neither(&bad, &good, 24, none[i]);
	}
}

TEST(a_mode_has_three_digits)
{
	struct message good = { .number = MSG_segment_create }, bad = good;

	bad.segment_create.mode = 01000;
	expect_neither(&bad, &good, 40, 01000);
}

TEST(an_error_is_an_errno)
{
	struct message good = { .number = MSG_refused, .refused.error = 1 }, bad = good;

	bad.refused.error = 0;
	expect_neither(&bad, &good, 16, 0);
	bad.refused.error = 4096;
	expect_neither(&bad, &good, 16, 4096);
}

TEST(an_access_list_has_at_most_64_entries)
{
	struct message good = { .number = MSG_segment_republish }, bad = good;

	good.segment_republish.access.count = TRACT_ACCESS_MAX;
	bad.segment_republish.access.count = TRACT_ACCESS_MAX + 1;
	expect_neither(&bad, &good, 24, TRACT_ACCESS_MAX + 1);
	expect_neither(&bad, &good, 24, UINT32_MAX);
}

TEST(there_is_a_number_for_at_most_64_nodes)
{
	struct message good = { .number = MSG_shared_placed }, bad = good;

	good.shared_placed.pages.count = WIRE_NODES_MAX;
	bad.shared_placed.pages.count = WIRE_NODES_MAX + 1;
	expect_neither(&bad, &good, 16, WIRE_NODES_MAX + 1);
	expect_neither(&bad, &good, 16, UINT32_MAX);
}

TEST(a_process_has_at_most_64_groups_more)
{
	struct message good = { .number = MSG_link_connect }, bad = good;

	good.link_connect.groups.count = WIRE_GROUPS_MAX;
	bad.link_connect.groups.count = WIRE_GROUPS_MAX + 1;
	expect_neither(&bad, &good, 32, WIRE_GROUPS_MAX + 1);
	expect_neither(&bad, &good, 32, UINT32_MAX);
}

TEST(an_access_mode_is_judged_by_the_registry_but_is_a_mode)
{
	struct message good = { .number = MSG_segment_republish }, bad;
	uint8_t bytes[WIRE_SIZE_MAX];
	size_t size;

	good.segment_republish.access.count = 2;
	good.segment_republish.access.entry[1].mode = 07777;
	EXPECT_EQ(wire_encode(&good, bytes, &size), 0);
	bad = good;
	bad.segment_republish.access.entry[1].mode = 010000;
	expect_neither(&bad, &good, 40, 010000);
}

TEST(a_byte_string_has_at_most_1024_bytes)
{
	struct message good = { .number = MSG_monitor_message }, bad = good;

	good.monitor_message.message.length = WIRE_BYTES_MAX;
	bad.monitor_message.message.length = WIRE_BYTES_MAX + 1;
	expect_neither(&bad, &good, 32, WIRE_BYTES_MAX + 1);
	expect_neither(&bad, &good, 32, UINT32_MAX);
}

TEST(a_text_has_at_most_255_bytes)
{
	struct message good = { .number = MSG_hello }, bad;

	good.hello.program.length = WIRE_TEXT_MAX;
	memset(good.hello.program.text, 'x', WIRE_TEXT_MAX);
	bad = good;
	bad.hello.program.length = WIRE_TEXT_MAX + 1;
	bad.hello.program.text[WIRE_TEXT_MAX] = 'x';
	expect_neither(&bad, &good, 20, WIRE_TEXT_MAX + 1);
	expect_neither(&bad, &good, 20, UINT32_MAX);
}

/* Neither encoded nor decoded, alone or between other characters, or at the end. */
static void expect_no_text(const char *text, size_t size)
{
	struct message bad = { .number = MSG_hello }, good = bad;
	uint8_t bytes[WIRE_SIZE_MAX];
	size_t whole;

	good.hello.program.length = bad.hello.program.length = (uint32_t)size + 2;
	memset(good.hello.program.text, 'x', size + 2);
	memset(bad.hello.program.text, 'x', size + 2);
	for (size_t at = 0; at < 3; at++) {
		memcpy(bad.hello.program.text + at, text, size);
		EXPECT_EQ(wire_encode(&bad, bytes, &whole), -EINVAL);
		EXPECT_EQ(wire_encode(&good, bytes, &whole), 0);
		memcpy(bytes + 24 + at, text, size);
		expect_refused(bytes, whole, 0);
		memset(bad.hello.program.text, 'x', size + 2);
	}
}

TEST(a_text_has_no_control_characters)
{
	char text[2];

	for (int c = 0; c < 0x20; c++) {
		text[0] = (char)c;
		expect_no_text(text, 1);
	}
	expect_no_text("\x7f", 1);
	for (int c = 0x80; c < 0xa0; c++) {
		text[0] = '\xc2';
		text[1] = (char)c;
		expect_no_text(text, 2);
	}
}

TEST(a_text_is_utf_8)
{
	static const char *const broken[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc3",
		"\xe0\x9f\xbf",
		"\xe2\x82",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x8f\xbf\xbf",
		"\xf0\x9f\x98",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf8\x88\x80\x80",
		"\xfe",
		"\xff",
		"\xc3(",
		"\xe2\x28\xa1",
	};

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		expect_no_text(broken[i], strlen(broken[i]));
}

TEST(a_text_does_not_end_within_a_character)
{
	struct message message = { .number = MSG_hello };
	uint8_t bytes[WIRE_SIZE_MAX];
	size_t size;

	memcpy(message.hello.program.text, "x\u20ac", 4);
	message.hello.program.length = 4;
	EXPECT_EQ(wire_encode(&message, bytes, &size), 0);
	for (uint32_t length = 2; length < 4; length++) {
		message.hello.program.length = length;
		EXPECT_EQ(wire_encode(&message, bytes, &size), -EINVAL);
	}
}
