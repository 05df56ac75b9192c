/* SPDX-License-Identifier: MIT */
#include "file.h"

#include <fcntl.h>
#include <sha256.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "story.h"

const char *file_choose(void)
{
	static const char *const candidates[] = { "/usr/bin/perl",
						  "/usr/bin/bash",
						  "/bin/bash",
						  "/usr/lib/x86_64-linux-gnu/libc.so.6",
						  "/usr/lib/aarch64-linux-gnu/libc.so.6",
						  "/proc/self/exe" };
	const char *best = NULL;
	off_t best_size = 0;

	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		struct stat file;

		if (access(candidates[i], R_OK) != 0 || stat(candidates[i], &file) != 0 ||
		    file.st_size <= best_size)
			continue;
		best = candidates[i];
		best_size = file.st_size;
	}
	return best;
}

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		story_fail("cannot read %s: %m", path);
	return fd;
}

uint64_t file_size(const char *path)
{
	struct stat file;
	int fd = open_file(path);

	if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode))
		story_fail("%s is not an ordinary file", path);
	if (file.st_size == 0)
		story_fail("%s is empty: there is nothing to share", path);
	(void)close(fd);
	return (uint64_t)file.st_size;
}

void file_read(const char *path, void *to, uint64_t size)
{
	int fd = open_file(path);
	uint64_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, (char *)to + done, size - done);

		if (n <= 0)
			story_fail("cannot read all of %s: %m", path);
		done += (uint64_t)n;
	}
	(void)close(fd);
}

void hash_file(const char *path, char ret_text[HASH_TEXT])
{
	if (!SHA256File(path, ret_text))
		story_fail("cannot read %s: %m", path);
}

void hash_memory(const void *memory, uint64_t size, char ret_text[HASH_TEXT])
{
	SHA2_CTX hash;

	SHA256Init(&hash);
	SHA256Update(&hash, memory, size);
	(void)SHA256End(&hash, ret_text);
}
