/* SPDX-License-Identifier: MIT */
/*
 * test_death.c - an exporter or an importer dies or stops, and the others see what they see
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tract/tract.h>

#include "crew.h"
#include "rig.h"
#include "shm/layout.h"

#define DEATHS 50u

struct cast {
	pid_t broker;
	struct member exporter, one, other;
};

/* How long a rebind waits for importers to follow. */
static void set_ack_timeout(unsigned ms)
{
	test_configure("[limits]\nack-timeout-ms = %u\n", ms);
}

static void connect_and_map(struct member *m)
{
	EXPECT_EQ(member_ask(m, CONNECT, CREW_ID), 0);
	EXPECT_EQ(member_ask(m, MAP, 0), 0);
	EXPECT_EQ(member_ask(m, IMPORT_LOAD, 0), CREW_FILL);
}

static void publish(struct member *m)
{
	EXPECT_EQ(member_ask(m, EXPORT_PRIVATE, 0), 0);
	EXPECT_EQ(member_ask(m, PUBLISH, CREW_ID), 0);
}

static void cast_up_with(struct cast *c, const char *importers_fault)
{
	c->broker = crew_broker_up(NULL, NULL);
	member_up(&c->exporter, NULL, NULL);
	member_up(&c->one, importers_fault, NULL);
	member_up(&c->other, NULL, NULL);
	publish(&c->exporter);
	connect_and_map(&c->one);
	connect_and_map(&c->other);
}

static void cast_up(struct cast *c)
{
	cast_up_with(c, NULL);
}

static void cast_down(struct cast *c)
{
	(void)member_down(&c->exporter);
	(void)member_down(&c->one);
	(void)member_down(&c->other);
	crew_broker_kill(c->broker);
}

static void expect_works(struct cast *c, struct member *importer, unsigned byte)
{
	EXPECT_EQ(member_ask(importer, BARRIER, byte), 0);
	EXPECT_EQ(member_ask(&c->exporter, EXPORT_LOAD, 0), byte);
	EXPECT_EQ(member_ask(importer, PUT, byte + 1), 0);
	EXPECT_EQ(member_ask(importer, GET, 0), 0);
	EXPECT_EQ(member_ask(&c->exporter, EXPORT_LOAD, 0), byte + 1);
}

static void kill_exporter(struct cast *c)
{
	member_signal(&c->exporter, SIGKILL);
	EXPECT_WITHIN((int)(1000 * test_patience()), member_ask(&c->one, CHECK, 0) == -ESTALE);
}

/* ---- the exporter dies ------------------------------------------------------------------- */

TEST(a_mapped_importer_survives_the_exporters_death)
{
	struct cast c;

	cast_up(&c);
	kill_exporter(&c);
	/* What was there last may be seen until its own library has heard of it. */
	EXPECT_WITHIN(1000, member_ask(&c.one, IMPORT_LOAD, 0) == 0);
	/* Those zeros may be the emptied object's still, and its own come after the store. */
	EXPECT_WITHIN(1000, member_ask(&c.one, IMPORT_STORE, 1) == 0 &&
				    member_ask(&c.one, IMPORT_LOAD, 0) == 1);
	cast_down(&c);
}

static bool reaches(struct member *from, struct member *to, unsigned byte)
{
	EXPECT_EQ(member_ask(from, IMPORT_STORE, byte % 256), 0);
	return member_ask(to, IMPORT_LOAD, 0) == byte % 256;
}

TEST(a_store_after_the_exporters_death_reaches_nobody)
{
	unsigned byte = 0;
	struct cast c;

	cast_up(&c);
	kill_exporter(&c);
	/* Not even the other importer, once their libraries have heard of it. */
	EXPECT_WITHIN(1000, !reaches(&c.one, &c.other, ++byte));
	EXPECT(!reaches(&c.other, &c.one, ++byte));
	cast_down(&c);
}

TEST(put_and_get_report_the_exporters_death)
{
	struct cast c;

	cast_up(&c);
	kill_exporter(&c);
	EXPECT_EQ(member_ask(&c.one, PUT, 1), -ESTALE);
	EXPECT_EQ(member_ask(&c.one, GET, 1), -ESTALE);
	cast_down(&c);
}

TEST(no_barrier_closes_after_the_exporters_death)
{
	struct member next;
	struct cast c;

	cast_up(&c);
	kill_exporter(&c);
	EXPECT_EQ(member_ask(&c.one, BARRIER, 1), -ESTALE);
	/* Also not because somebody else has the id now. */
	member_up(&next, NULL, NULL);
	publish(&next);
	EXPECT_EQ(member_ask(&c.one, BARRIER, 1), -ESTALE);
	EXPECT_EQ(member_ask(&next, EXPORT_LOAD, 0), CREW_FILL);
	(void)member_down(&next);
	cast_down(&c);
}

TEST(an_exporter_that_becomes_another_program_takes_its_segment_along)
{
	struct cast c;

	cast_up(&c);
	EXPECT_EQ(member_ask(&c.one, CHECK, 0), 0);
	/* The channel ends with the program, the process does not. */
	member_tell(&c.exporter, EXEC, 0);
	EXPECT_WITHIN((int)(1000 * test_patience()), member_ask(&c.one, CHECK, 0) == -ESTALE);
	EXPECT_EQ(kill(c.exporter.pid, 0), 0);
	EXPECT_EQ(member_ask(&c.one, BARRIER, 1), -ESTALE);
	EXPECT_EQ(member_ask(&c.one, DROP, 0), 0);
	EXPECT_EQ(member_ask(&c.other, DROP, 0), 0);
	EXPECT_WITHIN(1000, member_ask(&c.one, LOOK, 0) == 0);
	cast_down(&c);
}

/* ---- how soon ---------------------------------------------------------------------------- */

struct deaths {
	struct tract *ctx;
	double ms[DEATHS];
};

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Milliseconds from the kernel saying that the exporter is dead to the check that says so. */
static double measure_death(struct tract *ctx)
{
	struct tract_import *import;
	struct pollfd dead = { .events = POLLIN };
	struct member exporter;
	double begun;

	member_up(&exporter, NULL, NULL);
	publish(&exporter);
	EXPECT_EQ(tract_import_connect(ctx, 0, CREW_ID, TRACT_RIGHT_READ_WRITE, &import), 0);
	dead.fd = (int)syscall(SYS_pidfd_open, exporter.pid, 0);
	EXPECT(dead.fd >= 0);
	EXPECT_EQ(kill(exporter.pid, SIGKILL), 0);
	EXPECT_EQ(poll(&dead, 1, 10000), 1);
	begun = crew_now_ms();
	while (tract_import_check(import) == 0)
		EXPECT(crew_now_ms() - begun < 1000 * test_patience());
	begun = crew_now_ms() - begun;
	(void)close(dead.fd);
	EXPECT_EQ(tract_import_close(import), 0);
	(void)member_down(&exporter);
	return begun;
}

TEST(importers_know_of_the_exporters_death_within_five_milliseconds)
{
	pid_t broker = crew_broker_up(NULL, NULL);
	struct deaths d;

	EXPECT_EQ(tract_open(NULL, &d.ctx), 0);
	for (unsigned i = 0; i < DEATHS; i++)
		d.ms[i] = measure_death(d.ctx);
	tract_close(d.ctx);
	crew_broker_kill(broker);
	qsort(d.ms, DEATHS, sizeof(d.ms[0]), compare);
	(void)fprintf(stderr,
		      "# %u deaths, known after ms: median %.3f, 90%% %.3f, most %.3f\n",
		      DEATHS, d.ms[DEATHS / 2], d.ms[DEATHS * 9 / 10], d.ms[DEATHS - 1]);
	EXPECT(d.ms[DEATHS / 2] < 5 * test_patience());
}

/* ---- the exporter is stopped ------------------------------------------------------------- */

TEST(a_stopped_exporter_keeps_nobody_from_its_memory)
{
	struct cast c;

	cast_up(&c);
	member_signal(&c.exporter, SIGSTOP);
	EXPECT_EQ(member_ask(&c.one, IMPORT_STORE, 3), 0);
	EXPECT_EQ(member_ask(&c.other, IMPORT_LOAD, 0), 3);
	EXPECT_EQ(member_ask(&c.one, PUT, 4), 0);
	EXPECT_EQ(member_ask(&c.other, GET, 0), 0);
	EXPECT_EQ(member_ask(&c.other, BARRIER, 5), 0);
	EXPECT_EQ(member_ask(&c.one, IMPORT_LOAD, 0), 5);
	member_signal(&c.exporter, SIGCONT);
	EXPECT_EQ(member_ask(&c.exporter, EXPORT_LOAD, 0), 5);
	cast_down(&c);
}

TEST(a_stopped_exporters_segment_can_be_connected_to)
{
	struct member late;
	struct cast c;

	cast_up(&c);
	member_signal(&c.exporter, SIGSTOP);
	member_up(&late, NULL, NULL);
	connect_and_map(&late);
	EXPECT_EQ(member_ask(&late, IMPORT_WAIT, 10), -ETIMEDOUT);
	EXPECT_EQ(member_ask(&late, CLOSE, 0), 0);
	(void)member_down(&late);
	cast_down(&c);
}

/* ---- an importer dies -------------------------------------------------------------------- */

TEST(one_importers_death_is_no_other_importers_business)
{
	struct cast c;

	cast_up(&c);
	member_tell(&c.one, STORE_ON, 0);
	member_signal(&c.one, SIGKILL);
	expect_works(&c, &c.other, 10);
	EXPECT_EQ(member_ask(&c.exporter, EXPORT_POST, 0), 0);
	EXPECT_EQ(member_ask(&c.other, IMPORT_WAIT, 500), 0);
	cast_down(&c);
}

TEST(a_dead_importer_holds_up_no_revocation)
{
	double begun;
	struct cast c;

	set_ack_timeout(20000);
	cast_up(&c);
	/* While a rebind waits for it. */
	member_signal(&c.one, SIGSTOP);
	member_tell(&c.exporter, REBIND, 1);
	test_pause_us(20000);
	begun = crew_now_ms();
	member_signal(&c.one, SIGKILL);
	EXPECT_EQ(member_hear(&c.exporter, 5000), 0);
	EXPECT_EQ(member_ask(&c.exporter, UNPUBLISH, 0), 0);
	EXPECT(crew_now_ms() - begun < 5000 * test_patience());
	cast_down(&c);
}

/* ---- an importer is stopped -------------------------------------------------------------- */

TEST(a_stopped_importer_holds_up_no_revocation)
{
	struct cast c;

	set_ack_timeout(20000);
	cast_up(&c);
	member_signal(&c.one, SIGSTOP);
	/* Each within a second. */
	EXPECT_EQ(member_ask(&c.exporter, UNPUBLISH, 0), 0);
	EXPECT_EQ(member_ask(&c.exporter, EXPORT_STORE, 8), 0);
	EXPECT_EQ(member_ask(&c.exporter, DESTROY, 0), 0);
	EXPECT_EQ(member_ask(&c.exporter, EXPORT_LOAD, 0), 8);
	member_signal(&c.one, SIGCONT);
	EXPECT_EQ(member_ask(&c.one, PUT, 9), -ESTALE);
	EXPECT_EQ(member_ask(&c.exporter, EXPORT_LOAD, 0), 8);
	cast_down(&c);
}

TEST(a_stopped_importer_delays_a_rebind_by_its_limit)
{
	double begun, took;
	struct cast c;

	set_ack_timeout(300);
	cast_up(&c);
	member_signal(&c.one, SIGSTOP);
	begun = crew_now_ms();
	member_tell(&c.exporter, REBIND, 0x11);
	EXPECT_EQ(member_hear(&c.exporter, 2000), 0);
	took = crew_now_ms() - begun;
	EXPECT(took >= 299 && took < 300 + 1000 * test_patience());
	/* Who followed is where the exporter is. */
	expect_works(&c, &c.other, 0x20);
	cast_down(&c);
}

TEST(who_was_left_behind_is_told_at_the_next_barrier)
{
	struct cast c;
	int64_t r;

	set_ack_timeout(50);
	/* Its library gets no further than hearing of it: the process is stopped there. */
	cast_up_with(&c, "segment.move.heard=stop");
	member_tell(&c.exporter, REBIND, 0x11);
	EXPECT_EQ(member_hear(&c.exporter, 2000), 0);
	member_signal(&c.one, SIGCONT);
	/* It may not have mapped the new memory yet; if it says that it worked, it did. */
	for (unsigned byte = 1; (r = member_ask(&c.one, BARRIER, byte)) != 0; byte++) {
		EXPECT_EQ(r, -EIO);
		EXPECT(byte < 100);
	}
	EXPECT_EQ(member_ask(&c.exporter, EXPORT_LOAD, 0), member_ask(&c.one, IMPORT_LOAD, 0));
	expect_works(&c, &c.one, 0x30);
	cast_down(&c);
}

/* ---- signals ----------------------------------------------------------------------------- */

TEST(a_poster_may_die_at_any_point_of_a_post)
{
	struct cast c;

	cast_up_with(&c, "signal.post.counted=kill");
	EXPECT_EQ(member_ask(&c.exporter, EXPORT_WAIT, 0), -ETIMEDOUT);
	member_tell(&c.exporter, EXPORT_WAIT, 300);
	EXPECT_EQ(member_ask(&c.one, IMPORT_POST, 0), GONE);
	/* Counted it was; nobody was woken, so it is found when the time is up. */
	EXPECT_EQ(member_hear(&c.exporter, 1000), 0);
	EXPECT_EQ(member_ask(&c.exporter, EXPORT_WAIT, 0), -ETIMEDOUT);
	member_tell(&c.exporter, EXPORT_WAIT, 5000);
	EXPECT_EQ(member_ask(&c.other, IMPORT_POST, 0), 0);
	EXPECT_EQ(member_hear(&c.exporter, 1000), 0);
	cast_down(&c);
}

TEST(an_event_goes_to_a_waiter_that_lives)
{
	struct cast c;

	cast_up_with(&c, "signal.wait.announced=kill");
	EXPECT_EQ(member_ask(&c.one, IMPORT_WAIT, 0), -ETIMEDOUT);
	EXPECT_EQ(member_ask(&c.one, IMPORT_WAIT, 5000), GONE);
	EXPECT_EQ(member_ask(&c.other, IMPORT_WAIT, 0), -ETIMEDOUT);
	member_tell(&c.other, IMPORT_WAIT, 5000);
	EXPECT_EQ(member_ask(&c.exporter, EXPORT_POST, 0), 0);
	EXPECT_EQ(member_hear(&c.other, 1000), 0);
	cast_down(&c);
}

/* Its mark that it waits stays: posts go on counting, and taking goes on without waiting. */
TEST(a_waiter_that_died_costs_posters_a_system_call_at_most)
{
	struct cast c;

	cast_up_with(&c, NULL);
	EXPECT_EQ(member_ask(&c.one, IMPORT_WAIT, 0), -ETIMEDOUT);
	member_tell(&c.one, IMPORT_WAIT, 10000);
	EXPECT_EQ(member_ask(&c.other, IMPORT_WAIT, 0), -ETIMEDOUT);
	member_signal(&c.one, SIGKILL);
	for (unsigned i = 0; i < 100; i++)
		EXPECT_EQ(member_ask(&c.exporter, EXPORT_POST, 0), 0);
	for (unsigned i = 0; i < 100; i++)
		EXPECT_EQ(member_ask(&c.other, IMPORT_WAIT, 0), 0);
	EXPECT_EQ(member_ask(&c.other, IMPORT_WAIT, 0), -ETIMEDOUT);
	cast_down(&c);
}

/* ---- slots ------------------------------------------------------------------------------- */

static uint32_t slot_of(struct rig_client *importer, uint32_t id)
{
	struct message reply, request = { .number = MSG_import_bell };
	int fd;

	reply = rig_import(importer, id, 0, NULL);
	EXPECT_EQ(reply.number, MSG_import_connected_bare);
	request.import_bell.import = reply.import_connected_bare.import;
	reply = rig_ask(importer, request, &fd);
	EXPECT_EQ(reply.number, MSG_bell);
	(void)close(fd);
	return reply.bell.slot;
}

static void hold_a_slot(uint32_t id, int tell)
{
	struct rig_client importer;
	uint32_t slot;

	rig_client_up(test_directory(), &importer);
	slot = slot_of(&importer, id);
	(void)!write(tell, &slot, sizeof(slot));
	for (;;)
		(void)pause();
}

TEST(a_dead_importers_slot_is_used_again)
{
	pid_t broker = crew_broker_up(NULL, NULL), child;
	struct rig_client exporter, importer;
	struct rig_segment s;
	uint32_t slot, again;
	int pipes[2];

	rig_client_up(test_directory(), &exporter);
	s = rig_publish(&exporter, 4096);
	EXPECT_EQ(pipe(pipes), 0);
	child = fork();
	if (child == 0)
		hold_a_slot(s.id, pipes[1]);
	EXPECT_EQ(read(pipes[0], &slot, sizeof(slot)), sizeof(slot));
	EXPECT_EQ(kill(child, SIGKILL), 0);
	EXPECT_EQ(waitpid(child, NULL, 0), child);
	/* The broker learns of it from the kernel, soon. */
	for (unsigned tries = 0; tries < 1000; tries++) {
		rig_client_up(test_directory(), &importer);
		again = slot_of(&importer, s.id);
		rig_client_down(&importer);
		if (again == slot)
			break;
		test_pause_us(1000);
	}
	EXPECT_EQ(again, slot);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	(void)close(s.fd);
	rig_client_down(&exporter);
	crew_broker_kill(broker);
}
