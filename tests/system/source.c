/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <setjmp.h>
#include <string.h>

/* ---- a pager that does as it is told ---------------------------------------------------- */

void answer_with(struct source *s, struct tract_answer answer)
{
	EXPECT_EQ(pthread_mutex_lock(&s->lock), 0);
	s->answer = answer;
	EXPECT_EQ(pthread_mutex_unlock(&s->lock), 0);
}

static struct tract_answer answer_of(struct source *s)
{
	struct tract_answer answer;

	EXPECT_EQ(pthread_mutex_lock(&s->lock), 0);
	answer = s->answer;
	EXPECT_EQ(pthread_mutex_unlock(&s->lock), 0);
	return answer;
}

static void note(struct source *s, const struct tract_fault *fault)
{
	EXPECT_EQ(pthread_mutex_lock(&s->lock), 0);
	s->last = *fault;
	EXPECT_EQ(pthread_mutex_unlock(&s->lock), 0);
}

struct tract_fault last_of(struct source *s)
{
	struct tract_fault last;

	EXPECT_EQ(pthread_mutex_lock(&s->lock), 0);
	last = s->last;
	EXPECT_EQ(pthread_mutex_unlock(&s->lock), 0);
	return last;
}

int supply(void *context, const struct tract_fault *fault, struct tract_answer *answer)
{
	struct source *s = context;

	EXPECT_EQ(answer->kind, TRACT_ANSWER_CONTENT);
	EXPECT(!answer->content && !answer->region && !answer->offset && !answer->writable);
	note(s, fault);
	s->thread = pthread_self();
	atomic_store(&s->inside, true);
	while (atomic_load(&s->held))
		test_pause_us(50);
	atomic_store(&s->inside, false);
	*answer = answer_of(s);
	if (answer->region)
		(void)tract_region_dup(answer->region);
	if (answer->kind == TRACT_ANSWER_CONTENT && answer->content == s->page)
		memset(s->page, (int)('a' + fault->offset / PAGE), PAGE);
	atomic_fetch_add(&s->asked, 1u);
	return s->result;
}

static void released(void *context)
{
	struct source *s = context;

	atomic_fetch_add(&s->released, 1u);
}

void source_up(struct source *s)
{
	*s = (struct source){ .lock = PTHREAD_MUTEX_INITIALIZER,
			      .answer = { .content = s->page } };
	EXPECT_EQ(tract_pager_create(supply, released, s, &s->pager), 0);
}

void wait_released(struct source *s)
{
	while (atomic_load(&s->released) == 0)
		test_pause_us(50);
	EXPECT_EQ(atomic_load(&s->released), 1);
}

void source_down(struct source *s)
{
	EXPECT_EQ(atomic_load(&s->released), 0);
	tract_pager_close(s->pager);
	wait_released(s);
	land_check();
}

/* ---- somebody who waits for a page ------------------------------------------------------ */

static _Thread_local sigjmp_buf back;

static void on_fault(int number)
{
	(void)number;
	siglongjmp(back, 1);
}

static void *touch(void *arg)
{
	struct toucher *t = arg;
	int result = -1;

	if (sigsetjmp(back, 1) == 0) {
		if (t->writes)
			__atomic_store_n(t->at, 'w', __ATOMIC_RELAXED);
		result = __atomic_load_n(t->at, __ATOMIC_RELAXED);
	}
	atomic_store(&t->result, result);
	return NULL;
}

void touch_begin(struct toucher *t, char *at, bool writes)
{
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	EXPECT_EQ(sigaction(SIGSEGV, &action, NULL), 0);
	EXPECT_EQ(sigaction(SIGBUS, &action, NULL), 0);
	t->at = at;
	t->writes = writes;
	atomic_store(&t->result, -2);
	EXPECT_EQ(pthread_create(&t->thread, NULL, touch, t), 0);
}

int touch_end(struct toucher *t)
{
	EXPECT_EQ(pthread_join(t->thread, NULL), 0);
	return atomic_load(&t->result);
}

void wait_inside(struct source *s)
{
	while (!atomic_load(&s->inside))
		test_pause_us(50);
}
