/* SPDX-License-Identifier: MIT */
/*
 * test_stress.c - many cycles, many threads, much memory
 */
#include "rig.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static void cycle(rsmapi_controller_handle_t controller, rsm_node_id_t node, unsigned char *m)
{
	rsm_memseg_export_handle_t export = NULL;
	rsm_memseg_import_handle_t import = NULL;
	rsm_memseg_id_t id = ID(0);
	rsmapi_barrier_t barrier;
	uint64_t item = 7;

	EXPECT_EQ(rsm_memseg_export_create(controller, &export, m, PAGE, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_publish(export, &id, NULL, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_connect(controller, node, id, RSM_PERM_RDWR, &import),
		  RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_init_barrier(import, RSM_BARRIER_SEGMENT, &barrier),
		  RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_put64(import, 0, &item, 1), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_post(import, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(export, SOON), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_disconnect(import), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_destroy(export), RSM_SUCCESS);
	EXPECT_EQ(m[0], 7);
	m[0] = 0;
}

/* 25.86 */
TEST_SLOW(a_thousand_cycles_leak_no_descriptor_memory_or_id, 60)
{
	rsmapi_controller_handle_t controller = the_controller();
	rsm_node_id_t node = local_node();
	unsigned char *m = pages_new(1);
	unsigned fds, mappings;
	size_t heap;

	/* Over a device the libraries' tables grow for some hundred connections, and then stay.
	 */
	for (unsigned n = 0; n < 200; n++)
		cycle(controller, node, m);
	fds = test_count_fds();
	mappings = test_count_memfd_mappings();
	heap = mallinfo2().uordblks;
	for (unsigned n = 0; n < 1000; n++)
		cycle(controller, node, m);
	EXPECT_EQ(test_count_fds(), fds);
	EXPECT_EQ(test_count_memfd_mappings(), mappings);
	EXPECT(mallinfo2().uordblks < heap + 16384);
	free(m);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
}

struct worker {
	pthread_t thread;
	struct importer *i;
	unsigned number;
	int result;
};

static void *get_and_put(void *arg)
{
	struct worker *worker = arg;
	const off_t at = (off_t)worker->number * 64;
	uint64_t item = worker->number, back = 0;

	do {
		item++;
		worker->result = rsm_memseg_import_put64(worker->i->segment, at, &item, 1);
		if (worker->result == RSM_SUCCESS)
			worker->result =
				rsm_memseg_import_get64(worker->i->segment, at, &back, 1);
		/* Nobody else writes there. */
		if (worker->result == RSM_SUCCESS && back != item)
			worker->result = -1;
	} while (worker->result == RSM_SUCCESS);
	return NULL;
}

static void workers_start(struct worker *workers, struct importer *i)
{
	for (unsigned k = 0; k < 8; k++) {
		workers[k] = (struct worker){ .i = i, .number = k };
		EXPECT_EQ(pthread_create(&workers[k].thread, NULL, get_and_put, &workers[k]),
			  0);
	}
}

/* 25.87 */
TEST(eight_threads_on_one_import_all_notice_the_unpublish)
{
	struct child far;
	struct importer i;
	struct worker workers[8];

	agent_exporting(&far, ID(0), 1);
	for (unsigned n = 0; n < 20; n++) {
		importer_up(&i, ID(0), RSM_PERM_RDWR);
		workers_start(workers, &i);
		test_pause_us(n * 331 % 3000);
		EXPECT_EQ(ask(&far, UNPUBLISH, 0, 0), RSM_SUCCESS);
		for (unsigned k = 0; k < 8; k++) {
			EXPECT_EQ(pthread_join(workers[k].thread, NULL), 0);
			EXPECT_EQ(workers[k].result, RSMERR_CONN_ABORTED);
		}
		importer_down(&i);
		EXPECT_EQ(ask(&far, PUBLISH, ID(0), 0), RSM_SUCCESS);
	}
	child_finish(&far);
}

/* 25.87 */
TEST(eight_threads_survive_the_exporters_sigkill)
{
	struct child far;
	struct importer i;
	struct worker workers[8];

	agent_exporting(&far, ID(0), 1);
	importer_up(&i, ID(0), RSM_PERM_RDWR);
	workers_start(workers, &i);
	test_pause_us(2000);
	child_kill(&far, SIGKILL);
	for (unsigned k = 0; k < 8; k++) {
		EXPECT_EQ(pthread_join(workers[k].thread, NULL), 0);
		EXPECT_EQ(workers[k].result, RSMERR_CONN_ABORTED);
	}
	importer_down(&i);
}

struct racer {
	pthread_t thread;
	pthread_barrier_t *line;
	struct importer *i;
	int result;
};

static void *access_first(void *arg)
{
	struct racer *racer = arg;
	uint64_t item;

	(void)pthread_barrier_wait(racer->line);
	racer->result = rsm_memseg_import_get64(racer->i->segment, 0, &item, 1);
	return NULL;
}

static unsigned count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned lines = 0;
	int c;

	EXPECT(maps != NULL);
	while ((c = fgetc(maps)) != EOF)
		lines += c == '\n';
	(void)fclose(maps);
	return lines;
}

TEST(threads_that_access_first_at_once_make_one_mapping)
{
	struct pair p;
	struct racer racers[8];
	pthread_barrier_t line;
	unsigned mappings = 0;

	pair_up(&p, 1);
	EXPECT_EQ(pthread_barrier_init(&line, NULL, 8), 0);
	for (unsigned n = 0; n < 60; n++) {
		for (unsigned k = 0; k < 8; k++) {
			racers[k] = (struct racer){ .line = &line, .i = &p.i };
			EXPECT_EQ(pthread_create(&racers[k].thread, NULL, access_first,
						 &racers[k]),
				  0);
		}
		for (unsigned k = 0; k < 8; k++) {
			EXPECT_EQ(pthread_join(racers[k].thread, NULL), 0);
			EXPECT_EQ(racers[k].result, RSM_SUCCESS);
		}
		EXPECT_EQ(rsm_memseg_import_unmap(p.i.segment), RSM_SUCCESS);
		EXPECT_EQ(rsm_memseg_import_unmap(p.i.segment), RSMERR_SEG_NOT_MAPPED);
		/* Stacks and arenas of the threads come and go; a leak would go on. */
		if (n == 30)
			mappings = count_mappings();
	}
	EXPECT(count_mappings() < mappings + 20);
	(void)pthread_barrier_destroy(&line);
	pair_down(&p);
}

static void *connect_often(void *arg)
{
	struct racer *racer = arg;

	for (unsigned n = 0; n < 100; n++) {
		struct importer i = { 0 };
		uint64_t item = n;

		importer_up(&i, ID(0), RSM_PERM_RDWR);
		EXPECT_EQ(rsm_memseg_import_put64(i.segment, 8, &item, 1), RSM_SUCCESS);
		importer_down(&i);
	}
	racer->result = RSM_SUCCESS;
	return NULL;
}

TEST(threads_connect_and_disconnect_side_by_side)
{
	struct exporter e;
	struct racer racers[4];

	exporter_up(&e, ID(0), 1);
	for (unsigned k = 0; k < 4; k++) {
		racers[k] = (struct racer){ .result = -1 };
		EXPECT_EQ(pthread_create(&racers[k].thread, NULL, connect_often, &racers[k]),
			  0);
	}
	for (unsigned k = 0; k < 4; k++) {
		EXPECT_EQ(pthread_join(racers[k].thread, NULL), 0);
		EXPECT_EQ(racers[k].result, RSM_SUCCESS);
	}
	exporter_down(&e);
}

/* Memory this process shares and has touched, in bytes. */
static size_t shared_resident(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[128];
	size_t kib = 0;

	EXPECT(status != NULL);
	while (fgets(line, sizeof(line), status))
		if (strncmp(line, "RssShmem:", 9) == 0)
			kib = strtoul(line + 9, NULL, 10);
	(void)fclose(status);
	return kib * 1024;
}

static void try_the_far_end(struct exporter *e)
{
	const off_t last = (off_t)e->size - 8, beyond_4gib = ((off_t)4 << 30) + 64;
	struct importer i;
	uint64_t item = 0x0123456789abcdef, back = 0;

	importer_up(&i, ID(0), RSM_PERM_RDWR);
	EXPECT_EQ(rsm_memseg_import_get64(i.segment, (off_t)(e->size - PAGE), &back, 1),
		  RSM_SUCCESS);
	EXPECT(is_filled(&back, sizeof(back), 0x61));
	EXPECT_EQ(rsm_memseg_import_put64(i.segment, last, &item, 1), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_get64(i.segment, last, &back, 1), RSM_SUCCESS);
	EXPECT_EQ(back, item);
	EXPECT_EQ(((uint64_t *)(void *)(e->memory + last))[0], item);
	EXPECT_EQ(rsm_memseg_import_put64(i.segment, beyond_4gib, &item, 1), RSM_SUCCESS);
	/* It is not the same as 64. */
	EXPECT_EQ(rsm_memseg_import_get64(i.segment, 64, &back, 1), RSM_SUCCESS);
	EXPECT(is_filled(&back, sizeof(back), 0x60));
	EXPECT_EQ(rsm_memseg_import_put64(i.segment, last + 8, &item, 1), RSMERR_BAD_OFFSET);
	importer_down(&i);
}

/* 25.88, Q26 */
TEST_SLOW(a_segment_beyond_4_gib_works_to_its_end_and_stays_sparse, 60)
{
	struct exporter e = { .size = ((size_t)4 << 30) + 4 * PAGE };
	rsmapi_controller_attr_t attr;
	size_t before;

	e.controller = the_controller();
	EXPECT_EQ(rsm_get_controller_attr(e.controller, &attr), RSM_SUCCESS);
	if (attr.attr_max_export_segment_size < e.size)
		SKIP("this node allows no segments of more than 4 GiB");
	e.memory = mmap(NULL, e.size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	EXPECT((void *)e.memory != MAP_FAILED);
	/* One huge page at either end would be two thousand times what is needed. */
	(void)madvise(e.memory, e.size, MADV_NOHUGEPAGE);
	(void)memset(e.memory, 0x60, PAGE);
	(void)memset(e.memory + e.size - PAGE, 0x61, PAGE);
	before = shared_resident();
	EXPECT_EQ(rsm_memseg_export_create(e.controller, &e.segment, e.memory, e.size, 0),
		  RSM_SUCCESS);
	exporter_publish(&e, ID(0));
	try_the_far_end(&e);
	EXPECT(shared_resident() < before + ((size_t)32 << 20));
	EXPECT_EQ(rsm_memseg_export_destroy(e.segment), RSM_SUCCESS);
	EXPECT(is_filled(e.memory, PAGE, 0x60));
	EXPECT_EQ(munmap(e.memory, e.size), 0);
	EXPECT_EQ(rsm_release_controller(e.controller), RSM_SUCCESS);
}

/* A thread that counts up in the exporter's memory, and expects to find what it stored. */
struct counter {
	pthread_t thread;
	volatile uint64_t *words;
	size_t count;
	atomic_bool stop, lost;
};

static void *count_up(void *arg)
{
	struct counter *counter = arg;

	for (uint64_t n = 1; !counter->stop; n++)
		for (size_t k = 0; k < counter->count; k += 64) {
			if (counter->words[k] != n - 1)
				counter->lost = true;
			counter->words[k] = n;
		}
	return NULL;
}

TEST(no_store_is_lost_while_memory_is_exported_and_taken_back)
{
	struct counter counter = { .count = 16 * PAGE / 8 };
	rsmapi_controller_handle_t controller = the_controller();
	unsigned char *m = pages_new(16);

	counter.words = (volatile uint64_t *)(void *)m;
	EXPECT_EQ(pthread_create(&counter.thread, NULL, count_up, &counter), 0);
	for (unsigned n = 0; n < 100; n++) {
		rsm_memseg_export_handle_t export = NULL;
		rsm_memseg_id_t id = ID(0);
		struct importer i;

		EXPECT_EQ(rsm_memseg_export_create(controller, &export, m, 16 * PAGE, 0),
			  RSM_SUCCESS);
		EXPECT_EQ(rsm_memseg_export_publish(export, &id, NULL, 0), RSM_SUCCESS);
		importer_fresh(&i, id, RSM_PERM_RDWR);
		EXPECT_EQ(rsm_memseg_export_unpublish(export), RSM_SUCCESS);
		importer_down(&i);
		EXPECT_EQ(rsm_memseg_export_destroy(export), RSM_SUCCESS);
	}
	counter.stop = true;
	EXPECT_EQ(pthread_join(counter.thread, NULL), 0);
	EXPECT(!counter.lost);
	free(m);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
}

struct reader_flags {
	volatile uint64_t stop;
};

/* Every word is of one of the two ranges, and never neither. */
static void read_through_rebinds(struct child *parent, void *arg)
{
	struct reader_flags *flags = arg;
	volatile uint64_t *words;
	struct importer i;

	importer_up(&i, ID(0), RSM_PERM_READ);
	importer_map(&i, RSM_PERM_READ, 4 * PAGE);
	words = (volatile uint64_t *)(void *)i.address;
	tell(parent, 0);
	while (!flags->stop)
		for (size_t k = 0; k < 4 * PAGE / 8; k += 8) {
			uint64_t word = words[k];

			if (word != 0x1111111111111111 && word != 0x2222222222222222)
				EXPECT_EQ(word, 0x1111111111111111);
		}
}

TEST(readers_see_old_or_new_words_during_rebinds_and_nothing_else)
{
	struct reader_flags *flags =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct exporter e;
	struct child far;
	unsigned char *m = pages_new(4);

	EXPECT((void *)flags != MAP_FAILED);
	exporter_up(&e, ID(0), 4);
	(void)memset(e.memory, 0x11, e.size);
	(void)memset(m, 0x22, e.size);
	child_start(&far, read_through_rebinds, flags);
	(void)hear(&far);
	for (unsigned n = 0; n < 100; n++)
		EXPECT_EQ(rsm_memseg_export_rebind(e.segment, n % 2 ? e.memory : m, 0, e.size),
			  RSM_SUCCESS);
	flags->stop = 1;
	child_finish(&far);
	exporter_down(&e);
	free(m);
	EXPECT_EQ(munmap(flags, PAGE), 0);
}
