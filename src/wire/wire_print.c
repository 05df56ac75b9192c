/* SPDX-License-Identifier: MIT */
/*
 * wire_print.c - a message as one line for people, made from messages.def
 *
 * Whatever the message holds, the line is UTF-8 without control characters.
 */
#include "wire/wire.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "wire/text.h"

/* Sizes and counts stay below; what lies above is an id drawn at random, and read in hex. */
#define LARGEST_DECIMAL (UINT64_C(1) << 48)
/* More of a byte string does not help a reader. */
#define BYTES_SHOWN 32u

struct line {
	char *text;
	size_t capacity;
	size_t used; /* never capacity or more: there is room for the NUL */
};

static void add(struct line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *l, const char *format, ...)
{
	size_t left = l->capacity - l->used;
	va_list args;
	int n;

	if (left <= 1)
		return;
	va_start(args, format);
	n = vsnprintf(l->text + l->used, left, format, args);
	va_end(args);
	if (n > 0)
		l->used += (size_t)n < left ? (size_t)n : left - 1;
}

static void add_char(struct line *l, char c)
{
	if (l->capacity - l->used > 1)
		l->text[l->used++] = c;
}

static void print_u32(struct line *l, const wire_u32 *value)
{
	add(l, "%" PRIu32, *value);
}

static void print_u64(struct line *l, const wire_u64 *value)
{
	if (*value < LARGEST_DECIMAL)
		add(l, "%" PRIu64, *value);
	else
		add(l, "0x%" PRIx64, *value);
}

static void print_flag(struct line *l, const wire_flag *value)
{
	add(l, "%s", *value ? "yes" : "no");
}

static void print_rights(struct line *l, const wire_rights *value)
{
	add(l, "%s%s%s", *value & TRACT_RIGHT_READ ? "r" : "",
	    *value & TRACT_RIGHT_WRITE ? "w" : "",
	    *value & TRACT_RIGHT_READ_WRITE ? "" : "none");
}

static void print_mode(struct line *l, const wire_mode *value)
{
	add(l, "%04" PRIo32, *value);
}

static void print_error(struct line *l, const wire_error *value)
{
	add(l, "%s", error_name((int)*value));
}

static void print_text(struct line *l, const wire_text *value)
{
	add_char(l, '"');
	for (uint32_t i = 0; i < value->length && i < WIRE_TEXT_MAX; i++) {
		if (value->text[i] == '"' || value->text[i] == '\\')
			add_char(l, '\\');
		add_char(l, value->text[i]);
	}
	add_char(l, '"');
}

static void print_access(struct line *l, const wire_access *value)
{
	add(l, "[");
	for (uint32_t i = 0; i < value->count && i < TRACT_ACCESS_MAX; i++)
		add(l, "%s%" PRIu32 ":%04" PRIo32, i > 0 ? " " : "", value->entry[i].node,
		    value->entry[i].mode);
	add(l, "]");
}

static void print_nodes(struct line *l, const wire_nodes *value)
{
	add(l, "[");
	for (uint32_t i = 0; i < value->count && i < WIRE_NODES_MAX; i++)
		add(l, "%s%" PRIu64, i > 0 ? " " : "", value->node[i]);
	add(l, "]");
}

static void print_groups(struct line *l, const wire_groups *value)
{
	add(l, "[");
	for (uint32_t i = 0; i < value->count && i < WIRE_GROUPS_MAX; i++)
		add(l, "%s%" PRIu32, i > 0 ? " " : "", value->gid[i]);
	add(l, "]");
}

static void print_bytes(struct line *l, const wire_bytes *value)
{
	add(l, "%" PRIu32 ":", value->length);
	for (uint32_t i = 0; i < value->length && i < BYTES_SHOWN; i++)
		add(l, "%02x", value->bytes[i]);
	if (value->length > BYTES_SHOWN)
		add(l, "...");
}

#define FIELD(type, name, doc) \
	add(l, " " #name "="); \
	print_##type(l, &m->name);
#define MESSAGE(number, name, descriptors, doc, fields)                           \
	static void print_body_##name(struct line *l, const struct msg_##name *m) \
	{                                                                         \
		(void)l;                                                          \
		(void)m;                                                          \
		fields                                                            \
	}
#include "wire/messages.def"
#undef MESSAGE
#undef FIELD

static void print_body(struct line *l, const struct message *message)
{
	switch (message->number) {
#define FIELD(type, name, doc)
#define MESSAGE(number, name, descriptors, doc, fields) \
	case MSG_##name:                                \
		print_body_##name(l, &message->name);   \
		return;
#include "wire/messages.def"
#undef MESSAGE
#undef FIELD
	}
}

void wire_print(const struct message *message, char *line, size_t capacity)
{
	struct line l = { .text = line, .capacity = capacity };
	const char *name = wire_name(message->number);

	if (capacity == 0)
		return;
	if (name)
		add(&l, "%s#%" PRIu32, name, message->serial);
	else
		add(&l, "unknown-0x%04x#%" PRIu32, (unsigned)message->number, message->serial);
	print_body(&l, message);
	/* Half a character at the end, where it was cut, goes too. */
	line[text_span(line, l.used)] = '\0';
}
