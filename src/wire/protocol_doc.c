/* SPDX-License-Identifier: MIT */
/*
 * protocol_doc.c - docs/protocol.md, made from messages.def
 *
 * Without arguments prints the document; with the name of a file, says whether that is it.
 */
#include <stdbool.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/scope.h"
#include "wire/wire.h"

#define ADVICE "%s is not what messages.def says; write it anew: protocol-doc > %s\n"

enum type {
	TYPE_u32,
	TYPE_u64,
	TYPE_flag,
	TYPE_rights,
	TYPE_mode,
	TYPE_error,
	TYPE_text,
	TYPE_access,
	TYPE_nodes,
	TYPE_groups,
	TYPE_bytes
};

static const struct {
	const char *name, *bytes, *values;
} types[] = {
	[TYPE_u32] = { "u32", "4", "any" },
	[TYPE_u64] = { "u64", "8", "any" },
	[TYPE_flag] = { "flag", "4", "0 no, 1 yes" },
	[TYPE_rights] = { "rights", "4", "the sum of 4 read and 2 write, or 0" },
	[TYPE_mode] = { "mode", "4", "a file mode of three octal digits" },
	[TYPE_error] = { "error", "4", "a Linux errno, 1 to 4095" },
	[TYPE_text] = { "text", "4 + length",
			"length, at most 255, then so many bytes of UTF-8 without control "
			"characters" },
	[TYPE_access] = { "access", "4 + 8 × count",
			  "count, at most 64, then for each entry its node and its mode, at "
			  "most "
			  "07777, both as u32" },
	[TYPE_nodes] = { "nodes", "4 + 8 × count",
			 "count, at most 64, then a number as u64 for each NUMA node of a "
			 "host" },
	[TYPE_groups] = { "groups", "4 + 4 × count",
			  "count, at most 64, then a group id as u32 for each" },
	[TYPE_bytes] = { "bytes", "4 + length", "length, at most 1024, then so many bytes" },
};

struct field {
	const char *name, *doc;
	enum type type;
};

struct row {
	unsigned number, descriptors;
	const char *name, *doc;
	struct field fields[24];
};

static const struct row rows[] = {
#define FIELD(type, name, doc) { #name, doc, TYPE_##type },
#define MESSAGE(number, name, descriptors, doc, fields) \
	{ number, descriptors, #name, doc, { fields } },
#include "wire/messages.def"
#undef MESSAGE
#undef FIELD
};

static const struct {
	unsigned first; /* number */
	const char *title;
} groups[] = {
	{ 0x0000, "Session" },
	{ 0x0100, "Regions" },
	{ 0x0200, "Exports" },
	{ 0x0300, "Imports" },
	{ 0x0400, "Signals" },
	{ 0x0500, "Maps of other processes" },
	{ 0x0600, "Shared regions" },
	{ 0x0700, "Capabilities" },
	{ 0x0800, "Events, from the broker to a client" },
	{ 0x0900, "For tools" },
	{ 0x0a00, "Offers and moves" },
	{ 0x0c00, "Links, from broker to broker" },
};

static const char preamble[] =
	"<!-- Made by protocol-doc from src/wire/messages.def; change it there. -->\n"
	"# The protocol\n"
	"\n"
	"What clients and the broker tell each other, version %u.  They are on one host and "
	"share\n"
	"a `SOCK_SEQPACKET` Unix socket, `broker` in the node's directory: one packet is one\n"
	"message, and descriptors travel beside it.  A client sends requests and receives, "
	"for\n"
	"each, one reply with the same serial.  On a second channel, which the client makes "
	"and\n"
	"hands over with `events`, the broker sends events and the client answers each with\n"
	"`heard` and the event's serial.\n"
	"\n"
	"Brokers of different nodes share a TCP connection, with TLS 1.3, on which the "
	"messages\n"
	"of the last section follow each other. Whoever dialled says `link_hello` first. "
	"Replies\n"
	"have the serial of their request; each side counts its own.\n"
	"\n"
	"A message is a header and a body, together at most %u bytes.  Integers are "
	"little-endian\n"
	"and nothing is aligned or padded.\n"
	"\n"
	"| header | bytes | |\n"
	"|---|---|---|\n"
	"| magic | 4 | 0x%08x |\n"
	"| number | 2 | which message; numbers are never reused |\n"
	"| descriptors | 2 | how many come with it, as said below |\n"
	"| serial | 4 | a reply's is its request's |\n"
	"| length | 4 | bytes of the body |\n"
	"\n"
	"The body holds the message's fields in order.  Who receives a message with an "
	"unknown\n"
	"number, a value that its type does not have, a byte too many or too few, or another\n"
	"number of descriptors, drops the connection.\n"
	"\n"
	"| type | bytes | values |\n"
	"|---|---|---|\n";

static void print_row(FILE *out, const struct row *row)
{
	(void)fprintf(out, "\n### 0x%04x `%s`\n\n%s\n", row->number, row->name, row->doc);
	if (row->descriptors > 0)
		(void)fprintf(out, "\nWith %u descriptor%s.\n", row->descriptors,
			      row->descriptors > 1 ? "s" : "");
	if (!row->fields[0].name)
		return;
	(void)fprintf(out, "\n| field | type | |\n|---|---|---|\n");
	for (const struct field *f = row->fields; f->name; f++)
		(void)fprintf(out, "| %s | %s | %s |\n", f->name, types[f->type].name, f->doc);
}

static void print_document(FILE *out)
{
	size_t group = 0;

	(void)fprintf(out, preamble, WIRE_VERSION, WIRE_SIZE_MAX, WIRE_MAGIC);
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		(void)fprintf(out, "| %s | %s | %s |\n", types[i].name, types[i].bytes,
			      types[i].values);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		while (group < ARRAY_LEN(groups) && groups[group].first <= rows[i].number)
			(void)fprintf(out, "\n## %s\n", groups[group++].title);
		print_row(out, &rows[i]);
	}
}

/* Whether the file at @path is exactly @text. */
static bool file_is(const char *path, const char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t same = 0;
	int c = EOF;

	if (!file)
		return false;
	while ((c = fgetc(file)) != EOF && same < size && c == (unsigned char)text[same])
		same++;
	(void)fclose(file);
	return c == EOF && same == size;
}

int main(int argc, char **argv)
{
	scoped(mem) char *text = NULL;
	size_t size;
	FILE *out;

	if (argc < 2) {
		print_document(stdout);
		return 0;
	}
	out = open_memstream(&text, &size);
	if (!out)
		return 1;
	print_document(out);
	(void)fclose(out);
	if (file_is(argv[1], text, size))
		return 0;
	(void)fprintf(stderr, ADVICE, argv[1], argv[1]);
	return 1;
}
