/* SPDX-License-Identifier: MIT */
/*
 * wire.c - the codec, made from messages.def
 *
 * For each type of the table there is one predicate, which says what values it may have, and
 * a pair of functions that share it; for each message there is a pair that calls those of its
 * fields in order.  Only what a message has is written: the rest of the union stays as it was,
 * because clearing it would cost more than everything else here.
 */
#include "wire/wire.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "wire/text.h"

/* The most bytes a field takes. */
enum {
	LONGEST_u32 = 4,
	LONGEST_u64 = 8,
	LONGEST_flag = 4,
	LONGEST_rights = 4,
	LONGEST_mode = 4,
	LONGEST_error = 4,
	LONGEST_text = 4 + WIRE_TEXT_MAX,
	LONGEST_access = 4 + 8 * TRACT_ACCESS_MAX,
	LONGEST_nodes = 4 + 8 * WIRE_NODES_MAX,
	LONGEST_groups = 4 + 4 * WIRE_GROUPS_MAX,
	LONGEST_bytes = 4 + WIRE_BYTES_MAX,
};

#define FIELD(type, name, doc) +LONGEST_##type
#define MESSAGE(number, name, descriptors, doc, fields)                               \
	static_assert(WIRE_HEADER_SIZE fields <= WIRE_SIZE_MAX,                       \
		      #name " may be larger than a message");                         \
	static_assert((number) > 0 && (number) <= UINT16_MAX && (descriptors) >= 0 && \
			      (descriptors) < 8,                                      \
		      #name " does not fit into the header");
#include "wire/messages.def"
#undef MESSAGE
#undef FIELD

static bool flag_is_valid(uint32_t value)
{
	return value <= 1;
}

static bool rights_is_valid(uint32_t value)
{
	return (value & ~(uint32_t)TRACT_RIGHT_READ_WRITE) == 0;
}

static bool mode_is_valid(uint32_t value)
{
	return value <= 0777;
}

static bool error_is_valid(uint32_t value)
{
	return value >= 1 && value <= 4095;
}

/* Whether an access mode makes sense is for whoever enforces it; here it is a mode at all. */
static bool access_is_valid(uint32_t value)
{
	return value <= 07777;
}

static bool encode_u32(struct writer *w, const wire_u32 *value)
{
	write_u32(w, *value);
	return true;
}

static bool decode_u32(struct reader *r, wire_u32 *ret_value)
{
	*ret_value = read_u32(r);
	return true;
}

static bool encode_u64(struct writer *w, const wire_u64 *value)
{
	write_u64(w, *value);
	return true;
}

static bool decode_u64(struct reader *r, wire_u64 *ret_value)
{
	*ret_value = read_u64(r);
	return true;
}

#define NARROW(type)                                                       \
	static bool encode_##type(struct writer *w, const wire_u32 *value) \
	{                                                                  \
		write_u32(w, *value);                                      \
		return type##_is_valid(*value);                            \
	}                                                                  \
	static bool decode_##type(struct reader *r, wire_u32 *ret_value)   \
	{                                                                  \
		*ret_value = read_u32(r);                                  \
		return type##_is_valid(*ret_value);                        \
	}

NARROW(flag)
NARROW(rights)
NARROW(mode)
NARROW(error)
#undef NARROW

static bool encode_text(struct writer *w, const wire_text *text)
{
	if (text->length > WIRE_TEXT_MAX || text_span(text->text, text->length) != text->length)
		return false;
	write_u32(w, text->length);
	write_bytes(w, text->text, text->length);
	return true;
}

static bool decode_text(struct reader *r, wire_text *ret_text)
{
	uint32_t length = read_u32(r);
	const char *text;

	if (length > WIRE_TEXT_MAX)
		return false;
	text = read_bytes(r, length);
	if (!text || text_span(text, length) != length)
		return false;
	memcpy(ret_text->text, text, length);
	ret_text->text[length] = '\0';
	ret_text->length = length;
	return true;
}

static bool encode_access(struct writer *w, const wire_access *access)
{
	if (access->count > TRACT_ACCESS_MAX)
		return false;
	write_u32(w, access->count);
	for (uint32_t i = 0; i < access->count; i++) {
		if (!access_is_valid(access->entry[i].mode))
			return false;
		write_u32(w, access->entry[i].node);
		write_u32(w, access->entry[i].mode);
	}
	return true;
}

static bool decode_access(struct reader *r, wire_access *ret_access)
{
	uint32_t count = read_u32(r);

	if (count > TRACT_ACCESS_MAX)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		ret_access->entry[i].node = read_u32(r);
		ret_access->entry[i].mode = read_u32(r);
		if (!access_is_valid(ret_access->entry[i].mode))
			return false;
	}
	ret_access->count = count;
	return true;
}

static bool encode_nodes(struct writer *w, const wire_nodes *nodes)
{
	if (nodes->count > WIRE_NODES_MAX)
		return false;
	write_u32(w, nodes->count);
	for (uint32_t i = 0; i < nodes->count; i++)
		write_u64(w, nodes->node[i]);
	return true;
}

static bool decode_nodes(struct reader *r, wire_nodes *ret_nodes)
{
	uint32_t count = read_u32(r);

	if (count > WIRE_NODES_MAX)
		return false;
	for (uint32_t i = 0; i < count; i++)
		ret_nodes->node[i] = read_u64(r);
	ret_nodes->count = count;
	return true;
}

static bool encode_groups(struct writer *w, const wire_groups *groups)
{
	if (groups->count > WIRE_GROUPS_MAX)
		return false;
	write_u32(w, groups->count);
	for (uint32_t i = 0; i < groups->count; i++)
		write_u32(w, groups->gid[i]);
	return true;
}

static bool decode_groups(struct reader *r, wire_groups *ret_groups)
{
	uint32_t count = read_u32(r);

	if (count > WIRE_GROUPS_MAX)
		return false;
	for (uint32_t i = 0; i < count; i++)
		ret_groups->gid[i] = read_u32(r);
	ret_groups->count = count;
	return true;
}

static bool encode_bytes(struct writer *w, const wire_bytes *bytes)
{
	if (bytes->length > WIRE_BYTES_MAX)
		return false;
	write_u32(w, bytes->length);
	write_bytes(w, bytes->bytes, bytes->length);
	return true;
}

static bool decode_bytes(struct reader *r, wire_bytes *ret_bytes)
{
	uint32_t length = read_u32(r);
	const void *bytes;

	if (length > WIRE_BYTES_MAX)
		return false;
	bytes = read_bytes(r, length);
	if (!bytes)
		return false;
	memcpy(ret_bytes->bytes, bytes, length);
	ret_bytes->length = length;
	return true;
}

#define FIELD(type, name, doc) &&encode_##type(w, &m->name)
#define MESSAGE(number, name, descriptors, doc, fields)                              \
	static bool encode_body_##name(struct writer *w, const struct msg_##name *m) \
	{                                                                            \
		(void)w;                                                             \
		(void)m;                                                             \
		return true fields;                                                  \
	}
#include "wire/messages.def"
#undef MESSAGE
#undef FIELD

#define FIELD(type, name, doc) &&decode_##type(r, &m->name)
#define MESSAGE(number, name, descriptors, doc, fields)                        \
	static bool decode_body_##name(struct reader *r, struct msg_##name *m) \
	{                                                                      \
		(void)r;                                                       \
		(void)m;                                                       \
		return true fields;                                            \
	}
#include "wire/messages.def"
#undef MESSAGE
#undef FIELD

#define FIELD(type, name, doc)

static bool encode_body(struct writer *w, const struct message *message)
{
	switch (message->number) {
#define MESSAGE(number, name, descriptors, doc, fields) \
	case MSG_##name:                                \
		return encode_body_##name(w, &message->name);
#include "wire/messages.def"
#undef MESSAGE
	}
	return false;
}

static bool decode_body(struct reader *r, struct message *message)
{
	switch (message->number) {
#define MESSAGE(number, name, descriptors, doc, fields) \
	case MSG_##name:                                \
		return decode_body_##name(r, &message->name);
#include "wire/messages.def"
#undef MESSAGE
	}
	return false;
}

const char *wire_name(uint32_t number)
{
	switch (number) {
#define MESSAGE(number, name, descriptors, doc, fields) \
	case MSG_##name:                                \
		return #name;
#include "wire/messages.def"
#undef MESSAGE
	default:
		return NULL;
	}
}

int wire_descriptors(uint32_t number)
{
	switch (number) {
#define MESSAGE(number, name, descriptors, doc, fields) \
	case MSG_##name:                                \
		return descriptors;
#include "wire/messages.def"
#undef MESSAGE
	default:
		return -1;
	}
}

#undef FIELD

int wire_encode(const struct message *message, uint8_t buffer[WIRE_SIZE_MAX], size_t *ret_size)
{
	struct writer body =
		writer_of(buffer + WIRE_HEADER_SIZE, WIRE_SIZE_MAX - WIRE_HEADER_SIZE);
	struct writer header = writer_of(buffer, WIRE_HEADER_SIZE);

	if (!encode_body(&body, message))
		return -EINVAL;
	write_u32(&header, WIRE_MAGIC);
	write_u16(&header, (uint16_t)message->number);
	write_u16(&header, (uint16_t)wire_descriptors(message->number));
	write_u32(&header, message->serial);
	write_u32(&header, (uint32_t)body.used);
	assert(!body.failed && !header.failed);

	*ret_size = WIRE_HEADER_SIZE + body.used;
	return 0;
}

/* The header too says how many descriptors there are: *ret_descriptors. */
static int decode(const void *bytes, size_t size, struct message *ret_message,
		  unsigned *ret_descriptors)
{
	struct reader r = reader_of(bytes, size);
	uint32_t magic, number, descriptors, serial, length;

	if (size < WIRE_HEADER_SIZE || size > WIRE_SIZE_MAX)
		return -EPROTO;
	magic = read_u32(&r);
	number = read_u16(&r);
	descriptors = read_u16(&r);
	serial = read_u32(&r);
	length = read_u32(&r);
	if (magic != WIRE_MAGIC || length != size - WIRE_HEADER_SIZE)
		return -EPROTO;
	if (wire_descriptors(number) != (int)descriptors)
		return -EPROTO;

	ret_message->number = (enum msg_number)number;
	ret_message->serial = serial;
	if (!decode_body(&r, ret_message) || r.failed || r.left > 0)
		return -EPROTO;
	*ret_descriptors = descriptors;
	return 0;
}

int wire_decode(const void *bytes, size_t size, unsigned descriptors,
		struct message *ret_message)
{
	unsigned announced;
	int r;

	r = decode(bytes, size, ret_message, &announced);
	if (r < 0)
		return r;
	return announced == descriptors ? 0 : -EPROTO;
}

int wire_inspect(const void *bytes, size_t size, struct message *ret_message)
{
	unsigned announced;

	return decode(bytes, size, ret_message, &announced);
}
