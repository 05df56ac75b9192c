/* SPDX-License-Identifier: MIT */
#include "registry/pledge.h"

#include <errno.h>

#include "registry/import.h"

static void drop(struct registry *registry, uint64_t *object)
{
	/* Not emptied: it is when there is no broker that it matters. */
	if (*object)
		registry->ports.object_drop(registry->ports.body, *object, false);
	*object = 0;
}

void pledge_end(struct registry *registry, struct client *client)
{
	drop(registry, &client->pledge);
	drop(registry, &client->lifeline);
}

/* ---- the exporter's --------------------------------------------------------------------- */

static int refuse_room(const struct call *call, int error)
{
	return call_refuse(call, error == -EMFILE ? EMFILE : ENOMEM,
			   "the broker has no room for a pledge; give something up first");
}

/* Who lost the answer may ask again, with a pipe of its own again. */
int pledge(const struct call *call)
{
	struct registry *registry = call->registry;
	const struct ports *ports = &registry->ports;
	struct client *client = call->client;
	uint64_t made = client->pledge ? client->pledge : registry_new_object(registry);
	uint64_t taken = registry_new_object(registry);
	struct message answer = { .number = MSG_pledged };
	int r = 0;

	if (ports->pipe_take(ports->body, taken) < 0)
		return call_refuse(
			call, EMFILE,
			"the broker cannot keep the descriptor; send the writing end "
			"of a pipe or close something first");
	if (!client->pledge)
		r = ports->pledge_make(ports->body, made);
	if (r < 0) {
		drop(registry, &taken);
		return refuse_room(call, r);
	}
	drop(registry, &client->lifeline);
	client->lifeline = taken;
	client->pledge = made;
	return call_answer(call, &answer, attach(ATTACH_OBJECT_WRITE, client->pledge));
}

/* ---- its importers' --------------------------------------------------------------------- */

/* Who exports what @id is connected to, or NULL after a refusal. */
static const struct client *find_exporter(const struct call *call, uint64_t id)
{
	const struct import *import = import_find_own(call, id);

	if (import && import->segment)
		return import->segment->client;
	(void)call_refuse(call, ESTALE, "the connection is gone");
	return NULL;
}

int import_exporter(const struct call *call)
{
	const struct client *exporter =
		find_exporter(call, call->message->import_exporter.import);
	struct message answer = { .number = MSG_exporter };

	if (!exporter)
		return 0;
	if (exporter->identity.pid == 0)
		return call_refuse(call, ESRCH,
				   "the exporter is in a pid namespace that the broker cannot "
				   "see into");
	return call_answer(call, &answer, attach(ATTACH_PROCESS, exporter->named.id));
}

static int refuse_unpledged(const struct call *call)
{
	return call_refuse(call, EPROTO,
			   "the exporter has made no pledge; let it use the library that was "
			   "installed with the broker");
}

int import_lifeline(const struct call *call)
{
	const struct client *exporter =
		find_exporter(call, call->message->import_lifeline.import);
	struct message answer = { .number = MSG_exporter };

	if (!exporter)
		return 0;
	if (!exporter->lifeline)
		return refuse_unpledged(call);
	return call_answer(call, &answer, attach(ATTACH_PIPE, exporter->lifeline));
}

int import_pledge(const struct call *call)
{
	const struct client *exporter =
		find_exporter(call, call->message->import_pledge.import);
	struct message answer = { .number = MSG_pledged };

	if (!exporter)
		return 0;
	if (!exporter->pledge)
		return refuse_unpledged(call);
	return call_answer(call, &answer, attach(ATTACH_OBJECT_READ, exporter->pledge));
}
