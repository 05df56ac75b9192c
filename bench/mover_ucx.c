/* SPDX-License-Identifier: MIT */
/*
 * mover_ucx.c - UCX: ucp_put and ucp_get over its shared memory transports
 *
 * The memory is UCX's own allocation, the case it is fastest in.  Every put is flushed at its
 * endpoint.
 */
#include <stdlib.h>
#include <string.h>
#include <ucp/api/ucp.h>

#include "harness.h"
#include "mover.h"

static ucp_context_h context;
static ucp_worker_h worker;
static ucp_ep_h endpoint;
static ucp_mem_h handle;
static ucp_rkey_h key;
static void *memory;
static uint64_t remote;

static int start_worker(void)
{
	const ucp_params_t params = { .field_mask = UCP_PARAM_FIELD_FEATURES,
				      .features = UCP_FEATURE_RMA };
	const ucp_worker_params_t worker_params = {
		.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE,
		.thread_mode = UCS_THREAD_MODE_SINGLE,
	};
	ucp_config_t *config;
	ucs_status_t s;

	/* An embracing bench may have been told otherwise; this one is about shared memory. */
	(void)setenv("UCX_TLS", "shm,self", 1);
	if (ucp_config_read(NULL, NULL, &config) != UCS_OK)
		return -1;
	s = ucp_init(&params, config, &context);
	ucp_config_release(config);
	if (s != UCS_OK)
		return -1;
	return ucp_worker_create(context, &worker_params, &worker) == UCS_OK ? 0 : -1;
}

static int map_memory(void)
{
	const ucp_mem_map_params_t params = {
		.field_mask = UCP_MEM_MAP_PARAM_FIELD_LENGTH | UCP_MEM_MAP_PARAM_FIELD_FLAGS,
		.length = MOVER_BYTES,
		.flags = UCP_MEM_MAP_ALLOCATE,
	};
	ucp_mem_attr_t attr = { .field_mask = UCP_MEM_ATTR_FIELD_ADDRESS };

	if (ucp_mem_map(context, &params, &handle) != UCS_OK ||
	    ucp_mem_query(handle, &attr) != UCS_OK)
		return -1;
	memory = attr.address;
	memset(memory, 1, MOVER_BYTES);
	return 0;
}

/* Whatever the owner made goes to the measurer, length first; an empty one if it failed. */
static void send_blob(const struct pair *pair, const void *data, uint64_t size)
{
	pair_send(pair, &size, sizeof(size));
	if (size > 0)
		pair_send(pair, data, size);
}

static void *recv_blob(const struct pair *pair)
{
	uint64_t size;
	void *data;

	pair_recv(pair, &size, sizeof(size));
	data = size > 0 ? malloc(size) : NULL;
	if (data)
		pair_recv(pair, data, size);
	return data;
}

static int offer(const struct pair *pair)
{
	int r = start_worker() == 0 ? map_memory() : -1;
	ucp_address_t *address = NULL;
	void *packed = NULL;
	size_t address_size = 0, packed_size = 0;
	uint64_t base;

	if (r == 0 && (ucp_worker_get_address(worker, &address, &address_size) != UCS_OK ||
		       ucp_rkey_pack(context, handle, &packed, &packed_size) != UCS_OK))
		r = -1;
	base = (uint64_t)(uintptr_t)memory;
	send_blob(pair, address, address_size);
	send_blob(pair, packed, packed_size);
	pair_send(pair, &base, sizeof(base));
	if (packed)
		ucp_rkey_buffer_release(packed);
	if (address)
		ucp_worker_release_address(worker, address);
	return r;
}

static int take(const struct pair *pair)
{
	void *address = recv_blob(pair);
	void *packed = recv_blob(pair);
	ucp_ep_params_t params = { .field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS,
				   .address = address };
	int r = start_worker();

	pair_recv(pair, &remote, sizeof(remote));
	if (r == 0 && address && packed && ucp_ep_create(worker, &params, &endpoint) == UCS_OK)
		r = ucp_ep_rkey_unpack(endpoint, packed, &key) == UCS_OK ? 0 : -1;
	else
		r = -1;
	free(packed);
	free(address);
	return r;
}

static int ucx_start(const struct pair *pair)
{
	return pair_agree(pair, pair->role == PAIR_OWNER ? offer(pair) : take(pair));
}

static int finish(ucs_status_ptr_t request)
{
	ucs_status_t s;

	if (!request)
		return 0;
	if (UCS_PTR_IS_ERR(request))
		return -1;
	do {
		(void)ucp_worker_progress(worker);
		s = ucp_request_check_status(request);
	} while (s == UCS_INPROGRESS);
	ucp_request_free(request);
	return s == UCS_OK ? 0 : -1;
}

static double ucx_put(void *data, size_t length, size_t times)
{
	const ucp_request_param_t plain = { 0 };
	double start = clock_ns();

	for (size_t n = 0; n < times; n++)
		if (finish(ucp_put_nbx(endpoint, data, length, remote, key, &plain)) < 0 ||
		    finish(ucp_ep_flush_nbx(endpoint, &plain)) < 0)
			return -1;
	return clock_ns() - start;
}

static double ucx_get(void *data, size_t length, size_t times)
{
	const ucp_request_param_t plain = { 0 };
	double start = clock_ns();

	for (size_t n = 0; n < times; n++)
		if (finish(ucp_get_nbx(endpoint, data, length, remote, key, &plain)) < 0)
			return -1;
	return clock_ns() - start;
}

static void ucx_stop(const struct pair *pair)
{
	const ucp_request_param_t plain = { 0 };

	if (pair->role == PAIR_MEASURER) {
		ucp_rkey_destroy(key);
		(void)finish(ucp_ep_close_nbx(endpoint, &plain));
	} else {
		(void)ucp_mem_unmap(context, handle);
	}
	ucp_worker_destroy(worker);
	ucp_cleanup(context);
}

const struct mover mover_ucx = {
	.name = "UCX",
	.open = ucx_start,
	.put = ucx_put,
	.get = ucx_get,
	.close = ucx_stop,
};
