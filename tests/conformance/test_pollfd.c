/* SPDX-License-Identifier: MIT */
/*
 * test_pollfd.c - pollable descriptors and rsm_intr_signal_wait_pollfd()
 */
#include "rig.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>

static struct pollfd pollfd_of(void *segment)
{
	struct pollfd pfd = { .fd = -1, .events = 0, .revents = 0x5a5a };

	EXPECT_EQ(rsm_memseg_get_pollfd(segment, &pfd), RSM_SUCCESS);
	EXPECT(pfd.fd >= 0);
	EXPECT_EQ(pfd.events, POLLRDNORM);
	EXPECT_EQ(pfd.revents, 0x5a5a);
	pfd.revents = 0;
	return pfd;
}

static bool is_ready_within(struct pollfd *pfd, int ms)
{
	int ready = poll(pfd, 1, ms);

	EXPECT(ready == 0 || (ready == 1 && pfd->revents == POLLRDNORM));
	return ready == 1;
}

static bool is_ready(struct pollfd *pfd)
{
	return is_ready_within(pfd, 0);
}

static bool is_ready_soon(struct pollfd *pfd)
{
	return is_ready_within(pfd, SOON);
}

/* 25.69 */
TEST(a_descriptor_is_ready_while_events_are_pending)
{
	struct pair p;
	struct pollfd pfd;

	pair_up(&p, 1);
	pfd = pollfd_of(p.e.segment);
	EXPECT(!is_ready(&pfd));
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS);
	EXPECT(is_ready_soon(&pfd));
	/* Polling consumes nothing. */
	EXPECT(is_ready_soon(&pfd));
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, SOON), RSM_SUCCESS);
	EXPECT(is_ready_soon(&pfd));
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, SOON), RSM_SUCCESS);
	EXPECT(!is_ready(&pfd));
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, 0), RSMERR_TIMEOUT);
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS);
	EXPECT(is_ready_soon(&pfd));
	EXPECT_EQ(rsm_memseg_release_pollfd(p.e.segment), RSM_SUCCESS);
	pair_down(&p);
}

/* 25.69 */
TEST(an_imports_descriptor_is_ready_while_events_are_pending)
{
	struct pair p;
	struct pollfd pfd;

	pair_up(&p, 1);
	pfd = pollfd_of(p.i.segment);
	EXPECT(!is_ready(&pfd));
	EXPECT_EQ(rsm_intr_signal_post(p.e.segment, 0), RSM_SUCCESS);
	EXPECT(is_ready_soon(&pfd));
	EXPECT_EQ(rsm_intr_signal_wait(p.i.segment, SOON), RSM_SUCCESS);
	EXPECT(!is_ready(&pfd));
	EXPECT_EQ(rsm_memseg_release_pollfd(p.i.segment), RSM_SUCCESS);
	pair_down(&p);
}

TEST(a_descriptor_got_late_is_ready_at_once)
{
	struct pair p;
	struct pollfd pfd;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS);
	pfd = pollfd_of(p.e.segment);
	EXPECT(is_ready_soon(&pfd));
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, SOON), RSM_SUCCESS);
	EXPECT(!is_ready(&pfd));
	EXPECT_EQ(rsm_memseg_release_pollfd(p.e.segment), RSM_SUCCESS);
	pair_down(&p);
}

/* 25.69 */
TEST(a_post_from_another_process_ends_a_plain_poll)
{
	struct exporter e;
	struct child far;
	struct pollfd pfd;

	exporter_up(&e, ID(0), 1);
	agent_importing(&far, ID(0), 0);
	pfd = pollfd_of(e.segment);
	for (unsigned n = 0; n < 50; n++) {
		order(&far, POST_IMPORT, 0, 0);
		EXPECT_EQ(poll(&pfd, 1, -1), 1);
		EXPECT_EQ(pfd.revents, POLLRDNORM);
		EXPECT_EQ(rsm_intr_signal_wait(e.segment, SOON), RSM_SUCCESS);
		EXPECT_EQ(poll(&pfd, 1, 0), 0);
		EXPECT_EQ(hear(&far), RSM_SUCCESS);
	}
	EXPECT_EQ(rsm_memseg_release_pollfd(e.segment), RSM_SUCCESS);
	child_finish(&far);
	exporter_down(&e);
}

TEST(repeated_gets_give_the_same_descriptor)
{
	struct pair p;
	int fd;

	pair_up(&p, 1);
	fd = pollfd_of(p.e.segment).fd;
	EXPECT_EQ(pollfd_of(p.e.segment).fd, fd);
	EXPECT(pollfd_of(p.i.segment).fd != fd);
	EXPECT_EQ(rsm_memseg_release_pollfd(p.i.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_release_pollfd(p.e.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_release_pollfd(p.e.segment), RSM_SUCCESS);
	pair_down(&p);
}

TEST(a_release_too_many_does_nothing)
{
	struct pair p;
	struct pollfd pfd;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_release_pollfd(p.e.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_release_pollfd(p.i.segment), RSM_SUCCESS);
	pfd = pollfd_of(p.e.segment);
	EXPECT(pfd.fd >= 0);
	EXPECT_EQ(rsm_memseg_export_destroy(p.e.segment), RSMERR_POLLFD_IN_USE);
	EXPECT_EQ(rsm_memseg_release_pollfd(p.e.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_release_pollfd(p.e.segment), RSM_SUCCESS);
	pair_down(&p);
}

/* Q23 */
TEST(get_finds_no_segment_first_and_no_result_is_a_bad_address)
{
	struct pair p;
	struct pollfd pfd;

	EXPECT_EQ(rsm_memseg_get_pollfd(NULL, &pfd), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_get_pollfd(NULL, NULL), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_release_pollfd(NULL), RSMERR_BAD_SEG_HNDL);
	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_get_pollfd(p.e.segment, NULL), RSMERR_BAD_ADDR);
	EXPECT_EQ(rsm_memseg_get_pollfd(p.i.segment, NULL), RSMERR_BAD_ADDR);
	/* No reference was counted. */
	pair_down(&p);
}

TEST(a_descriptor_can_be_had_before_publish_and_shows_no_abort)
{
	struct exporter e;
	struct importer i;
	struct pollfd mine, theirs;

	exporter_bound(&e, 1, 0);
	mine = pollfd_of(e.segment);
	EXPECT(!is_ready(&mine));
	exporter_publish(&e, ID(0));
	importer_fresh(&i, ID(0), RSM_PERM_READ);
	theirs = pollfd_of(i.segment);
	EXPECT_EQ(rsm_intr_signal_post(i.segment, 0), RSM_SUCCESS);
	EXPECT(is_ready_soon(&mine));
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSM_SUCCESS);
	EXPECT(is_ready_soon(&mine));
	EXPECT_EQ(poll(&theirs, 1, 20), 0);
	EXPECT_EQ(theirs.revents, 0);
	EXPECT_EQ(rsm_memseg_release_pollfd(i.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_release_pollfd(e.segment), RSM_SUCCESS);
	importer_down(&i);
	exporter_down(&e);
}

/* Two segments and a pipe. */
struct mixture {
	struct pair p;
	int ends[2];
	struct pollfd fds[3];
};

static void mixture_up(struct mixture *m)
{
	pair_up(&m->p, 1);
	EXPECT_EQ(pipe2(m->ends, O_CLOEXEC), 0);
	m->fds[0] = pollfd_of(m->p.e.segment);
	m->fds[1] = pollfd_of(m->p.i.segment);
	m->fds[2] = (struct pollfd){ .fd = m->ends[0], .events = POLLIN };
}

static void mixture_down(struct mixture *m)
{
	EXPECT_EQ(rsm_memseg_release_pollfd(m->p.e.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_release_pollfd(m->p.i.segment), RSM_SUCCESS);
	(void)close(m->ends[0]);
	(void)close(m->ends[1]);
	pair_down(&m->p);
}

/* 25.70 */
TEST(segment_events_are_consumed_and_pipe_data_is_not)
{
	struct mixture m;
	int count = 77;
	char byte = 0;

	mixture_up(&m);
	EXPECT_EQ(rsm_intr_signal_post(m.p.i.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_post(m.p.e.segment, 0), RSM_SUCCESS);
	EXPECT(is_ready_soon(&m.fds[0]) && is_ready_soon(&m.fds[1]));
	EXPECT_EQ(write(m.ends[1], "x", 1), 1);
	EXPECT_EQ(rsm_intr_signal_wait_pollfd(m.fds, 3, -1, &count), RSM_SUCCESS);
	EXPECT_EQ(count, 3);
	EXPECT_EQ(m.fds[0].revents, POLLRDNORM);
	EXPECT_EQ(m.fds[1].revents, POLLRDNORM);
	EXPECT_EQ(m.fds[2].revents, POLLIN);
	EXPECT_EQ(rsm_intr_signal_wait(m.p.e.segment, 0), RSMERR_TIMEOUT);
	EXPECT_EQ(rsm_intr_signal_wait(m.p.i.segment, 0), RSMERR_TIMEOUT);
	EXPECT_EQ(read(m.ends[0], &byte, 1), 1);
	EXPECT_EQ(byte, 'x');
	mixture_down(&m);
}

/* 25.70 */
TEST(one_event_of_each_segment_is_consumed_at_a_time)
{
	struct mixture m;
	int count;

	mixture_up(&m);
	EXPECT_EQ(rsm_intr_signal_post(m.p.i.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_post(m.p.i.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_post(m.p.e.segment, 0), RSM_SUCCESS);
	EXPECT(is_ready_soon(&m.fds[0]) && is_ready_soon(&m.fds[1]));
	EXPECT_EQ(rsm_intr_signal_wait_pollfd(m.fds, 3, 0, &count), RSM_SUCCESS);
	EXPECT_EQ(count, 2);
	EXPECT_EQ(rsm_intr_signal_wait_pollfd(m.fds, 3, SOON, &count), RSM_SUCCESS);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(m.fds[0].revents, POLLRDNORM);
	EXPECT_EQ(m.fds[1].revents, 0);
	EXPECT_EQ(m.fds[2].revents, 0);
	EXPECT_EQ(rsm_intr_signal_wait_pollfd(m.fds, 3, 0, &count), RSMERR_TIMEOUT);
	EXPECT_EQ(count, 0);
	mixture_down(&m);
}

/* 25.70 */
TEST(the_count_is_optional)
{
	struct mixture m;

	mixture_up(&m);
	EXPECT_EQ(rsm_intr_signal_wait_pollfd(m.fds, 3, 0, NULL), RSMERR_TIMEOUT);
	EXPECT_EQ(rsm_intr_signal_post(m.p.i.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait_pollfd(m.fds, 3, SOON, NULL), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(m.p.e.segment, 0), RSMERR_TIMEOUT);
	mixture_down(&m);
}

TEST(ordinary_descriptors_alone_end_the_wait)
{
	struct mixture m;
	int count = 77;

	mixture_up(&m);
	(void)close(m.ends[1]);
	m.ends[1] = -1;
	EXPECT_EQ(rsm_intr_signal_wait_pollfd(m.fds, 3, -1, &count), RSM_SUCCESS);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(m.fds[2].revents, POLLHUP);
	m.fds[2].fd = 999;
	EXPECT_EQ(rsm_intr_signal_wait_pollfd(m.fds, 3, -1, &count), RSM_SUCCESS);
	EXPECT_EQ(m.fds[2].revents, POLLNVAL);
	mixture_down(&m);
}

TEST(negative_descriptors_are_ignored)
{
	struct mixture m;
	int count = 77;

	mixture_up(&m);
	EXPECT_EQ(rsm_intr_signal_post(m.p.i.segment, 0), RSM_SUCCESS);
	m.fds[0].fd = -1;
	EXPECT_EQ(rsm_intr_signal_wait_pollfd(m.fds, 3, 0, &count), RSMERR_TIMEOUT);
	EXPECT_EQ(count, 0);
	EXPECT_EQ(rsm_intr_signal_wait(m.p.e.segment, SOON), RSM_SUCCESS);
	mixture_down(&m);
}

TEST(waiting_for_no_descriptors_is_a_sleep)
{
	double start = now_ms();
	int count = 77;

	EXPECT_EQ(rsm_intr_signal_wait_pollfd(NULL, 0, 100, &count), RSMERR_TIMEOUT);
	EXPECT(now_ms() - start >= 100);
	EXPECT_EQ(count, 0);
}

TEST(a_wait_for_segments_without_a_post_takes_its_time)
{
	struct mixture m;
	double start;

	mixture_up(&m);
	start = now_ms();
	EXPECT_EQ(rsm_intr_signal_wait_pollfd(m.fds, 3, 100, NULL), RSMERR_TIMEOUT);
	EXPECT(now_ms() - start >= 100);
	mixture_down(&m);
}

TEST(descriptors_without_an_array_are_a_bad_address)
{
	int count = 77;

	EXPECT_EQ(rsm_intr_signal_wait_pollfd(NULL, 1, 0, &count), RSMERR_BAD_ADDR);
}

TEST(more_descriptors_than_poll_takes_are_bad_arguments)
{
	struct rlimit limit, little;
	struct pollfd fds[128];
	int rc;

	for (unsigned k = 0; k < 128; k++)
		fds[k] = (struct pollfd){ .fd = -1 };
	EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	little = limit;
	little.rlim_cur = 64;
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &little), 0);
	rc = rsm_intr_signal_wait_pollfd(fds, 128, 0, NULL);
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	EXPECT_EQ(rc, RSMERR_BAD_ARGS_ERRORS);
}

TEST(a_released_descriptor_is_an_ordinary_one)
{
	struct mixture m;
	int count;

	mixture_up(&m);
	EXPECT_EQ(rsm_memseg_release_pollfd(m.p.e.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_post(m.p.i.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait_pollfd(m.fds, 3, 1000, &count), RSM_SUCCESS);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(m.fds[0].revents, POLLRDNORM);
	/* Its event has not been consumed. */
	EXPECT_EQ(rsm_intr_signal_wait(m.p.e.segment, SOON), RSM_SUCCESS);
	mixture_down(&m);
}

TEST(a_descriptor_that_reports_more_is_left_alone)
{
	struct mixture m;
	int count;

	mixture_up(&m);
	m.fds[0].events = POLLIN | POLLRDNORM;
	EXPECT_EQ(rsm_intr_signal_post(m.p.i.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait_pollfd(m.fds, 3, SOON, &count), RSM_SUCCESS);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(m.fds[0].revents, POLLIN | POLLRDNORM);
	EXPECT_EQ(rsm_intr_signal_wait(m.p.e.segment, SOON), RSM_SUCCESS);
	mixture_down(&m);
}

TEST(an_element_whose_event_is_gone_is_not_counted)
{
	struct mixture m;
	int count;

	mixture_up(&m);
	/* The same segment twice, and one event. */
	m.fds[1] = m.fds[0];
	EXPECT_EQ(rsm_intr_signal_post(m.p.i.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait_pollfd(m.fds, 3, SOON, &count), RSM_SUCCESS);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(m.fds[0].revents, POLLRDNORM);
	EXPECT_EQ(m.fds[1].revents, 0);
	mixture_down(&m);
}

static void ignore(int signal)
{
	(void)signal;
}

TEST(a_signal_interrupts_the_wait)
{
	struct sigaction action = { .sa_handler = ignore, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 20000 }, { 0, 20000 } }, never = { { 0, 0 }, { 0, 0 } };
	struct mixture m;

	mixture_up(&m);
	EXPECT_EQ(sigaction(SIGALRM, &action, NULL), 0);
	EXPECT_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
	EXPECT_EQ(rsm_intr_signal_wait_pollfd(m.fds, 3, -1, NULL), RSMERR_INTERRUPTED);
	EXPECT_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
	mixture_down(&m);
}

struct poster {
	pthread_t thread;
	void *segment;
};

static void *post_often(void *arg)
{
	struct poster *poster = arg;

	for (unsigned n = 0; n < 3000; n++)
		(void)rsm_intr_signal_post(poster->segment, 0);
	return NULL;
}

TEST(no_event_is_lost_between_polling_and_consuming)
{
	struct mixture m;
	struct poster poster;
	unsigned consumed = 0;

	mixture_up(&m);
	poster.segment = m.p.i.segment;
	EXPECT_EQ(pthread_create(&poster.thread, NULL, post_often, &poster), 0);
	/* If one were lost, this would wait for ever. */
	while (consumed < 3000) {
		int count = 0, rc = rsm_intr_signal_wait_pollfd(m.fds, 3, -1, &count);

		if (rc != RSM_SUCCESS || count != 1)
			EXPECT_EQ(rc, RSM_SUCCESS);
		consumed++;
	}
	EXPECT_EQ(pthread_join(poster.thread, NULL), 0);
	EXPECT(!is_ready(&m.fds[0]));
	mixture_down(&m);
}
