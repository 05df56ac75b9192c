/* SPDX-License-Identifier: MIT */
/*
 * hello.c - the native interface in one program: export, import, wake, take back
 *
 * The parent exports a page of its own memory.  The child connects as any other process could,
 * writes there, makes sure that it arrived, and wakes the parent.  Then the parent takes the
 * page back, and the child finds that out without coming to harm.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tract/tract.h>

#define TEN_SECONDS 10000

/* Goes on if a call succeeded; else says why it did not, and ends the process. */
static void must(int r, const char *what)
{
	if (r == 0)
		return;
	(void)fprintf(stderr, "%s: %s %s\n", what, strerror(-r), tract_reason());
	exit(EXIT_FAILURE);
}

static void import(struct tract *node, uint32_t id)
{
	struct tract_barrier barrier;
	struct tract_import *import;
	void *there = NULL;

	must(tract_import_connect(node, 0, id, TRACT_RIGHT_READ_WRITE, &import), "connect");
	must(tract_import_map(import, &there, 0, TRACT_RIGHT_READ_WRITE, 0,
			      tract_import_size(import)),
	     "map");

	must(tract_barrier_init(import, &barrier), "barrier");
	must(tract_barrier_open(&barrier), "open");
	(void)strcpy(there, "hello");
	must(tract_barrier_close(&barrier), "close");
	must(tract_import_post(import, 0), "post");

	/* The one load that every access of the library ends with. */
	while (tract_import_check(import) == 0)
		(void)usleep(1000);
	(void)strcpy(there, "nobody reads this");
	printf("importer: taken back, and still here\n");

	must(tract_barrier_destroy(&barrier), "barrier");
	must(tract_import_unmap(import), "unmap");
	must(tract_import_close(import), "disconnect");
}

static int export(struct tract *node)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	char *page = aligned_alloc(size, size);
	struct tract_export *export;
	int status = EXIT_FAILURE;
	uint32_t id = 0;
	pid_t child;

	if (!page)
		return EXIT_FAILURE;
	must(tract_export_create(node, page, size, 0, &export), "export");
	must(tract_export_publish(export, &id, NULL, 0), "publish");

	child = fork();
	if (child == 0) {
		import(node, id);
		tract_close(node);
		exit(EXIT_SUCCESS);
	}
	must(tract_export_wait(export, TEN_SECONDS), "wait");
	printf("exporter: was told \"%s\"\n", page);
	(void)fflush(stdout);
	must(tract_export_unpublish(export), "unpublish");

	(void)waitpid(child, &status, 0);
	printf("exporter: still has \"%s\"\n", page);
	must(tract_export_destroy(export), "destroy");
	free(page);
	return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(void)
{
	struct tract *node;
	int status;

	must(tract_open(NULL, &node), "open");
	status = export(node);
	tract_close(node);
	return status;
}
