/* SPDX-License-Identifier: MIT */
#include <tract/inspect.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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

static int describe(struct tract_monitor *monitor, const struct message *message)
{
	struct message inner;
	char text[2048];
	int used;

	if (message->number == MSG_monitor_event) {
		used = stamp(monitor->line, sizeof(monitor->line),
			     message->monitor_event.time_ns);
		(void)snprintf(monitor->line + used, sizeof(monitor->line) - (size_t)used,
			       "event    %s", message->monitor_event.line.text);
		return 0;
	}
	if (message->number != MSG_monitor_message)
		return -EPROTO;
	used = stamp(monitor->line, sizeof(monitor->line), message->monitor_message.time_ns);
	if (wire_inspect(message->monitor_message.message.bytes,
			 message->monitor_message.message.length, &inner) < 0)
		(void)snprintf(text, sizeof(text), "(%u bytes that are no message)",
			       (unsigned)message->monitor_message.message.length);
	else
		wire_print(&inner, text, sizeof(text));
	(void)snprintf(monitor->line + used, sizeof(monitor->line) - (size_t)used, "%s %-7u %s",
		       message->monitor_message.sent ? "->" : "<-",
		       (unsigned)message->monitor_message.pid, text);
	return 0;
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
