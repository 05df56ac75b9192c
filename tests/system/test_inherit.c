/* SPDX-License-Identifier: MIT */
/*
 * test_inherit.c - what a child process and the next program of a process get
 *
 * The next program is this one again: told by its environment, it shows a ticket before its
 * tests would begin.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kin.h"

#define READING (TRACT_CAP_READ | TRACT_CAP_MAP)

/* ---- the next program ------------------------------------------------------------------- */

#define TICKET "TRACT_TEST_SHOWS_TICKET"
#define CHANNEL "TRACT_TEST_CHANNEL"

/* Here is no test that could fail: what is wrong is said, and fails where it is heard. */
static void say(int channel, uint64_t value)
{
	if (write(channel, &value, sizeof(value)) != sizeof(value))
		_exit(1);
}

/* Maps what it was given, and says what it reads, and under which token. */
static void use_heritage(struct tract *ctx, int channel)
{
	struct tract_cap_info info = { 0 };
	struct tract_shared *shared = NULL;
	void *addr = NULL;
	int r;

	r = tract_cap_next(ctx, 0, &info);
	if (r == 0)
		r = tract_cap_map(ctx, info.token, true, &addr, TRACT_PERMIT_READ, &shared);
	say(channel, r == 0 ? *(unsigned char *)addr : (uint64_t)r);
	say(channel, info.token);
	/* Until the other end is closed. */
	(void)read(channel, &r, sizeof(r));
	tract_shared_unmap_all(ctx);
	tract_shared_close(shared);
}

static void show_ticket(int channel, const char *ticket)
{
	struct tract *ctx = NULL;
	uint32_t count = 0;

	if (tract_open(NULL, &ctx) < 0)
		_exit(1);
	say(channel, (uint64_t)tract_cap_redeem(ctx, ticket, &count));
	say(channel, count);
	say(channel, (uint64_t)tract_cap_redeem(ctx, ticket, NULL));
	if (count > 0)
		use_heritage(ctx, channel);
	tract_close(ctx);
}

__attribute__((constructor)) static void be_the_next_program(void)
{
	const char *ticket = getenv(TICKET), *channel = getenv(CHANNEL);

	if (!ticket || !channel)
		return;
	show_ticket(atoi(channel), ticket);
	_exit(0);
}

static void become_the_next_program(struct kin *parent, const char *ticket)
{
	char channel[16];
	int fd = dup(parent->fd);

	EXPECT(fd >= 0);
	(void)snprintf(channel, sizeof(channel), "%d", fd);
	EXPECT_EQ(setenv(TICKET, ticket, 1), 0);
	EXPECT_EQ(setenv(CHANNEL, channel, 1), 0);
	(void)execl("/proc/self/exe", "test-inherit", (char *)NULL);
	EXPECT_EQ(errno, 0);
}

/* ---- the owner -------------------------------------------------------------------------- */

struct scene {
	struct kin kin;
	struct tract *ctx;
	struct tract_shared *shared;
	unsigned char *at;
	uint64_t number; /* of the kin's process */
};

static void scene_up(struct scene *s, void (*body)(struct kin *, void *))
{
	const struct tract_shared_spec spec = { .size = PAGE,
						.ceiling = TRACT_PERMIT_READ_WRITE,
						.numa_node = TRACT_NODE_ANY };
	void *addr = NULL;

	(void)memset(s, 0, sizeof(*s));
	kin_start(&s->kin, body, NULL);
	s->ctx = node_open();
	EXPECT_EQ(tract_shared_create(s->ctx, &spec, &s->shared), 0);
	EXPECT_EQ(tract_shared_map(s->shared, &addr, TRACT_PERMIT_READ_WRITE), 0);
	s->at = addr;
	*s->at = 'a';
	s->number = kin_hear(&s->kin);
}

static void scene_down(struct scene *s)
{
	kin_finish(&s->kin);
	tract_shared_unmap_all(s->ctx);
	tract_shared_close(s->shared);
	tract_close(s->ctx);
}

static uint64_t root_of(const struct scene *s)
{
	uint64_t root = 0;

	EXPECT_EQ(tract_cap_root(s->shared, &root), 0);
	return root;
}

/* ---- children --------------------------------------------------------------------------- */

/* Says its number; told to go on, what it has and what it reads there. */
static void live_on_heritage(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_cap_info info = { 0 };
	struct tract_shared *shared = NULL;
	void *addr = NULL;

	(void)arg;
	kin_tell(parent, number_of(ctx));
	EXPECT_EQ(tract_cap_next(ctx, 0, &info), -ENOENT);
	(void)kin_hear(parent);
	EXPECT_EQ(tract_cap_next(ctx, 0, &info), 0);
	kin_tell(parent, info.rights);
	kin_tell(parent, info.state);
	kin_tell(parent, info.token);
	EXPECT_EQ(tract_cap_map(ctx, info.token, false, &addr, TRACT_PERMIT_READ, &shared), 0);
	kin_tell(parent, *(unsigned char *)addr);
	(void)kin_hear(parent);
	kin_tell(parent, (uint64_t)tract_cap_check(ctx, info.token, TRACT_CAP_READ));
	kin_linger(parent);
	tract_shared_unmap_all(ctx);
	tract_shared_close(shared);
	tract_close(ctx);
}

static void expect_heritage(struct scene *s, uint32_t rights, uint32_t state)
{
	uint64_t token;

	kin_tell(&s->kin, 0);
	EXPECT_EQ(kin_hear(&s->kin), rights);
	EXPECT_EQ(kin_hear(&s->kin), state);
	token = kin_hear(&s->kin);
	EXPECT(token != root_of(s));
	EXPECT_EQ(kin_hear(&s->kin), 'a');
	/* It is below its parent's, who revokes it. */
	EXPECT_EQ(tract_cap_revoke(s->ctx, token, TRACT_FORCE_ASK, NULL), 0);
	kin_tell(&s->kin, 0);
	EXPECT_EQ((int64_t)kin_hear(&s->kin), -EBADF);
}

TEST(a_child_process_is_given_what_its_parent_has)
{
	uint32_t count = 0;
	struct scene s;

	scene_up(&s, live_on_heritage);
	EXPECT_EQ(tract_cap_inherit(s.ctx, s.number, TRACT_INHERIT_MARKED, &count), 0);
	EXPECT_EQ(count, 1);
	expect_heritage(&s,
			READING | TRACT_CAP_WRITE | TRACT_CAP_GRANT | TRACT_CAP_REVOKE |
				TRACT_CAP_DELETE,
			TRACT_CAP_HELD);
	scene_down(&s);
}

TEST(marks_and_policies_say_what_a_child_process_is_given)
{
	struct tract_cap_info info;
	uint32_t count = 9;
	uint64_t root;
	struct scene s;

	scene_up(&s, live_on_heritage);
	root = root_of(&s);
	EXPECT_EQ(tract_cap_inherit(s.ctx, s.number, TRACT_INHERIT_NONE, &count), 0);
	EXPECT_EQ(count, 0);
	EXPECT_EQ(tract_cap_mark(s.ctx, root, 0), 0);
	EXPECT_EQ(tract_cap_inherit(s.ctx, s.number, TRACT_INHERIT_MARKED, &count), 0);
	EXPECT_EQ(count, 0);
	EXPECT_EQ(tract_cap_inherit(s.ctx, s.number, 5, NULL), -EBADMSG);
	EXPECT_EQ(tract_cap_mark(s.ctx, root, 16), -EINVAL);
	EXPECT_EQ(tract_cap_mark(s.ctx, root + 1, 1), -EBADF);
	EXPECT_EQ(tract_cap_mark(s.ctx, root, TRACT_CAP_INHERITABLE | TRACT_CAP_START_DISABLED),
		  0);
	EXPECT_EQ(tract_cap_look(s.ctx, root, &info), 0);
	EXPECT_EQ(info.inherit, TRACT_CAP_INHERITABLE | TRACT_CAP_START_DISABLED);
	EXPECT_EQ(tract_cap_inherit(s.ctx, s.number, TRACT_INHERIT_REDUCED, &count), 0);
	EXPECT_EQ(count, 1);
	expect_heritage(&s, READING | TRACT_CAP_WRITE | TRACT_CAP_DELETE, TRACT_CAP_OFFERED);
	scene_down(&s);
}

static void say_number(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();

	(void)arg;
	kin_tell(parent, number_of(ctx));
	kin_linger(parent);
	tract_close(ctx);
}

/* Not its child, but its parent's. */
static void want_siblings_heir(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();

	(void)arg;
	kin_tell(parent, number_of(ctx));
	kin_tell(parent, (uint64_t)tract_cap_inherit(ctx, kin_hear(parent),
						     TRACT_INHERIT_MARKED, NULL));
	kin_linger(parent);
	tract_close(ctx);
}

TEST(who_is_no_child_inherits_nothing)
{
	struct kin sibling;
	uint64_t number;
	struct scene s;

	kin_start(&sibling, say_number, NULL);
	number = kin_hear(&sibling);
	scene_up(&s, want_siblings_heir);
	kin_tell(&s.kin, number);
	EXPECT_EQ((int64_t)kin_hear(&s.kin), -EACCES);
	EXPECT_EQ(tract_cap_inherit(s.ctx, number_of(s.ctx), TRACT_INHERIT_ALL, NULL), -EACCES);
	EXPECT_EQ(tract_cap_inherit(s.ctx, 999, TRACT_INHERIT_ALL, NULL), -ESRCH);
	scene_down(&s);
	kin_finish(&sibling);
}

/* ---- another program -------------------------------------------------------------------- */

/* Takes what it is told of, and has it kept, if it is to. */
static void exec_with_ticket(struct kin *parent, bool keeps)
{
	struct tract *ctx = node_open();
	struct tract_shared *shared = NULL;
	char ticket[TRACT_TICKET_SIZE];
	uint32_t count = 9;
	uint64_t token;

	kin_tell(parent, number_of(ctx));
	token = kin_hear(parent);
	EXPECT_EQ(tract_cap_take(ctx, token, &shared), 0);
	if (keeps)
		EXPECT_EQ(tract_cap_mark(ctx, token, TRACT_CAP_PRESERVE_EXEC), 0);
	EXPECT_EQ(tract_cap_ticket(ctx, ticket, &count), 0);
	EXPECT_EQ(count, keeps);
	EXPECT_EQ(strlen(ticket), TRACT_TICKET_SIZE - 1);
	become_the_next_program(parent, ticket);
}

static void exec_keeping(struct kin *parent, void *arg)
{
	(void)arg;
	exec_with_ticket(parent, true);
}

static void exec_keeping_nothing(struct kin *parent, void *arg)
{
	(void)arg;
	exec_with_ticket(parent, false);
}

static uint64_t offer_reading(const struct scene *s)
{
	uint64_t token = 0;

	EXPECT_EQ(tract_cap_derive(s->ctx, root_of(s), READING, s->number, &token), 0);
	return token;
}

TEST(the_next_program_gets_by_its_ticket_what_was_marked)
{
	struct scene s;
	uint64_t token, kept;

	scene_up(&s, exec_keeping);
	token = offer_reading(&s);
	kin_tell(&s.kin, token);
	EXPECT_EQ(kin_hear(&s.kin), 0);
	EXPECT_EQ(kin_hear(&s.kin), 1);
	EXPECT_EQ((int64_t)kin_hear(&s.kin), -EBADF);
	EXPECT_EQ(kin_hear(&s.kin), 'a');
	kept = kin_hear(&s.kin);
	EXPECT(kept != token);
	/* What it is like has ended with the program before. */
	EXPECT_EQ(tract_cap_revoke(s.ctx, kept, TRACT_FORCE_FENCE, NULL), 0);
	scene_down(&s);
}

TEST(what_was_not_marked_ends_with_the_program)
{
	struct scene s;

	scene_up(&s, exec_keeping_nothing);
	kin_tell(&s.kin, offer_reading(&s));
	EXPECT_EQ(kin_hear(&s.kin), 0);
	EXPECT_EQ(kin_hear(&s.kin), 0);
	EXPECT_EQ((int64_t)kin_hear(&s.kin), -EBADF);
	scene_down(&s);
}

TEST(a_ticket_is_of_no_use_to_another_process)
{
	char ticket[TRACT_TICKET_SIZE], wrong[] = "0123456789abcdef0123456789abcde";
	struct scene s;

	scene_up(&s, say_number);
	EXPECT_EQ(tract_cap_mark(s.ctx, root_of(&s), TRACT_CAP_PRESERVE_EXEC), 0);
	EXPECT_EQ(tract_cap_ticket(s.ctx, ticket, NULL), 0);
	EXPECT_EQ(tract_cap_redeem(s.ctx, wrong, NULL), -EINVAL);
	ticket[5] = ticket[5] == '0' ? '1' : '0';
	EXPECT_EQ(tract_cap_redeem(s.ctx, ticket, NULL), -EBADF);
	scene_down(&s);
}
