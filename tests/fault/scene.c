/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const role_names[ROLES + 1] = { "exporter", "importer", "waiter", "bystander",
					    "broker" };

/* What is asked of whom; where nobody has died or failed, every answer is @expected. */
struct step {
	enum role who;
	enum deed deed;
	uint64_t a;
	int64_t expected;
};

static const struct step act_one[] = {
	{ EXPORTER, EXPORT_PRIVATE, 0, 0 },
	{ EXPORTER, PUBLISH, CREW_ID, 0 },
	{ IMPORTER, CONNECT, CREW_ID, 0 },
	{ IMPORTER, MAP, 0, 0 },
	{ WAITER, CONNECT, CREW_ID, 0 },
	{ WAITER, IMPORT_WAIT, 0, -ETIMEDOUT },
	{ IMPORTER, PUT, 1, 0 },
	{ EXPORTER, EXPORT_LOAD, 0, 1 },
	{ IMPORTER, GET, 0, 0 },
	{ IMPORTER, BARRIER, 2, 0 },
	{ WAITER, PUT, 3, 0 },
	{ EXPORTER, EXPORT_WAIT, 0, -ETIMEDOUT },
	{ IMPORTER, IMPORT_POST, 0, 0 },
	{ EXPORTER, EXPORT_WAIT, 100, 0 },
	{ IMPORTER, IMPORT_POLLFD, 0, 0 },
};

static const struct step act_two[] = {
	{ IMPORTER, IMPORT_POLL, 100, 1 },
	{ IMPORTER, IMPORT_WAIT, 0, 0 },
	{ EXPORTER, EXPORT_POLLFD, 0, 0 },
	{ IMPORTER, IMPORT_POST, 0, 0 },
	{ EXPORTER, EXPORT_WAIT, 100, 0 },
	{ EXPORTER, REBIND, 0x77, 0 },
	{ IMPORTER, IMPORT_LOAD, 0, 0x77 },
	{ IMPORTER, BARRIER, 4, 0 },
	{ EXPORTER, EXPORT_OVERLAP, 0, 0 },
	{ IMPORTER, BARRIER, 4, 0 },
	{ EXPORTER, UNPUBLISH, 0, 0 },
	{ IMPORTER, CHECK, 0, -ESTALE },
	{ IMPORTER, PUT, 5, -ESTALE },
	{ EXPORTER, EXPORT_LOAD, 0, 4 },
	{ EXPORTER, PUBLISH, CREW_ID, 0 },
	{ EXPORTER, DESTROY, 0, 0 },
	{ EXPORTER, EXPORT_LOAD, 0, 4 },
	{ IMPORTER, UNMAP, 0, 0 },
	{ IMPORTER, CLOSE, 0, 0 },
	{ WAITER, CLOSE, 0, 0 },
	/* Memory that was shareable before, and stays so. */
	{ EXPORTER, EXPORT_REGION, 0, 0 },
	{ EXPORTER, PUBLISH, CREW_ID, 0 },
	{ WAITER, CONNECT, CREW_ID, 0 },
	{ WAITER, PUT, 6, 0 },
	{ EXPORTER, UNPUBLISH, 0, 0 },
	{ WAITER, PUT, 7, -ESTALE },
	{ EXPORTER, DESTROY, 0, 0 },
	{ EXPORTER, EXPORT_LOAD, 0, 6 },
	{ WAITER, CLOSE, 0, 0 },
	{ EXPORTER, LAND, 0, 0 },
	{ EXPORTER, GOVERN, 0, 0 },
	{ IMPORTER, GOVERN, 0, 0 },
	{ WAITER, GOVERN, 0, 0 },
	{ IMPORTER, HAND_OUT, 0, 0 },
	{ EXPORTER, VISIT, IMPORTER, 0 },
};

static char *visits_of(struct scene *s, enum role who)
{
	(void)snprintf(s->visits[who], sizeof(s->visits[who]), "%s.%s", test_directory(),
		       role_names[who]);
	(void)unlink(s->visits[who]);
	return s->visits[who];
}

static bool broker_is_there(struct scene *s)
{
	if (s->broker && waitpid(s->broker, NULL, WNOHANG) == s->broker)
		s->broker = 0;
	return s->broker != 0;
}

void scene_up(struct scene *s, enum role who, const char *fault)
{
	*s = (struct scene){ .who = who };
	s->broker = crew_broker_up(who == ROLES ? fault : NULL, visits_of(s, ROLES));
	/* One that could not even start has said so, and another can. */
	s->replaced = !broker_is_there(s);
	if (s->replaced)
		s->broker = crew_broker_up(NULL, visits_of(s, ROLES));
	EXPECT(broker_is_there(s));
	for (enum role i = 0; i < ROLES; i++)
		member_up(&s->cast[i], i == who ? fault : NULL, visits_of(s, i));
	(void)member_ask(&s->cast[BYSTANDER], LOOK, 0);
	s->memfds = crew_memfds_of(s->broker);
}

static int64_t ask(struct scene *s, const struct step *step)
{
	uint64_t a = step->deed == VISIT ? (uint64_t)s->cast[step->a].pid : step->a;

	return member_ask(&s->cast[step->who], step->deed, a);
}

/* The point's act was for one visit: the same question again is answered as ever. */
static int64_t ask_again(struct scene *s, const struct step *step, int64_t first)
{
	int64_t again = ask(s, step);

	s->failed++;
	/* Withdrawn it was, though not yet taken back; made or bound it may be, too. */
	if ((step->deed == UNPUBLISH && again == -ENOENT) ||
	    (step->deed == CONNECT && again == -EALREADY))
		return step->expected;
	ck_assert_msg(again == step->expected, "deed %d of the %s: %lld, and again %lld",
		      step->deed, role_names[step->who], (long long)first, (long long)again);
	return again;
}

static int64_t play_step(struct scene *s, const struct step *step)
{
	int64_t r = ask(s, step);

	if (s->may_fail && (step->who == s->who || s->who == ROLES) && r < 0 &&
	    r != step->expected)
		r = ask_again(s, step, r);
	if (r == GONE)
		ck_assert_msg(step->who == s->who, "the %s died, too (status 0x%x)",
			      role_names[step->who], (unsigned)s->cast[step->who].status);
	/* Others may see that the broker is dead a moment before its parent is told. */
	if (r < 0 && r != step->expected && s->who == ROLES)
		EXPECT_WITHIN(1000, !broker_is_there(s));
	/* Who was visited may have died of it, and nobody has asked it anything since. */
	if (r < 0 && step->deed == VISIT)
		(void)member_ask(&s->cast[step->a], LOOK, 0);
	/* Once somebody is dead, others see what they see; they see something. */
	if (s->cast[EXPORTER].dead || s->cast[IMPORTER].dead || s->cast[WAITER].dead ||
	    !broker_is_there(s))
		return r;
	/* An unpublish that had no memory to fence with leaves importers their bytes. */
	if (s->failed > 0 && step->deed == EXPORT_LOAD)
		return r;
	ck_assert_msg(r == step->expected, "deed %d of the %s: %lld, not %lld", step->deed,
		      role_names[step->who], (long long)r, (long long)step->expected);
	return r;
}

static void play(struct scene *s, const struct step *steps, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		(void)play_step(s, &steps[i]);
}

/* Somebody waits while somebody posts.  What is posted comes long before the wait would end. */
static void play_wait(struct scene *s)
{
	const bool all_there = !s->cast[EXPORTER].dead && broker_is_there(s);
	const double limit_ms = all_there ? 2000 * test_patience() : 200;
	int64_t posted, r;

	member_tell(&s->cast[WAITER], IMPORT_WAIT, (uint64_t)limit_ms);
	/* Mostly it sleeps by then; and it is told, too, if it does not. */
	test_pause_us(20000);
	posted = play_step(s, &(struct step){ EXPORTER, EXPORT_POST, 0, 0 });
	r = member_hear(&s->cast[WAITER], all_there && posted == 0 ? 1000 : 3000);
	if (r == GONE)
		EXPECT_EQ(s->who, WAITER);
	else if (all_there && posted == 0)
		EXPECT_EQ(r, 0);
}

void scene_play(struct scene *s)
{
	play(s, act_one, sizeof(act_one) / sizeof(act_one[0]));
	play_wait(s);
	play(s, act_two, sizeof(act_two) / sizeof(act_two[0]));
}

void scene_down(struct scene *s)
{
	for (enum role i = 0; i < ROLES; i++)
		(void)member_down(&s->cast[i]);
	if (s->broker)
		crew_broker_kill(s->broker);
	for (enum role i = 0; i <= ROLES; i++)
		(void)unlink(s->visits[i]);
}

/* The broker's step may be one that it takes for a bystander. */
static void expect_bystander(struct scene *s, enum deed deed, uint64_t a, int64_t expected)
{
	int64_t r = member_ask(&s->cast[BYSTANDER], deed, a);

	if (s->may_fail && s->who == ROLES && r < 0)
		r = member_ask(&s->cast[BYSTANDER], deed, a);
	EXPECT_OR_SAY(r == expected, "deed %d of the bystander: %lld, not %lld", deed,
		      (long long)r, (long long)expected);
}

/* Nothing holds the id, and what is published under it can be connected to. */
static void expect_id_is_free(struct scene *s)
{
	expect_bystander(s, EXPORT_PRIVATE, 0, 0);
	expect_bystander(s, PUBLISH, CREW_ID, 0);
	expect_bystander(s, CONNECT, CREW_ID, 0);
	expect_bystander(s, PUT, 1, 0);
	expect_bystander(s, EXPORT_LOAD, 0, 1);
	expect_bystander(s, DROP, 0, 0);
}

/* Who is to die somewhere may hear of something only now, and die of that. */
static void expect_descriptors(struct scene *s, enum role who)
{
	const bool was_dead = s->cast[who].dead;
	int64_t r = member_ask(&s->cast[who], COUNT_FDS, 0);

	if (r == GONE)
		ck_assert_msg(was_dead || s->who == who, "the %s died, too (status 0x%x)",
			      role_names[who], (unsigned)s->cast[who].status);
	else
		EXPECT_EQ(r, 1); /* the board */
}

void scene_expect_nothing_left(struct scene *s)
{
	struct member *bystander = &s->cast[BYSTANDER];

	for (enum role i = 0; i < BYSTANDER; i++)
		(void)member_ask(&s->cast[i], DROP, 0);
	EXPECT_WITHIN((int)(1000 * test_patience()), member_ask(bystander, LOOK, 0) == 0);
	for (enum role i = 0; i < BYSTANDER; i++)
		expect_descriptors(s, i);
	expect_id_is_free(s);
	s->died = s->who != ROLES && s->cast[s->who].dead;
	for (enum role i = 0; i < BYSTANDER; i++)
		(void)member_down(&s->cast[i]);
	EXPECT_WITHIN((int)(1000 * test_patience()), member_ask(bystander, LOOK_ALL, 0) == 1);
	if (s->memfds >= 0)
		EXPECT_EQ(crew_memfds_of(s->broker), s->memfds);
}

bool scene_visited(const struct scene *s, enum role who, const char *point)
{
	FILE *file = fopen(s->visits[who], "re");
	char line[128];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		found = strcmp(line, point) == 0;
	}
	if (file)
		(void)fclose(file);
	return found;
}
