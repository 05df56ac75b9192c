/* SPDX-License-Identifier: MIT */
/*
 * kept.h - who may have kept the memory of a shared region
 *
 * A takeback that fails has ended what its suspects may do, but not what they have.  They are
 * remembered with the region, so that more force can be used later: until its memory is
 * replaced, the body has found nothing with them, or they have ended.
 *
 * A process that closes its connection and goes on has said nothing about what it has.  It is
 * no client any more, and so no suspect: until the region's memory is replaced nobody claims to
 * have looked at it, or killed it.
 */
#ifndef REGISTRY_KEPT_H
#define REGISTRY_KEPT_H

#include "registry/takeback.h"

/* @t has come to its end, with its suspects. */
void kept_settle(struct registry *registry, struct takeback *t);
/* It was cut off from @shared, and not looked at. */
void kept_add(struct shared *shared, const struct client *client);
/* Those of @t's region are suspects of @t, too: only @of, or if that is NULL, all but the
 * owner. */
void kept_suspects(struct registry *registry, struct takeback *t, const struct client *of);
uint32_t kept_count(const struct registry *registry, const struct shared *shared);
/* Might @client have memory of a shared region when its connection has ended? */
bool kept_could_have(const struct client *client);
/* @client is leaving, and its process goes on. */
void kept_client_lost(struct registry *registry, struct client *client);
/* What they have is empty, or @shared is ending. */
void kept_forget(struct shared *shared);

#endif
