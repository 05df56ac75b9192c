/* SPDX-License-Identifier: MIT */
/*
 * stand.h - exports of shared regions
 *
 * Such an export is one more segment over the region of a shared region, beside the window, and
 * its importers get the same object.  It stands on a mapping of its exporter's, and gives no
 * more than that has: when the mapping ends, whatever ended it, the export is withdrawn, and
 * has no memory any more.
 *
 * Who was cut off is fenced off by the broker, which replaces the memory (takeback.h): before
 * an exporter is told that it has taken its export back, and in all other cases as soon as
 * everything else that one message brought about is done.
 *
 * Importers of other nodes have a window, and nothing that they could keep: the memory is not
 * replaced for their sake.  But until their node knows that they were cut off, what they do by
 * it may be told to be a success there, so nothing is answered, and no memory replaced, before.
 */
#ifndef REGISTRY_STAND_H
#define REGISTRY_STAND_H

#include "registry/shared.h"

struct import;
struct takeback;

/* Is it for an importer of user @uid to have @rights?  0, or the request was refused. */
int stand_check_rights(const struct call *call, const struct segment *segment, uint32_t rights,
		       uint32_t uid);
/* Its holder was given its region's object. */
void stand_given(struct import *import);
/* Its importers are being cut off. */
void stand_cut(struct registry *registry, struct segment *segment);
/* @mapping is ending: what stands on it has lost its memory. */
void stand_end(struct registry *registry, struct mapping *mapping);
/* @shared has another owner than @before: what that exported by being it is withdrawn. */
void stand_owner_left(struct registry *registry, struct shared *shared,
		      const struct client *before);
int stand_unpublish(const struct call *call, struct segment *segment);
int stand_destroy(const struct call *call, struct segment *segment);

/* Before importers are cut off: what is to answer @call by @done, if it has to wait.  0,
 * -ENOMEM.
 */
int stand_prepare(const struct call *call, struct shared *shared,
		  void (*done)(struct registry *, struct takeback *),
		  struct takeback **ret_takeback);
/*
 * They were.  Is it to be answered once nobody of them has the memory any more, on whichever
 * node?  Then the takeback is to go; false, and it is gone: nobody has.
 */
bool stand_answers_later(struct registry *registry, struct takeback *takeback);
/* What leaks, and nobody waits for, is fenced by the broker itself. */
void stand_settle(struct registry *registry);
/* @shared is ending. */
void stand_forget(struct shared *shared);

#endif
