/* SPDX-License-Identifier: MIT */
/*
 * test_kill.c - every process dies, and every step fails, wherever the sources have a point
 *
 * fault_points.h names every fault_point() in the sources; which of them a process comes by is
 * found out by a scene in which nothing goes wrong.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault_points.h"
#include "scene.h"

#define POINTS (sizeof(fault_points) / sizeof(fault_points[0]))
/* Visits of one point at which it is tried, unless TRACT_DEEP asks for all.  What a sanitizer
 * sees it sees at one. */
#define VISITS_TRIED (TEST_SANITIZED ? 1u : 2u)

/* Where the quiet scene came by. */
static bool visited[ROLES + 1][POINTS];

static void survey(void)
{
	struct scene s;

	scene_up(&s, ROLES, NULL);
	scene_play(&s);
	scene_expect_nothing_left(&s);
	for (enum role who = 0; who <= ROLES; who++)
		for (unsigned i = 0; i < POINTS; i++)
			visited[who][i] = scene_visited(&s, who, fault_points[i]);
	scene_down(&s);
}

static char *action_text(char text[128], const char *point, const char *action, unsigned nth)
{
	(void)snprintf(text, 128, "%s=%s@%u", point, action, nth);
	return text;
}

/* For a reader of the log: the last line before a failure names the point. */
static void say(enum role who, const char *fault)
{
	(void)fprintf(stderr, "# %s: %s\n", role_names[who], fault);
}

/* ---- killed ------------------------------------------------------------------------------ */

/* Did it come by there so often that it died? */
static bool kill_at(enum role who, const char *point, unsigned nth)
{
	char fault[128];
	struct scene s;
	bool died;

	say(who, action_text(fault, point, "kill", nth));
	scene_up(&s, who, fault);
	scene_play(&s);
	/* A fence or a rebind that it began is over for importers, too. */
	if (s.cast[EXPORTER].dead)
		EXPECT(member_ask(&s.cast[IMPORTER], BARRIER, 9) < 0);
	scene_expect_nothing_left(&s);
	died = s.died && WIFSIGNALED(s.cast[who].status) &&
	       WTERMSIG(s.cast[who].status) == SIGKILL;
	scene_down(&s);
	return died;
}

/* Some of what it is told nobody waits for: whether it hears of that in time is chance. */
static bool dies_at_all(enum role who, const char *point)
{
	bool died = false;

	for (unsigned i = 0; i < 20 && !died; i++)
		died = kill_at(who, point, 1);
	return died;
}

static void kill_everywhere(enum role who)
{
	unsigned limit = test_is_deep() ? 1000 : VISITS_TRIED, nth;

	survey();
	for (unsigned i = 0; i < POINTS; i++) {
		if (!visited[who][i])
			continue;
		for (nth = 1; nth <= limit && kill_at(who, fault_points[i], nth); nth++)
			continue;
		ck_assert_msg(nth > 1 || dies_at_all(who, fault_points[i]),
			      "the %s did not die at %s", role_names[who], fault_points[i]);
	}
}

TEST_SLOW(an_exporter_killed_anywhere_leaves_nothing, 120)
{
	kill_everywhere(EXPORTER);
}

TEST_SLOW(an_importer_killed_anywhere_leaves_nothing, 120)
{
	kill_everywhere(IMPORTER);
}

TEST_SLOW(a_waiter_killed_anywhere_leaves_nothing, 120)
{
	kill_everywhere(WAITER);
}

/* ---- the broker killed ------------------------------------------------------------------- */

static void expect_lost_at_once(struct member *m)
{
	double before = crew_now_ms();
	int64_t r = member_ask(m, LOOK, 0);

	/* Or it was never attached, and has just attached itself to another broker. */
	EXPECT(r == -ENOTCONN || r == 0);
	EXPECT(crew_now_ms() - before < 500 * test_patience());
}

/* All who were there do it all again, and through another broker it works. */
static void expect_all_begin_again(struct scene *s)
{
	for (enum role i = 0; i < ROLES; i++) {
		expect_lost_at_once(&s->cast[i]);
		EXPECT_EQ(member_ask(&s->cast[i], DROP, 0), 0);
		EXPECT_EQ(member_ask(&s->cast[i], RECONNECT, 0), 0);
	}
	/* Any process but 0 is one that is there. */
	s->broker = getpid();
	scene_play(s);
	s->broker = 0;
	EXPECT_EQ(member_ask(&s->cast[BYSTANDER], LOOK, 0), 0);
	crew_brokers_end();
}

/* Somebody dies in peace, which is a step of the broker's, too.  The broker sees it in the turn
 * that brings it the first question after that, and is asked another in the next. */
static void replace_bystander(struct scene *s)
{
	int64_t r = 0;

	(void)member_down(&s->cast[BYSTANDER]);
	for (unsigned i = 0; i < 2 && r >= 0; i++)
		r = member_ask(&s->cast[IMPORTER], LOOK, 0);
	if (r == -ENOTCONN) {
		EXPECT_WITHIN(1000, waitpid(s->broker, NULL, WNOHANG) == s->broker);
		s->broker = 0;
	}
	member_up(&s->cast[BYSTANDER], NULL, NULL);
}

static bool kill_broker_at(const char *point, unsigned nth)
{
	char fault[128];
	struct scene s;
	bool died;

	say(ROLES, action_text(fault, point, "kill", nth));
	scene_up(&s, ROLES, fault);
	scene_play(&s);
	if (s.broker)
		replace_bystander(&s);
	died = !s.broker || waitpid(s.broker, NULL, WNOHANG) == s.broker;
	if (died) {
		s.broker = 0;
		expect_all_begin_again(&s);
	}
	scene_down(&s);
	return died || s.replaced;
}

static void kill_broker_everywhere(const char *but)
{
	unsigned limit = test_is_deep() ? 1000 : VISITS_TRIED, nth;

	survey();
	for (unsigned i = 0; i < POINTS; i++) {
		if (!visited[ROLES][i] || strcmp(fault_points[i], but) == 0)
			continue;
		for (nth = 1; nth <= limit && kill_broker_at(fault_points[i], nth); nth++)
			continue;
		ck_assert_msg(nth > 1, "the broker did not die at %s", fault_points[i]);
	}
}

TEST_SLOW(a_broker_killed_anywhere_loses_connections_and_no_memory, 120)
{
	kill_broker_everywhere("broker.request.received");
}

/* Every handler, before it did anything; each reply is the same after it. */
TEST_SLOW(a_broker_killed_at_any_request_loses_connections_and_no_memory, 120)
{
	unsigned step = test_is_deep() ? 1 : 5;

	for (unsigned nth = 2; kill_broker_at("broker.request.received", nth); nth += step)
		continue;
}

/* ---- failed ------------------------------------------------------------------------------ */

static void fail_at(enum role who, const char *point, unsigned nth)
{
	char fault[128];
	struct scene s;

	say(who, action_text(fault, point, "e12", nth));
	scene_up(&s, who, fault);
	s.may_fail = true;
	scene_play(&s);
	scene_expect_nothing_left(&s);
	scene_down(&s);
}

static void fail_everywhere(enum role who)
{
	unsigned limit = test_is_deep() ? 8 : VISITS_TRIED;

	survey();
	for (unsigned i = 0; i < POINTS; i++)
		for (unsigned nth = 1; visited[who][i] && nth <= limit; nth++)
			fail_at(who, fault_points[i], nth);
}

TEST_SLOW(what_failed_at_any_step_of_an_exporter_works_when_asked_again, 120)
{
	fail_everywhere(EXPORTER);
}

TEST_SLOW(what_failed_at_any_step_of_an_importer_works_when_asked_again, 120)
{
	fail_everywhere(IMPORTER);
}

TEST_SLOW(what_failed_at_any_step_of_the_broker_works_when_asked_again, 120)
{
	fail_everywhere(ROLES);
}

/* ---- all of them ------------------------------------------------------------------------- */

/* With the above: every process dies at every point that it comes by. */
TEST(everything_may_die_at_every_fault_point)
{
	survey();
	for (unsigned i = 0; i < POINTS; i++) {
		bool any = false;

		for (enum role who = 0; who <= ROLES; who++)
			any = any || visited[who][i];
		ck_assert_msg(any, "no scene comes by %s", fault_points[i]);
	}
}
