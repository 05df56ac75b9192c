/* SPDX-License-Identifier: MIT */
/*
 * far.c - what processes here import from other nodes
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "registry/import.h"
#include "registry/remote.h"

static int compare_far(const struct import *a, const struct import *b)
{
	return (a->far->id > b->far->id) - (a->far->id < b->far->id);
}

DEFINE_TREE(far_imports, import, far->by_id, compare_far);

static struct import *find(struct remote *remote, uint64_t id)
{
	struct far_import key = { .id = id };
	struct import wanted;

	/* Only this is compared, and the struct is large. */
	wanted.far = &key;
	return RB_FIND(far_imports, &remote->imports, &wanted);
}

/* It may be ended by the registry's: no message of the peer's is about it any more. */
static void leave_remote(struct import *import)
{
	if (!import->far->remote)
		return;
	(void)RB_REMOVE(far_imports, &import->far->remote->imports, import);
	import->far->remote = NULL;
}

static void forget_signals(struct import *import)
{
	if (import->far->signals > 0)
		TAILQ_REMOVE(&import->client->rung, import, far->of_rung);
	import->far->signals = 0;
}

static void say_close(const struct registry *registry, const struct remote *remote, uint64_t id)
{
	struct message close = { .number = MSG_link_close };

	close.link_close.import = id;
	remote_say(registry, remote, &close);
}

void far_end(struct registry *registry, struct import *import)
{
	struct far_import *far = import->far;

	if (far->remote)
		say_close(registry, far->remote, far->id);
	leave_remote(import);
	forget_signals(import);
	board_give(&registry->board, far->slot);
	import->far = NULL;
	free(far);
}

/* ---- connecting ------------------------------------------------------------------------- */

static void answer_far(const struct call *call, const struct round *round,
		       const struct import *import)
{
	const struct msg_link_connected *said = &round->asked.reply->link_connected;
	const struct far_import *far = import->far;
	struct message answer = { .number = MSG_import_connected_far };
	const struct ports *ports = &call->registry->ports;
	struct controller_facts facts = { .provider = said->provider };

	/* It was there when it was asked for. */
	if (import->rights != 0)
		(void)ports->controller_find(ports->body, &round->asked.controller,
					     &said->provider, &facts);
	answer.import_connected_far = (struct msg_import_connected_far){
		.import = import->named.id,
		.segment = far->segment,
		.token = far->token,
		.size = said->size,
		.slot = far->slot,
		.generation = board_generation(&call->registry->board, far->slot),
		.epoch = far->epoch,
		.timeout_ms = call->registry->config.peer_timeout_ms,
		.store_delay_ms = call->registry->config.store_delay_ms,
		.provider = said->provider,
		.domain = facts.domain,
		.local = facts.local,
		.address = said->address,
		.base = far->base,
		.key = far->key,
		.swapped = said->big != call->registry->config.big_endian,
	};
	(void)call_answer(call, &answer, ATTACH_NOTHING);
}

/* NULL if there is no memory, or no slot of the board. */
static struct import *far_make(struct registry *registry, const struct round *round)
{
	const struct msg_link_connected *said = &round->asked.reply->link_connected;
	struct far_import *far = registry_alloc(sizeof(*far));
	struct import *import;

	if (!far)
		return NULL;
	import = import_new(registry, round->asker, round->asked.rights);
	if (!import || board_take(&registry->board, &registry->ports, &far->slot) < 0) {
		if (import)
			import_end(registry, import);
		free(far);
		return NULL;
	}
	far->remote = round->remote;
	far->id = said->import;
	far->segment = said->segment;
	far->published = round->asked.id;
	far->token = registry->ports.random(registry->ports.body);
	far->epoch = board_epoch(&registry->board, far->slot);
	far->base = said->base;
	far->key = said->key;
	far->provider = said->provider;
	import->far = far;
	(void)RB_INSERT(far_imports, &round->remote->imports, import);
	return import;
}

static int refuse_reply(const struct call *call, const struct round *round)
{
	const struct message *reply = round->asked.reply;

	if (reply)
		return call_refuse(call, (int)reply->link_refused.error, "%s",
				   reply->link_refused.rule.text);
	if (round->asked.lost)
		return call_refuse(call, ECONNABORTED,
				   "the link to node %u was lost while it was asked",
				   round->remote->node);
	return call_refuse(call, ETIMEDOUT, "node %u has not answered in time; try again",
			   round->remote->node);
}

static void answered(struct registry *registry, struct round *round)
{
	struct call call = { registry, round->asker, &round->request };
	const struct message *reply = round->asked.reply;
	const struct msg_link_connected *said;
	struct import *import;

	if (!reply || reply->number == MSG_link_refused) {
		(void)refuse_reply(&call, round);
		return;
	}
	said = &reply->link_connected;
	if (round->asked.segment && round->asked.segment != said->segment) {
		say_close(registry, round->remote, said->import);
		(void)call_refuse(&call, ESTALE,
				  "what was inherited has been taken back; connect again");
		return;
	}
	import = far_make(registry, round);
	if (!import) {
		say_close(registry, round->remote, said->import);
		(void)call_refuse_memory(&call);
		return;
	}
	note(registry,
	     "import.connected import=%llu node=%u id=0x%x rights=%u provider=%s pid=%d uid=%u",
	     (unsigned long long)import->named.key, round->remote->node, round->asked.id,
	     import->rights, said->provider.text, round->asker->identity.pid,
	     round->asker->identity.uid);
	answer_far(&call, round, import);
}

static uint32_t next_serial(struct remote *remote)
{
	if (++remote->last_serial == 0)
		++remote->last_serial;
	return remote->last_serial;
}

/* What a connection is asked for with. */
struct errand {
	uint32_t id, rights;
	uint64_t segment; /* which it has to be; 0: any */
	struct wire_text controller;
	struct wire_text fabrics;
};

static int ask(const struct call *call, struct remote *remote, const struct errand *errand)
{
	struct registry *registry = call->registry;
	struct message asked = { .number = MSG_link_connect };
	struct round *round;

	if (round_begin(call, registry->config.peer_ns, answered, &round) < 0)
		return call_refuse_memory(call);
	asked.serial = next_serial(remote);
	asked.link_connect = (struct msg_link_connect){
		.id = errand->id,
		.rights = errand->rights,
		.uid = call->client->identity.uid,
		.gid = call->client->identity.gid,
		.groups = call->client->identity.groups,
		.provider = errand->fabrics,
	};
	round->remote = remote;
	round->asked.serial = asked.serial;
	round->asked.id = errand->id;
	round->asked.rights = errand->rights;
	round->asked.segment = errand->segment;
	round->asked.controller = errand->controller;
	TAILQ_INSERT_TAIL(&remote->asked, round, of_asked);
	round->open++;
	round->settled = true;
	remote_say(registry, remote, &asked);
	return 0;
}

void far_forget(struct round *round)
{
	TAILQ_REMOVE(&round->remote->asked, round, of_asked);
	round->open--;
	round->asked.serial = 0;
}

/* 0, or the request was refused. */
static int choose_fabrics(const struct call *call, struct errand *errand)
{
	const struct registry *registry = call->registry;
	const struct ports *ports = &registry->ports;
	const struct wire_text any = { .length = 0 };
	struct controller_facts facts;
	int r;

	errand->fabrics = registry->config.fabrics;
	if (errand->controller.length == 0)
		return 0;
	r = ports->controller_find(ports->body, &errand->controller, &any, &facts);
	if (r == 0)
		errand->fabrics = facts.provider;
	else
		(void)call_refuse(
			call, ENODEV,
			"no controller of this node is called \"%.100s\" and leads to "
			"others; a section [controller NAME] in tract.conf makes one",
			errand->controller.text);
	return r;
}

int far_connect(const struct call *call, uint32_t node, uint32_t id, uint32_t rights,
		const struct wire_text *controller)
{
	struct errand errand = { .id = id, .rights = rights, .controller = *controller };
	const struct registry *registry = call->registry;
	struct remote *remote = remote_find(registry, node);

	if (!remote)
		return call_refuse(call, EHOSTUNREACH,
				   "this node has no way to node %u; its own id is %u", node,
				   registry->config.node);
	if (choose_fabrics(call, &errand) < 0)
		return 0;
	if (!remote->up)
		return call_refuse(call, EHOSTUNREACH,
				   "the link to node %u is down; tract nodes says why", node);
	if (board_is_full(&registry->board))
		return call_refuse(call, EMFILE,
				   "every slot of the node's board is taken; close an import");
	return ask(call, remote, &errand);
}

struct import *far_find_inherited(const struct registry *registry,
				  const struct msg_import_inherit *asked)
{
	struct import *import = import_find(registry, asked->import);

	if (!import || !import->far || asked->token == 0 ||
	    import->far->token != asked->token || import->far->segment != asked->segment)
		return NULL;
	return import;
}

int far_inherit(const struct call *call, const struct import *with)
{
	struct errand errand;

	if (!import_is_live(with))
		return call_refuse(call, ESTALE,
				   "what was inherited has been taken back; connect again");
	errand = (struct errand){ .id = with->far->published,
				  .rights = with->rights,
				  .segment = with->far->segment,
				  .fabrics = with->far->provider };
	return ask(call, with->far->remote, &errand);
}

/* Is it reached through what was asked for?  What a peer calls a provider is loaded, and used,
 * by a process of this node. */
static bool is_reached_as_asked(const struct registry *registry, const struct round *round,
				const struct msg_link_connected *said)
{
	const struct ports *ports = &registry->ports;
	struct controller_facts facts;

	return round->asked.rights == 0 ||
	       (ports->controller_find(ports->body, &round->asked.controller, &said->provider,
				       &facts) == 0 &&
		strcmp(facts.provider.text, said->provider.text) == 0);
}

static int hear_reply(struct registry *registry, struct remote *remote,
		      const struct message *message)
{
	struct round *round;
	bool connected = message->number == MSG_link_connected;

	if (connected &&
	    (message->link_connected.size == 0 || find(remote, message->link_connected.import)))
		return -EPROTO;
	TAILQ_FOREACH (round, &remote->asked, of_asked)
		if (round->asked.serial == message->serial)
			break;
	if (round && connected &&
	    !is_reached_as_asked(registry, round, &message->link_connected))
		return -EPROTO;
	if (round) {
		round->asked.reply = message;
		round_complete(registry, round);
	} else if (connected) {
		/* Whoever asked has ended, or was told that it took too long. */
		say_close(registry, remote, message->link_connected.import);
	}
	return 0;
}

/* ---- signals ---------------------------------------------------------------------------- */

int import_post_far(const struct call *call)
{
	const struct msg_import_post_far *asked = &call->message->import_post_far;
	const struct import *import = import_find_own(call, asked->import);
	struct message signal = { .number = MSG_link_signal };

	if (!import || !import->far)
		return call_refuse(call, EBADF,
				   "there is no such import of another node's segment");
	if (!import_is_live(import))
		return call_refuse(call, ESTALE, "the export was taken back; connect again");
	signal.link_signal.import = import->far->id;
	signal.link_signal.count = 1;
	signal.link_signal.once = asked->once;
	remote_say(call->registry, import->far->remote, &signal);
	return call_done(call);
}

int far_signals_flush(struct registry *registry, struct client *client)
{
	const struct ports *ports = &registry->ports;
	struct message event = { .number = MSG_import_signalled };
	struct import *import;
	int r;

	while ((import = TAILQ_FIRST(&client->rung))) {
		event.import_signalled.import = import->named.id;
		event.import_signalled.count = import->far->signals;
		r = ports->event(ports->body, client->named.id, &event, ATTACH_NOTHING);
		if (r < 0)
			return r;
		forget_signals(import);
	}
	return 0;
}

static void hear_signalled(struct registry *registry, struct remote *remote,
			   const struct msg_link_signalled *said)
{
	struct import *import = find(remote, said->import);
	struct far_import *far = import ? import->far : NULL;

	if (!far || said->count == 0)
		return;
	if (far->signals == 0)
		TAILQ_INSERT_TAIL(&import->client->rung, import, far->of_rung);
	if (!add_fits(far->signals, said->count, &far->signals))
		far->signals = UINT64_MAX;
	(void)notice_flush(registry, import->client);
}

/* ---- what the exporting node does ------------------------------------------------------- */

/* Its holder has obeyed, or had its time: nothing of its is on its way to the window. */
static void let_go(struct registry *registry, struct round *round)
{
	say_close(registry, round->remote, round->request.link_revoked.import);
}

/* Its generation has been raised.  @revoked: what is followed by link_close once its
 * holder knows; NULL: nothing. */
static void cut_off(struct registry *registry, struct import *import, uint32_t reason,
		    const struct message *revoked)
{
	struct remote *remote = import->far->remote;
	struct round *round = import->round;

	leave_remote(import);
	import->reason = reason;
	import->client->live_count--;
	/* Nobody waits for what comes of a move any more. */
	round_cancel(registry, round);
	round_free(registry, round);
	round = revoked ? round_begin_for(registry, remote, revoked, let_go) : NULL;
	if (!round) {
		(void)notice_send(registry, import, NOTICE_REVOKED);
		/* Without the memory to wait with. */
		if (revoked)
			say_close(registry, remote, revoked->link_revoked.import);
		return;
	}
	round_ask(registry, round, import, NOTICE_REVOKED);
	round_settle(registry, round);
}

/* What was to be said over the link is not. */
static void drop_rounds(struct registry *registry, const struct remote *remote)
{
	struct round *round, *next;

	TAILQ_FOREACH_SAFE(round, &registry->rounds, link, next)
	if (round->remote == remote && !round->asker) {
		round_cancel(registry, round);
		round_free(registry, round);
	}
}

void far_lose(struct registry *registry, struct remote *remote)
{
	struct import *import;
	struct round *round;
	uint32_t imports = 0;

	while ((import = RB_ROOT(&remote->imports))) {
		board_end_generation(&registry->board, &registry->ports, import->far->slot);
		cut_off(registry, import, REASON_EXPORTER_ENDED, NULL);
		imports++;
	}
	drop_rounds(registry, remote);
	while ((round = TAILQ_FIRST(&remote->asked))) {
		round->asked.lost = true;
		round_complete(registry, round);
	}
	if (imports > 0)
		note(registry, "remote.lost node=%u imports=%u", remote->node, imports);
}

static void say_heard(const struct registry *registry, const struct remote *remote,
		      uint32_t serial)
{
	struct message heard = { .number = MSG_link_heard, .serial = serial };

	remote_say(registry, remote, &heard);
}

static void hear_revoked(struct registry *registry, struct remote *remote,
			 const struct message *message)
{
	const struct msg_link_revoked *revoked = &message->link_revoked;
	struct import *import = find(remote, revoked->import);
	bool known = revoked->reason >= REASON_UNPUBLISHED &&
		     revoked->reason <= REASON_EXPORTER_ENDED;

	if (import)
		board_end_generation(&registry->board, &registry->ports, import->far->slot);
	/* The board says so, and whoever certifies looks there. */
	say_heard(registry, remote, message->serial);
	if (import)
		cut_off(registry, import, known ? revoked->reason : REASON_EXPORTER_ENDED,
			message);
}

/* Its holder has obeyed, or had its time and will see that it has not. */
static void obeyed(struct registry *registry, struct round *round)
{
	struct import *import = import_find(registry, round->import);

	if (import)
		board_begin_epoch(&registry->board, &registry->ports, import->far->slot,
				  import->far->epoch);
	say_heard(registry, round->remote, round->request.serial);
}

void far_fill_moved(const struct import *import, struct message *message)
{
	message->number = MSG_import_moved_far;
	message->import_moved_far = (struct msg_import_moved_far){
		.import = import->named.id,
		.epoch = import->far->epoch,
		.base = import->far->base,
		.key = import->far->key,
	};
}

static void take_change(struct far_import *far, const struct message *message)
{
	/* With a stall the old memory is given up already. */
	if (message->number == MSG_link_stall || !far->stalled)
		far->epoch++;
	far->stalled = message->number == MSG_link_stall;
	if (message->number != MSG_link_moved)
		return;
	far->base = message->link_moved.base;
	far->key = message->link_moved.key;
}

static int hear_change(struct registry *registry, struct remote *remote,
		       const struct message *message)
{
	bool stall = message->number == MSG_link_stall;
	struct import *import =
		find(remote, stall ? message->link_stall.import : message->link_moved.import);
	struct round *round;

	/* It waits for the last change to be answered, and who has no rights has no memory. */
	if (import && (import->round || import->rights == 0))
		return -EPROTO;
	if (import)
		take_change(import->far, message);
	round = import ? round_begin_for(registry, remote, message, obeyed) : NULL;
	if (!round) {
		/* It was closed meanwhile; or there is no memory, and it is told later. */
		if (import) {
			board_begin_epoch(&registry->board, &registry->ports, import->far->slot,
					  import->far->epoch);
			(void)notice_send(registry, import,
					  stall ? NOTICE_STALL : NOTICE_MOVED);
		}
		say_heard(registry, remote, message->serial);
		return 0;
	}
	round->import = import->named.id;
	round_ask(registry, round, import, stall ? NOTICE_STALL : NOTICE_MOVED);
	round_settle(registry, round);
	return 0;
}

int far_heard(struct registry *registry, struct remote *remote, const struct message *message)
{
	switch (message->number) {
	case MSG_link_connected:
	case MSG_link_refused:
		return hear_reply(registry, remote, message);
	case MSG_link_revoked:
		hear_revoked(registry, remote, message);
		return 0;
	case MSG_link_stall:
	case MSG_link_moved:
		return hear_change(registry, remote, message);
	case MSG_link_signalled:
		hear_signalled(registry, remote, &message->link_signalled);
		return 0;
	default:
		return -EPROTO;
	}
}
