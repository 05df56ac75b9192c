/* SPDX-License-Identifier: MIT */
/*
 * wire.h - what clients and the broker tell each other
 *
 * Everything here is made from messages.def: one struct per message, a codec and a printer.
 * Pure: bytes in, values out.  Decoding is strict: every type checks its range, nothing may be
 * left over, and the number of descriptors must be the table's.
 *
 * A message is a header of sixteen bytes (magic, number, descriptors, serial, length of the
 * body) and a body, little-endian, at most WIRE_SIZE_MAX bytes together.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tract/types.h>

#define WIRE_VERSION 1u
#define WIRE_MAGIC 0x54526374u
#define WIRE_HEADER_SIZE 16u
#define WIRE_SIZE_MAX 2048u
#define WIRE_TEXT_MAX 255u
#define WIRE_BYTES_MAX 1024u
#define WIRE_NODES_MAX 64u
#define WIRE_GROUPS_MAX 64u
#define WIRE_SLOT_EXPORTER 0xffffffffu

/* import_revoked.reason of what was lent with a change that did not stay. */
#define WIRE_REASON_UNWANTED 4u
/* Of a mapping of a shared region that was taken back. */
#define WIRE_REASON_TAKEN_BACK 5u

/* What is wanted of a map (map_change.change). */
enum wire_change {
	WIRE_CHANGE_ATTACH = 1,
	WIRE_CHANGE_DETACH = 2,
	WIRE_CHANGE_RESERVE = 3,
	WIRE_CHANGE_RELEASE = 4,
	WIRE_CHANGE_HIDE = 5,
};

struct wire_text {
	uint32_t length;	      /* without the final NUL, which is always there */
	char text[WIRE_TEXT_MAX + 1]; /* no control characters */
};

struct wire_access {
	uint32_t count; /* at most TRACT_ACCESS_MAX */
	struct tract_access entry[TRACT_ACCESS_MAX];
};

/* One number for each NUMA node of a host. */
struct wire_nodes {
	uint32_t count;
	uint64_t node[WIRE_NODES_MAX];
};

/* Of a process, besides its first. */
struct wire_groups {
	uint32_t count;
	uint32_t gid[WIRE_GROUPS_MAX];
};

struct wire_bytes {
	uint32_t length;
	uint8_t bytes[WIRE_BYTES_MAX];
};

/* The C type of each wire type. */
typedef uint32_t wire_u32;
typedef uint64_t wire_u64;
typedef uint32_t wire_flag;   /* 0 or 1 */
typedef uint32_t wire_rights; /* of TRACT_RIGHT_READ_WRITE */
typedef uint32_t wire_mode;   /* at most 0777 */
typedef uint32_t wire_error;  /* 1 to 4095 */
typedef struct wire_text wire_text;
typedef struct wire_access wire_access;
typedef struct wire_nodes wire_nodes;
typedef struct wire_groups wire_groups;
typedef struct wire_bytes wire_bytes;

#define NO_FIELDS
#define FIELD(type, name, doc) wire_##type name;
#define MESSAGE(number, name, descriptors, doc, fields) \
	struct msg_##name {                             \
		fields                                  \
	};
#include "wire/messages.def"
#undef MESSAGE
#undef FIELD

enum msg_number {
#define FIELD(type, name, doc)
#define MESSAGE(number, name, descriptors, doc, fields) MSG_##name = number,
#include "wire/messages.def"
#undef MESSAGE
#undef FIELD
};

struct message {
	enum msg_number number;
	uint32_t serial; /* a reply's is its request's */
	union {
#define FIELD(type, name, doc)
#define MESSAGE(number, name, descriptors, doc, fields) struct msg_##name name;
#include "wire/messages.def"
#undef MESSAGE
#undef FIELD
	};
};

/*
 * Writes @message to @buffer.  *ret_size is its size.  0, or -EINVAL if the number is unknown
 * or a field out of its range (ours is the fault).  Every message fits: wire.c proves it.
 */
int wire_encode(const struct message *message, uint8_t buffer[WIRE_SIZE_MAX], size_t *ret_size);

/*
 * -EPROTO unless @bytes are exactly one message that comes with @descriptors descriptors.  Only
 * what the message has is written to *ret_message, the rest of which stays as it was; after a
 * failure it holds nothing of use.
 */
int wire_decode(const void *bytes, size_t size, unsigned descriptors,
		struct message *ret_message);

/* As wire_decode(), whatever descriptors went along: for looking at a message that passed. */
int wire_inspect(const void *bytes, size_t size, struct message *ret_message);

/* The table's name and number of descriptors; NULL, -1 for an unknown number. */
const char *wire_name(uint32_t number);
int wire_descriptors(uint32_t number);

/* One line, "name#serial field=value ...", cut to fit, always terminated if @capacity is not 0.
 */
void wire_print(const struct message *message, char *line, size_t capacity);

/* Cut to fit, with "?" for what a text may not have.  NULL is empty. */
struct wire_text wire_text_of(const char *text);

#endif
