/* SPDX-License-Identifier: MIT */
/*
 * test_tokens.c - the fields of a token, and that a token is a name and no secret
 */
#include "rig.h"

#include <inttypes.h>

struct vector {
	uint64_t id;
	unsigned generation, type, flags;
	shared_region_cap token;
};

/* 1.7 */
static const struct vector vectors[] = {
	{ 0x123456789ABC, 0x42, 7, 0xF, UINT64_C(0xF742123456789ABC) },
	{ 0xFFFFFFFFFFFF, 0xFF, 0xF, 0xF, UINT64_C(0xFFFFFFFFFFFFFFFF) },
	{ 1, 0, 0, 0xF, UINT64_C(0xF000000000000001) },
	{ 0x1F5, 0, 0, 3, UINT64_C(0x30000000000001F5) },
	{ 0x1F5, 0, 0, 1, UINT64_C(0x10000000000001F5) },
};

#define FOR_EACH_VECTOR(v)                     \
	for (const struct vector *v = vectors; \
	     v < vectors + sizeof(vectors) / sizeof(*vectors); v++)

/* P-7, 18.26 */
TEST(fields_make_the_tokens_that_were_written_down)
{
	FOR_EACH_VECTOR(v)
	EXPECT_EQ(shared_region_cap_pack(v->id, (uint8_t)v->generation, (uint8_t)v->type,
					 (uint8_t)v->flags),
		  v->token);
}

/* P-7, 18.26 */
TEST(tokens_have_the_fields_they_were_made_of)
{
	FOR_EACH_VECTOR(v)
	{
		EXPECT_EQ(shared_region_cap_id(v->token), v->id);
		EXPECT_EQ(shared_region_cap_generation(v->token), v->generation);
		EXPECT_EQ(shared_region_cap_type(v->token), v->type);
		EXPECT_EQ(shared_region_cap_flags(v->token), v->flags);
	}
}

/* 13 */
TEST(fields_that_do_not_fit_make_no_token)
{
	EXPECT_EQ(shared_region_cap_pack(UINT64_C(1) << 48, 0, 0, 0), 0);
	EXPECT_EQ(shared_region_cap_pack(UINT64_MAX, 0, 0, 0), 0);
	EXPECT_EQ(shared_region_cap_pack(1, 0, 16, 0), 0);
	EXPECT_EQ(shared_region_cap_pack(1, 0, 0, 16), 0);
	EXPECT_EQ(shared_region_cap_pack(1, 0, 255, 255), 0);
}

/* 1.7 */
TEST(the_fields_of_no_token_are_zero)
{
	EXPECT_EQ(shared_region_cap_id(0), 0);
	EXPECT_EQ(shared_region_cap_generation(0), 0);
	EXPECT_EQ(shared_region_cap_type(0), 0);
	EXPECT_EQ(shared_region_cap_flags(0), 0);
}

/* 1.7: type 0 is memory. */
TEST(tokens_of_regions_are_of_type_memory)
{
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_EQ(shared_region_cap_type(own_root(&a)), 0);
	EXPECT(shared_region_cap_id(own_root(&a)) > 0);
	own_down(&a);
}

/* 1.5, 1.7 */
TEST(the_flags_of_a_token_are_the_low_four_of_its_rights)
{
	struct own a;

	own_make(&a, 1, SHARED_REGION_READ_WRITE_EXECUTE);
	for (shared_region_rights rights = 1; rights < 16; rights++) {
		shared_region_cap cap =
			own_derive(&a, rights | SHARED_REGION_RIGHT_MAP, a.self);

		EXPECT_EQ(shared_region_cap_flags(cap), rights);
		EXPECT_EQ(shared_region_cap_type(cap), 0);
		EXPECT_OK(shared_region_cap_delete(a.client, cap));
	}
	own_down(&a);
}

/* 1.5, S-11: Move, Share and CopyOnWrite differ. */
TEST(the_flags_of_an_offer_are_those_of_its_mode)
{
	static const struct {
		uint32_t mode;
		unsigned flags;
	} modes[] = { { SHARED_REGION_SHARE, 3 },
		      { SHARED_REGION_COPY_ON_WRITE, 1 },
		      { SHARED_REGION_MOVE, 0xB } };
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	for (size_t i = 0; i < 3; i++) {
		shared_region_cap cap = 0;

		EXPECT_OK(shared_region_create_capability(a.region, b.self, modes[i].mode, &cap,
							  NULL));
		EXPECT_EQ(shared_region_cap_flags(cap), modes[i].flags);
	}
	agent_down(&b);
	own_down(&a);
}

/* 1.7, 18.16 */
TEST(a_token_with_any_bit_flipped_is_none)
{
	shared_region_cap cap;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	cap = own_derive(&a, WRITING, a.self);
	EXPECT_OK(shared_region_cap_check(a.client, cap, WRITING));
	for (unsigned bit = 0; bit < 64; bit++) {
		shared_region_cap other = cap ^ (UINT64_C(1) << bit);

		/* The root is derived before it, and its neighbour in the numbers. */
		if (other == own_root(&a))
			continue;
		EXPECT_FAILS(shared_region_cap_check(a.client, other, 0), INVALID_CAPABILITY);
	}
	EXPECT_OK(shared_region_cap_check(a.client, cap, WRITING));
	own_down(&a);
}

/* 1.7, 18.16: in the process that could map it. */
TEST(a_holder_maps_with_no_other_token_than_his)
{
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	cap = own_derive(&a, WRITING, b.self);
	for (unsigned bit = 0; bit < 64; bit++)
		EXPECT_FAILS(
			ask(&b, CAP_MAP, 0, cap ^ (UINT64_C(1) << bit), SHARED_REGION_READ),
			INVALID_CAPABILITY);
	EXPECT_OK(ask(&b, CAP_MAP, 0, cap, SHARED_REGION_READ));
	agent_down(&b);
	own_down(&a);
}

static void expect_none(struct own *a, shared_region_cap cap)
{
	struct shared_region_cap_info info;
	shared_region_cap child = 0;
	shared_region *region = NULL;
	void *at = NULL;

	EXPECT_FAILS(shared_region_cap_check(a->client, cap, 0), INVALID_CAPABILITY);
	EXPECT_FAILS(shared_region_cap_info(a->client, cap, &info), INVALID_CAPABILITY);
	EXPECT_FAILS(shared_region_cap_delete(a->client, cap), INVALID_CAPABILITY);
	EXPECT_FAILS(shared_region_cap_revoke(a->client, cap, SHARED_REGION_ASK, NULL),
		     INVALID_CAPABILITY);
	EXPECT_FAILS(shared_region_cap_derive(a->client, cap, SHARED_REGION_RIGHT_READ, a->self,
					      &child),
		     INVALID_CAPABILITY);
	EXPECT_FAILS(
		shared_region_cap_map(a->client, cap, NULL, SHARED_REGION_READ, &region, &at),
		INVALID_CAPABILITY);
	EXPECT_FAILS(
		shared_region_accept(a->client, cap, NULL, SHARED_REGION_READ, &region, &at),
		INVALID_CAPABILITY);
}

/* 1.7, 1.8 */
TEST(nobodys_token_is_refused_by_every_call)
{
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	expect_none(&a, 0);
	expect_none(&a, UINT64_C(0xF000000000000000));
	expect_none(&a, UINT64_MAX);
	expect_none(&a, shared_region_cap_pack(UINT64_C(1) << 40, 0, 0, 0xF));
	own_down(&a);
}

/* S-11, S-30: what formulas and ranges of numbers would let in. */
TEST(no_small_number_is_a_token)
{
	struct own a;

	own_attach(&a);
	for (uint64_t number = 1; number < 300; number++)
		for (uint64_t flags = 0; flags < 16; flags += 3)
			EXPECT_FAILS(shared_region_cap_check(a.client, number | flags << 60, 0),
				     INVALID_CAPABILITY);
	own_down(&a);
}

/* 1.7, C-1, C-6, 18.7 */
TEST(a_token_is_of_no_use_to_who_is_not_its_holder)
{
	shared_region_cap root, cap;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	root = own_root(&a);
	cap = share(&a, &b, SHARED_REGION_READ);
	EXPECT_FAILS(ask(&c, CHECK, cap, 0), INVALID_CAPABILITY);
	EXPECT_FAILS(ask(&c, INFO, cap), INVALID_CAPABILITY);
	EXPECT_FAILS(ask(&c, CAP_MAP, 0, cap, SHARED_REGION_READ), INVALID_CAPABILITY);
	EXPECT_FAILS(ask(&c, ACCEPT, 0, cap, SHARED_REGION_READ), INVALID_CAPABILITY);
	EXPECT_FAILS(ask(&c, DERIVE, cap, SHARED_REGION_RIGHT_READ), INVALID_CAPABILITY);
	EXPECT_FAILS(ask(&c, DELETE, cap), INVALID_CAPABILITY);
	EXPECT_FAILS(ask(&c, REVOKE, cap, SHARED_REGION_ASK), INVALID_CAPABILITY);
	EXPECT_FAILS(ask(&c, CHECK, root, 0), INVALID_CAPABILITY);
	EXPECT_FAILS(ask(&b, CHECK, root, 0), INVALID_CAPABILITY);
	/* Not even its granter is its holder. */
	EXPECT_FAILS(shared_region_cap_check(a.client, cap, 0), INVALID_CAPABILITY);
	EXPECT_OK(ask(&b, CHECK, cap, READING));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 3.11, C-1, S-11, V-6 */
TEST(no_two_capabilities_have_one_token_or_one_id)
{
	enum { COUNT = 60 };
	shared_region_cap seen[3 * COUNT];
	unsigned count = 0;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_make(&a, 1, SHARED_REGION_WRITE);
	for (unsigned i = 0; i < COUNT; i++) {
		seen[count++] = own_derive(&a, READING, b.self);
		seen[count++] = own_derive(&a, READING, c.self);
		seen[count] = own_derive(&a, READING, a.self);
		EXPECT_OK(shared_region_cap_delete(a.client, seen[count++]));
	}
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < i; k++)
			EXPECT(shared_region_cap_id(seen[i]) != shared_region_cap_id(seen[k]));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* S-27, C-5, 18.15: an 8-bit generation would have come round. */
TEST(a_revoked_token_works_never_again)
{
	shared_region_cap first, next;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	first = share_rights(&a, &b, WRITING, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_cap_revoke(a.client, first, SHARED_REGION_ASK, NULL));
	for (unsigned i = 0; i < 300; i++) {
		next = own_derive(&a, WRITING, b.self);
		EXPECT(next != first);
		EXPECT_FAILS(ask(&b, CHECK, first, 0), INVALID_CAPABILITY);
		if (i % 2)
			EXPECT_OK(ask(&b, DELETE, next));
		else
			EXPECT_OK(shared_region_cap_revoke(a.client, next, SHARED_REGION_ASK,
							   NULL));
	}
	EXPECT_FAILS(ask(&b, CAP_MAP, 1, first, SHARED_REGION_READ), INVALID_CAPABILITY);
	agent_down(&b);
	own_down(&a);
}
