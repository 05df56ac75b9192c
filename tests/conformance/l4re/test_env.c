/* SPDX-License-Identifier: MIT */
/*
 * test_env.c - the environment
 */
#include "rig.h"

static l4re_env_t *env_of_constructor;
static l4re_ds_t ds_of_constructor;
static int result_of_constructor = -1;
static void *memory_of_constructor;

/* Runs before main(), and before the constructors that register the tests. */
__attribute__((constructor(101))) static void construct(void)
{
	env_of_constructor = l4re_global_env;
	ds_of_constructor = l4re_util_cap_alloc();
	result_of_constructor = (int)l4re_ma_alloc(PAGE, ds_of_constructor, 0);
	if (result_of_constructor == 0)
		result_of_constructor =
			l4re_rm_attach(&memory_of_constructor, PAGE, SEARCH | RW,
				       ds_of_constructor, 0, L4_PAGESHIFT);
	if (result_of_constructor == 0)
		*(char *)memory_of_constructor = 7;
}

/* 2.6 */
TEST(constructors_use_the_environment)
{
	EXPECT(env_of_constructor != NULL);
	EXPECT(env_of_constructor == l4re_global_env);
	EXPECT_EQ(result_of_constructor, 0);
	EXPECT_EQ(*(char *)memory_of_constructor, 7);
	EXPECT_RECORD((l4_addr_t)memory_of_constructor, (l4_addr_t)memory_of_constructor, PAGE,
		      0, RW, ds_of_constructor);
}

/* 2.6 */
TEST(the_environment_is_one)
{
	EXPECT(l4re_env() == l4re_global_env);
	EXPECT(l4re_env() != NULL);
}

/* 1.1, 2.6 */
TEST(the_environment_names_a_region_map_and_a_memory_allocator)
{
	EXPECT(l4_is_valid_cap(l4re_env()->rm));
	EXPECT(l4_is_valid_cap(l4re_env()->mem_alloc));
	EXPECT(!l4_capability_equal(l4re_env()->rm, l4re_env()->mem_alloc));
	EXPECT(slot_is_filled(l4re_env()->rm));
	EXPECT(slot_is_filled(l4re_env()->mem_alloc));
}

/* 10 */
TEST(the_task_is_in_its_slot)
{
	EXPECT(slot_is_filled(L4_BASE_TASK_CAP));
	EXPECT(slot_is_filled(L4RE_THIS_TASK_CAP));
}

/* 2.4 */
TEST(indices_of_the_environment_have_no_rights_bits)
{
	EXPECT_EQ(l4re_env()->rm & ~L4_CAP_MASK, 0);
	EXPECT_EQ(l4re_env()->mem_alloc & ~L4_CAP_MASK, 0);
}

/* 2.6 */
TEST(a_free_slot_is_none_of_the_environments)
{
	l4re_env_t *env = l4re_env();
	l4_cap_idx_t slot = slot_new();

	EXPECT(!l4_capability_equal(slot, env->rm));
	EXPECT(!l4_capability_equal(slot, env->mem_alloc));
	EXPECT(!l4_capability_equal(slot, L4_BASE_TASK_CAP));
	EXPECT(slot >> L4_CAP_SHIFT >= env->first_free_cap);
	slot_drop(slot);
}

/* 2.6 */
TEST(an_unknown_name_is_an_invalid_capability)
{
	EXPECT_EQ(l4re_env_get_cap("there is none of that name"), L4_INVALID_CAP);
	EXPECT_EQ(l4re_env_get_cap("nobody"), L4_INVALID_CAP);
	EXPECT_EQ(l4re_env_get_cap(""), L4_INVALID_CAP);
	EXPECT(l4re_env_get_cap_l("nobody", 6, l4re_env()) == NULL);
}

/* 2.6 */
TEST(every_entry_is_found_by_its_name)
{
	unsigned count = 0;

	for (l4re_env_cap_entry_t *c = l4re_env()->caps; c && c->flags != ~0UL; c++, count++) {
		unsigned length = (unsigned)strnlen(c->name, sizeof(c->name));

		EXPECT(l4re_env_get_cap_l(c->name, length, l4re_env()) == c);
		EXPECT(count < 1000);
	}
}

/* 2.6 */
TEST(names_are_compared_as_a_whole)
{
	l4re_env_cap_entry_t caps[] = {
		{ .cap = 0x100000, .name = "rom" },
		{ .cap = 0x101000, .name = "romfs" },
		{ .cap = 0x102000, .name = "exactly_sixteen_" },
		{ .cap = L4_INVALID_CAP, .flags = ~0UL, .name = "behind the end" },
	};
	l4re_env_t env = *l4re_env();

	env.caps = caps;
	EXPECT_EQ(l4re_env_get_cap_e("rom", &env), 0x100000);
	EXPECT_EQ(l4re_env_get_cap_e("romfs", &env), 0x101000);
	EXPECT_EQ(l4re_env_get_cap_e("ro", &env), L4_INVALID_CAP);
	EXPECT_EQ(l4re_env_get_cap_e("romf", &env), L4_INVALID_CAP);
	EXPECT_EQ(l4re_env_get_cap_e("exactly_sixteen_", &env), 0x102000);
	EXPECT_EQ(l4re_env_get_cap_e("exactly_sixteen_x", &env), L4_INVALID_CAP);
	EXPECT_EQ(l4re_env_get_cap_e("exactly_sixteen", &env), L4_INVALID_CAP);
	EXPECT_EQ(l4re_env_get_cap_e("behind the end", &env), L4_INVALID_CAP);
	EXPECT(l4re_env_get_cap_l("romfs", 3, &env) == &caps[0]);
	EXPECT(l4re_env_get_cap_l("romfs", 5, &env) == &caps[1]);
	EXPECT(l4re_env_get_cap_l("exactly_sixteen_and more", 16, &env) == &caps[2]);
	EXPECT(l4re_env_get_cap_l("exactly_sixteen_and more", 17, &env) == NULL);
}

/* 2.6 */
TEST(deprecated_spellings_find_the_same)
{
	l4re_env_cap_entry_t caps[] = { { .cap = 0x100000, .name = "rom" },
					{ .cap = L4_INVALID_CAP, .flags = ~0UL } };
	l4re_env_t env = *l4re_env();

	env.caps = caps;
	EXPECT_EQ(l4re_get_env_cap_e("rom", &env), 0x100000);
	EXPECT(l4re_get_env_cap_l("rom", 3, &env) == &caps[0]);
	EXPECT_EQ(l4re_get_env_cap("nobody"), L4_INVALID_CAP);
}

/* 2.11, 5.8 */
TEST(functions_without_a_map_take_that_of_the_environment)
{
	l4_cap_idx_t rm = l4re_env()->rm;
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(1);

	l4re_env()->rm = other_object();
	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), -L4_EBADPROTO);
	EXPECT_EQ(reserve_at(at, PAGE, 0), -L4_EBADPROTO);
	l4re_env()->rm = L4_INVALID_CAP;
	EXPECT_EQ(l4re_rm_detach((void *)at), NOT_EXISTENT);
	l4re_env()->rm = rm;
	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), 0);
	detach(at);
	slot_drop(ds);
}
