/* SPDX-License-Identifier: MIT */
#include "wire/wire.h"

#include <errno.h>
#include <string.h>

#include "test.h"
#include "wire/sample.h"
#include "wire/text.h"

static const char *printed(const struct message *message)
{
	static char line[4096];

	wire_print(message, line, sizeof(line));
	return line;
}

TEST(numbers_are_printed_for_people)
{
	struct message message = {
		.number = MSG_segment_create,
		.serial = 7,
		.segment_create = { .region = UINT64_C(0xfedcba9876543210),
				    .size = UINT64_C(1) << 40,
				    .mode = 0640,
				    .rebindable = 1 },
	};

	EXPECT_STR(printed(&message), "segment_create#7 region=0xfedcba9876543210 offset=0 "
				      "size=1099511627776 mode=0640 rebindable=yes");
}

TEST(texts_and_errors_are_printed_for_people)
{
	struct message message = { .number = MSG_refused, .serial = 1 };

	message.refused.error = EACCES;
	message.refused.rule = wire_text_of("say \"please\" \\");
	EXPECT_STR(printed(&message),
		   "refused#1 error=EACCES rule=\"say \\\"please\\\" \\\\\"");
}

TEST(rights_are_printed_for_people)
{
	struct message message = { .number = MSG_import_connect };

	EXPECT_STR(printed(&message), "import_connect#0 node=0 id=0 rights=none");
	message.import_connect.rights = TRACT_RIGHT_READ;
	EXPECT_STR(printed(&message), "import_connect#0 node=0 id=0 rights=r");
	message.import_connect.rights = TRACT_RIGHT_READ_WRITE;
	EXPECT_STR(printed(&message), "import_connect#0 node=0 id=0 rights=rw");
}

TEST(lists_and_bytes_are_printed_for_people)
{
	struct message list = { .number = MSG_segment_republish };
	struct message nodes = { .number = MSG_shared_placed };
	struct message groups = { .number = MSG_link_connect };
	struct message bytes = { .number = MSG_monitor_message };

	EXPECT_STR(printed(&list), "segment_republish#0 segment=0 access=[]");
	list.segment_republish.access.count = 2;
	list.segment_republish.access.entry[0] = (struct tract_access){ 1, 0600 };
	list.segment_republish.access.entry[1] = (struct tract_access){ 23, 04 };
	EXPECT_STR(printed(&list), "segment_republish#0 segment=0 access=[1:0600 23:0004]");

	nodes.shared_placed.pages.count = 2;
	nodes.shared_placed.pages.node[0] = 7;
	EXPECT_STR(printed(&nodes), "shared_placed#0 pages=[7 0] unknown=0 absent=0 huge=0");

	groups.link_connect.groups.count = 2;
	groups.link_connect.groups.gid[0] = 65534;
	EXPECT_STR(printed(&groups), "link_connect#0 id=0 rights=none uid=0 gid=0 "
				     "groups=[65534 0] provider=\"\"");

	bytes.monitor_message.message.length = 3;
	memcpy(bytes.monitor_message.message.bytes, "\x00\x7f\xff", 3);
	EXPECT_STR(printed(&bytes),
		   "monitor_message#0 time_ns=0 pid=0 sent=no message=3:007fff");
}

TEST(a_message_without_fields_and_an_unknown_one_are_printed)
{
	struct message message = { .number = MSG_done, .serial = UINT32_MAX };

	EXPECT_STR(printed(&message), "done#4294967295");
	message.number = (enum msg_number)0x7777;
	EXPECT_STR(printed(&message), "unknown-0x7777#4294967295");
}

/* In a line of any length there is the beginning of the whole line, and nothing is written
 * after it. */
static void expect_cut_to_fit(const struct message *message)
{
	const char *whole = printed(message);
	char line[4096];

	EXPECT(strlen(whole) < sizeof(line) - 2);
	for (size_t capacity = 0; capacity <= strlen(whole) + 1; capacity++) {
		memset(line, 0x11, capacity + 1);
		wire_print(message, line, capacity);
		EXPECT_EQ(line[capacity], 0x11);
		if (capacity == 0)
			continue;
		EXPECT(strlen(line) < capacity && strlen(line) + 4 >= capacity);
		EXPECT(strncmp(line, whole, strlen(line)) == 0);
		EXPECT_EQ(text_span(line, strlen(line)), strlen(line));
	}
}

TEST_SLOW(a_line_is_cut_to_fit_between_characters, 60)
{
	struct message message;
	uint64_t seed = 1;
	uint32_t number;

	for (unsigned i = 0; (number = sample_number(i)) != 0; i++) {
		for (int kind = SAMPLE_LEAST; kind <= SAMPLE_ANY; kind++) {
			sample_message(&message, number, (enum sample_kind)kind, &seed);
			expect_cut_to_fit(&message);
		}
	}
}
