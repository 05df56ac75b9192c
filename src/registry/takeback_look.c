/* SPDX-License-Identifier: MIT */
/*
 * takeback_look.c - what others ask of what is under way
 */
#include <errno.h>

#include "registry/takeback.h"

bool takeback_rekeys(const struct shared *shared)
{
	const struct takeback *t;

	if (shared->region->fence != FENCE_NONE)
		return true;
	TAILQ_FOREACH (t, &shared->queue, link)
		if (t->snaps || t->force == FORCE_FENCE || t->force == FORCE_BY_USER)
			return true;
	return false;
}

static bool is_suspect(const struct takeback *t, const struct client *client)
{
	const struct suspect *suspect;

	LIST_FOREACH (suspect, &t->suspects, link)
		if (suspect->client == client->named.id)
			return true;
	return false;
}

bool takeback_concerns(const struct shared *shared, const struct client *client)
{
	const struct takeback *t;

	if (shared->takeback && is_suspect(shared->takeback, client))
		return true;
	TAILQ_FOREACH (t, &shared->queue, link)
		if (is_suspect(t, client))
			return true;
	return false;
}

const char *takeback_trouble(int error)
{
	switch (error) {
	case -EREMOTEIO:
		return "the process kept the memory, or cannot be looked at, or the region is "
		       "frozen; use another force";
	case -ETIMEDOUT:
		return "the process did not answer in time; use more force";
	default:
		return "the host has no room for a second copy of the region; give memory up "
		       "first";
	}
}
