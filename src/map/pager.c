/* SPDX-License-Identifier: MIT */
#include "map/pager.h"

#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/ref.h"
#include "base/scope.h"
#include "map/attach.h"
#include "map/shown.h"
#include "sys/mark.h"
#include "sys/memfd.h"
#include "sys/uffd.h"
#include "sys/vm.h"

struct tract_pager {
	struct ref ref;
	bool destroyed; /* under places_lock */
	tract_pager_function function;
	void (*release)(void *context);
	void *context;
};

/* Under places_lock until the thread runs, and not changed after. */
static struct uffd uffd = { .fd = -1 };
static struct fd_mark mark;

/* ---- life ------------------------------------------------------------------------------- */

int tract_pager_create(tract_pager_function function, void (*release)(void *context),
		       void *context, struct tract_pager **ret)
{
	struct tract_pager *pager;

	error_clear_reason();
	if (!function || !ret)
		return -EINVAL;
	pager = calloc(1, sizeof(*pager));
	if (!pager)
		return -ENOMEM;
	ref_init(&pager->ref);
	pager->function = function;
	pager->release = release;
	pager->context = context;
	*ret = pager;
	return 0;
}

struct tract_pager *pager_ref(struct tract_pager *pager)
{
	if (pager)
		ref_get(&pager->ref);
	return pager;
}

bool pager_unref_quietly(struct tract_pager *pager)
{
	return !pager || ref_put_unless_last(&pager->ref);
}

void pager_unref(struct tract_pager *pager)
{
	if (!pager || !ref_put(&pager->ref))
		return;
	if (pager->release)
		pager->release(pager->context);
	free(pager);
}

void tract_pager_destroy(struct tract_pager *pager)
{
	if (!pager)
		return;
	/* No answer is being put in place. */
	mutex_lock(&places_lock);
	pager->destroyed = true;
	mutex_unlock(&places_lock);
}

void tract_pager_close(struct tract_pager *pager)
{
	pager_unref(pager);
}

/* ---- a fault ---------------------------------------------------------------------------- */

/* Who is asked, and for what. */
struct question {
	struct tract_pager *pager; /* counted */
	struct tract_fault fault;
	bool refused; /* by itself, for the pager was destroyed */
};

/* The place that a page is in now, if a pager is asked for it. */
static struct place *paged_place(uintptr_t page) REQUIRES(places_lock)
{
	bool partly;
	struct place *place = places_find(page, 1, &partly);

	return place && place_kind(place) == PLACE_PAGED ? place : NULL;
}

static bool ask_locked(const struct uffd_fault *fault, struct question *q) REQUIRES(places_lock)
{
	struct place *place = paged_place(fault->page);

	if (!place)
		return false;
	q->refused = place->pager->destroyed;
	q->pager = pager_ref(place->pager);
	q->fault = (struct tract_fault){
		.page = (void *)fault->page,
		.write = fault->write,
		.start = (void *)place->start,
		.size = place->size,
		.offset = place_offset(place) + (fault->page - place->start),
	};
	return true;
}

/* The access faults, as does every later one. */
static void refuse_page(uintptr_t page) REQUIRES(places_lock)
{
	shown_forget(page, page + vm_page_size() - 1);
	if (vm_replace((void *)page, vm_page_size(), 0, -1, 0) < 0)
		(void)vm_protect((void *)page, vm_page_size(), 0);
}

/* A page of a region was shown there, and is to be one of the pager's own again. */
static int unshow(const struct place *place, uintptr_t page) REQUIRES(places_lock)
{
	uintptr_t last = page + vm_page_size() - 1;
	struct span run;
	int r;

	if (!shown_find(page, last, &run))
		return 0;
	r = attach_again(place, page, last);
	if (r == 0)
		shown_forget(page, last);
	return r;
}

static int show_region(const struct place *place, uintptr_t page,
		       const struct tract_answer *answer) REQUIRES(places_lock)
{
	const size_t size = vm_page_size();
	uint32_t rights = TRACT_RIGHT_READ | (answer->writable ? TRACT_RIGHT_WRITE : 0u);
	struct tract_region *region = answer->region;
	bool asks_again = !answer->writable && (place_rights(place) & TRACT_RIGHT_WRITE);
	int r;

	if (!region || region->destroyed || (answer->offset & (size - 1)) ||
	    answer->offset >= region->size || (rights & ~region->rights))
		return -EINVAL;
	rights &= place_rights(place);
	r = shown_put(region, page, size, answer->offset, rights);
	if (r < 0 || !asks_again)
		return r;
	/* Mapped for writing, as far as the kernel is concerned, so that it asks. */
	shown_set_asking(page);
	r = vm_replace((void *)page, size, VM_READ | VM_WRITE, region_fd(region),
		       answer->offset);
	if (r == 0)
		r = vm_populate_read((void *)page, size);
	return r < 0 ? r : uffd_protect(&uffd, (void *)page, size);
}

static int give_page(const struct place *place, uintptr_t page,
		     const struct tract_answer *answer) REQUIRES(places_lock)
{
	const size_t size = vm_page_size();
	int r;

	if (answer->kind == TRACT_ANSWER_REGION)
		return show_region(place, page, answer);
	r = unshow(place, page);
	if (r < 0)
		return r;
	switch (answer->kind) {
	case TRACT_ANSWER_CONTENT:
		return answer->content ? uffd_copy(&uffd, (void *)page, size, answer->content)
				       : -EINVAL;
	case TRACT_ANSWER_ZERO:
		return uffd_zero(&uffd, (void *)page, size);
	default:
		return -EINVAL;
	}
}

/* Is it still the answer to what would be asked now?  What was detached meanwhile, or shown
 * there, is none of the pager's business any more. */
static bool is_answer_to(const struct question *q, const struct place *place)
	REQUIRES(places_lock)
{
	uintptr_t page = (uintptr_t)q->fault.page;

	return place && place->pager == q->pager &&
	       place_offset(place) + (page - place->start) == q->fault.offset &&
	       !shown_is_settled(page);
}

static void answer_locked(const struct question *q, int refused,
			  const struct tract_answer *answer) REQUIRES(places_lock)
{
	uintptr_t page = (uintptr_t)q->fault.page;
	const struct place *place = paged_place(page);
	int r = refused;

	if (!is_answer_to(q, place))
		return;
	if (r >= 0 && q->pager->destroyed)
		r = -ENOENT;
	if (r >= 0)
		r = fault_point("pager.answer");
	if (r >= 0)
		r = give_page(place, page, answer);
	/* There already: another answer came first. */
	if (r < 0 && r != -EEXIST)
		refuse_page(page);
}

static int ask(const struct question *q, struct tract_answer *answer)
{
	if (q->refused)
		return -ENOENT;
	return q->pager->function(q->pager->context, &q->fault, answer);
}

static void serve(const struct uffd_fault *fault)
{
	struct tract_answer answer = { .kind = TRACT_ANSWER_CONTENT };
	struct question q = { .pager = NULL };
	bool asked;
	int r;

	mutex_lock(&places_lock);
	asked = ask_locked(fault, &q);
	mutex_unlock(&places_lock);
	if (asked) {
		r = ask(&q, &answer);
		mutex_lock(&places_lock);
		answer_locked(&q, r, &answer);
		mutex_unlock(&places_lock);
		places_settle();
		tract_region_close(answer.region);
		pager_unref(q.pager);
	}
	(void)uffd_wake(&uffd, (void *)fault->page, vm_page_size());
}

static void *serve_all(void *arg)
{
	struct uffd_fault fault;

	(void)arg;
	while (uffd_next(&uffd, &fault) == 0)
		serve(&fault);
	return NULL;
}

/* ---- mapping ---------------------------------------------------------------------------- */

static int start(void) REQUIRES(places_lock)
{
	int r;

	/* Before anything is mapped over. */
	if (uffd.fd >= 0)
		return fd_has_mark(uffd.fd, &mark) ? 0 : fail(-EBADF, REGION_ROBBED);
	r = uffd_open_paging(&uffd);
	if (r == -EMFILE || r == -ENFILE)
		return fail(-EMFILE, "this process has all the descriptors it may have, and "
				     "pagers need one; close some, or raise its limit");
	if (r < 0 && r != -ENOMEM)
		return fail(-ENOTSUP,
			    "this host does not let programs page memory (userfaultfd)");
	if (r < 0)
		return r;
	uffd.fd = fd_move_up(uffd.fd);
	(void)fd_mark_take(uffd.fd, &mark);
	r = thread_start(NULL, "tract-pager", serve_all, NULL);
	if (r < 0)
		uffd_close(&uffd);
	/* There are too many threads, or mappings. */
	return r == -EAGAIN ? -ENOMEM : r;
}

/* An object of its own, which nobody else can touch first; with a name for people to see,
 * unless there is no descriptor left to give it one. */
static int map_object(uintptr_t at, size_t size, bool over)
{
	scoped(fd) int fd = -1;
	void *addr;

	if (memfd_new("pager", size, &fd) < 0)
		return over ? vm_replace_shared((void *)at, size, 0)
			    : vm_place_shared((void *)at, size, 0);
	return over ? vm_replace((void *)at, size, 0, fd, 0)
		    : vm_place((void *)at, size, 0, fd, 0, &addr);
}

/* Only now that its faults are asked about: where a process locks all that it maps (mlockall)
 * the kernel brings in at once what can be accessed. */
static int open_up(uintptr_t at, size_t size, unsigned prot)
{
	return prot ? vm_protect((void *)at, size, prot) : 0;
}

int pager_map(uintptr_t at, size_t size, unsigned prot, bool over)
{
	int r;

	r = start();
	if (r == 0)
		r = map_object(at, size, over);
	if (r < 0)
		return r;
	r = vm_not_for_children((void *)at, size);
	if (r == 0)
		r = uffd_page(&uffd, (void *)at, size);
	if (r == 0)
		r = open_up(at, size, prot);
	/* Ground, if it was: nobody but a caller that undoes this sees it. */
	if (r < 0 && !over)
		vm_unmap((void *)at, size);
	else if (r < 0)
		(void)vm_replace((void *)at, size, 0, -1, 0);
	return r;
}

void pager_leave(uintptr_t first, uintptr_t last)
{
	if (uffd.fd >= 0)
		(void)uffd_wake(&uffd, (void *)first, last - first + 1);
}

void pager_after_fork(void)
{
	if (uffd.fd >= 0 && fd_has_mark(uffd.fd, &mark))
		uffd_close(&uffd);
	uffd.fd = -1;
}
