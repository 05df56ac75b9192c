/* SPDX-License-Identifier: MIT */
/*
 * holding.h - what processes hold on shared regions
 *
 * The tree of capabilities knows neither mappings nor processes; here they meet.  Whatever ends
 * a capability ends it for all who know of it: the mapping that was made under it, the snapshot
 * that it shows, the offer that was to be told, the move that waits for it.
 */
#ifndef REGISTRY_HOLDING_H
#define REGISTRY_HOLDING_H

#include "registry/cap.h"
#include "registry/shared.h"

struct holding_end {
	struct cap_end end;
	struct registry *registry;
	struct takeback *takeback;     /* that takes mappings back; NULL: they are only told */
	struct shared_list *concerned; /* gets the regions of what ended; or NULL */
};

/* For what ends capabilities: &ret->end. */
void holding_end_init(struct holding_end *ret, struct registry *registry,
		      struct takeback *takeback);

static inline struct client *client_of_table(struct cap_table *table)
{
	return table ? container_of(table, struct client, caps) : NULL;
}

static inline struct shared *shared_of_cap(const struct cap *cap)
{
	return container_of(cap->object, struct shared, caps);
}

/* It was made by @call's client: its target is told of it, if it is an offer. */
void holding_made(const struct call *call, struct cap *cap);
/* Its target is told of it, if it is an offer. */
void holding_tell(struct registry *registry, struct cap *cap);
/* Its target is not told of it any more. */
void holding_unqueue(struct cap *cap);
/* What was offered or granted is held. */
void holding_take(struct cap *cap);
/* What @holder was granted on @shared and has not taken up ends, if @call's client may say so.
 * False: there was nothing of the kind. */
bool holding_withdraw(const struct call *call, struct shared *shared, struct client *holder);
/* Also what was held under the root. */
void holding_end_all(struct registry *registry, struct shared *shared);
void holding_client_left(struct registry *registry, struct client *client);
/* Who had the memory of @shared, or of a snapshot of it, by a capability, but for @but. */
void holding_suspects(struct takeback *takeback, const struct shared *shared,
		      const struct client *but);
int holding_answer(const struct call *call, const struct cap *cap);
/* What a cap_* function says: in words. */
int holding_refuse(const struct call *call, int error);

#endif
