/* SPDX-License-Identifier: MIT */
#include <tract/inspect.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "client/context.h"

/* An empty node and a node without a broker look the same: nothing is there. */
static int ask(struct tract *ctx, struct message *request, enum msg_number expected,
	       struct message *reply)
{
	scoped(session) struct session *session = NULL;
	int r;

	r = context_session_if_any(ctx, &session);
	if (r < 0)
		return r;
	r = session_call(session, request, NULL, 0, reply, NULL);
	if (r < 0)
		return r;
	return reply->number == expected ? 0 : -EPROTO;
}

int tract_next_segment(struct tract *ctx, uint64_t after, struct tract_segment_info *ret)
{
	struct message request = { .number = MSG_next_segment };
	struct message reply;
	int r;

	error_clear_reason();
	if (!ctx || !ret)
		return -EINVAL;
	request.next_segment.after = after;
	r = ask(ctx, &request, MSG_segment_row, &reply);
	if (r < 0)
		return r;
	*ret = (struct tract_segment_info){
		.key = reply.segment_row.key,
		.node = reply.segment_row.node,
		.id = reply.segment_row.id,
		.size = reply.segment_row.size,
		.exporter = reply.segment_row.exporter,
		.pid = (int32_t)reply.segment_row.pid,
		.uid = reply.segment_row.uid,
		.gid = reply.segment_row.gid,
		.mode = reply.segment_row.mode,
		.access = reply.segment_row.access,
		.imports = reply.segment_row.imports,
		.backing = reply.segment_row.backing,
		.rebinds = reply.segment_row.rebinds,
		.exposed = reply.segment_row.exposed,
		.age_ms = reply.segment_row.age_ms,
	};
	return 0;
}

int tract_next_import(struct tract *ctx, uint64_t after, struct tract_import_info *ret)
{
	struct message request = { .number = MSG_next_import };
	struct message reply;
	int r;

	error_clear_reason();
	if (!ctx || !ret)
		return -EINVAL;
	request.next_import.after = after;
	r = ask(ctx, &request, MSG_import_row, &reply);
	if (r < 0)
		return r;
	*ret = (struct tract_import_info){
		.key = reply.import_row.key,
		.segment = reply.import_row.segment,
		.importer = reply.import_row.importer,
		.pid = (int32_t)reply.import_row.pid,
		.uid = reply.import_row.uid,
		.gid = reply.import_row.gid,
		.rights = reply.import_row.rights,
		.age_ms = reply.import_row.age_ms,
	};
	return 0;
}

int tract_next_process(struct tract *ctx, uint64_t after, struct tract_process_info *ret)
{
	struct message request = { .number = MSG_next_client };
	struct message reply;
	int r;

	error_clear_reason();
	if (!ctx || !ret)
		return -EINVAL;
	request.next_client.after = after;
	r = ask(ctx, &request, MSG_client_row, &reply);
	if (r < 0)
		return r;
	*ret = (struct tract_process_info){
		.key = reply.client_row.key,
		.pid = (int32_t)reply.client_row.pid,
		.uid = reply.client_row.uid,
		.gid = reply.client_row.gid,
		.regions = reply.client_row.regions,
		.segments = reply.client_row.segments,
		.imports = reply.client_row.imports,
		.bytes = reply.client_row.bytes,
		.age_ms = reply.client_row.age_ms,
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
