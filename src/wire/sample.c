/* SPDX-License-Identifier: MIT */
#include "wire/sample.h"

#include <string.h>

#include "base/bytes.h"

struct source {
	enum sample_kind kind;
	uint64_t *seed;
};

static uint64_t draw(uint64_t *seed)
{
	uint64_t value;

	/* Weyl sequence and two rounds of mixing: any seed will do. */
	*seed += UINT64_C(0x9e3779b97f4a7c15);
	value = (*seed ^ *seed >> 32) * UINT64_C(0xd6e8feb86659fd93);
	value = (value ^ value >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return value ^ value >> 32;
}

/* From @least to @most, both included.  Every other number drawn is an edge. */
static uint64_t between(struct source *s, uint64_t least, uint64_t most)
{
	uint64_t value, width = most - least + 1;

	if (s->kind == SAMPLE_LEAST)
		return least;
	if (s->kind == SAMPLE_MOST)
		return most;
	value = draw(s->seed);
	if (value >> 62 == 0)
		return least;
	if (value >> 62 == 1)
		return most;
	value = draw(s->seed);
	return width == 0 ? value : least + value % width;
}

static void fill_u32(struct source *s, wire_u32 *ret_value)
{
	*ret_value = (uint32_t)between(s, 0, UINT32_MAX);
}

static void fill_u64(struct source *s, wire_u64 *ret_value)
{
	*ret_value = between(s, 0, UINT64_MAX);
}

static void fill_flag(struct source *s, wire_flag *ret_value)
{
	*ret_value = (uint32_t)between(s, 0, 1);
}

static void fill_rights(struct source *s, wire_rights *ret_value)
{
	*ret_value = (uint32_t)between(s, 0, 3) * 2;
}

static void fill_mode(struct source *s, wire_mode *ret_value)
{
	*ret_value = (uint32_t)between(s, 0, 0777);
}

static void fill_error(struct source *s, wire_error *ret_value)
{
	*ret_value = (uint32_t)between(s, 1, 4095);
}

static void fill_text(struct source *s, wire_text *ret_text)
{
	static const char *const characters[] = {
		" ",	  "a",	    "Z",      "~",	    "\"",
		"\\",	  "=",	    "%",      "\u00a0",	    "\u00e4",
		"\u20ac", "\ud7ff", "\uffff", "\U00010000", "\U0010ffff",
	};
	uint32_t length = (uint32_t)between(s, 0, WIRE_TEXT_MAX), used = 0;
	const char *character;
	uint32_t size;

	while (used < length) {
		character = characters[draw(s->seed) % ARRAY_LEN(characters)];
		size = (uint32_t)strlen(character);
		if (used + size > length)
			continue;
		memcpy(ret_text->text + used, character, size);
		used += size;
	}
	ret_text->text[used] = '\0';
	ret_text->length = used;
}

static void fill_access(struct source *s, wire_access *ret_access)
{
	ret_access->count = (uint32_t)between(s, 0, TRACT_ACCESS_MAX);
	for (uint32_t i = 0; i < ret_access->count; i++) {
		ret_access->entry[i].node = (uint32_t)between(s, 0, UINT32_MAX);
		ret_access->entry[i].mode = (uint32_t)between(s, 0, 07777);
	}
}

static void fill_nodes(struct source *s, wire_nodes *ret_nodes)
{
	ret_nodes->count = (uint32_t)between(s, 0, WIRE_NODES_MAX);
	for (uint32_t i = 0; i < ret_nodes->count; i++)
		ret_nodes->node[i] = between(s, 0, UINT64_MAX);
}

static void fill_groups(struct source *s, wire_groups *ret_groups)
{
	ret_groups->count = (uint32_t)between(s, 0, WIRE_GROUPS_MAX);
	for (uint32_t i = 0; i < ret_groups->count; i++)
		ret_groups->gid[i] = (uint32_t)between(s, 0, UINT32_MAX);
}

static void fill_bytes(struct source *s, wire_bytes *ret_bytes)
{
	ret_bytes->length = (uint32_t)between(s, 0, WIRE_BYTES_MAX);
	for (uint32_t i = 0; i < ret_bytes->length; i++)
		ret_bytes->bytes[i] = (uint8_t)between(s, 0, UINT8_MAX);
}

static bool same_u32(const uint32_t *a, const uint32_t *b)
{
	return *a == *b;
}

#define same_flag same_u32
#define same_rights same_u32
#define same_mode same_u32
#define same_error same_u32

static bool same_u64(const wire_u64 *a, const wire_u64 *b)
{
	return *a == *b;
}

static bool same_text(const wire_text *a, const wire_text *b)
{
	return a->length == b->length && memcmp(a->text, b->text, a->length + 1) == 0;
}

static bool same_access(const wire_access *a, const wire_access *b)
{
	return a->count == b->count &&
	       memcmp(a->entry, b->entry, a->count * sizeof(a->entry[0])) == 0;
}

static bool same_nodes(const wire_nodes *a, const wire_nodes *b)
{
	return a->count == b->count &&
	       memcmp(a->node, b->node, a->count * sizeof(a->node[0])) == 0;
}

static bool same_groups(const wire_groups *a, const wire_groups *b)
{
	return a->count == b->count &&
	       memcmp(a->gid, b->gid, a->count * sizeof(a->gid[0])) == 0;
}

static bool same_bytes(const wire_bytes *a, const wire_bytes *b)
{
	return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

uint32_t sample_number(unsigned index)
{
	static const uint32_t numbers[] = {
#define FIELD(type, name, doc)
#define MESSAGE(number, name, descriptors, doc, fields) number,
#include "wire/messages.def"
#undef MESSAGE
#undef FIELD
	};

	return index < ARRAY_LEN(numbers) ? numbers[index] : 0;
}

#define FIELD(type, name, doc) fill_##type(s, &m->name);
#define MESSAGE(number, name, descriptors, doc, fields)                   \
	static void sample_##name(struct source *s, struct msg_##name *m) \
	{                                                                 \
		(void)s;                                                  \
		(void)m;                                                  \
		fields                                                    \
	}
#include "wire/messages.def"
#undef MESSAGE
#undef FIELD

void sample_message(struct message *ret_message, uint32_t number, enum sample_kind kind,
		    uint64_t *seed)
{
	struct source s = { .kind = kind, .seed = seed };

	ret_message->number = (enum msg_number)number;
	fill_u32(&s, &ret_message->serial);
	switch (ret_message->number) {
#define FIELD(type, name, doc)
#define MESSAGE(number, name, descriptors, doc, fields) \
	case MSG_##name:                                \
		sample_##name(&s, &ret_message->name);  \
		break;
#include "wire/messages.def"
#undef MESSAGE
#undef FIELD
	}
}

bool sample_equal(const struct message *a, const struct message *b)
{
	if (a->number != b->number || a->serial != b->serial)
		return false;
	switch (a->number) {
#define FIELD(type, name, doc) &&same_##type(&x->name, &y->name)
#define MESSAGE(number, name, descriptors, doc, fields)               \
	case MSG_##name: {                                            \
		const struct msg_##name *x = &a->name, *y = &b->name; \
		(void)x;                                              \
		(void)y;                                              \
		return true fields;                                   \
	}
#include "wire/messages.def"
#undef MESSAGE
#undef FIELD
	}
	return false;
}
