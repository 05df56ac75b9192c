/* SPDX-License-Identifier: MIT */
#include "land.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "map/places.h"

static struct tract_map *own(void)
{
	return tract_map_own();
}

/* ---- attaching -------------------------------------------------------------------------- */

int land_attach(void *at, const struct tract_attachment *what)
{
	struct tract_attachment with_rights = *what;

	if (!what->rights)
		with_rights.rights = TRACT_RIGHT_READ_WRITE;
	return tract_map_attach(own(), &with_rights, at);
}

void *land_attached(const struct tract_attachment *what)
{
	void *at = NULL;

	EXPECT_EQ(land_attach(&at, what), 0);
	return at;
}

void *land_attached_at(void *at, const struct tract_attachment *what)
{
	struct tract_attachment fixed = *what;
	void *there = at;

	fixed.flags |= TRACT_ATTACH_FIXED;
	EXPECT_EQ(land_attach(&there, &fixed), 0);
	EXPECT(there == at);
	return at;
}

struct tract_region *land_region(size_t pages, unsigned char first)
{
	const struct tract_region_spec spec = { .size = pages * PAGE };
	struct tract_region *region = NULL;
	char *at;

	EXPECT_EQ(tract_region_create_local(&spec, &region), 0);
	at = attached(.region = region);
	for (size_t i = 0; i < pages; i++)
		at[i * PAGE] = (char)(first + i);
	EXPECT_EQ(tract_detach(at), 0);
	return region;
}

char *land_area(size_t pages, uint32_t flags)
{
	void *at = NULL;

	/* By its alignment it begins with a page. */
	EXPECT_EQ(tract_map_reserve(own(), &at, pages * PAGE, flags, 12, 0), 0);
	EXPECT_EQ((uintptr_t)at % PAGE, 0);
	return at;
}

int detach(void *at, size_t pages, uint32_t mode)
{
	return tract_map_detach(own(), at, pages * PAGE, mode, NULL);
}

static void detach_all(void *at, size_t pages)
{
	while (detach(at, pages, TRACT_DETACH_WHOLE) == 0)
		continue;
	EXPECT_EQ(detach(at, pages, TRACT_DETACH_WHOLE), -ENOENT);
}

void land_clear(void *at, size_t pages)
{
	struct tract_span span;

	detach_all(at, pages);
	while (tract_map_find(own(), at, pages * PAGE, &span) == 0)
		EXPECT_EQ(tract_map_release(own(), span.start), 0);
	land_check();
}

/* ---- touching --------------------------------------------------------------------------- */

static sigjmp_buf back;

static void on_fault(int number)
{
	siglongjmp(back, number);
}

static int touch(void *at, bool writes)
{
	struct sigaction ours = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	struct sigaction segv, bus;
	volatile char *byte = at;
	int number;

	EXPECT_EQ(sigaction(SIGSEGV, &ours, &segv), 0);
	EXPECT_EQ(sigaction(SIGBUS, &ours, &bus), 0);
	number = sigsetjmp(back, 1);
	if (number == 0) {
		char value = *byte;

		if (writes)
			*byte = value;
	}
	EXPECT_EQ(sigaction(SIGSEGV, &segv, NULL), 0);
	EXPECT_EQ(sigaction(SIGBUS, &bus, NULL), 0);
	return number;
}

int land_load(const void *at)
{
	return touch((void *)(uintptr_t)at, false);
}

int land_store(void *at)
{
	return touch(at, true);
}

const char *land_bytes(const void *at, size_t pages)
{
	static char text[256];
	const char *page = at;

	EXPECT(pages < sizeof(text));
	for (size_t i = 0; i < pages; i++, page += PAGE)
		text[i] = land_load(page) ? '!' : *page ? *page : '0';
	text[pages] = '\0';
	return text;
}

bool land_is_free(const void *at, size_t pages)
{
	void *mapped = mmap((void *)(uintptr_t)at, pages * PAGE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (mapped == MAP_FAILED) {
		EXPECT_EQ(errno, EEXIST);
		return false;
	}
	EXPECT(mapped == at);
	EXPECT_EQ(munmap(mapped, pages * PAGE), 0);
	return true;
}

/* ---- what is there ---------------------------------------------------------------------- */

static void say_span(FILE *out, const struct tract_span *span)
{
	char name[TRACT_ATTACH_NAME_MAX + 1] = "";
	uint64_t name_offset = 0;

	if (span->kind != TRACT_SPAN_AREA)
		EXPECT_EQ(tract_map_name(own(), span->start, name, &name_offset), 0);
	(void)fprintf(out,
		      "%p+%zx kind %d rights %u flags %u in %d region %" PRIu64
		      " offset %" PRIx64 " tag %" PRIu64 " %s+%" PRIx64 "\n",
		      span->start, span->size, (int)span->kind, span->rights, span->flags,
		      span->in_area, span->region, span->offset, span->tag, name, name_offset);
}

static void say_spans(FILE *out, const char *at, size_t size,
		      int (*next)(struct tract_map *map, const void *from,
				  struct tract_span *ret))
{
	const char *from = at;
	struct tract_span span;

	while (next(own(), from, &span) == 0 && (char *)span.start < at + size) {
		say_span(out, &span);
		from = (char *)span.start + span.size;
	}
}

/* Page by page: the kernel joins and parts mappings as it likes. */
static void say_mappings(FILE *out, uintptr_t first, uintptr_t end)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];

	EXPECT(maps != NULL);
	while (fgets(line, sizeof(line), maps)) {
		uintptr_t start, last;
		uint64_t offset, inode;
		char prot[5];

		EXPECT_EQ(sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %" SCNx64 " %*s %" SCNu64,
				 &start, &last, prot, &offset, &inode),
			  5);
		for (uintptr_t at = start; at < last && start < end && last > first; at += PAGE)
			if (at >= first && at < end)
				(void)fprintf(out, "%" PRIxPTR " %s %" PRIx64 " %" PRIu64 "\n",
					      at, prot, inode ? offset + at - start : 0, inode);
	}
	(void)fclose(maps);
}

char *land_text(const void *at, size_t pages)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	EXPECT(out != NULL);
	say_spans(out, at, pages * PAGE, tract_map_next_attachment);
	say_spans(out, at, pages * PAGE, tract_map_next_area);
	say_mappings(out, (uintptr_t)at, (uintptr_t)at + pages * PAGE);
	EXPECT_EQ(fclose(out), 0);
	return text;
}

void land_expect_same(char *before, const void *at, size_t pages)
{
	char *after = land_text(at, pages);

	EXPECT_STR(after, before);
	free(after);
	land_check();
}

static bool check(void) NO_THREAD_SAFETY
{
	bool right;

	mutex_lock(&places_lock);
	right = places_check();
	mutex_unlock(&places_lock);
	return right;
}

void land_check(void)
{
	EXPECT(check());
}

/* TSan's own threads go by the program's name, and the library's by one of theirs. */
static bool is_counted(const char *tid)
{
	char path[64], name[32] = "";
	FILE *file;

	if (tid[0] == '.')
		return false;
	if (!TEST_TSAN || strtol(tid, NULL, 10) == getpid())
		return true;
	(void)snprintf(path, sizeof(path), "/proc/self/task/%.20s/comm", tid);
	file = fopen(path, "re");
	EXPECT(file && fgets(name, sizeof(name), file));
	(void)fclose(file);
	return strncmp(name, "tract-", 6) == 0;
}

unsigned land_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	unsigned count = 0;

	EXPECT(dir != NULL);
	while ((entry = readdir(dir)))
		count += is_counted(entry->d_name);
	(void)closedir(dir);
	return count;
}

unsigned land_count(void)
{
	struct tract_span span = { .start = NULL };
	unsigned count = 0;
	char *from = NULL;

	for (; tract_map_next_attachment(own(), from, &span) == 0; count++)
		from = (char *)span.start + span.size;
	from = (char *)PAGE;
	for (; tract_map_next_area(own(), from, &span) == 0; count++) {
		from = (char *)span.start + span.size;
		if (!from)
			break;
	}
	return count;
}
