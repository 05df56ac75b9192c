/* SPDX-License-Identifier: MIT */
/*
 * pager_rig.c - a pager that notes how it is called
 */
#include "pager_rig.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/syscall.h>
#include <unistd.h>

static int supply(void *ctx, const l4re_pager_fault_t *f, l4re_pager_reply_t *reply)
{
	unsigned page = (unsigned)((f->addr - f->region) / PAGE);
	struct pager *p = ctx;
	unsigned n = p->begun++;
	int r;

	if (n < MOST)
		p->seen[n] = *f;
	p->thread = (pid_t)syscall(SYS_gettid);
	p->calls_of[page]++;
	if (++p->busy[page] > 1)
		p->at_once++;
	r = p->answer(p, f, reply);
	p->busy[page]--;
	p->calls++;
	return r;
}

int with_marks(struct pager *p, const l4re_pager_fault_t *f, l4re_pager_reply_t *reply)
{
	static _Thread_local unsigned char bytes[4096];

	(void)p;
	(void)memset(bytes, MARK(f->offset / PAGE), sizeof(bytes));
	reply->kind = L4RE_PAGER_CONTENT;
	reply->content = bytes;
	return 0;
}

int with_zeros(struct pager *p, const l4re_pager_fault_t *f, l4re_pager_reply_t *reply)
{
	(void)p;
	(void)f;
	reply->kind = L4RE_PAGER_ZERO;
	return 0;
}

int with_refusal(struct pager *p, const l4re_pager_fault_t *f, l4re_pager_reply_t *reply)
{
	(void)p;
	(void)f;
	(void)reply;
	return -L4_EFAULT;
}

int with_dataspace(struct pager *p, const l4re_pager_fault_t *f, l4re_pager_reply_t *reply)
{
	reply->kind = L4RE_PAGER_DATASPACE;
	reply->ds = p->ds;
	reply->offset = f->offset;
	reply->writable = f->write;
	return 0;
}

void need_userfaultfd(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd < 0)
		SKIP("this host lets nobody have a userfaultfd");
	(void)close(fd);
}

struct pager *pager_new(answer_fn answer)
{
	static struct pager *last;
	struct pager *p = calloc(1, sizeof(*p));

	need_userfaultfd();
	EXPECT(p != NULL);
	p->before = last;
	last = p;
	p->slot = slot_new();
	p->answer = answer;
	p->ds = L4_INVALID_CAP;
	EXPECT_EQ(sem_init(&p->entered, 0, 0), 0);
	EXPECT_EQ(sem_init(&p->go, 0, 0), 0);
	EXPECT_EQ(l4re_pager_create(p->slot, supply, p), 0);
	EXPECT(slot_is_filled(p->slot));
	return p;
}

l4_addr_t attach_pager(struct pager *p, unsigned long pages, l4_addr_t offs)
{
	l4_addr_t at = room(pages);

	EXPECT_EQ(attach_at(at, pages * PAGE, PAGED, p->slot, offs), 0);
	return at;
}

void pager_done(struct pager *p, l4_addr_t at)
{
	detach(at);
	slot_drop(p->slot);
	free(p);
}
