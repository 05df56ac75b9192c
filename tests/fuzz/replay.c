/* SPDX-License-Identifier: MIT */
/*
 * replay.c - main() of a fuzz target where there is no libFuzzer
 *
 * Gives every file of the directories named to the target, each in a heap block of its exact
 * size, so that valgrind and the sanitizers see a read past the end.  An empty corpus is a
 * failure: it would be a test of nothing.
 */
#include "fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/scope.h"

/* Longer than any input worth keeping. */
#define INPUT_MAX (1u << 20)

static bool replay_file(const char *path)
{
	scoped(mem) uint8_t *input = NULL;
	FILE *file = fopen(path, "re");
	struct stat st;
	size_t size = 0;

	if (!file)
		return false;
	if (fstat(fileno(file), &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= INPUT_MAX)
		input = malloc(st.st_size ? (size_t)st.st_size : 1);
	if (input)
		size = fread(input, 1, (size_t)st.st_size, file);
	(void)fclose(file);
	if (!input || size != (size_t)st.st_size)
		return false;
	(void)LLVMFuzzerTestOneInput(input, size);
	return true;
}

/* How many files there were, or -1. */
static int replay_directory(const char *name)
{
	DIR *directory = opendir(name);
	const struct dirent *entry;
	char path[PATH_MAX];
	int count = 0;

	if (!directory)
		return -1;
	while (count >= 0 && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", name, entry->d_name);
		count = replay_file(path) ? count + 1 : -1;
	}
	(void)closedir(directory);
	if (count < 0)
		(void)fprintf(stderr, "cannot read %s\n", path);
	return count;
}

int main(int argc, char **argv)
{
	int count;

	if (argc < 2) {
		(void)fprintf(stderr, "usage: %s DIRECTORY...\n", argv[0]);
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		count = replay_directory(argv[i]);
		(void)printf("%s: %d inputs\n", argv[i], count);
		if (count <= 0)
			return 1;
	}
	return 0;
}
