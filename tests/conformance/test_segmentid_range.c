/* SPDX-License-Identifier: MIT */
/*
 * test_segmentid_range.c - rsm_get_segmentid_range() and the reservation file
 *
 * TRACT_RSM_SEGMENTID_FILE names the file instead of /etc/rsm/rsm.segmentid.
 */
#include "rig.h"

#include <stdio.h>

#define NO_ID 0xdeadbeef
#define NO_LENGTH 0xabadcafe

static void use_file(const char *text)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/rsm.segmentid", test_directory());
	EXPECT_EQ(setenv("TRACT_RSM_SEGMENTID_FILE", path, 1), 0);
	if (!text) {
		(void)unlink(path);
		return;
	}
	file = fopen(path, "w");
	EXPECT(file != NULL);
	EXPECT(fputs(text, file) >= 0);
	EXPECT_EQ(fclose(file), 0);
}

static void expect_error(const char *text, const char *appid, int wanted)
{
	rsm_memseg_id_t id = NO_ID;
	uint32_t length = NO_LENGTH;

	use_file(text);
	EXPECT_EQ(rsm_get_segmentid_range(appid, &id, &length), wanted);
	EXPECT_EQ(id, NO_ID);
	EXPECT_EQ(length, NO_LENGTH);
}

static void expect_range(const char *text, const char *appid, rsm_memseg_id_t wanted_id,
			 uint32_t wanted_length)
{
	rsm_memseg_id_t id = NO_ID;
	uint32_t length = NO_LENGTH;

	use_file(text);
	EXPECT_EQ(rsm_get_segmentid_range(appid, &id, &length), RSM_SUCCESS);
	EXPECT_EQ(id, wanted_id);
	EXPECT_EQ(length, wanted_length);
}

/* 25.85 */
TEST(any_null_argument_is_a_bad_address)
{
	rsm_memseg_id_t id;
	uint32_t length;

	/* Before the file is looked at. */
	use_file(NULL);
	EXPECT_EQ(rsm_get_segmentid_range(NULL, &id, &length), RSMERR_BAD_ADDR);
	EXPECT_EQ(rsm_get_segmentid_range("SUNWfoo", NULL, &length), RSMERR_BAD_ADDR);
	EXPECT_EQ(rsm_get_segmentid_range("SUNWfoo", &id, NULL), RSMERR_BAD_ADDR);
}

/* 25.85 */
TEST(a_missing_file_is_a_bad_configuration)
{
	expect_error(NULL, "SUNWfoo", RSMERR_BAD_CONF);
}

TEST(an_unreadable_file_is_a_bad_configuration)
{
	rsm_memseg_id_t id = NO_ID;
	uint32_t length;

	EXPECT_EQ(setenv("TRACT_RSM_SEGMENTID_FILE", test_directory(), 1), 0);
	EXPECT_EQ(rsm_get_segmentid_range("SUNWfoo", &id, &length), RSMERR_BAD_CONF);
	EXPECT_EQ(id, NO_ID);
}

/* 25.85 */
TEST(a_match_gives_its_values)
{
	expect_range("reserved SUNWfoo 600000 1000\n", "SUNWfoo", 0x600000, 1000);
	expect_range("reserved\tSUNWfoo\t\t600000  \t1000", "SUNWfoo", 0x600000, 1000);
	expect_range("  reserved SUNWfoo 600000 1000  \n", "SUNWfoo", 0x600000, 1000);
}

/* 25.85 */
TEST(case_does_not_matter)
{
	expect_range("reserved SUNWfoo 6abcde 10\n", "sunwFOO", 0x6abcde, 10);
	expect_range("RESERVED sunwfoo 6ABCDE 10\n", "SUNWFOO", 0x6abcde, 10);
	expect_range("Reserved SUNWfoo 6AbCdE 10\n", "SUNWfoo", 0x6abcde, 10);
}

TEST(the_keyword_of_the_manual_is_accepted_too)
{
	expect_range("reserve SUNWfoo 600000 1000\n", "SUNWfoo", 0x600000, 1000);
	expect_range("RESERVE SUNWfoo 600000 1000\n", "SUNWfoo", 0x600000, 1000);
}

/* 25.85 */
TEST(the_first_id_is_hexadecimal_with_or_without_prefix)
{
	expect_range("reserved a 0x600000 7\n", "a", 0x600000, 7);
	expect_range("reserved a 0X7fffffff 7\n", "a", 0x7fffffff, 7);
	expect_range("reserved a 10 7\n", "a", 0x10, 7);
	expect_range("reserved a ffffffff 7\n", "a", 0xffffffff, 7);
}

TEST(the_length_is_decimal)
{
	expect_range("reserved a 600000 010\n", "a", 0x600000, 10);
	expect_range("reserved a 600000 4294967295\n", "a", 0x600000, 4294967295);
}

TEST(text_after_the_length_is_tolerated)
{
	expect_range("reserved a 600000 12abc\n", "a", 0x600000, 12);
	expect_range("reserved a 600000 12 # ours\n", "a", 0x600000, 12);
	expect_range("reserved a 600000 12 13 14\n", "a", 0x600000, 12);
}

/* 25.85 */
TEST(no_match_is_a_bad_application)
{
	expect_error("reserved SUNWfoo 600000 1000\n", "SUNWbar", RSMERR_BAD_APPID);
	expect_error("reserved SUNWfoo 600000 1000\n", "SUNW", RSMERR_BAD_APPID);
	expect_error("reserved SUNWfoo 600000 1000\n", "SUNWfoobar", RSMERR_BAD_APPID);
	expect_error("reserved SUNWfoo 600000 1000\n", "", RSMERR_BAD_APPID);
	expect_error("", "SUNWfoo", RSMERR_BAD_APPID);
}

/* 25.85 */
TEST(a_line_of_three_fields_before_a_match_is_a_bad_configuration)
{
	expect_error("reserved SUNWfoo 600000\nreserved a 1 1\n", "a", RSMERR_BAD_CONF);
	expect_error("reserved\nreserved a 1 1\n", "a", RSMERR_BAD_CONF);
	expect_error("reserved a 1\n", "a", RSMERR_BAD_CONF);
	expect_error("reserved a 1\n", "b", RSMERR_BAD_CONF);
}

TEST(a_short_line_after_the_match_does_not_matter)
{
	expect_range("reserved a 600000 5\nreserved b\n", "a", 0x600000, 5);
}

TEST(comments_are_skipped)
{
	expect_range("# reserved a 1 1\n   # and\n\t#more\nreserved a 600000 5\n", "a",
		     0x600000, 5);
	expect_error("# nothing else\n", "a", RSMERR_BAD_APPID);
}

TEST(long_comments_are_skipped_whole)
{
	char text[1200];

	(void)memset(text, 'x', sizeof(text));
	(void)memcpy(text, "# ", 2);
	(void)strcpy(text + 1000, "\nreserved a 600000 5\n");
	expect_range(text, "a", 0x600000, 5);
}

/* Q41 */
TEST(blank_lines_are_skipped)
{
	expect_range("\n  \n\t\nreserved a 600000 5\n", "a", 0x600000, 5);
	expect_error("\n\n", "a", RSMERR_BAD_APPID);
}

TEST(the_first_match_decides)
{
	expect_range("reserved a 600000 5\nreserved a 700000 6\n", "a", 0x600000, 5);
	expect_error("wrong a 600000 5\nreserved a 700000 6\n", "a", RSMERR_BAD_CONF);
}

TEST(another_keyword_matters_in_the_matching_line_only)
{
	expect_error("granted a 600000 5\n", "a", RSMERR_BAD_CONF);
	expect_error("reservedly a 600000 5\n", "a", RSMERR_BAD_CONF);
	expect_range("granted b 600000 5\nreserved a 600000 5\n", "a", 0x600000, 5);
}

TEST(a_number_out_of_range_is_a_bad_configuration)
{
	expect_error("reserved a 100000000 5\n", "a", RSMERR_BAD_CONF);
	expect_error("reserved a ffffffffffffffffffff 5\n", "a", RSMERR_BAD_CONF);
	expect_error("reserved a 600000 4294967296\n", "a", RSMERR_BAD_CONF);
	expect_error("reserved a 600000 99999999999999999999999\n", "a", RSMERR_BAD_CONF);
}

TEST(a_negative_number_is_a_bad_configuration)
{
	expect_error("reserved a -1 5\n", "a", RSMERR_BAD_CONF);
	expect_error("reserved a 600000 -5\n", "a", RSMERR_BAD_CONF);
}

TEST(a_number_without_digits_is_a_bad_configuration)
{
	expect_error("reserved a xyz 5\n", "a", RSMERR_BAD_CONF);
	expect_error("reserved a 0x 5\n", "a", RSMERR_BAD_CONF);
	expect_error("reserved a 600000 many\n", "a", RSMERR_BAD_CONF);
}
