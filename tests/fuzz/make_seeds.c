/* SPDX-License-Identifier: MIT */
/*
 * make_seeds.c - one seed for each message of the wire table
 *
 * make-seeds DIRECTORY writes them; make-seeds --check DIRECTORY says whether they are there.
 * Other inputs in the directory, such as those a fuzzer found, are left alone.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "wire/sample.h"

#define ADVICE "%s is not the seed that messages.def makes; run make-seeds on its directory\n"

static bool write_seed(const char *path, const uint8_t *bytes, size_t size)
{
	FILE *file = fopen(path, "we");
	bool written;

	if (!file)
		return false;
	written = fwrite(bytes, 1, size, file) == size;
	return fclose(file) == 0 && written;
}

static bool check_seed(const char *path, const uint8_t *bytes, size_t size)
{
	uint8_t found[WIRE_SIZE_MAX + 1];
	FILE *file = fopen(path, "re");
	size_t got;

	if (!file)
		return false;
	got = fread(found, 1, sizeof(found), file);
	(void)fclose(file);
	return got == size && memcmp(found, bytes, size) == 0;
}

int main(int argc, char **argv)
{
	bool check = argc == 3 && strcmp(argv[1], "--check") == 0;
	uint8_t bytes[WIRE_SIZE_MAX];
	struct message message;
	char path[PATH_MAX];
	uint32_t number;
	size_t size;

	if (argc != 2 && !check) {
		(void)fprintf(stderr, "usage: make-seeds [--check] DIRECTORY\n");
		return 2;
	}
	for (unsigned i = 0; (number = sample_number(i)) != 0; i++) {
		uint64_t seed = number; /* so that a new message changes no other's seed */

		sample_message(&message, number, SAMPLE_ANY, &seed);
		if (wire_encode(&message, bytes, &size) < 0)
			return 1;
		(void)snprintf(path, sizeof(path), "%s/%s", argv[argc - 1], wire_name(number));
		if (check ? check_seed(path, bytes, size) : write_seed(path, bytes, size))
			continue;
		(void)fprintf(stderr, check ? ADVICE : "cannot write %s\n", path);
		return 1;
	}
	return 0;
}
