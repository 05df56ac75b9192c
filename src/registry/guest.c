/* SPDX-License-Identifier: MIT */
/*
 * guest.c - what processes of other nodes import from here
 *
 * An import that was taken back fades: its window leads to the memory until the other node has
 * said that it knows.  Then it is buried, and closed when the process there knows, too: until
 * then it may be in the middle of a transfer, and would lose its connection to all the others.
 * A window that is pinned cannot be buried without that, so it leads to the memory until the
 * process has obeyed or had its time, and is closed before anybody is told that it was.
 */
#include <errno.h>
#include <stdlib.h>

#include "registry/import.h"
#include "registry/remote.h"
#include "registry/stand.h"

/* A user id that no process has. */
#define GUEST_UID UINT32_MAX

/* ---- windows ---------------------------------------------------------------------------- */

/* In @spec is how it is reached. */
static int open_window(struct registry *registry, const struct segment *segment,
		       struct window_spec *spec, uint64_t *ret_window,
		       struct window_place *ret_place)
{
	uint64_t window = registry_new_object(registry);
	int r;

	spec->object = segment->region->object;
	spec->shmid = segment->region->shmid;
	spec->owner = segment->client->identity.uid;
	spec->client = segment->client->named.id;
	spec->offset = segment->offset;
	spec->size = segment->size;
	r = registry->ports.window_open(registry->ports.body, window, spec, ret_place);
	if (r == 0)
		*ret_window = window;
	return r;
}

/* Of a shared region it is known which object a window leads to: that may be replaced when the
 * segment has lost it already. */
static void guest_given(struct import *import)
{
	if (import->segment->governed && import->rights != 0)
		import->object = import->segment->region->object;
}

static void close_window(struct registry *registry, uint64_t *window)
{
	if (*window != 0)
		registry->ports.window_close(registry->ports.body, *window);
	*window = 0;
}

void guest_fade(const struct registry *registry, struct import *import)
{
	const struct registry_config *config = &registry->config;
	struct client *guest = import->client;

	import->window.fading = true;
	/* Rounds are not more patient with it. */
	import->window.until = registry_now(registry) + config->hear_ns + config->peer_ns;
	TAILQ_INSERT_TAIL(&guest->fading, import, window.of_fading);
}

/* What has been fading for longest. */
static struct import *oldest_of(const struct remote *remote)
{
	return remote->guest ? TAILQ_FIRST(&remote->guest->fading) : NULL;
}

uint64_t guests_deadline(const struct registry *registry)
{
	uint64_t deadline = UINT64_MAX;
	const struct remote *remote;
	const struct import *import;

	LIST_FOREACH (remote, &registry->remotes, link) {
		import = oldest_of(remote);
		if (import && import->window.until < deadline)
			deadline = import->window.until;
	}
	return deadline;
}

void guests_expire(struct registry *registry, uint64_t now)
{
	const struct ports *ports = &registry->ports;
	const struct remote *remote;
	struct import *import;

	LIST_FOREACH (remote, &registry->remotes, link) {
		import = oldest_of(remote);
		if (!import || import->window.until > now)
			continue;
		ports->peer_drop(ports->body, remote->node,
				 "it does not answer what was taken back");
		/* The others go with it. */
		TAILQ_FOREACH (import, &remote->guest->fading, window.of_fading)
			import->window.until = UINT64_MAX;
	}
}

static struct client *guest_after(const struct registry *registry, struct named **at)
{
	struct client *client;

	while ((*at = names_after(&registry->clients, *at ? (*at)->key : 0))) {
		client = container_of(*at, struct client, named);
		if (client->remote)
			return client;
	}
	return NULL;
}

static bool leads_to(const struct import *import, uint64_t object)
{
	return import->object == object && import_has_window(import);
}

bool guests_may_reach(const struct registry *registry, uint64_t object)
{
	struct named *at = NULL;
	const struct client *guest;
	const struct import *import;

	if (registry->guests == 0)
		return false;
	while ((guest = guest_after(registry, &at)))
		TAILQ_FOREACH (import, &guest->fading, window.of_fading)
			if (leads_to(import, object))
				return true;
	return false;
}

void guests_join(struct registry *registry, struct round *round, uint64_t object)
{
	struct named *at = NULL;
	const struct client *guest;
	struct import *import;

	if (registry->guests == 0)
		return;
	while ((guest = guest_after(registry, &at)))
		TAILQ_FOREACH (import, &guest->fading, window.of_fading)
			if (leads_to(import, object) && !import->round)
				round_join(round, import);
}

void guest_end(struct registry *registry, struct import *import)
{
	registry->windows -= import->window.open != 0;
	close_window(registry, &import->window.open);
	close_window(registry, &import->window.former);
	if (import->window.fading)
		TAILQ_REMOVE(&import->client->fading, import, window.of_fading);
	import->window.fading = false;
}

/* ---- what it is told -------------------------------------------------------------------- */

void guest_answer(struct registry *registry, const struct client *guest,
		  const struct message *answer)
{
	struct message over = *answer;

	if (guest->lost)
		return;
	if (answer->number == MSG_refused) {
		over.number = MSG_link_refused;
		over.link_refused.error = answer->refused.error;
		over.link_refused.rule = answer->refused.rule;
	}
	remote_say(registry, guest->remote, &over);
}

/* Without a window onto the new memory the connection is at its end. */
static void fill_moved(struct registry *registry, struct import *import,
		       struct message *message)
{
	struct window_spec spec = { .rights = import->rights, .beside = import->window.open };
	struct window_place place;
	uint64_t window = 0;
	int r;

	r = open_window(registry, import->segment, &spec, &window, &place);
	if (r < 0) {
		note(registry, "remote.not_moved import=%llu node=%u error=%d",
		     (unsigned long long)import->named.key, import->client->remote->node, -r);
		import_revoke(registry, import, REASON_EXPORTER_ENDED);
		message->number = MSG_link_revoked;
		message->link_revoked.import = import->named.id;
		message->link_revoked.reason = REASON_EXPORTER_ENDED;
		return;
	}
	/* One is there at most: it is waited for before the next. */
	close_window(registry, &import->window.former);
	import->window.former = import->window.open;
	import->window.open = window;
	guest_given(import);
	message->number = MSG_link_moved;
	message->link_moved = (struct msg_link_moved){
		.import = import->named.id,
		.epoch = import->segment->epoch,
		.base = place.base,
		.key = place.key,
	};
}

void guest_notice(struct registry *registry, struct import *import, enum notice notice)
{
	struct client *guest = import->client;
	struct message message = { .serial = client_new_serial(guest) };

	/* Whose link is lost is told nothing any more. */
	if (guest->lost)
		return;
	switch (notice) {
	case NOTICE_STALL:
	case NOTICE_RELEASE:
		message.number = MSG_link_stall;
		message.link_stall.import = import->named.id;
		break;
	case NOTICE_MOVED:
		fill_moved(registry, import, &message);
		break;
	case NOTICE_REVOKED:
	case NOTICE_NONE:
		message.number = MSG_link_revoked;
		message.link_revoked.import = import->named.id;
		message.link_revoked.reason = import->reason;
		break;
	}
	import->wait_serial = message.serial;
	remote_say(registry, guest->remote, &message);
}

/* ---- what it asks for ------------------------------------------------------------------- */

/* NULL if there is no memory. */
static struct client *guest_of(struct registry *registry, struct remote *remote)
{
	struct registry_identity identity = { .uid = GUEST_UID, .gid = GUEST_UID };
	struct client *guest;

	if (remote->guest)
		return remote->guest;
	if (client_new(registry, &identity, &guest) < 0)
		return NULL;
	guest->greeted = true;
	guest->remote = remote;
	remote->guest = guest;
	registry->guests++;
	return guest;
}

/* Or it is not in the IPC namespace that the broker is in. */
static int refuse_sysv(const struct call *call, const struct segment *segment, int r)
{
	return call_refuse(call, EOPNOTSUPP,
			   "the broker of node %u, which runs as user %u, cannot attach System "
			   "V memory of user %u for other nodes (error %d); its mode may allow "
			   "it to, if the exporter has it and is in the same IPC namespace",
			   call->registry->config.node, call->registry->config.broker_uid,
			   segment->client->identity.uid, -r);
}

static int refuse_window(const struct call *call, const struct segment *segment, int r)
{
	uint32_t self = call->registry->config.node;

	if (segment->region->sysv && (r == -EACCES || r == -EINVAL || r == -ERANGE))
		return refuse_sysv(call, segment, r);

	switch (r) {
	case -EINVAL:
		return call_refuse(
			call, EOPNOTSUPP,
			"memory of huge pages is shown to other nodes in whole ones");
	case -EPROTONOSUPPORT:
		return call_refuse(call, EHOSTUNREACH,
				   "node %u is on none of the fabrics that can be used "
				   "(it is on: %.150s); give both a [controller] of one kind",
				   self, call->registry->config.fabrics.text);
	case -EPERM:
		return call_refuse(call, EOPNOTSUPP,
				   "what is frozen is not reached over a device, which pins "
				   "pages as if it wrote to them");
	case -EMFILE:
		return call_refuse(call, EMFILE, "the broker of node %u is out of descriptors",
				   self);
	default:
		return call_refuse(call, ENOMEM,
				   "node %u cannot give other nodes a way to so much memory "
				   "(error %d)",
				   self, -r);
	}
}

static int guest_make(const struct call *call, struct segment *segment)
{
	const struct msg_link_connect *asked = &call->message->link_connect;
	struct registry *registry = call->registry;
	struct window_spec spec = { .rights = asked->rights, .fabrics = asked->provider };
	struct window_place place = { .base = 0 };
	struct message answer = { .number = MSG_link_connected };
	struct import *import;
	uint64_t window = 0;
	int r = 0;

	if (asked->rights != 0)
		r = open_window(registry, segment, &spec, &window, &place);
	if (r < 0)
		return refuse_window(call, segment, r);
	import = import_add(registry, call->client, segment, asked->rights);
	if (!import) {
		close_window(registry, &window);
		return call_refuse_memory(call);
	}
	import->window.open = window;
	registry->windows += window != 0;
	import->window.pinned = place.pinned;
	import->window.uid = asked->uid;
	import->window.gid = asked->gid;
	segment->reached |= asked->rights != 0;
	guest_given(import);
	bell_enter(registry, import, NULL);
	note(registry,
	     "import.connected import=%llu segment=%llu id=0x%x rights=%u node=%u uid=%u",
	     (unsigned long long)import->named.key, (unsigned long long)segment->named.key,
	     segment->id, asked->rights, call->client->remote->node, asked->uid);
	answer.link_connected = (struct msg_link_connected){
		.import = import->named.id,
		.segment = segment->named.id,
		.size = segment->size,
		.generation = board_generation(&registry->board, segment->slot),
		.epoch = segment->epoch,
		.exporter = segment->client->named.key,
		.provider = place.provider,
		.address = place.address,
		.base = place.base,
		.key = place.key,
		.big = registry->config.big_endian,
	};
	return call_answer(call, &answer, ATTACH_NOTHING);
}

int guest_connect(const struct call *call, bool again)
{
	const struct msg_link_connect *asked = &call->message->link_connect;
	struct registry *registry = call->registry;
	struct registry_identity importer = { .uid = asked->uid,
					      .gid = asked->gid,
					      .groups = asked->groups };
	uint32_t self = registry->config.node;
	struct segment *segment = published_find(registry, asked->id);

	if (registry->imports.count >= registry->config.imports_max)
		return call_refuse(call, EMFILE, "node %u has at most %u imports; close some",
				   self, registry->config.imports_max);
	if (asked->rights != 0 && registry->windows >= registry->config.windows_max)
		return call_refuse(call, EMFILE,
				   "node %u has at most %u windows, which is three eighths of "
				   "its vm.max_map_count; close some",
				   self, registry->config.windows_max);
	if (!segment || segment->client->leaving)
		return call_refuse(call, ENOENT, "nothing is published on node %u as 0x%x",
				   self, asked->id);
	if (import_check_access(call, segment, asked->rights, call->client->remote->node,
				&importer) < 0 ||
	    stand_check_rights(call, segment, asked->rights, asked->uid) < 0)
		return 0;
	if (import_must_wait(segment, asked->rights))
		return import_wait_for_fence(call, segment->region, again);
	return guest_make(call, segment);
}

static int hear_connect(struct registry *registry, struct remote *remote,
			const struct message *message)
{
	struct message refusal = { .number = MSG_link_refused, .serial = message->serial };
	struct call call = { registry, guest_of(registry, remote), message };

	if (call.client)
		return guest_connect(&call, false);
	refusal.link_refused.error = ENOMEM;
	refusal.link_refused.rule = wire_text_of("the broker there is out of memory");
	remote_say(registry, remote, &refusal);
	return 0;
}

/* ---- what it says ----------------------------------------------------------------------- */

/* Whatever was said to it meanwhile: nobody there certifies by it any more. */
static void hear_close(struct registry *registry, const struct client *guest, uint64_t id)
{
	struct import *import = import_find(registry, id);

	if (import && import->client == guest)
		import_end(registry, import);
}

static void hear_signal(struct registry *registry, const struct client *guest,
			const struct msg_link_signal *said)
{
	struct import *import = import_find(registry, said->import);

	if (import && import->client == guest && import_is_live(import) && said->count > 0)
		bell_post_from(registry, import, said->count, said->once);
}

static void bury(struct registry *registry, struct import *import)
{
	const struct ports *ports = &registry->ports;

	TAILQ_REMOVE(&import->client->fading, import, window.of_fading);
	import->window.fading = false;
	import->window.buried = true;
	import->wait_serial = 0;
	import->object = 0;
	if (import->window.open != 0)
		ports->window_bury(ports->body, import->window.open);
	if (import->window.former != 0)
		ports->window_bury(ports->body, import->window.former);
	round_release(registry, import, false);
}

static struct import *find_fading(const struct client *guest, uint32_t serial)
{
	struct import *import;

	TAILQ_FOREACH (import, &guest->fading, window.of_fading)
		if (import->wait_serial != 0 && import->wait_serial == serial)
			return import;
	return NULL;
}

static void hear_heard(struct registry *registry, const struct client *guest, uint32_t serial)
{
	struct import *import = find_fading(guest, serial);

	if (import) {
		/* Of what is pinned, link_close says when. */
		if (!import->window.pinned)
			bury(registry, import);
		return;
	}
	import = round_find(guest, serial);
	if (!import)
		return;
	close_window(registry, &import->window.former);
	round_release(registry, import, false);
}

int guest_heard(struct registry *registry, struct remote *remote, const struct message *message)
{
	if (message->number == MSG_link_connect)
		return hear_connect(registry, remote, message);
	if (!remote->guest)
		return 0;
	if (message->number == MSG_link_close)
		hear_close(registry, remote->guest, message->link_close.import);
	else if (message->number == MSG_link_signal)
		hear_signal(registry, remote->guest, &message->link_signal);
	else if (message->number == MSG_link_heard)
		hear_heard(registry, remote->guest, message->serial);
	return 0;
}

/* ---- its end ---------------------------------------------------------------------------- */

void guest_stop_asking(struct registry *registry, struct client *guest)
{
	struct round *round, *next;

	TAILQ_FOREACH_SAFE(round, &registry->rounds, link, next)
	if (round->asker == guest) {
		round_free(registry, round_cancel(registry, round));
	}
}

void guest_forget(struct registry *registry, struct client *guest)
{
	if (guest->remote->guest == guest)
		guest->remote->guest = NULL;
	registry->guests--;
}

void guest_lose(struct registry *registry, struct remote *remote)
{
	struct client *guest = remote->guest;
	struct import *import, *next;

	if (!guest)
		return;
	remote->guest = NULL;
	guest->lost = true;
	guest->loss = remote->losses;
	guest_stop_asking(registry, guest);
	LIST_FOREACH_SAFE(import, &guest->imports, of_client, next)
	{
		if (import_is_live(import))
			import_revoke(registry, import, REASON_EXPORTER_ENDED);
		/* Nothing that is heard later is an answer to it. */
		import->wait_serial = 0;
		if (!import_has_window(import))
			import_end(registry, import);
	}
	note(registry, "remote.cut_off node=%u windows=%u", remote->node, guest->import_count);
	if (guest->import_count == 0)
		registry_leave(registry, guest->named.id);
}

void guests_gone(struct registry *registry, const struct remote *remote, uint64_t losses)
{
	struct named *at = NULL;
	const struct client *client;
	uint64_t before = 0;

	while ((at = names_after(&registry->clients, before))) {
		before = at->key;
		client = container_of(at, struct client, named);
		if (client->remote == remote && client->lost && client->loss <= losses)
			registry_leave(registry, at->id);
	}
}
