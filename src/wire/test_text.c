/* SPDX-License-Identifier: MIT */
#include "wire/wire.h"

#include <string.h>

#include "test.h"

TEST(text_of_keeps_what_a_text_may_have)
{
	struct wire_text text = wire_text_of("tract: \u20ac 100 % \U0001f600");

	EXPECT_STR(text.text, "tract: \u20ac 100 % \U0001f600");
	EXPECT_EQ(text.length, strlen(text.text));
}

TEST(text_of_replaces_what_a_text_may_not_have)
{
	EXPECT_STR(wire_text_of("a\nb\x1b[1m\xff\xc3").text, "a?b?[1m??");
}

TEST(text_of_nothing_is_empty)
{
	EXPECT_EQ(wire_text_of(NULL).length, 0);
	EXPECT_STR(wire_text_of(NULL).text, "");
	EXPECT_EQ(wire_text_of("").length, 0);
}

TEST(text_of_cuts_between_characters)
{
	char text[400];
	struct wire_text out;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	EXPECT_EQ(wire_text_of(text).length, WIRE_TEXT_MAX);
	memcpy(text + WIRE_TEXT_MAX - 2, "\u20ac", 3);
	out = wire_text_of(text);
	EXPECT_EQ(out.length, WIRE_TEXT_MAX - 2);
	EXPECT_EQ(strlen(out.text), WIRE_TEXT_MAX - 2);
}
