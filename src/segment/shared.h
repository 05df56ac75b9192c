/* SPDX-License-Identifier: MIT */
/*
 * shared.h - shared regions inside the library
 *
 * A handle names a region.  A mapping of one is an import of the region's window, so that the
 * broker's events and the map's books are those of imports.
 */
#ifndef SEGMENT_SHARED_H
#define SEGMENT_SHARED_H

#include <tract/capability.h>
#include <tract/shared.h>

#include "base/scope.h"
#include "client/context.h"

struct tract_shared {
	struct tract *ctx;
	struct session *session;
	uint32_t process; /* process_serial() of its opening */
	uint64_t number;
	size_t size;
	uint64_t align; /* what its addresses are multiples of */
};

DEFINE_SCOPE(shared, struct tract_shared, tract_shared_close);

/* ---- shared.c: handles ------------------------------------------------------------------ */

/* A handle of what the broker named, for the calling process. */
int shared_handle(struct tract *ctx, struct session *session, uint64_t number, uint64_t size,
		  uint64_t align, struct tract_shared **ret_shared);
/* 0, -EINVAL for NULL, or -ECHILD: a parent's.  Clears the reason. */
int shared_check(const struct tract_shared *shared);
/* Asks the broker through the handle's session. */
int shared_call(const struct tract_shared *shared, struct message *request,
		struct message *reply);

/* ---- shared_map.c: mappings ------------------------------------------------------------- */

/*
 * Maps at *@addr, or anywhere if that is NULL, what @request asks for, in which the address is
 * to be filled in at @asked_address.
 */
int shared_map_by(struct tract_shared *shared, struct message *request, uint64_t *asked_address,
		  uint32_t permission, void **addr);
/* What an owner wants mapped here.  True: the event was one of those, and is answered. */
bool shared_on_asked(struct session *session, const struct message *event, int *fd);

/* ---- shared_list.c: which there are ------------------------------------------------ */

/* Forgets what was taken back, which holds a reference to the session. */
void shared_put_away(const struct session *session);
/* Does the range lie in a mapping of a shared region?  In which, and where in the region. */
bool shared_find_mapped(const struct session *session, const void *addr, size_t size,
			uint64_t *ret_import, uint64_t *ret_offset);

/* ---- news.c: waiting for what others do -------------------------------------------------- */

/*
 * Something is new, perhaps: whoever waits asks again.  A sleeper reads the count, asks the
 * broker, and sleeps while the count stays.
 */
void news_raise(void);
uint32_t news_count(void);
/* 0, or -ETIMEDOUT. */
int news_wait(uint32_t count, uint64_t deadline);
/* Was the event one of shared regions that is about no import? */
bool shared_on_event(struct session *session, const struct message *event, int *fd);

#endif
