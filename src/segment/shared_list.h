/* SPDX-License-Identifier: MIT */
/*
 * shared_list.h - which shared regions this process has mapped, and who may map here
 *
 * A mapping that is being made or ended is busy: others that mean the same region wait for it.
 * One lock is held for the lists alone, for the service thread takes it too.
 */
#ifndef SEGMENT_SHARED_LIST_H
#define SEGMENT_SHARED_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scope.h"
#include "base/thread.h"
#include "segment/segment.h"
#include "segment/shared.h"

/* What this process has mapped, or had until it was taken back. */
struct mapping {
	struct tract *ctx; /* through which */
	struct session *session;
	uint64_t number;
	struct tract_import *import; /* NULL: not connected yet */
	bool busy; /* a thread is making or ending it; nobody else touches it */
	LIST_ENTRY(mapping) entry;
};

/* Where owners may map something. */
struct host {
	struct tract *ctx;
	struct session *session;
	LIST_ENTRY(host) entry;
};

/* Busy, with an import that is in no table, and in no list.  NULL: no memory. */
struct mapping *mapping_new(struct tract *ctx, struct session *session, uint64_t number,
			    uint32_t rights);
/* One that is in no list. */
void mapping_free(struct mapping *mapping);
DEFINE_SCOPE(mapping, struct mapping, mapping_free);

/*
 * Lists one that is to be made, busy.  Whether there may be one is the broker's to say, who
 * knows what else is wrong; one that is there, found after it, is left alone.
 */
void mapping_list(struct mapping *fresh);
/* Lists one that is made. */
void mapping_enter(struct mapping *mapping);
/* Of one that is this thread's. */
void mapping_unlist(struct mapping *mapping);
/* It is not busy any more. */
void mapping_settle(struct mapping *mapping);
/* What it connected is closed, and what it mapped is not there any more; it is freed. */
void mapping_put_away(struct mapping *mapping);
/* One of @ctx, or the one of a region if that is NULL, once no thread is busy with it: it is
 * this thread's now, and busy.  NULL if there is none. */
struct mapping *mapping_claim(const struct tract *ctx, const struct session *session,
			      uint64_t number);
/* The same of a region, where one that was taken back is none any more. */
struct mapping *mapping_claim_live(const struct tract_shared *shared);
/* Is there another of the same region that was not taken back? */
bool mapping_is_elsewhere(const struct mapping *mapping);

/* @host is the list's. */
void host_enter(struct host *host);
/* Where it was, counted; NULL: owners could map nothing through @ctx. */
struct session *host_end(struct tract *ctx);
/* May owners map anything there? */
bool host_is_at(const struct session *session);
/* One for the context that lets them, which stays as long as it does.  -EACCES, -ENOMEM. */
int host_mapping_new(struct session *session, uint64_t number, uint32_t rights,
		     struct mapping **ret_mapping);

#endif
