/* SPDX-License-Identifier: MIT */
#include "rsm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"

static char loopback[] = "loopback";

static int failed(const char *call, int r)
{
	(void)fprintf(stderr, "bench: %s says %d\n", call, r);
	return -1;
}

int rsm_start(rsmapi_controller_handle_t *ret_controller, rsm_node_id_t *ret_node)
{
	static rsmapi_controller_handle_t controller;
	static rsm_node_id_t node;
	rsm_topology_t *topology;
	int r;

	if (!controller) {
		r = rsm_get_controller(loopback, &controller);
		if (r != RSM_SUCCESS)
			return failed("rsm_get_controller", r);
		r = rsm_get_interconnect_topology(&topology);
		if (r != RSM_SUCCESS)
			return failed("rsm_get_interconnect_topology", r);
		node = topology->topology_hdr.local_nodeid;
		rsm_free_interconnect_topology(topology);
	}
	*ret_controller = controller;
	*ret_node = node;
	return 0;
}

void *memory_make(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("out of memory");
	memset(p, 1, size);
	return p;
}

int rsm_offer_make(size_t size, uint_t flags, struct rsm_offer *ret)
{
	rsmapi_controller_handle_t controller;
	rsm_node_id_t node;
	struct rsm_offer offer = { .size = size };
	int r;

	if (rsm_start(&controller, &node) < 0)
		return -1;
	offer.memory = memory_make(size);
	r = rsm_memseg_export_create(controller, &offer.export, offer.memory, size, flags);
	if (r != RSM_SUCCESS) {
		(void)munmap(offer.memory, size);
		return failed("rsm_memseg_export_create", r);
	}
	r = rsm_memseg_export_publish(offer.export, &offer.id, NULL, 0);
	if (r != RSM_SUCCESS) {
		(void)rsm_memseg_export_destroy(offer.export);
		(void)munmap(offer.memory, size);
		return failed("rsm_memseg_export_publish", r);
	}
	*ret = offer;
	return 0;
}

void rsm_offer_end(struct rsm_offer *offer)
{
	(void)rsm_memseg_export_unpublish(offer->export);
	(void)rsm_memseg_export_destroy(offer->export);
	(void)munmap(offer->memory, offer->size);
}

static int connect_id(rsm_memseg_id_t id, rsm_memseg_import_handle_t *ret)
{
	rsmapi_controller_handle_t controller;
	rsm_node_id_t node;
	int r;

	if (id == 0 || rsm_start(&controller, &node) < 0)
		return -1;
	r = rsm_memseg_import_connect(controller, node, id, RSM_PERM_RDWR, ret);
	return r == RSM_SUCCESS ? 0 : failed("rsm_memseg_import_connect", r);
}

int rsm_link_open(const struct pair *pair, size_t size, uint_t flags, struct rsm_link *ret)
{
	rsm_memseg_id_t id = 0;
	int r;

	if (pair->role == PAIR_OWNER) {
		r = rsm_offer_make(size, flags, &ret->offer);
		id = r == 0 ? ret->offer.id : 0;
		pair_send(pair, &id, sizeof(id));
		if (pair_agree(pair, r) == 0)
			return 0;
		if (r == 0)
			rsm_offer_end(&ret->offer);
		return -1;
	}
	pair_recv(pair, &id, sizeof(id));
	r = connect_id(id, &ret->import);
	if (pair_agree(pair, r) == 0)
		return 0;
	if (r == 0)
		(void)rsm_memseg_import_disconnect(ret->import);
	return -1;
}

void rsm_link_close(const struct pair *pair, struct rsm_link *link)
{
	if (pair->role == PAIR_MEASURER) {
		(void)rsm_memseg_import_unmap(link->import);
		(void)rsm_memseg_import_disconnect(link->import);
	}
	pair_meet(pair);
	if (pair->role == PAIR_OWNER)
		rsm_offer_end(&link->offer);
}

int rsm_pin_broker(const struct pair *pair)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred who = { .pid = -1 };
	socklen_t size = sizeof(who);
	const char *dir = getenv("TRACT_DIR");
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/broker",
		       dir ? dir : "/run/tract");
	if (connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		who.pid = -1;
	(void)close(sock);
	if (who.pid > 0)
		pair_pin(pair, who.pid, PAIR_OWNER);
	return who.pid;
}
