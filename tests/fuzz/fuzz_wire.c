/* SPDX-License-Identifier: MIT */
/*
 * fuzz_wire.c - what decodes says exactly its bytes
 *
 * An input is one message as it was on the wire.  It decodes with one number of descriptors at
 * most; then it encodes to the same bytes and prints as a line of plain text.
 */
#include "fuzz.h"

#include <string.h>

#include "wire/text.h"
#include "wire/wire.h"

#define DESCRIPTORS_TRIED 4u

static void look_at(const struct message *message, const uint8_t *data, size_t size)
{
	uint8_t again[WIRE_SIZE_MAX];
	char line[512];
	size_t length;

	FUZZ_EXPECT(wire_name(message->number) != NULL);
	FUZZ_EXPECT(wire_encode(message, again, &length) == 0);
	FUZZ_EXPECT(length == size && memcmp(again, data, size) == 0);

	/* A short line is cut, a long one mostly not. */
	for (size_t capacity = size % 64 + 1; capacity <= sizeof(line); capacity += 448) {
		wire_print(message, line, capacity);
		length = strlen(line);
		FUZZ_EXPECT(length < capacity && text_span(line, length) == length);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message message;
	unsigned accepted = 0;

	for (unsigned n = 0; n < DESCRIPTORS_TRIED; n++) {
		if (wire_decode(data, size, n, &message) < 0)
			continue;
		FUZZ_EXPECT(wire_descriptors(message.number) == (int)n);
		accepted++;
		look_at(&message, data, size);
	}
	FUZZ_EXPECT(accepted <= 1);
	FUZZ_EXPECT((wire_inspect(data, size, &message) == 0) == (accepted == 1));
	return 0;
}
