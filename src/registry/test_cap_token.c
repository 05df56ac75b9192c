/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"
#include "registry/cap_token.h"
#include "test.h"

static const struct {
	struct cap_fields fields;
	uint64_t token;
} vectors[] = {
	{ { 0x123456789ABC, 0x42, 7, 0xF }, 0xF742123456789ABC },
	{ { 0xFFFFFFFFFFFF, 0xFF, 0xF, 0xF }, 0xFFFFFFFFFFFFFFFF },
	{ { 1, 0, 0, 0xF }, 0xF000000000000001 },
	{ { 0x1F5, 0, 0, 3 }, 0x30000000000001F5 },
	{ { 0x1F5, 0, 0, 1 }, 0x10000000000001F5 },
};

TEST(fields_pack_into_the_tokens_of_the_specification)
{
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
		EXPECT_EQ(cap_pack(vectors[i].fields), vectors[i].token);
}

TEST(tokens_unpack_into_the_fields_they_were_made_of)
{
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct cap_fields fields = cap_unpack(vectors[i].token);

		EXPECT_EQ(fields.id, vectors[i].fields.id);
		EXPECT_EQ(fields.generation, vectors[i].fields.generation);
		EXPECT_EQ(fields.type, vectors[i].fields.type);
		EXPECT_EQ(fields.flags, vectors[i].fields.flags);
	}
}

TEST(a_field_that_does_not_fit_makes_no_token)
{
	EXPECT_EQ(cap_pack((struct cap_fields){ .id = CAP_ID_MAX + 1 }), 0);
	EXPECT_EQ(cap_pack((struct cap_fields){ .id = UINT64_MAX }), 0);
	EXPECT_EQ(cap_pack((struct cap_fields){ .id = 1, .generation = 0x100 }), 0);
	EXPECT_EQ(cap_pack((struct cap_fields){ .id = 1, .type = 0x10 }), 0);
	EXPECT_EQ(cap_pack((struct cap_fields){ .id = 1, .flags = 0x10 }), 0);
}

TEST(the_id_0_makes_no_token)
{
	EXPECT_EQ(cap_pack((struct cap_fields){ .id = 0, .flags = 3 }), 0);
}
