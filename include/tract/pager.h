/* SPDX-License-Identifier: MIT */
/*
 * pager.h - memory whose pages a program supplies when they are first touched
 *
 * A pager is a function of the program's.  It is attached like a region (map.h), and asked for
 * each page once somebody touches it; whoever touches it sleeps meanwhile.
 *
 * All pagers of a process are run by one thread of the library's, one fault at a time.  It has
 * a stack of 256 KiB and every signal blocked.  What it runs must not touch memory that it
 * would have to page itself, nor attach, detach or export: it would wait for itself.  So would
 * a thread whose stack is such memory, in any call of the library: it holds locks that the
 * pager needs.  What a call is given, and where it writes its results, may be such memory.
 *
 * Works through userfaultfd, without privilege.  A process without privilege cannot hand a page
 * that is not there yet to a system call: it fails with EFAULT.  A child of fork has no
 * attachment of a pager: an access to one faults there.
 */
#ifndef TRACT_PAGER_H
#define TRACT_PAGER_H

#include <tract/region.h>

TRACT_BEGIN_DECLS

struct tract_pager;

/* What somebody wants. */
struct tract_fault {
	void *page;	 /* the page's address */
	bool write;	 /* it is about to be written to */
	void *start;	 /* of the attachment */
	size_t size;	 /* of the attachment, bytes */
	uint64_t offset; /* of the page: that of the attachment, and how far behind it is */
};

enum tract_answer_kind {
	TRACT_ANSWER_CONTENT = 0, /* these bytes */
	TRACT_ANSWER_ZERO = 1,	  /* zeros */
	TRACT_ANSWER_REGION = 2,  /* a page of a region, seen there from now on */
};

/* What it gets.  Zeroed before the function is called. */
struct tract_answer {
	enum tract_answer_kind kind;
	const void *content; /* CONTENT: one page, read when the function has returned */
	struct tract_region *region; /* REGION: a handle, which is closed for the caller */
	uint64_t offset; /* REGION: of the page in it, a multiple of the page size */
	bool writable;	 /* REGION: if not, a store asks again, with fault.write set */
};

/* 0 and *answer, or a negative error: the access then faults, as does every later one. */
typedef int (*tract_pager_function)(void *context, const struct tract_fault *fault,
				    struct tract_answer *answer);

/**
 * tract_pager_create() - make a pager of a function
 * @function: what is asked for pages
 * @release:  called with @context once the pager is closed and no attachment of it is left,
 * from whatever thread that happens in; NULL: nothing is called
 * @context:  handed to both
 * @ret:      set on success; given up with tract_pager_close()
 *
 * Return: 0, or -EINVAL for NULL, -ENOMEM.
 */
TRACT_API int tract_pager_create(tract_pager_function function, void (*release)(void *context),
				 void *context, struct tract_pager **ret);

/*
 * Whoever touches a page that is not there faults from now on.  The function may be running
 * when this returns, or about to: what it answers comes too late, and @release says when it has
 * returned for the last time.  The handle is still to be closed.  NULL is allowed.
 */
TRACT_API void tract_pager_destroy(struct tract_pager *pager);

/* Attachments of it go on.  Never fails.  NULL is allowed. */
TRACT_API void tract_pager_close(struct tract_pager *pager);

TRACT_END_DECLS

#endif
