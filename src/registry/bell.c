/* SPDX-License-Identifier: MIT */
#include "registry/bell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/import.h"

/* ---- slots ------------------------------------------------------------------------------ */

static void set_active(const struct registry *registry, const struct bell *bell, uint32_t slot,
		       bool active)
{
	if (bell->object)
		registry->ports.bell_set_active(registry->ports.body, bell->object, slot,
						active);
}

static bool bell_grow(const struct registry *registry, struct bell *bell)
{
	uint32_t most = registry->config.bell_slots > 0 ? registry->config.bell_slots - 1 : 0;
	uint32_t slots = bell->slots ? bell->slots * 2 : 4;
	struct bell_slot *grown;

	if (slots > most)
		slots = most;
	if (slots <= bell->slots)
		return false;
	grown = registry_alloc(slots * sizeof(*grown));
	if (!grown)
		return false;
	if (bell->slots > 0)
		(void)memcpy(grown, bell->slot, bell->slots * sizeof(*grown));
	free(bell->slot);
	bell->slot = grown;
	bell->slots = slots;
	return true;
}

/* The lowest that is free: exporters look at every slot up to the highest in use. */
static uint32_t find_free(const struct registry *registry, struct bell *bell)
{
	uint32_t slot = bell->free_hint;

	while (slot < bell->slots && bell->slot[slot].users > 0)
		slot++;
	bell->free_hint = slot;
	if (slot < bell->slots || bell_grow(registry, bell))
		return slot;
	return BELL_NO_SLOT;
}

static void bell_listen(struct registry *registry, struct import *import);

void bell_enter(struct registry *registry, struct import *import, const struct import *with)
{
	struct bell *bell = &import->segment->bell;
	struct bell_slot *slot;

	import->slot = with ? with->slot : find_free(registry, bell);
	if (import->slot == BELL_NO_SLOT)
		return;
	slot = &bell->slot[import->slot];
	slot->users++;
	if (++slot->live == 1)
		set_active(registry, bell, import->slot, true);
	if (import->client->remote && bell->object)
		bell_listen(registry, import);
}

void bell_mute(struct registry *registry, struct import *import)
{
	struct bell *bell = &import->segment->bell;

	if (import->slot != BELL_NO_SLOT && --bell->slot[import->slot].live == 0)
		set_active(registry, bell, import->slot, false);
}

void bell_leave(struct registry *registry, struct import *import)
{
	struct bell *bell = &import->segment->bell;
	struct bell_slot *slot;

	if (import->slot == BELL_NO_SLOT)
		return;
	if (import_is_live(import))
		bell_mute(registry, import);
	slot = &bell->slot[import->slot];
	if (--slot->users > 0)
		return;
	if (slot->pipe)
		pipe_end(registry, slot->pipe);
	if (import->slot < bell->free_hint)
		bell->free_hint = import->slot;
}

void bell_end(struct registry *registry, struct segment *segment)
{
	struct bell *bell = &segment->bell;

	for (uint32_t i = 0; i < bell->slots; i++)
		if (bell->slot[i].pipe)
			pipe_end(registry, bell->slot[i].pipe);
	if (bell->exporter_pipe)
		pipe_end(registry, bell->exporter_pipe);
	/* Not emptied: events that were counted may still be taken. */
	if (bell->object)
		registry->ports.object_drop(registry->ports.body, bell->object, false);
	free(bell->slot);
}

/* ---- handing out ------------------------------------------------------------------------ */

static void ring_guests(struct registry *registry, struct segment *segment);

/* 0, or what the port said. */
static int bell_make(struct registry *registry, struct segment *segment)
{
	const struct ports *ports = &registry->ports;
	struct bell *bell = &segment->bell;
	uint64_t object = registry_new_object(registry);
	int r;

	r = ports->bell_make(ports->body, object);
	if (r < 0)
		return r;
	bell->object = object;
	set_active(registry, bell, WIRE_SLOT_EXPORTER, true);
	for (uint32_t i = 0; i < bell->slots; i++)
		if (bell->slot[i].live > 0)
			set_active(registry, bell, i, true);
	note(registry, "segment.bell segment=%llu", (unsigned long long)segment->named.key);
	ring_guests(registry, segment);
	return 0;
}

/* 0, or the request was refused. */
static int bell_need(const struct call *call, struct segment *segment)
{
	int r = segment->bell.object ? 0 : bell_make(call->registry, segment);

	if (r < 0)
		(void)call_refuse(call, r == -EMFILE ? EMFILE : ENOMEM,
				  "the broker has no room for a bell; give something up first");
	return r;
}

/* The exporter's own, or of a process of the same user that was told the id: its child. */
static struct segment *find_related(const struct call *call, uint64_t id)
{
	struct segment *segment = segment_find(call->registry, id);

	if (!segment || segment->client->user != call->client->user)
		return NULL;
	return segment;
}

static int give_bell(const struct call *call, struct segment *segment, uint32_t slot)
{
	struct message answer = { .number = MSG_bell };

	if (bell_need(call, segment) < 0)
		return 0;
	answer.bell.slot = slot;
	return call_answer(call, &answer, attach(ATTACH_BELL, segment->bell.object));
}

int segment_bell(const struct call *call)
{
	struct segment *segment = find_related(call, call->message->segment_bell.segment);

	if (!segment)
		return call_refuse(call, EBADF, "there is no such export of this user");
	return give_bell(call, segment, WIRE_SLOT_EXPORTER);
}

static int refuse_stale(const struct call *call)
{
	return call_refuse(call, ESTALE, "the export was taken back; connect again");
}

static int refuse_no_slot(const struct call *call)
{
	return call_refuse(call, ENOSPC,
			   "every slot of the segment's bell is taken; fewer importers can use "
			   "events");
}

static int refuse_far(const struct call *call)
{
	return call_refuse(call, EOPNOTSUPP,
			   "the bell is on the exporting node; say import_post_far, and hear "
			   "import_signalled");
}

int import_bell(const struct call *call)
{
	struct import *import = import_find_own(call, call->message->import_bell.import);

	if (!import)
		return call_refuse(call, EBADF, "there is no such import of this process");
	/* Taken back: what was counted before may still be taken. */
	if (import->far)
		return refuse_far(call);
	if (!import->segment)
		return refuse_stale(call);
	if (import->slot == BELL_NO_SLOT)
		return refuse_no_slot(call);
	return give_bell(call, import->segment, import->slot);
}

/* ---- pipes ------------------------------------------------------------------------------ */

static struct pipe **pipe_place(struct segment *segment, uint32_t slot)
{
	if (slot == WIRE_SLOT_EXPORTER)
		return &segment->bell.exporter_pipe;
	return slot < segment->bell.slots ? &segment->bell.slot[slot].pipe : NULL;
}

void pipe_end(struct registry *registry, struct pipe *pipe)
{
	*pipe_place(pipe->segment, pipe->slot) = NULL;
	LIST_REMOVE(pipe, of_client);
	registry->ports.object_drop(registry->ports.body, pipe->object, false);
	free(pipe);
}

static int keep_pipe(const struct call *call, struct segment *segment, uint32_t slot)
{
	const struct ports *ports = &call->registry->ports;
	struct pipe **place = pipe_place(segment, slot);
	struct pipe *pipe;

	if (bell_need(call, segment) < 0)
		return 0;
	pipe = registry_alloc(sizeof(*pipe));
	if (!pipe)
		return call_refuse_memory(call);
	*pipe = (struct pipe){ .object = registry_new_object(call->registry),
			       .client = call->client,
			       .segment = segment,
			       .slot = slot };
	if (ports->pipe_take(ports->body, pipe->object) < 0) {
		free(pipe);
		return call_refuse(
			call, EMFILE,
			"the broker cannot keep the descriptor; send the writing end "
			"of a pipe or close something first");
	}
	if (*place)
		pipe_end(call->registry, *place);
	*place = pipe;
	LIST_INSERT_HEAD(&call->client->pipes, pipe, of_client);
	ports->bell_raise_polled(ports->body, segment->bell.object, slot);
	return call_done(call);
}

int bell_poll(const struct call *call)
{
	uint64_t target = call->message->bell_poll.target;
	struct segment *segment = find_related(call, target);
	struct import *import = import_find_own(call, target);

	if (segment)
		return keep_pipe(call, segment, WIRE_SLOT_EXPORTER);
	if (!import)
		return call_refuse(call, EBADF, "there is no such export or import");
	if (import->far)
		return refuse_far(call);
	if (!import_is_live(import))
		return refuse_stale(call);
	if (import->slot == BELL_NO_SLOT)
		return refuse_no_slot(call);
	return keep_pipe(call, import->segment, import->slot);
}

static int give_pipe(const struct call *call, struct segment *segment, uint32_t slot)
{
	struct pipe **place = pipe_place(segment, slot);
	struct message answer = { .number = MSG_bell_pipe };

	if (!place || !*place)
		return call_refuse(call, ENOENT,
				   "nobody polls that slot; raise its count only");
	return call_answer(call, &answer, attach(ATTACH_PIPE, (*place)->object));
}

int bell_poller(const struct call *call)
{
	const struct msg_bell_poller *asked = &call->message->bell_poller;
	struct segment *segment = find_related(call, asked->from);
	struct import *import = import_find_own(call, asked->from);

	if (segment && asked->slot != WIRE_SLOT_EXPORTER)
		return give_pipe(call, segment, asked->slot);
	if (segment || (import && asked->slot != WIRE_SLOT_EXPORTER))
		return call_refuse(call, EACCES,
				   "an export posts to its imports, an import to its export");
	if (!import)
		return call_refuse(call, EBADF, "there is no such export or import");
	if (import->far)
		return refuse_far(call);
	if (!import_is_live(import))
		return refuse_stale(call);
	return give_pipe(call, import->segment, WIRE_SLOT_EXPORTER);
}

/* ---- other nodes ------------------------------------------------------------------------ */

/*
 * A guest has nobody who could map the bell, so the broker polls its slot, and says over the
 * link what was counted.  If it cannot, the other node's process hears of no posts.
 */
static void bell_listen(struct registry *registry, struct import *import)
{
	const struct ports *ports = &registry->ports;
	struct segment *segment = import->segment;
	struct pipe *pipe = registry_alloc(sizeof(*pipe));
	int r = -ENOMEM;

	if (pipe) {
		*pipe = (struct pipe){ .object = registry_new_object(registry),
				       .client = import->client,
				       .segment = segment,
				       .slot = import->slot };
		r = ports->pipe_make(ports->body, pipe->object, import->named.id);
	}
	if (r < 0) {
		note(registry, "remote.deaf import=%llu node=%u error=%d",
		     (unsigned long long)import->named.key, import->client->remote->node, -r);
		free(pipe);
		return;
	}
	*pipe_place(segment, import->slot) = pipe;
	LIST_INSERT_HEAD(&import->client->pipes, pipe, of_client);
	ports->bell_raise_polled(ports->body, segment->bell.object, import->slot);
}

static void ring_guests(struct registry *registry, struct segment *segment)
{
	struct import *import;

	LIST_FOREACH (import, &segment->imports, of_segment)
		if (import->client->remote && import_is_live(import) &&
		    import->slot != BELL_NO_SLOT)
			bell_listen(registry, import);
}

void bell_post_from(struct registry *registry, struct import *import, uint64_t count, bool once)
{
	const struct ports *ports = &registry->ports;
	struct segment *segment = import->segment;
	struct bell *bell = &segment->bell;

	/* A post that cannot be counted is lost, as the log says. */
	if (!bell->object && bell_make(registry, segment) < 0) {
		note(registry, "remote.post_lost segment=%llu",
		     (unsigned long long)segment->named.key);
		return;
	}
	ports->bell_post(ports->body, bell->object, WIRE_SLOT_EXPORTER, count, once);
	if (bell->exporter_pipe)
		ports->pipe_fill(ports->body, bell->exporter_pipe->object);
}

void bell_tell_guest(struct registry *registry, const struct import *import)
{
	const struct ports *ports = &registry->ports;
	struct message said = { .number = MSG_link_signalled };

	if (import->client->lost || !import_is_live(import) || import->slot == BELL_NO_SLOT ||
	    !import->segment->bell.object)
		return;
	said.link_signalled.import = import->named.id;
	said.link_signalled.count =
		ports->bell_take(ports->body, import->segment->bell.object, import->slot);
	if (said.link_signalled.count > 0)
		remote_say(registry, import->client->remote, &said);
}

void registry_rung(struct registry *registry, uint64_t tag)
{
	const struct import *import = import_find(registry, tag);

	if (import && import->client->remote)
		bell_tell_guest(registry, import);
}
