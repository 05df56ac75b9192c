/* SPDX-License-Identifier: MIT */
/*
 * test_babble.c - who misbehaves towards the broker is refused, and others do not notice
 */
#include "rig.h"

#include <stdio.h>

/* Two that work while a third does not behave. */
struct scene {
	struct own a;
	struct agent b, hostile;
};

static void scene_up(struct scene *s)
{
	agent_up(&s->b);
	own_up(&s->a, 1);
	(void)share(&s->a, &s->b, SHARED_REGION_WRITE);
	agent_start(&s->hostile);
	/* It knows what the library sends. */
	EXPECT_OK(ask(&s->hostile, HOARD, true));
	EXPECT_OK(ask(&s->hostile, ATTACH, 0));
	s->hostile.self = s->hostile.said[0];
}

static void expect_unaffected(struct scene *s)
{
	shared_region_cap cap;

	EXPECT_OK(ask(&s->b, UNMAP, 0, 0, SHARED_REGION_ASK));
	cap = own_derive(&s->a, WRITING, s->b.self);
	EXPECT_OK(ask(&s->b, CAP_MAP, 0, cap, SHARED_REGION_WRITE));
	EXPECT_EQ(ask(&s->b, STORE, 0, 0, 0xE1), 0);
	EXPECT_EQ(s->a.at[0], 0xE1);
	EXPECT(own_root(&s->a) != 0);
}

static void scene_down(struct scene *s)
{
	agent_down(&s->hostile);
	agent_down(&s->b);
	own_down(&s->a);
}

static void expect_refusal(enum babble kind, unsigned count)
{
	struct scene s;

	scene_up(&s);
	EXPECT_OK(ask(&s.hostile, BABBLE, kind, count));
	EXPECT_EQ(s.hostile.said[0], count);
	expect_unaffected(&s);
	scene_down(&s);
}

/* 18.29 */
TEST(bytes_that_are_no_message_are_refused)
{
	expect_refusal(BABBLE_BYTES, 64);
}

/* 18.29 */
TEST(a_message_of_nothing_is_refused)
{
	expect_refusal(BABBLE_EMPTY, 4);
}

/* 18.29 */
TEST(oversized_messages_are_refused)
{
	expect_refusal(BABBLE_OVERSIZED, 8);
}

/* 18.29 */
TEST(truncated_messages_are_refused)
{
	expect_refusal(BABBLE_TRUNCATED, 8);
}

/* 18.29 */
TEST(unexpected_descriptors_are_refused)
{
	expect_refusal(BABBLE_DESCRIPTORS, 16);
}

/* How many descriptors of a process lead somewhere. */
static unsigned links_to(pid_t pid, const char *where)
{
	char path[64], target[64];
	unsigned count = 0;

	for (int fd = 0; fd < 1024; fd++) {
		ssize_t length;

		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		length = readlink(path, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		count += strcmp(target, where) == 0;
	}
	return count;
}

/* 12.3: it closes what was not asked for. */
TEST(a_broker_keeps_no_descriptor_that_it_was_sent)
{
	pid_t broker = broker_start();
	unsigned before;
	struct scene s;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)broker);
	if (access(path, R_OK) != 0)
		SKIP("only root sees what a broker has open");
	scene_up(&s);
	before = links_to(broker, "/dev/null");
	EXPECT_OK(ask(&s.hostile, BABBLE, BABBLE_DESCRIPTORS, 16));
	expect_unaffected(&s);
	EXPECT_WITHIN(SOON, links_to(broker, "/dev/null") == before);
	scene_down(&s);
	broker_stop(broker);
}

/* 12.5: it waits for nobody. */
TEST(who_connects_and_says_nothing_keeps_nobody_waiting)
{
	struct scene s;

	scene_up(&s);
	EXPECT_OK(ask(&s.hostile, BABBLE, BABBLE_SILENCE, 32));
	expect_unaffected(&s);
	scene_down(&s);
}

/* 12.5: nor for a client that does not read. */
TEST(a_stopped_client_keeps_nobody_waiting)
{
	struct scene s;

	scene_up(&s);
	agent_stop(&s.hostile);
	for (unsigned i = 0; i < 100; i++)
		EXPECT_OK(shared_region_cap_revoke(s.a.client,
						   own_derive(&s.a, READING, s.hostile.self),
						   SHARED_REGION_ASK, NULL));
	expect_unaffected(&s);
	EXPECT_EQ(kill(s.hostile.pid, SIGCONT), 0);
	scene_down(&s);
}

/* 18.29: and its own connection is of use afterwards. */
TEST(who_misbehaved_elsewhere_is_served_where_it_behaves)
{
	struct scene s;

	scene_up(&s);
	for (unsigned kind = 0; kind < BABBLE_KINDS; kind++)
		EXPECT_OK(ask(&s.hostile, BABBLE, kind, 4));
	EXPECT_OK(ask(&s.hostile, NEW, 0, PAGE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&s.hostile, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(ask(&s.hostile, STORE, 0, 0, 1), 0);
	scene_down(&s);
}

/* 18.29, 12.1: under one user, too. */
TEST(a_writer_of_the_same_user_cannot_shrink_grow_or_seal)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	EXPECT_OK(ask(&b, HOARD, true));
	own_up(&a, 2);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, KEEP));
	EXPECT(b.said[1] > 0);
	EXPECT_OK(ask(&b, TAMPER));
	EXPECT_EQ(b.said[0] & (TAMPER_SHRINK | TAMPER_GROW | TAMPER_SEAL), 0);
	EXPECT_EQ(load_fault(a.at + a.size - 1), 0);
	/* And nothing was sealed that a fence needs. */
	a.at[0] = 0xE2;
	EXPECT_OK(shared_region_unmap(a.region, b.self, SHARED_REGION_FENCE));
	EXPECT_EQ(a.at[0], 0xE2);
	agent_down(&b);
	own_down(&a);
}
