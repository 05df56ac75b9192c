/* SPDX-License-Identifier: MIT */
/*
 * row_connect.c - from nothing to the first byte and back
 *
 * The bare floor asks a process that does nothing else for a descriptor, maps it, stores one
 * byte, unmaps and closes: what cannot be saved.  Boost.Interprocess opens by name; nobody is
 * asked, and nobody can take it back.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "boost_open.h"
#include "floor.h"
#include "harness.h"
#include "rows.h"
#include "rsm.h"

#define CONNECT_BYTES ((size_t)1 << 20)

static rsm_memseg_id_t segment;

static double run_ours(void *arg, size_t times)
{
	rsmapi_controller_handle_t controller;
	rsm_memseg_import_handle_t import;
	rsm_node_id_t node;
	double start;

	(void)arg;
	if (rsm_start(&controller, &node) < 0)
		return -1;
	start = clock_ns();
	for (size_t n = 0; n < times; n++) {
		void *p = NULL;

		if (rsm_memseg_import_connect(controller, node, segment, RSM_PERM_RDWR,
					      &import) != RSM_SUCCESS ||
		    rsm_memseg_import_map(import, &p, RSM_MAP_NONE, RSM_PERM_RDWR, 0,
					  CONNECT_BYTES) != RSM_SUCCESS)
			return -1;
		*(volatile char *)p = 1;
		if (rsm_memseg_import_unmap(import) != RSM_SUCCESS ||
		    rsm_memseg_import_disconnect(import) != RSM_SUCCESS)
			return -1;
	}
	return clock_ns() - start;
}

static double run_bare(void *arg, size_t times)
{
	int sock = *(int *)arg;
	double start = clock_ns();

	for (size_t n = 0; n < times; n++) {
		int fd = floor_request(sock);
		void *p = mmap(NULL, CONNECT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		if (p == MAP_FAILED)
			return -1;
		*(volatile char *)p = 1;
		(void)munmap(p, CONNECT_BYTES);
		(void)close(fd);
	}
	return clock_ns() - start;
}

static double run_boost(void *arg, size_t times)
{
	double start = clock_ns();

	(void)arg;
	for (size_t n = 0; n < times; n++)
		if (boost_open_once() < 0)
			return -1;
	return clock_ns() - start;
}

/* Memory others can import, and gone again. */
static double run_create(void *arg, size_t times)
{
	double start = clock_ns();

	(void)arg;
	for (size_t n = 0; n < times; n++) {
		struct rsm_offer offer;

		if (rsm_offer_make(CONNECT_BYTES, 0, &offer) < 0)
			return -1;
		rsm_offer_end(&offer);
	}
	return clock_ns() - start;
}

/* Memory others can open by its name, and gone again. */
static double run_boost_create(void *arg, size_t times)
{
	double start = clock_ns();

	(void)arg;
	for (size_t n = 0; n < times; n++) {
		if (boost_make(CONNECT_BYTES) < 0)
			return -1;
		boost_end();
	}
	return clock_ns() - start;
}

static void serve(int sock)
{
	int fd = memfd_create("bench-connect", MFD_CLOEXEC);
	void *p;

	if (fd < 0 || ftruncate(fd, (off_t)CONNECT_BYTES) < 0)
		die("cannot make a memfd");
	/* Its pages exist, as those of an exported segment do. */
	p = mmap(NULL, CONNECT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	floor_serve(sock, fd);
	if (p != MAP_FAILED)
		(void)munmap(p, CONNECT_BYTES);
	(void)close(fd);
}

static void measure(int sock)
{
	const struct race race = { .rounds = 60, .batch_ns = 4e6 };
	struct contender contenders[] = {
		{ "tract", run_ours, NULL },
		{ "bare floor", run_bare, &sock },
		{ "Boost.Interprocess", run_boost, NULL },
	};
	size_t count = boost_make(CONNECT_BYTES) == 0 ? 3 : 2;

	struct contender creators[] = {
		{ "tract", run_create, NULL },
		{ "Boost.Interprocess", run_boost_create, NULL },
	};

	race_report("connect", contenders, count, &race);
	boost_end();
	race_report("create", creators, count - 1, &race);
}

void row_connect(const struct pair *pair)
{
	int sock = floor_socket(pair);
	struct rsm_link link;

	if (rsm_link_open(pair, CONNECT_BYTES, 0, &link) < 0) {
		report_note("connect", "the library did not open the segment");
		(void)close(sock);
		return;
	}
	/* The connection that stays keeps "last one leaves" out of what is measured. */
	if (pair->role == PAIR_OWNER) {
		pair_send(pair, &link.offer.id, sizeof(link.offer.id));
		serve(sock);
	} else {
		pair_recv(pair, &segment, sizeof(segment));
		measure(sock);
	}
	(void)close(sock);
	rsm_link_close(pair, &link);
}
