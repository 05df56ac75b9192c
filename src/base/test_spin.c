/* SPDX-License-Identifier: MIT */
#include "base/spin.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

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

static bool slow(void *arg)
{
	unsigned *looks = arg;

	clock_sleep(NS_PER_MS);
	return ++*looks == 3;
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

TEST(how_long_a_look_takes_is_nobody_elses_business)
{
	unsigned looks = 0;
	uint64_t took = 0;
	bool found = false;

	while (!found && looks < 3)
		found = spin_until(NS_PER_S, slow, &looks, &took);
	EXPECT(found);
}

/* A child that wants this processor all the time, and nothing else than it. */
static pid_t rival_start(void)
{
	cpu_set_t here;
	pid_t pid;

	CPU_ZERO(&here);
	CPU_SET((size_t)sched_getcpu(), &here);
	EXPECT_EQ(sched_setaffinity(0, sizeof(here), &here), 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		continue;
}

TEST(who_is_not_alone_gives_way)
{
	pid_t rival = rival_start();
	uint64_t took = 0;

	EXPECT(!spin_until(10 * NS_PER_S, never, NULL, &took));
	EXPECT(took < 10 * NS_PER_S);
	EXPECT_EQ(kill(rival, SIGKILL), 0);
	EXPECT_EQ(waitpid(rival, NULL, 0), rival);
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
