/* SPDX-License-Identifier: MIT */
#include "broker/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

int monitor_open(struct client_link *link, const struct message *request)
{
	struct message reply = { .number = MSG_done, .serial = request->serial };
	int r;

	if (link->peer.uid != 0 && link->peer.uid != geteuid()) {
		reply.number = MSG_refused;
		reply.refused.error = EACCES;
		reply.refused.rule = wire_text_of("only root and the broker's own user may "
						  "watch what others do");
		return conn_send(&link->conn, &reply, NULL, 0);
	}
	r = conn_send(&link->conn, &reply, NULL, 0);
	if (r < 0)
		return r;
	if (!link->monitoring)
		link->broker->monitors++;
	link->monitoring = true;
	broker_choose_sink(link->broker);
	log_event(LOG_LEVEL_INFO, "monitor.opened pid=%d uid=%u", (int)link->peer.pid,
		  (unsigned)link->peer.uid);
	return 0;
}

void monitor_close(struct client_link *link)
{
	link->monitoring = false;
	link->broker->monitors--;
	log_event(LOG_LEVEL_INFO, "monitor.closed pid=%d missed=%llu", (int)link->peer.pid,
		  (unsigned long long)link->missed);
	broker_choose_sink(link->broker);
}

static struct message event_of(const char *line)
{
	struct message message = { .number = MSG_monitor_event };

	message.monitor_event.time_ns = clock_now();
	message.monitor_event.line = wire_text_of(line);
	return message;
}

/* The gap comes before what follows it. */
static int tell_missed(struct client_link *link)
{
	struct message message;
	char line[64];
	int r;

	if (link->missed == 0)
		return 0;
	(void)snprintf(line, sizeof(line), "monitor.missed count=%llu",
		       (unsigned long long)link->missed);
	message = event_of(line);
	r = conn_send(&link->conn, &message, NULL, 0);
	if (r == 0)
		link->missed = 0;
	return r;
}

static void tell_one(struct client_link *link, const struct message *message)
{
	int r;

	r = tell_missed(link);
	if (r == 0)
		r = conn_send(&link->conn, message, NULL, 0);
	/* What else can be wrong with it shows when it is next read from. */
	if (r < 0)
		link->missed++;
	client_link_watch_output(link);
}

static void tell_all(struct broker *b, const struct message *message)
{
	struct client_link *link;

	TAILQ_FOREACH (link, &b->links, entry)
		if (link->monitoring)
			tell_one(link, message);
}

void monitor_tell_event(struct broker *b, const char *line)
{
	struct message message;

	if (b->monitors == 0)
		return;
	message = event_of(line);
	tell_all(b, &message);
}

void monitor_tap(void *arg, bool sent, const void *bytes, size_t size)
{
	const struct client_link *link = arg;
	struct message message = { .number = MSG_monitor_message };
	struct msg_monitor_message *m = &message.monitor_message;

	if (link->broker->monitors == 0 || link->monitoring)
		return;
	m->time_ns = clock_now();
	m->pid = (uint32_t)link->peer.pid;
	m->sent = sent;
	m->message.length = size < WIRE_BYTES_MAX ? (uint32_t)size : WIRE_BYTES_MAX;
	memcpy(m->message.bytes, bytes, m->message.length);
	tell_all(link->broker, &message);
}

void monitor_tell_link(struct broker *b, uint32_t node, bool sent, const void *bytes,
		       size_t size)
{
	struct message message = { .number = MSG_monitor_link };
	struct msg_monitor_link *m = &message.monitor_link;

	if (b->monitors == 0)
		return;
	m->time_ns = clock_now();
	m->node = node;
	m->sent = sent;
	m->message.length = size < WIRE_BYTES_MAX ? (uint32_t)size : WIRE_BYTES_MAX;
	memcpy(m->message.bytes, bytes, m->message.length);
	tell_all(b, &message);
}
