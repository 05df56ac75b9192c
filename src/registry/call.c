/* SPDX-License-Identifier: MIT */
#include "registry/call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "registry/state.h"

#define LINE_MAX_BYTES 512

void *registry_alloc(size_t size)
{
	if (fault_point("registry.alloc") < 0)
		return NULL;
	return calloc(1, size);
}

uint64_t registry_now(const struct registry *registry)
{
	return registry->ports.now(registry->ports.body);
}

uint64_t registry_new_key(struct registry *registry)
{
	return ++registry->last_key;
}

uint64_t registry_new_object(struct registry *registry)
{
	return ++registry->last_object;
}

uint64_t registry_draw(const struct registry *registry, const struct names *names)
{
	uint64_t id;

	do
		id = registry->ports.random(registry->ports.body);
	while (id == 0 || names_find(names, id));
	return id;
}

void note(const struct registry *registry, const char *format, ...)
{
	const struct ports *ports = &registry->ports;
	char line[LINE_MAX_BYTES];
	va_list args;

	if (ports->log_wanted && !ports->log_wanted(ports->body))
		return;
	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	ports->log(ports->body, line);
}

int call_answer(const struct call *call, struct message *answer, struct attachment attachment)
{
	const struct ports *ports = &call->registry->ports;

	answer->serial = call->message->serial;
	if (call->client->remote) {
		guest_answer(call->registry, call->client, answer);
		return 0;
	}
	ports->reply(ports->body, call->client->named.id, answer, attachment);
	return 0;
}

int call_done(const struct call *call)
{
	struct message answer = { .number = MSG_done };

	return call_answer(call, &answer, ATTACH_NOTHING);
}

int call_refuse(const struct call *call, int error, const char *rule, ...)
{
	struct message answer = { .number = MSG_refused };
	struct wire_text *text = &answer.refused.rule;
	const char *name = wire_name(call->message->number);
	va_list args;

	va_start(args, rule);
	(void)vsnprintf(text->text, sizeof(text->text), rule, args);
	va_end(args);
	text->length = (uint32_t)strlen(text->text);
	answer.refused.error = (uint32_t)error;
	/* The noun that the message begins with, as in "import.refused". */
	note(call->registry, "%.*s.refused call=%s pid=%d uid=%u error=%d rule=\"%s\"",
	     (int)strcspn(name, "_"), name, name, call->client->identity.pid,
	     call->client->identity.uid, error, text->text);
	return call_answer(call, &answer, ATTACH_NOTHING);
}

int call_refuse_memory(const struct call *call)
{
	return call_refuse(call, ENOMEM,
			   "the broker is out of memory; give something up first");
}
