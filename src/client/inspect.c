/* SPDX-License-Identifier: MIT */
#include <tract/inspect.h>
#include <tract/node.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "client/context.h"
#include "client/inspect.h"

int inspect_ask(struct tract *ctx, struct message *request, enum msg_number expected,
		const void *ret, struct message *reply)
{
	scoped(session) struct session *session = NULL;
	int r;

	error_clear_reason();
	if (!ctx || !ret)
		return -EINVAL;
	r = context_session_if_any(ctx, &session);
	if (r == 0)
		r = session_call(session, request, NULL, 0, reply, NULL);
	if (r < 0)
		return r;
	return reply->number == expected ? 0 : -EPROTO;
}

int tract_next_segment(struct tract *ctx, uint64_t after, struct tract_segment_info *ret)
{
	struct message request = { .number = MSG_next_segment,
				   .next_segment = { .after = after } };
	struct message reply;
	const struct msg_segment_row *row = &reply.segment_row;
	int r;

	r = inspect_ask(ctx, &request, MSG_segment_row, ret, &reply);
	if (r < 0)
		return r;
	*ret = (struct tract_segment_info){
		.key = row->key,
		.node = row->node,
		.id = row->id,
		.size = row->size,
		.exporter = row->exporter,
		.pid = (int32_t)row->pid,
		.uid = row->uid,
		.gid = row->gid,
		.mode = row->mode,
		.access = row->access,
		.imports = row->imports,
		.backing = row->backing,
		.rebinds = row->rebinds,
		.exposed = row->exposed,
		.age_ms = row->age_ms,
	};
	return 0;
}

int tract_next_import(struct tract *ctx, uint64_t after, struct tract_import_info *ret)
{
	struct message request = { .number = MSG_next_import,
				   .next_import = { .after = after } };
	struct message reply;
	const struct msg_import_row *row = &reply.import_row;
	int r;

	r = inspect_ask(ctx, &request, MSG_import_row, ret, &reply);
	if (r < 0)
		return r;
	*ret = (struct tract_import_info){
		.key = row->key,
		.segment = row->segment,
		.importer = row->importer,
		.pid = (int32_t)row->pid,
		.uid = row->uid,
		.gid = row->gid,
		.rights = row->rights,
		.age_ms = row->age_ms,
	};
	return 0;
}

int tract_next_process(struct tract *ctx, uint64_t after, struct tract_process_info *ret)
{
	struct message request = { .number = MSG_next_client,
				   .next_client = { .after = after } };
	struct message reply;
	const struct msg_client_row *row = &reply.client_row;
	int r;

	r = inspect_ask(ctx, &request, MSG_client_row, ret, &reply);
	if (r < 0)
		return r;
	*ret = (struct tract_process_info){
		.key = row->key,
		.pid = (int32_t)row->pid,
		.uid = row->uid,
		.gid = row->gid,
		.regions = row->regions,
		.segments = row->segments,
		.imports = row->imports,
		.bytes = row->bytes,
		.age_ms = row->age_ms,
	};
	return 0;
}

static enum tract_node_state node_state(uint32_t state)
{
	return state <= TRACT_NODE_UP ? (enum tract_node_state)state : TRACT_NODE_DOWN;
}

int tract_next_node(struct tract *ctx, uint64_t after, struct tract_node_info *ret)
{
	struct message request = { .number = MSG_next_node, .next_node = { .after = after } };
	struct message reply;
	const struct msg_node_row *row = &reply.node_row;
	int r;

	static_assert(TRACT_NODE_TEXT > WIRE_TEXT_MAX, "every text fits");
	r = inspect_ask(ctx, &request, MSG_node_row, ret, &reply);
	if (r < 0)
		return r;
	*ret = (struct tract_node_info){
		.key = row->key,
		.node = row->node,
		.state = node_state(row->state),
		.since_ms = row->since_ms,
		.rtt_ns = row->rtt_ns,
		.received = row->received,
		.sent = row->sent,
		.times = row->times,
	};
	(void)snprintf(ret->address, sizeof(ret->address), "%s", row->address.text);
	(void)snprintf(ret->why, sizeof(ret->why), "%s", row->why.text);
	return 0;
}

int tract_next_controller(struct tract *ctx, uint64_t after, struct tract_controller_info *ret)
{
	struct message request = { .number = MSG_next_controller,
				   .next_controller = { .after = after } };
	struct message reply;
	const struct msg_controller_row *row = &reply.controller_row;
	int r;

	static_assert(TRACT_CONTROLLER_TEXT > WIRE_TEXT_MAX, "every text fits");
	r = inspect_ask(ctx, &request, MSG_controller_row, ret, &reply);
	if (r < 0)
		return r;
	*ret = (struct tract_controller_info){ .key = row->key,
					       .node = row->node,
					       .up = row->up };
	(void)strcpy(ret->name, row->name.text);
	(void)strcpy(ret->alias_of, row->alias_of.text);
	(void)strcpy(ret->provider, row->provider.text);
	(void)strcpy(ret->domain, row->domain.text);
	(void)strcpy(ret->address, row->address.text);
	(void)strcpy(ret->why, row->why.text);
	return 0;
}

/* ---- monitor ---------------------------------------------------------------------------- */

struct tract_monitor {
	struct session *session; /* its own: a stream and calls do not mix on one connection */
	char line[4096];
};

int tract_monitor_open(struct tract *ctx, struct tract_monitor **ret)
{
	scoped(session) struct session *session = NULL;
	struct message request = { .number = MSG_monitor };
	struct message reply;
	struct tract_monitor *monitor;
	int r;

	error_clear_reason();
	if (!ctx || !ret)
		return -EINVAL;
	r = session_open(ctx->dir, true, &session);
	if (r == 0)
		r = session_call(session, &request, NULL, 0, &reply, NULL);
	if (r < 0)
		return r;
	monitor = calloc(1, sizeof(*monitor));
	if (!monitor)
		return -ENOMEM;
	monitor->session = steal(session);
	*ret = monitor;
	return 0;
}

void tract_monitor_close(struct tract_monitor *monitor)
{
	if (!monitor)
		return;
	session_unref(monitor->session);
	free(monitor);
}

static int stamp(char *line, size_t capacity, uint64_t ns)
{
	int length =
		snprintf(line, capacity, "%llu.%06llu ", (unsigned long long)(ns / NS_PER_S),
			 (unsigned long long)(ns % NS_PER_S / 1000));

	return length < 0 ? 0 : length;
}

/* "-> " and whom it was sent to, or from whom it came. */
static void describe_message(struct tract_monitor *monitor, uint64_t time_ns, bool sent,
			     const char *whose, const struct wire_bytes *bytes)
{
	int used = stamp(monitor->line, sizeof(monitor->line), time_ns);
	struct message inner;
	char text[2048];

	if (wire_inspect(bytes->bytes, bytes->length, &inner) < 0)
		(void)snprintf(text, sizeof(text), "(%u bytes that are no message)",
			       (unsigned)bytes->length);
	else
		wire_print(&inner, text, sizeof(text));
	(void)snprintf(monitor->line + used, sizeof(monitor->line) - (size_t)used, "%s %-7s %s",
		       sent ? "->" : "<-", whose, text);
}

static int describe(struct tract_monitor *monitor, const struct message *message)
{
	char whose[24];
	int used;

	if (message->number == MSG_monitor_event) {
		used = stamp(monitor->line, sizeof(monitor->line),
			     message->monitor_event.time_ns);
		(void)snprintf(monitor->line + used, sizeof(monitor->line) - (size_t)used,
			       "event    %s", message->monitor_event.line.text);
		return 0;
	}
	if (message->number == MSG_monitor_message) {
		const struct msg_monitor_message *m = &message->monitor_message;

		(void)snprintf(whose, sizeof(whose), "%u", m->pid);
		describe_message(monitor, m->time_ns, m->sent, whose, &m->message);
		return 0;
	}
	if (message->number == MSG_monitor_link) {
		const struct msg_monitor_link *m = &message->monitor_link;

		(void)snprintf(whose, sizeof(whose), "node %u", m->node);
		describe_message(monitor, m->time_ns, m->sent, whose, &m->message);
		return 0;
	}
	return -EPROTO;
}

int tract_monitor_next(struct tract_monitor *monitor, int timeout, const char **ret_line)
{
	struct message message;
	int r;

	error_clear_reason();
	if (!monitor || !ret_line)
		return -EINVAL;
	r = session_receive(monitor->session, timeout, &message);
	if (r < 0)
		return r;
	r = describe(monitor, &message);
	if (r < 0)
		return r;
	*ret_line = monitor->line;
	return 0;
}
