/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_rsm.c - RSMAPI with the exporter on another node
 *
 * The exporter is a child with the other node's directory in its environment, which is all that
 * a program knows of nodes.
 */
#include <ctype.h>
#include <rsmapi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <tract/segment.h>
#include <unistd.h>

#include "cluster.h"
#include "test.h"

#define LONG_MS 15000
#define PAGES 4
#define ID(k) ((rsm_memseg_id_t)(0x400000 + (k)))

/* What the exporter is told to do, one byte each; it answers with one byte. */
enum order { PUBLISH = 1, PUBLISH_TO_3, UNPUBLISH, LOOK, WAIT, POST };

struct exporter {
	pid_t pid;
	int orders[2], answers[2];
};

struct pair {
	struct cluster c;
	struct exporter e;
	rsmapi_controller_handle_t controller;
	rsm_memseg_import_handle_t import;
};

/* ---- the exporter ------------------------------------------------------------------------ */

static int publish(rsm_memseg_export_handle_t segment, bool to_3)
{
	rsmapi_access_entry_t list[2] = { { 3, 0666 }, { 2, 0666 } };
	rsm_memseg_id_t id = ID(1);

	return rsm_memseg_export_publish(segment, &id, to_3 ? list : NULL, to_3 ? 2 : 0);
}

static int carry_out(rsm_memseg_export_handle_t segment, const volatile uint64_t *memory,
		     int order)
{
	switch (order) {
	case PUBLISH:
	case PUBLISH_TO_3:
		return publish(segment, order == PUBLISH_TO_3);
	case UNPUBLISH:
		return rsm_memseg_export_unpublish(segment);
	case LOOK:
		return (int)memory[0];
	case WAIT:
		return rsm_intr_signal_wait(segment, LONG_MS);
	default:
		return rsm_intr_signal_post(segment, 0);
	}
}

static void export(const struct exporter *e, const char *controller)
{
	size_t size = PAGES * (size_t)sysconf(_SC_PAGESIZE);
	void *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	rsmapi_controller_handle_t handle;
	rsm_memseg_export_handle_t segment;
	char name[16];
	uint8_t order;

	(void)snprintf(name, sizeof(name), "%s", controller);
	EXPECT_EQ(rsm_get_controller(name, &handle), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_create(handle, &segment, memory, size, RSM_ALLOW_REBIND),
		  RSM_SUCCESS);
	while (read(e->orders[0], &order, 1) == 1) {
		uint8_t answer = (uint8_t)carry_out(segment, memory, order);

		EXPECT_EQ(write(e->answers[1], &answer, 1), 1);
	}
}

static void exporter_up(struct pair *p, const char *controller)
{
	EXPECT_EQ(pipe(p->e.orders), 0);
	EXPECT_EQ(pipe(p->e.answers), 0);
	p->e.pid = fork();
	EXPECT(p->e.pid >= 0);
	if (p->e.pid == 0) {
		(void)close(p->e.orders[1]);
		EXPECT_EQ(setenv("TRACT_DIR", p->c.node[1].directory, 1), 0);
		export(&p->e, controller);
		_exit(0);
	}
	(void)close(p->e.orders[0]);
	(void)close(p->e.answers[1]);
}

static void exporter_down(struct pair *p)
{
	int status;

	(void)close(p->e.orders[1]);
	(void)close(p->e.answers[0]);
	EXPECT_EQ(waitpid(p->e.pid, &status, 0), p->e.pid);
	EXPECT_EQ(status, 0);
}

static int ask(struct pair *p, enum order order)
{
	uint8_t byte = (uint8_t)order;

	EXPECT_EQ(write(p->e.orders[1], &byte, 1), 1);
	EXPECT_EQ(read(p->e.answers[0], &byte, 1), 1);
	return byte;
}

/* ---- the importer ------------------------------------------------------------------------ */

static void nodes_up(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	cluster_make(&p->c, 2, true, cluster_alias());
	cluster_start_all(&p->c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&p->c));
	EXPECT_EQ(setenv("TRACT_DIR", p->c.node[0].directory, 1), 0);
}

static int get(const char *name, rsmapi_controller_handle_t *ret_controller)
{
	char copy[64];

	(void)snprintf(copy, sizeof(copy), "%s", name);
	return rsm_get_controller(copy, ret_controller);
}

static void pair_up(struct pair *p, const char *controller)
{
	nodes_up(p);
	exporter_up(p, controller);
	EXPECT_EQ(get(cluster_controller(), &p->controller), RSM_SUCCESS);
}

static int connect_to(struct pair *p, rsm_node_id_t node, rsm_memseg_id_t id)
{
	return rsm_memseg_import_connect(p->controller, node, id, RSM_PERM_RDWR, &p->import);
}

static void pair_down(struct pair *p)
{
	if (p->import)
		EXPECT_EQ(rsm_memseg_import_disconnect(p->import), RSM_SUCCESS);
	EXPECT_EQ(rsm_release_controller(p->controller), RSM_SUCCESS);
	exporter_down(p);
	cluster_end(&p->c);
}

static void expect_names(rsmapi_controller_handle_t known, const char *name, bool same)
{
	rsmapi_controller_handle_t handle = NULL;

	EXPECT_EQ(get(name, &handle), RSM_SUCCESS);
	EXPECT_EQ(handle == known, same);
	EXPECT_EQ(rsm_release_controller(handle), RSM_SUCCESS);
}

TEST_SLOW(a_controller_has_all_the_names_that_the_configuration_gives_it, 60)
{
	rsmapi_controller_handle_t handle = NULL, known;
	rsmapi_controller_attr_t attr;
	char other[32];
	struct pair p;

	nodes_up(&p);
	EXPECT_EQ(get(cluster_controller(), &known), RSM_SUCCESS);
	expect_names(known, test_provider(), true);
	(void)snprintf(other, sizeof(other), "%.24s00", test_provider());
	other[0] = (char)toupper(other[0]);
	expect_names(known, other, true);
	expect_names(known, "sci0", true);
	expect_names(known, "Sci", true);
	expect_names(known, "loopback", false);
	EXPECT_EQ(get("sci1", &handle), RSMERR_CTLR_NOT_PRESENT);
	(void)snprintf(other, sizeof(other), "%.24s1", test_provider());
	EXPECT_EQ(get(other, &handle), RSMERR_CTLR_NOT_PRESENT);
	EXPECT_EQ(get("sc", &handle), RSMERR_CTLR_NOT_PRESENT);
	EXPECT_EQ(rsm_get_controller_attr(known, &attr), RSM_SUCCESS);
	EXPECT_EQ(attr.attr_direct_access_sizes,
		  tract_import_can_map_far() < 0
			  ? 0
			  : RSM_DAS8 | RSM_DAS16 | RSM_DAS32 | RSM_DAS64);
	EXPECT_EQ(attr.attr_atomic_sizes, RSM_DAS8);
	EXPECT_EQ(rsm_release_controller(known), RSM_SUCCESS);
	EXPECT_EQ(rsm_release_controller(known), RSMERR_BAD_CTLR_HNDL);
	cluster_end(&p.c);
}

/* The state of the way from the controller here to that there; 0 if it is not listed. */
static uint_t way_to(rsm_node_id_t node)
{
	rsm_topology_t *t = NULL;
	uint_t state = 0;

	EXPECT_EQ(rsm_get_interconnect_topology(&t), RSM_SUCCESS);
	EXPECT_EQ(t->topology_hdr.local_nodeid, 1);
	EXPECT_EQ(t->topology_hdr.local_cntlr_count, 1);
	EXPECT_STR(t->connections[0]->hdr.cntlr_name, cluster_controller());
	for (int i = 0; i < t->connections[0]->hdr.remote_cntlr_count; i++) {
		const rsm_remote_cntlr_t *remote = &t->connections[0]->remote_cntlr[i];

		EXPECT_STR(remote->remote_cntlrname, cluster_controller());
		EXPECT(remote->remote_hwaddr != t->connections[0]->hdr.local_hwaddr);
		if (remote->remote_nodeid == node)
			state = remote->connection_state;
	}
	rsm_free_interconnect_topology(t);
	return state;
}

TEST_SLOW(the_topology_shows_what_is_connected, 60)
{
	struct pair p;

	nodes_up(&p);
	EXPECT_WITHIN(LONG_MS, way_to(2) == RSM_CONNECTION_ACTIVE);
	EXPECT_EQ(way_to(3), 0);
	cluster_kill(&p.c, 1);
	EXPECT_WITHIN(LONG_MS, way_to(2) != RSM_CONNECTION_ACTIVE);
	cluster_end(&p.c);
}

TEST_SLOW(connecting_fails_for_the_reason_there_is, 60)
{
	rsmapi_controller_handle_t loopback;
	struct pair p;

	pair_up(&p, cluster_controller());
	EXPECT_EQ(connect_to(&p, 2, ID(1)), RSMERR_SEG_NOT_PUBLISHED);
	EXPECT_EQ(ask(&p, PUBLISH_TO_3), RSM_SUCCESS);
	EXPECT_EQ(connect_to(&p, 2, ID(1)), RSMERR_SEG_NOT_PUBLISHED_TO_NODE);
	EXPECT_EQ(connect_to(&p, 1, ID(1)), RSMERR_SEG_NOT_PUBLISHED);
	EXPECT_EQ(connect_to(&p, 9, ID(1)), RSMERR_REMOTE_NODE_UNREACHABLE);
	EXPECT_EQ(connect_to(&p, 70000, ID(1)), RSMERR_REMOTE_NODE_UNREACHABLE);
	EXPECT_EQ(get("loopback", &loopback), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_connect(loopback, 2, ID(1), RSM_PERM_RDWR, &p.import),
		  RSMERR_CTLR_NOT_PRESENT);
	EXPECT_EQ(rsm_release_controller(loopback), RSM_SUCCESS);
	EXPECT_EQ(ask(&p, UNPUBLISH), RSM_SUCCESS);
	EXPECT_EQ(ask(&p, PUBLISH), RSM_SUCCESS);
	EXPECT_EQ(connect_to(&p, 2, ID(1)), RSM_SUCCESS);
	pair_down(&p);
}

TEST_SLOW(what_is_exported_through_loopback_stays_on_its_node, 60)
{
	struct pair p;

	pair_up(&p, "loopback");
	EXPECT_EQ(ask(&p, PUBLISH_TO_3), RSMERR_BAD_ACL);
	EXPECT_EQ(ask(&p, PUBLISH), RSM_SUCCESS);
	EXPECT_EQ(connect_to(&p, 2, ID(1)), RSMERR_SEG_NOT_PUBLISHED_TO_NODE);
	pair_down(&p);
}

static void try_barrier(struct pair *p, rsm_barrier_type_t type, rsm_barrier_mode_t mode,
			uint64_t word)
{
	rsmapi_barrier_t barrier = { 0 };

	EXPECT_EQ(rsm_memseg_import_init_barrier(p->import, type, &barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_set_mode(p->import, mode), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&barrier), RSMERR_BARRIER_NOT_OPENED);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_put64(p->import, 0, &word, 1), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_order_barrier(&barrier), RSM_SUCCESS);
	EXPECT_EQ(ask(p, LOOK), (int)word);
	word += 100;
	EXPECT_EQ(rsm_memseg_import_put64(p->import, 0, &word, 1), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&barrier), RSM_SUCCESS);
	EXPECT_EQ(ask(p, LOOK), (int)word);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&barrier), RSM_SUCCESS);
}

TEST_SLOW(barriers_of_every_scope_and_mode_certify_what_arrived, 60)
{
	static const rsm_barrier_type_t types[] = { RSM_BARRIER_SEGMENT, RSM_BARRIER_NODE,
						    RSM_BARRIER_SEGMENT_THREAD,
						    RSM_BARRIER_NODE_THREAD };
	struct pair p;

	pair_up(&p, cluster_controller());
	EXPECT_EQ(ask(&p, PUBLISH), RSM_SUCCESS);
	EXPECT_EQ(connect_to(&p, 2, ID(1)), RSM_SUCCESS);
	for (unsigned i = 0; i < 4; i++) {
		try_barrier(&p, types[i], RSM_BARRIER_MODE_IMPLICIT, 2 * i + 1);
		try_barrier(&p, types[i], RSM_BARRIER_MODE_EXPLICIT, 2 * i + 2);
	}
	pair_down(&p);
}

TEST_SLOW(a_vector_can_signal_the_exporter_when_it_has_arrived, 60)
{
	uint64_t word = 42;
	rsm_iovec_t io = { .io_type = RSM_VA_TYPE,
			   .local = { .vaddr = (caddr_t)&word },
			   .transfer_length = sizeof(word) };
	rsm_scat_gath_t request = { .io_request_count = 1,
				    .flags = RSM_IMPLICIT_SIGPOST,
				    .iovec = &io };
	struct pair p;

	pair_up(&p, cluster_controller());
	EXPECT_EQ(ask(&p, PUBLISH), RSM_SUCCESS);
	EXPECT_EQ(connect_to(&p, 2, ID(1)), RSM_SUCCESS);
	request.remote_handle = p.import;
	EXPECT_EQ(rsm_memseg_import_putv(&request), RSM_SUCCESS);
	EXPECT_EQ(request.io_residual_count, 0);
	EXPECT_EQ(ask(&p, WAIT), RSM_SUCCESS);
	EXPECT_EQ(ask(&p, LOOK), 42);
	EXPECT_EQ(ask(&p, POST), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(p.import, LONG_MS), RSM_SUCCESS);
	io.remote_offset = PAGES * (size_t)sysconf(_SC_PAGESIZE) - 7;
	EXPECT_EQ(rsm_memseg_import_putv(&request), RSMERR_BAD_OFFSET);
	EXPECT_EQ(request.io_residual_count, 1);
	EXPECT_EQ(ask(&p, UNPUBLISH), RSM_SUCCESS);
	io.remote_offset = 0;
	EXPECT_EQ(rsm_memseg_import_putv(&request), RSMERR_CONN_ABORTED);
	EXPECT_EQ(request.io_residual_count, 1);
	pair_down(&p);
}
