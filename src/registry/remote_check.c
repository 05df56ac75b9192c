/* SPDX-License-Identifier: MIT */
/*
 * remote_check.c - is every invariant about other nodes true?
 */
#include "registry/import.h"
#include "registry/invariants.h"

static bool is_known(const struct registry *registry, const struct remote *remote)
{
	return remote && remote_find(registry, remote->node) == remote;
}

static bool has_rung(const struct import *import)
{
	const struct import *at;

	TAILQ_FOREACH (at, &import->client->rung, far->of_rung)
		if (at == import)
			return true;
	return false;
}

static const char *check_far(const struct registry *registry, const struct import *import)
{
	const struct far_import *far = import->far;
	const struct board_slot *slot = &registry->board.slot[far->slot];

	EXPECT_THAT(!import->client->remote, "a guest imports nothing from elsewhere");
	EXPECT_THAT(import_is_live(import) == (far->remote != NULL),
		    "what was taken back is no node's any more");
	EXPECT_THAT(!far->remote || (is_known(registry, far->remote) && far->remote->up),
		    "a live far import has a link");
	EXPECT_THAT(far->slot < registry->board.count && slot->taken,
		    "a far import has a slot of the board");
	EXPECT_THAT(slot->epoch <= far->epoch,
		    "a far import's epoch is not behind the board's");
	EXPECT_THAT(!far->remote || slot->epoch == far->epoch || import->round,
		    "the board's epoch is behind while the holder is waited for only");
	EXPECT_THAT(import->slot == BELL_NO_SLOT, "a far import has no slot of a bell");
	EXPECT_THAT((far->signals > 0) == has_rung(import),
		    "signals to be told of are on their client's list");
	return NULL;
}

static bool is_fading(const struct client *guest, const struct import *import)
{
	const struct import *at;

	TAILQ_FOREACH (at, &guest->fading, window.of_fading)
		if (at == import)
			return true;
	return false;
}

static const char *check_guests(const struct import *import)
{
	const struct client *guest = import->client;

	EXPECT_THAT(import_is_live(import) + import->window.fading + import->window.buried == 1,
		    "a guest's import fades once it was taken back, and is buried");
	EXPECT_THAT(import->window.fading == is_fading(guest, import),
		    "what fades is on its guest's list");
	EXPECT_THAT(!import_is_live(import) ||
			    (import->rights != 0) == (import->window.open != 0),
		    "a guest's import with rights has a window");
	EXPECT_THAT(!guest->lost || (import->window.fading && import_has_window(import)),
		    "of a lost guest only windows are left");
	EXPECT_THAT(guest->lost || !import->window.fading || import->wait_serial != 0,
		    "what fades has been told to its node");
	EXPECT_THAT(import->owed == NOTICE_NONE, "nothing is owed to a guest");
	return NULL;
}

const char *check_remote_import(const struct registry *registry, const struct import *import)
{
	if (import->far)
		return check_far(registry, import);
	if (import->client->remote)
		return check_guests(import);
	EXPECT_THAT(!import_has_window(import) && !import->window.fading,
		    "a process of this node has no window");
	return NULL;
}

static const char *check_asked(const struct remote *remote)
{
	const struct round *round;

	TAILQ_FOREACH (round, &remote->asked, of_asked)
		EXPECT_THAT(round->remote == remote && round->asked.serial != 0,
			    "what a node was asked for knows the node");
	EXPECT_THAT(remote->up || TAILQ_EMPTY(&remote->asked),
		    "nothing is asked over a lost link");
	EXPECT_THAT(remote->up || !remote->guest, "a guest of the moment has a link");
	EXPECT_THAT(!remote->guest || (remote->guest->remote == remote && !remote->guest->lost),
		    "a node's guest is its own");
	return NULL;
}

static uint32_t count_windows(const struct client *guest)
{
	const struct import *import;
	uint32_t count = 0;

	LIST_FOREACH (import, &guest->imports, of_client)
		count += import->window.open != 0;
	return count;
}

static uint32_t count_waits(const struct registry *registry, const struct client *guest)
{
	const struct round *round;
	uint32_t count = 0;

	TAILQ_FOREACH (round, &registry->rounds, link)
		count += round->asker == guest;
	return count;
}

const char *check_remotes(const struct registry *registry)
{
	const struct client *client;
	const struct remote *remote;
	const char *broken = NULL;
	struct named *at = NULL;
	uint32_t guests = 0, windows = 0;

	LIST_FOREACH (remote, &registry->remotes, link) {
		broken = check_asked(remote);
		if (broken)
			return broken;
	}
	while ((at = names_after(&registry->clients, at ? at->key : 0))) {
		client = container_of(at, struct client, named);
		if (!client->remote)
			continue;
		guests++;
		windows += count_windows(client);
		EXPECT_THAT(client->wait_count == count_waits(registry, client),
			    "connections that wait are counted");
		EXPECT_THAT(is_known(registry, client->remote), "a guest is of a peer");
		EXPECT_THAT(client->lost == (client->remote->guest != client),
			    "a node has one guest that has not lost its link");
		EXPECT_THAT(!client->lost || client->import_count > 0,
			    "a lost guest is there for its windows");
		EXPECT_THAT(LIST_EMPTY(&client->regions) && LIST_EMPTY(&client->segments),
			    "a guest exports nothing");
	}
	EXPECT_THAT(guests == registry->guests, "guests are counted");
	EXPECT_THAT(windows == registry->windows, "windows are counted");
	return NULL;
}
