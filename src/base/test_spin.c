/* SPDX-License-Identifier: MIT */
#include "base/spin.h"

#include "base/clock.h"

#include "test.h"

#define NS UINT64_C(1000)

static struct spin after_short_sleeps(unsigned count)
{
	struct spin l = spin_for(NS);

	for (unsigned n = 0; n < count; n++)
		spin_slept(&l, NS);
	return l;
}

TEST(who_is_told_not_to_never_spins)
{
	struct spin l = spin_for(0);

	for (unsigned n = 0; n < 100; n++)
		spin_slept(&l, 0);
	EXPECT(!spin_pays(&l));
}

TEST(spinning_pays_after_some_short_sleeps)
{
	struct spin l = after_short_sleeps(1);

	EXPECT(!spin_pays(&l));
	spin_slept(&l, NS);
	EXPECT(spin_pays(&l));
	spin_looked(&l, true, NS / 2);
	EXPECT(spin_pays(&l));
}

TEST(who_knows_that_it_pays_spins_at_once_and_learns_all_the_same)
{
	struct spin l = spin_at_once(NS);

	EXPECT(spin_pays(&l));
	spin_looked(&l, false, NS);
	EXPECT(!spin_pays(&l));
}

static bool third_time(void *arg)
{
	unsigned *looks = arg;

	return ++*looks == 3;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

static bool late(void *arg)
{
	unsigned *looks = arg;

	++*looks;
	clock_sleep(NS_PER_MS);
	return false;
}

TEST(it_looks_until_it_is_found)
{
	unsigned looks = 0;
	uint64_t took = 0;
	bool found = false;

	/* Somebody else may want the processor at any time. */
	while (!found && looks < 3)
		found = spin_until(NS_PER_S, third_time, &looks, &took);
	EXPECT(found);
	EXPECT_EQ(looks, 3);
	EXPECT(took > 0);
}

TEST(it_gives_up_in_time)
{
	uint64_t took = 0;

	EXPECT(!spin_until(NS, never, NULL, &took));
	EXPECT(took > 0);
	/* Or it was not alone. */
	EXPECT(!spin_until(0, never, NULL, &took));
}

TEST(who_comes_back_late_does_not_look_again)
{
	unsigned looks = 0;
	uint64_t took = 0;

	EXPECT(!spin_until(NS_PER_S, late, &looks, &took));
	EXPECT_EQ(looks, 1);
	EXPECT(took >= NS_PER_MS);
}

TEST(a_long_sleep_ends_it)
{
	struct spin l = after_short_sleeps(100);

	spin_slept(&l, 100 * NS);
	EXPECT(!spin_pays(&l));
}

/* How many short sleeps it takes until spinning pays again. */
static unsigned sleeps_until_it_pays(struct spin *l)
{
	unsigned count = 0;

	for (; !spin_pays(l); count++)
		spin_slept(l, NS);
	return count;
}

TEST(looking_in_vain_costs_more_each_time_until_something_is_found)
{
	struct spin l = after_short_sleeps(100);
	unsigned first, second;

	spin_looked(&l, false, NS);
	first = sleeps_until_it_pays(&l);
	spin_looked(&l, false, NS);
	second = sleeps_until_it_pays(&l);
	EXPECT(first > 1);
	EXPECT(second > first);
	spin_looked(&l, true, NS / 2);
	spin_looked(&l, false, NS);
	EXPECT_EQ(sleeps_until_it_pays(&l), first);
}

TEST(what_was_found_far_too_late_was_in_vain)
{
	struct spin l = after_short_sleeps(100);

	spin_looked(&l, true, 100 * NS);
	EXPECT(!spin_pays(&l));
}
