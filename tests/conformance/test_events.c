/* SPDX-License-Identifier: MIT */
/*
 * test_events.c - rsm_intr_signal_post() and rsm_intr_signal_wait()
 *
 * That a counter saturates at 2^32 - 1 is not tried: it would take too long.
 */
#include "rig.h"

#include <pthread.h>
#include <sys/time.h>

static void expect_events(void *segment, unsigned count)
{
	for (unsigned n = 0; n < count; n++)
		EXPECT_EQ(rsm_intr_signal_wait(segment, SOON), RSM_SUCCESS);
	/* One too many would take its time, too. */
	EXPECT_EQ(rsm_intr_signal_wait(segment, nodes_are_two() ? 20 : 0), RSMERR_TIMEOUT);
}

/*
 * After @posts, of which all but the first need not accumulate.  Between nodes a post may still
 * be under way when the one before is waited for, and a broker that passes it on does not know
 * what is pending there: none is dropped but those that were not passed on.
 */
static void expect_one_of(void *segment, unsigned posts)
{
	unsigned count = 1;

	if (!nodes_are_two()) {
		expect_events(segment, 1);
		return;
	}
	EXPECT_EQ(rsm_intr_signal_wait(segment, SOON), RSM_SUCCESS);
	while (count < posts && rsm_intr_signal_wait(segment, 200) == RSM_SUCCESS)
		count++;
	EXPECT(count <= posts);
}

/* 25.64 */
TEST(a_post_by_the_importer_wakes_the_exporter)
{
	struct exporter e;
	struct child far;

	exporter_up(&e, ID(0), 1);
	agent_importing(&far, ID(0), 0);
	for (unsigned n = 0; n < 50; n++) {
		order(&far, POST_IMPORT, 0, 0);
		EXPECT_EQ(rsm_intr_signal_wait(e.segment, -1), RSM_SUCCESS);
		EXPECT_EQ(hear(&far), RSM_SUCCESS);
	}
	expect_events(e.segment, 0);
	child_finish(&far);
	exporter_down(&e);
}

/* 25.64 */
TEST(a_post_by_the_exporter_wakes_importers_in_several_processes)
{
	struct exporter e;
	struct child far[3];

	exporter_up(&e, ID(0), 1);
	for (unsigned k = 0; k < 3; k++)
		agent_importing(&far[k], ID(0), 0);
	for (unsigned k = 0; k < 3; k++)
		order(&far[k], WAIT_IMPORT, (uint64_t)-1, 0);
	EXPECT_EQ(rsm_intr_signal_post(e.segment, 0), RSM_SUCCESS);
	for (unsigned k = 0; k < 3; k++)
		EXPECT_EQ(hear(&far[k]), RSM_SUCCESS);
	for (unsigned k = 0; k < 3; k++)
		EXPECT_EQ(ask(&far[k], WAIT_IMPORT, 0, 0), RSMERR_TIMEOUT);
	expect_events(e.segment, 0);
	for (unsigned k = 0; k < 3; k++)
		child_finish(&far[k]);
	exporter_down(&e);
}

/* 25.64 */
TEST(every_handle_of_a_process_gets_its_own_event)
{
	struct exporter e;
	struct importer one, two;

	exporter_up(&e, ID(0), 1);
	importer_fresh(&one, ID(0), RSM_PERM_READ);
	importer_fresh(&two, ID(0), RSM_PERM_READ);
	EXPECT_EQ(rsm_intr_signal_post(e.segment, 0), RSM_SUCCESS);
	expect_events(one.segment, 1);
	expect_events(two.segment, 1);
	importer_down(&one);
	EXPECT_EQ(rsm_intr_signal_post(e.segment, 0), RSM_SUCCESS);
	expect_events(two.segment, 1);
	importer_down(&two);
	exporter_down(&e);
}

TEST(an_importers_post_reaches_no_other_importer)
{
	struct exporter e;
	struct importer one, two;

	exporter_up(&e, ID(0), 1);
	importer_fresh(&one, ID(0), RSM_PERM_READ);
	importer_fresh(&two, ID(0), RSM_PERM_READ);
	EXPECT_EQ(rsm_intr_signal_post(one.segment, 0), RSM_SUCCESS);
	expect_events(one.segment, 0);
	expect_events(two.segment, 0);
	expect_events(e.segment, 1);
	importer_down(&one);
	importer_down(&two);
	exporter_down(&e);
}

/* 25.65 */
TEST(events_accumulate_and_are_consumed_one_by_one)
{
	struct pair p;

	pair_up(&p, 1);
	for (unsigned n = 0; n < 3; n++) {
		EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS);
		EXPECT_EQ(rsm_intr_signal_post(p.e.segment, 0), RSM_SUCCESS);
	}
	expect_events(p.e.segment, 3);
	expect_events(p.i.segment, 3);
	for (unsigned n = 0; n < 1000; n++)
		EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS);
	expect_events(p.e.segment, 1000);
	pair_down(&p);
}

/* 25.66 */
TEST(a_wait_without_a_post_takes_its_time)
{
	struct pair p;
	double start;

	pair_up(&p, 1);
	start = now_ms();
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, 100), RSMERR_TIMEOUT);
	EXPECT(now_ms() - start >= 100);
	start = now_ms();
	EXPECT_EQ(rsm_intr_signal_wait(p.i.segment, 100), RSMERR_TIMEOUT);
	EXPECT(now_ms() - start >= 100);
	pair_down(&p);
}

TEST(every_negative_timeout_waits_for_ever)
{
	struct exporter e;
	struct child far;

	exporter_up(&e, ID(0), 1);
	agent_importing(&far, ID(0), 0);
	order(&far, WAIT_IMPORT, (uint64_t)-5, 0);
	EXPECT_EQ(rsm_intr_signal_wait(e.segment, 20), RSMERR_TIMEOUT);
	EXPECT_EQ(rsm_intr_signal_post(e.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(hear(&far), RSM_SUCCESS);
	child_finish(&far);
	exporter_down(&e);
}

TEST(nothing_can_be_posted_to_or_waited_for_without_a_segment)
{
	EXPECT_EQ(rsm_intr_signal_post(NULL, 0), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_intr_signal_wait(NULL, 0), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_intr_signal_wait(NULL, -1), RSMERR_BAD_SEG_HNDL);
}

static void ignore(int signal)
{
	(void)signal;
}

/* Signals come again and again, so that one comes while the call waits. */
static void signals_start(int flags)
{
	struct sigaction action = { .sa_handler = ignore, .sa_flags = flags };
	struct itimerval often = { { 0, 20000 }, { 0, 20000 } };

	EXPECT_EQ(sigaction(SIGALRM, &action, NULL), 0);
	EXPECT_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
}

static void signals_stop(void)
{
	struct itimerval never = { { 0, 0 }, { 0, 0 } };

	EXPECT_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
}

/* 25.67 */
TEST(a_signal_interrupts_a_wait)
{
	struct pair p;

	pair_up(&p, 1);
	signals_start(0);
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, -1), RSMERR_INTERRUPTED);
	EXPECT_EQ(rsm_intr_signal_wait(p.i.segment, -1), RSMERR_INTERRUPTED);
	signals_stop();
	/* It had no effect. */
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS);
	expect_events(p.e.segment, 1);
	pair_down(&p);
}

/* 25.67 */
TEST(a_wait_does_not_restart_even_if_the_handler_asks_for_it)
{
	struct pair p;

	pair_up(&p, 1);
	signals_start(SA_RESTART);
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, -1), RSMERR_INTERRUPTED);
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, 60000), RSMERR_INTERRUPTED);
	signals_stop();
	pair_down(&p);
}

/* 25.68, Q33 */
TEST(events_that_need_not_accumulate_do_not)
{
	struct pair p;

	pair_up(&p, 1);
	for (unsigned n = 0; n < 2; n++) {
		EXPECT_EQ(rsm_intr_signal_post(p.i.segment, RSM_SIGPOST_NO_ACCUMULATE),
			  RSM_SUCCESS);
		EXPECT_EQ(rsm_intr_signal_post(p.e.segment, RSM_SIGPOST_NO_ACCUMULATE),
			  RSM_SUCCESS);
	}
	expect_one_of(p.e.segment, 2);
	expect_one_of(p.i.segment, 2);
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, RSM_SIGPOST_NO_ACCUMULATE), RSM_SUCCESS);
	expect_events(p.e.segment, 1);
	pair_down(&p);
}

/* 25.68, Q33 */
TEST(accumulating_and_other_posts_mix)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, RSM_SIGPOST_NO_ACCUMULATE), RSM_SUCCESS);
	expect_one_of(p.e.segment, 2);
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, RSM_SIGPOST_NO_ACCUMULATE), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS);
	expect_events(p.e.segment, 2);
	pair_down(&p);
}

/* Q33 */
TEST(not_accumulating_is_judged_for_each_importer)
{
	struct exporter e;
	struct importer one, two;

	exporter_up(&e, ID(0), 1);
	importer_fresh(&one, ID(0), RSM_PERM_READ);
	EXPECT_EQ(rsm_intr_signal_post(e.segment, 0), RSM_SUCCESS);
	importer_fresh(&two, ID(0), RSM_PERM_READ);
	EXPECT_EQ(rsm_intr_signal_post(e.segment, RSM_SIGPOST_NO_ACCUMULATE), RSM_SUCCESS);
	expect_one_of(one.segment, 2);
	expect_events(two.segment, 1);
	importer_down(&one);
	importer_down(&two);
	exporter_down(&e);
}

/* 25.71 */
TEST(a_post_on_an_unpublished_export_reaches_nobody)
{
	struct exporter e;

	exporter_bound(&e, 1, 0);
	EXPECT_EQ(rsm_intr_signal_post(e.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(e.segment, 0), RSMERR_TIMEOUT);
	exporter_publish(&e, ID(0));
	EXPECT_EQ(rsm_intr_signal_post(e.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(e.segment, 0), RSMERR_TIMEOUT);
	exporter_down(&e);
}

TEST(a_post_reaches_nobody_who_was_cut_off)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_post(p.e.segment, 0), RSM_SUCCESS);
	exporter_publish(&p.e, ID(0));
	EXPECT_EQ(rsm_intr_signal_post(p.e.segment, 0), RSM_SUCCESS);
	expect_events(p.i.segment, 0);
	pair_down(&p);
}

TEST(a_wait_on_an_unpublished_export_simply_waits)
{
	struct exporter e;

	exporter_bound(&e, 1, 0);
	EXPECT_EQ(rsm_intr_signal_wait(e.segment, 10), RSMERR_TIMEOUT);
	exporter_down(&e);
}

TEST(pending_events_survive_unpublish_republish_and_rebind)
{
	struct pair p;
	unsigned char *m = pages_new(1);

	pair_up(&p, 1);
	for (unsigned n = 0; n < 4; n++)
		EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_republish(p.e.segment, NULL, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, SOON), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_rebind(p.e.segment, m, 0, p.e.size), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, SOON), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, SOON), RSM_SUCCESS);
	exporter_publish(&p.e, ID(1));
	expect_events(p.e.segment, 1);
	pair_down(&p);
	free(m);
}

TEST(an_aborted_importer_still_gets_what_was_counted)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_intr_signal_post(p.e.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_post(p.e.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	expect_events(p.i.segment, 2);
	pair_down(&p);
}

/* Q19 */
TEST(a_waiting_importer_is_not_woken_by_an_abort)
{
	struct exporter e;
	struct child far;
	double start;

	exporter_up(&e, ID(0), 1);
	agent_importing(&far, ID(0), 0);
	start = now_ms();
	order(&far, WAIT_IMPORT, 150, 0);
	EXPECT_EQ(rsm_intr_signal_wait(e.segment, 30), RSMERR_TIMEOUT);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSM_SUCCESS);
	EXPECT_EQ(hear(&far), RSMERR_TIMEOUT);
	EXPECT(now_ms() - start >= 150);
	child_finish(&far);
	exporter_down(&e);
}

struct waiter {
	pthread_t thread;
	void *segment;
	int timeout;
	int result;
	double took;
};

static void *wait_once(void *arg)
{
	struct waiter *waiter = arg;
	double start = now_ms();

	waiter->result = rsm_intr_signal_wait(waiter->segment, waiter->timeout);
	waiter->took = now_ms() - start;
	return NULL;
}

TEST(a_waiting_exporter_is_not_woken_by_unpublish)
{
	struct exporter e;
	struct waiter waiter = { .timeout = 150 };

	exporter_up(&e, ID(0), 1);
	waiter.segment = e.segment;
	EXPECT_EQ(pthread_create(&waiter.thread, NULL, wait_once, &waiter), 0);
	test_pause_us(30000);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSM_SUCCESS);
	EXPECT_EQ(pthread_join(waiter.thread, NULL), 0);
	EXPECT_EQ(waiter.result, RSMERR_TIMEOUT);
	EXPECT(waiter.took >= 150);
	exporter_down(&e);
}

/* Q34 */
TEST(who_loses_the_race_for_an_event_waits_on)
{
	struct pair p;
	struct waiter waiters[2];
	unsigned won = 0;

	pair_up(&p, 1);
	for (unsigned k = 0; k < 2; k++) {
		waiters[k] = (struct waiter){ .segment = p.e.segment, .timeout = 200 };
		EXPECT_EQ(pthread_create(&waiters[k].thread, NULL, wait_once, &waiters[k]), 0);
	}
	test_pause_us(30000);
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS);
	for (unsigned k = 0; k < 2; k++) {
		EXPECT_EQ(pthread_join(waiters[k].thread, NULL), 0);
		won += waiters[k].result == RSM_SUCCESS;
		if (waiters[k].result == RSM_SUCCESS)
			continue;
		EXPECT_EQ(waiters[k].result, RSMERR_TIMEOUT);
		EXPECT(waiters[k].took >= 200);
	}
	EXPECT_EQ(won, 1);
	pair_down(&p);
}

struct consumer {
	pthread_t thread;
	void *segment;
	unsigned consumed;
};

static void *consume(void *arg)
{
	struct consumer *consumer = arg;

	/* The events are all posted before the last of them is consumed. */
	while (rsm_intr_signal_wait(consumer->segment, 300) == RSM_SUCCESS)
		consumer->consumed++;
	return NULL;
}

TEST(each_event_is_consumed_by_exactly_one_thread)
{
	struct pair p;
	struct consumer consumers[4];
	unsigned consumed = 0;

	pair_up(&p, 1);
	for (unsigned k = 0; k < 4; k++) {
		consumers[k] = (struct consumer){ .segment = p.e.segment };
		EXPECT_EQ(pthread_create(&consumers[k].thread, NULL, consume, &consumers[k]),
			  0);
	}
	for (unsigned n = 0; n < 5000; n++)
		if (rsm_intr_signal_post(p.i.segment, 0) != RSM_SUCCESS)
			EXPECT_EQ(n, 5000);
	for (unsigned k = 0; k < 4; k++) {
		EXPECT_EQ(pthread_join(consumers[k].thread, NULL), 0);
		consumed += consumers[k].consumed;
	}
	/* On a machine so slow that all gave up early, the rest is still there. */
	while (rsm_intr_signal_wait(p.e.segment, 0) == RSM_SUCCESS)
		consumed++;
	EXPECT_EQ(consumed, 5000);
	pair_down(&p);
}

static void put_then_post(struct child *parent, void *arg)
{
	struct importer i;

	(void)arg;
	importer_up(&i, ID(0), RSM_PERM_RDWR);
	importer_map(&i, RSM_PERM_RDWR, PAGE);
	for (uint64_t n = 1; n <= 200; n++) {
		EXPECT_EQ(rsm_memseg_import_put64(i.segment, 0, &n, 1), RSM_SUCCESS);
		EXPECT_EQ(rsm_intr_signal_post(i.segment, 0), RSM_SUCCESS);
		EXPECT_EQ(rsm_intr_signal_wait(i.segment, -1), RSM_SUCCESS);
		EXPECT_EQ(((volatile uint64_t *)(void *)i.address)[1], n);
	}
	linger(parent);
}

TEST(data_put_before_a_post_is_there_after_the_wait)
{
	struct exporter e;
	struct child far;
	volatile uint64_t *words;

	exporter_up(&e, ID(0), 1);
	words = (volatile uint64_t *)(void *)e.memory;
	child_start(&far, put_then_post, NULL);
	for (uint64_t n = 1; n <= 200; n++) {
		EXPECT_EQ(rsm_intr_signal_wait(e.segment, -1), RSM_SUCCESS);
		EXPECT_EQ(words[0], n);
		words[1] = n;
		EXPECT_EQ(rsm_intr_signal_post(e.segment, 0), RSM_SUCCESS);
	}
	child_finish(&far);
	exporter_down(&e);
}

TEST(a_post_through_a_stale_import_succeeds_or_reports_the_abort)
{
	struct pair p;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	EXPECT_EITHER(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS, RSMERR_CONN_ABORTED);
	pair_down(&p);
}

/* Q37 */
TEST(a_post_through_a_stale_import_signals_no_later_segment)
{
	struct exporter first, second;
	struct importer stale;
	struct child far;

	exporter_up(&first, ID(0), 1);
	importer_up(&stale, ID(0), RSM_PERM_RDWR);
	exporter_down(&first);
	exporter_up(&second, ID(0), 1);
	(void)rsm_intr_signal_post(stale.segment, 0);
	EXPECT_EQ(rsm_intr_signal_wait(second.segment, 20), RSMERR_TIMEOUT);
	exporter_down(&second);
	agent_exporting(&far, ID(0), 1);
	(void)rsm_intr_signal_post(stale.segment, 0);
	EXPECT_EQ(ask(&far, WAIT_EXPORT, 20, 0), RSMERR_TIMEOUT);
	importer_down(&stale);
	child_finish(&far);
}

TEST(a_read_only_import_posts)
{
	struct exporter e;
	struct importer i;

	exporter_up(&e, ID(0), 1);
	importer_fresh(&i, ID(0), RSM_PERM_READ);
	EXPECT_EQ(rsm_intr_signal_post(i.segment, 0), RSM_SUCCESS);
	expect_events(e.segment, 1);
	importer_down(&i);
	exporter_down(&e);
}
