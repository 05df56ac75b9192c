/* SPDX-License-Identifier: MIT */
/* What a process hands to its children, and to the program that it will be. */
#include <errno.h>

#include "base/clock.h"
#include "base/fault.h"
#include "registry/rig_shared.h"

enum {
	REVOKE = 0x10,
	OWNERS = 0x7b, /* of a region for reading and writing */
	INHERITABLE = 1,
	PRESERVE_EXEC = 2,
	REDUCE_RIGHTS = 4,
	START_DISABLED = 8,
	MARKED = 2,
};

/* A holder of a capability of three, on a region of somebody else's; and a child of it. */
struct scene {
	struct rig *rig;
	struct fake_client *owner, *parent, *child;
	uint64_t shared, token;
};

static struct fake_client *join(struct rig *rig, int32_t pid)
{
	const struct registry_identity identity = { .pid = pid, .uid = 10, .gid = 10 };

	return rig_join_as(rig, &identity);
}

static struct scene scene_of(uint32_t rights)
{
	struct scene s = { .rig = rig_up() };

	s.owner = join(s.rig, 101);
	s.parent = join(s.rig, 102);
	s.child = join(s.rig, 103);
	s.child->parent = s.parent->id;
	s.shared = rig_shared(s.rig, s.owner);
	s.token = rig_derive(s.rig, s.owner, rig_root(s.rig, s.owner, s.shared), rights, 2);
	rig_take(s.rig, s.parent, s.token);
	return s;
}

static struct scene scene_up(void)
{
	return scene_of(READ | MAP | GRANT | REVOKE);
}

static void mark(const struct scene *s, uint32_t inherit)
{
	EXPECT_EQ(rig_error(s->rig, s->parent,
			    ASK(cap_mark, .token = s->token, .inherit = inherit)),
		  0);
}

static struct message passing(uint32_t policy)
{
	return ASK(cap_pass, .process = 3, .policy = policy);
}

/* How many. */
static uint32_t pass(const struct scene *s, uint32_t policy)
{
	const struct message *answer = rig_ask(s->rig, s->parent, passing(policy));

	EXPECT_EQ(answer->number, MSG_cap_passed);
	return answer->cap_passed.count;
}

/* What @client has after @after; token 0: nothing more. */
static struct msg_cap_known next_of(const struct scene *s, struct fake_client *client,
				    uint64_t after)
{
	const struct message *answer = rig_ask(s->rig, client, ASK(cap_next, .after = after));

	if (answer->number == MSG_cap_known)
		return answer->cap_known;
	EXPECT_EQ(answer->refused.error, ENOENT);
	return (struct msg_cap_known){ .token = 0 };
}

TEST(a_child_starts_with_nothing_and_is_given_what_its_parent_holds)
{
	struct scene s = scene_up();
	struct msg_cap_known got;

	EXPECT_EQ(next_of(&s, s.child, 0).token, 0);
	EXPECT_EQ(pass(&s, MARKED), 1);
	got = next_of(&s, s.child, 0);
	EXPECT_EQ(got.shared, s.shared);
	EXPECT_EQ(got.rights, READ | MAP | GRANT | REVOKE);
	EXPECT_EQ(got.state, 2);
	EXPECT_EQ(got.inherit, INHERITABLE);
	EXPECT(got.token != s.token);
	EXPECT_EQ(next_of(&s, s.child, got.token).token, 0);
	rig_map(s.rig, s.child, s.shared, got.token, READ);
	rig_down(s.rig);
}

TEST(what_a_child_inherited_ends_with_what_it_is_like)
{
	struct scene s = scene_up();
	uint64_t token;

	(void)pass(&s, MARKED);
	token = next_of(&s, s.child, 0).token;
	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(cap_revoke, .token = s.token))->cap_revoked.count,
		  2);
	EXPECT_EQ(rig_error(s.rig, s.child, ASK(cap_check, .token = token)), EBADF);
	rig_down(s.rig);
}

TEST(what_a_child_inherited_outlives_its_parent)
{
	struct scene s = scene_up();
	uint64_t token;

	(void)pass(&s, MARKED);
	token = next_of(&s, s.child, 0).token;
	rig_leave(s.rig, s.parent);
	EXPECT_EQ(rig_error(s.rig, s.child, ASK(cap_check, .token = token, .required = MAP)),
		  0);
	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(cap_revoke, .token = token))->cap_revoked.count,
		  1);
	rig_down(s.rig);
}

TEST(a_policy_and_marks_say_what_is_passed_on)
{
	struct scene s = scene_up();

	EXPECT_EQ(pass(&s, 0), 0);
	mark(&s, 0);
	EXPECT_EQ(pass(&s, MARKED), 0);
	EXPECT_EQ(pass(&s, 3), 0);
	EXPECT_EQ(pass(&s, 4), 0);
	EXPECT_EQ(next_of(&s, s.child, 0).token, 0);
	EXPECT_EQ(pass(&s, 1), 1);
	EXPECT_EQ(rig_error(s.rig, s.parent, passing(5)), EBADMSG);
	EXPECT_EQ(rig_error(s.rig, s.parent, ASK(cap_mark, .token = s.token, .inherit = 16)),
		  EINVAL);
	EXPECT_EQ(rig_error(s.rig, s.child, ASK(cap_mark, .token = s.token, .inherit = 1)),
		  EBADF);
	rig_down(s.rig);
}

TEST(reduced_rights_have_no_grant_and_no_revoke)
{
	struct scene s = scene_up();
	uint64_t first;

	EXPECT_EQ(pass(&s, 3), 1);
	first = next_of(&s, s.child, 0).token;
	EXPECT_EQ(next_of(&s, s.child, 0).rights, READ | MAP);
	mark(&s, INHERITABLE | REDUCE_RIGHTS);
	EXPECT_EQ(pass(&s, MARKED), 1);
	EXPECT_EQ(next_of(&s, s.child, first).rights, READ | MAP);
	rig_down(s.rig);
}

TEST(what_has_nothing_but_grant_and_revoke_is_not_passed_on_reduced)
{
	struct scene s = scene_of(GRANT | REVOKE);

	EXPECT_EQ(pass(&s, 3), 0);
	EXPECT_EQ(next_of(&s, s.child, 0).token, 0);
	rig_down(s.rig);
}

TEST(what_starts_disabled_is_offered)
{
	struct scene s = scene_up();
	struct msg_cap_known got;

	mark(&s, INHERITABLE | START_DISABLED);
	EXPECT_EQ(pass(&s, MARKED), 1);
	(void)rig_obey(s.rig, s.child, MSG_shared_news);
	got = next_of(&s, s.child, 0);
	EXPECT_EQ(got.state, 1);
	EXPECT_EQ(rig_ask(s.rig, s.child, ASK_BARE(offer_next))->offer.token, got.token);
	EXPECT_EQ(s.child->answer.message.offer.from, 2);
	rig_take(s.rig, s.child, got.token);
	EXPECT_EQ(next_of(&s, s.child, 0).state, 2);
	rig_down(s.rig);
}

TEST(who_may_not_grant_has_heirs_all_the_same)
{
	struct scene s = scene_of(READ | MAP);

	EXPECT_EQ(pass(&s, MARKED), 1);
	EXPECT_EQ(next_of(&s, s.child, 0).rights, READ | MAP);
	rig_down(s.rig);
}

TEST(an_owners_child_is_no_owner)
{
	struct scene s = scene_up();
	uint64_t shared = rig_shared(s.rig, s.parent);

	EXPECT_EQ(pass(&s, MARKED), 2);
	EXPECT_EQ(
		rig_ask(s.rig, s.child, ASK(shared_open, .shared = shared))->shared_known.owner,
		2);
	EXPECT_EQ(rig_error(s.rig, s.child, ASK(cap_root, .shared = shared)), EACCES);
	rig_down(s.rig);
}

TEST(only_a_child_of_the_same_user_inherits)
{
	struct scene s = scene_up();
	struct fake_client *other = rig_join(s.rig, 11);
	struct message to_other = passing(MARKED);

	s.child->parent = s.owner->id;
	EXPECT_EQ(rig_error(s.rig, s.parent, passing(MARKED)), EACCES);
	s.child->parent = s.parent->id;
	s.child->hidden = -EACCES;
	EXPECT_EQ(rig_error(s.rig, s.parent, passing(MARKED)), EACCES);
	to_other.cap_pass.process = 4;
	other->parent = s.parent->id;
	EXPECT_EQ(rig_error(s.rig, s.parent, to_other), EACCES);
	to_other.cap_pass.process = 9;
	EXPECT_EQ(rig_error(s.rig, s.parent, to_other), ESRCH);
	EXPECT_EQ(next_of(&s, s.child, 0).token, 0);
	rig_down(s.rig);
}

TEST(either_all_is_passed_on_or_nothing)
{
	struct scene s = scene_up();
	uint64_t shared = rig_shared(s.rig, s.parent);

	(void)rig_ask(s.rig, s.parent,
		      ASK(offer_make, .shared = shared, .process = 1, .mode = 0));
	EXPECT_EQ(rig_error(s.rig, s.parent, passing(MARKED)), EBUSY);
	EXPECT_EQ(next_of(&s, s.child, 0).token, 0);
	rig_down(s.rig);
}

TEST(a_table_that_is_too_full_for_all_gets_nothing)
{
	struct scene s = scene_up();
	uint64_t root;

	(void)rig_shared(s.rig, s.parent);
	root = rig_root(s.rig, s.owner, s.shared);
	for (uint32_t i = 0; i + 1 < s.rig->config.caps_max; i++)
		(void)rig_derive(s.rig, s.owner, root, READ, 3);
	EXPECT_EQ(rig_error(s.rig, s.parent, passing(MARKED)), EDQUOT);
	(void)rig_obey(s.rig, s.child, MSG_shared_news);
	EXPECT_EQ(rig_cap_count(s.rig, s.owner, s.shared), s.rig->config.caps_max + 1);
	rig_down(s.rig);
}

TEST(without_memory_nothing_is_passed_on)
{
	struct scene s = scene_up();
	int error;

	(void)rig_shared(s.rig, s.parent);
	for (unsigned n = 0;; n++) {
		fault_arm_nth(n);
		error = rig_error(s.rig, s.parent, passing(MARKED));
		(void)fault_arm(NULL);
		if (error == 0)
			break;
		EXPECT_EQ(error, ENOMEM);
		EXPECT_EQ(next_of(&s, s.child, 0).token, 0);
		EXPECT(n < 20);
	}
	EXPECT(next_of(&s, s.child, next_of(&s, s.child, 0).token).token != 0);
	rig_down(s.rig);
}

/* ---- another program -------------------------------------------------------------------- */

static struct msg_cap_ticketed ticket_of(const struct scene *s)
{
	const struct message *answer = rig_ask(s->rig, s->parent, ASK_BARE(cap_ticket));

	EXPECT_EQ(answer->number, MSG_cap_ticketed);
	return answer->cap_ticketed;
}

static struct message showing(struct msg_cap_ticketed ticket)
{
	return ASK(cap_redeem, .high = ticket.high, .low = ticket.low);
}

/* The process of that pid is another program from now on. */
static struct fake_client *exec(struct scene *s, int32_t pid)
{
	rig_leave(s->rig, s->parent);
	return join(s->rig, pid);
}

TEST(the_next_program_is_offered_what_was_kept_for_it)
{
	struct scene s = scene_up();
	struct msg_cap_ticketed ticket;
	struct fake_client *next;
	struct msg_cap_known got;

	mark(&s, PRESERVE_EXEC);
	ticket = ticket_of(&s);
	EXPECT_EQ(ticket.count, 1);
	next = exec(&s, 102);
	EXPECT_EQ(next_of(&s, next, 0).token, 0);
	EXPECT_EQ(rig_ask(s.rig, next, showing(ticket))->cap_passed.count, 1);
	got = next_of(&s, next, 0);
	EXPECT_EQ(got.shared, s.shared);
	EXPECT_EQ(got.state, 1);
	rig_map(s.rig, next, s.shared, got.token, READ);
	/* Its owner revokes it as before. */
	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(cap_revoke, .token = got.token))->number, 0);
	rig_let_go(s.rig, next);
	EXPECT_EQ(s.owner->answer.message.cap_revoked.count, 1);
	rig_down(s.rig);
}

TEST(what_is_not_marked_is_gone_with_the_program)
{
	struct scene s = scene_up();
	struct msg_cap_ticketed ticket = ticket_of(&s);

	EXPECT_EQ(ticket.count, 0);
	EXPECT_EQ(rig_ask(s.rig, exec(&s, 102), showing(ticket))->cap_passed.count, 0);
	rig_down(s.rig);
}

TEST(a_ticket_is_its_processs_and_of_use_once)
{
	struct scene s = scene_up();
	struct msg_cap_ticketed former, ticket, wrong;
	struct fake_client *next, *other = join(s.rig, 104);

	mark(&s, PRESERVE_EXEC);
	former = ticket_of(&s);
	ticket = ticket_of(&s);
	wrong = ticket;
	wrong.low ^= 1;
	next = exec(&s, 102);
	EXPECT_EQ(rig_error(s.rig, other, showing(ticket)), EBADF);
	EXPECT_EQ(rig_error(s.rig, next, showing(former)), EBADF);
	EXPECT_EQ(rig_error(s.rig, next, showing(wrong)), EBADF);
	EXPECT_EQ(rig_error(s.rig, next, showing(ticket)), 0);
	EXPECT_EQ(rig_error(s.rig, next, showing(ticket)), EBADF);
	rig_down(s.rig);
}

TEST(what_nobody_asks_for_in_a_minute_is_gone)
{
	struct scene s = scene_up();
	struct msg_cap_ticketed ticket;
	struct fake_client *next;

	mark(&s, PRESERVE_EXEC);
	ticket = ticket_of(&s);
	next = exec(&s, 102);
	/* It may be taken: the region is not ended meanwhile. */
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(shared_destroy, .shared = s.shared)), EBUSY);
	rig_pass(s.rig, 61 * NS_PER_S);
	EXPECT_EQ(rig_error(s.rig, next, showing(ticket)), EBADF);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(shared_destroy, .shared = s.shared)), 0);
	rig_down(s.rig);
}

TEST(a_region_of_the_programs_own_waits_for_the_next_one)
{
	struct scene s = scene_up();
	uint64_t shared = rig_shared(s.rig, s.parent), root;
	struct msg_cap_ticketed ticket;
	struct fake_client *next;

	root = rig_root(s.rig, s.parent, shared);
	EXPECT_EQ(rig_error(s.rig, s.parent,
			    ASK(cap_mark, .token = root, .inherit = PRESERVE_EXEC)),
		  0);
	ticket = ticket_of(&s);
	EXPECT_EQ(ticket.count, 1);
	next = exec(&s, 102);
	EXPECT_EQ(rig_error(s.rig, next, showing(ticket)), 0);
	rig_map(s.rig, next, shared, next_of(&s, next, 0).token, ALL);
	/* An orphan, since its owner is no more. */
	EXPECT_EQ(rig_ask(s.rig, next, ASK(shared_open, .shared = shared))->shared_known.owner,
		  0);
	EXPECT_EQ(rig_error(s.rig, next, ASK(shared_unmap, .shared = shared)), 0);
	EXPECT_EQ(rig_error(s.rig, next, ASK(shared_open, .shared = shared)), ENOENT);
	rig_down(s.rig);
}

/* ---- offers of others ------------------------------------------------------------------- */

TEST(another_user_fills_a_quarter_of_a_table_with_offers_and_no_more)
{
	struct scene s = scene_up();
	struct fake_client *other = rig_join(s.rig, 11), *too = rig_join(s.rig, 11);
	uint64_t shared = rig_shared(s.rig, other), root = rig_root(s.rig, other, shared);
	struct message derive = ASK(cap_derive, .parent = root, .rights = READ, .process = 3);
	uint64_t more;

	for (uint32_t i = 0; i < s.rig->config.caps_max / 4; i++)
		EXPECT_EQ(rig_error(s.rig, other, derive), 0);
	EXPECT_EQ(rig_error(s.rig, other, derive), EDQUOT);
	EXPECT_EQ(rig_error(s.rig, other,
			    ASK(offer_make, .shared = shared, .process = 3, .mode = 1)),
		  EDQUOT);
	EXPECT_EQ(rig_error(s.rig, other,
			    ASK(shared_grant, .shared = shared, .process = 3, .permission = 1)),
		  EDQUOT);
	/* Nor does it help to be many. */
	more = rig_shared(s.rig, too);
	derive.cap_derive.parent = rig_root(s.rig, too, more);
	EXPECT_EQ(rig_error(s.rig, too, derive), EDQUOT);
	EXPECT_EQ(pass(&s, MARKED), 1);
	(void)rig_obey(s.rig, s.child, MSG_shared_news);
	rig_down(s.rig);
}
