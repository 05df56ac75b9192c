/* SPDX-License-Identifier: MIT */
/* ucx.c - UCX: memory of its own allocation, a key for it, ucp_put and a flush */
#include <stdlib.h>
#include <string.h>
#include <ucp/api/ucp.h>

#include "talk.h"

#define BYTES ((size_t)1 << 20)
#define BLOB 2048u

static ucp_context_h context;
static ucp_worker_h worker;
static ucp_ep_h endpoint;
static ucp_mem_h handle;
static ucp_rkey_h key;
static uint64_t *memory;
static uint64_t remote;
static ucs_status_t broken = UCS_OK;

static ucs_status_t start(void)
{
	const ucp_params_t params = { .field_mask = UCP_PARAM_FIELD_FEATURES,
				      .features = UCP_FEATURE_RMA };
	const ucp_worker_params_t plain = { 0 };
	ucs_status_t s;

	(void)setenv("UCX_TLS", "shm,self", 1);
	s = ucp_init(&params, NULL, &context);
	return s == UCS_OK ? ucp_worker_create(context, &plain, &worker) : s;
}

static ucs_status_t make_memory(void)
{
	const ucp_mem_map_params_t params = {
		.field_mask = UCP_MEM_MAP_PARAM_FIELD_LENGTH | UCP_MEM_MAP_PARAM_FIELD_FLAGS,
		.length = BYTES,
		.flags = UCP_MEM_MAP_ALLOCATE,
	};
	ucp_mem_attr_t attr = { .field_mask = UCP_MEM_ATTR_FIELD_ADDRESS };
	ucs_status_t s = ucp_mem_map(context, &params, &handle);

	if (s == UCS_OK)
		s = ucp_mem_query(handle, &attr);
	if (s != UCS_OK)
		return s;
	memory = attr.address;
	memset(memory, 0, BYTES);
	return UCS_OK;
}

/* "ADDRESS KEY WHERE", the first two in hexadecimal. */
static void offer(const struct talk *talk)
{
	char address_text[2 * BLOB + 1], key_text[2 * BLOB + 1];
	ucp_address_t *address;
	size_t address_size, packed_size;
	void *packed;

	if (make_memory() != UCS_OK ||
	    ucp_worker_get_address(worker, &address, &address_size) != UCS_OK ||
	    ucp_rkey_pack(context, handle, &packed, &packed_size) != UCS_OK ||
	    address_size > BLOB / 2 || packed_size > BLOB / 2) {
		talk_say(talk, "told could not make memory");
		return;
	}
	talk_hex(address, address_size, address_text);
	talk_hex(packed, packed_size, key_text);
	talk_say(talk, "info %s %s %p", address_text, key_text, (void *)memory);
	ucp_rkey_buffer_release(packed);
	ucp_worker_release_address(worker, address);
}

static void own(const struct talk *talk)
{
	char line[TALK_LINE];

	for (;;) {
		if (!talk_waiting(talk)) {
			(void)ucp_worker_progress(worker);
			continue;
		}
		talk_next(talk, line);
		if (talk_is(line, "offer")) {
			offer(talk);
		} else if (talk_is(line, "revoke")) {
			ucs_status_t s = ucp_mem_unmap(context, handle);

			memory = NULL;
			talk_say(talk, "told %s",
				 s == UCS_OK ? "success" : ucs_status_string(s));
		} else if (talk_is(line, "peek")) {
			talk_say(talk, "told %lu", memory ? *(volatile uint64_t *)memory : 0);
		}
	}
}

static ucs_status_t finish(ucs_status_ptr_t request)
{
	ucs_status_t s;

	if (!request)
		return UCS_OK;
	if (UCS_PTR_IS_ERR(request))
		return UCS_PTR_STATUS(request);
	do {
		(void)ucp_worker_progress(worker);
		s = ucp_request_check_status(request);
	} while (s == UCS_INPROGRESS && broken == UCS_OK);
	ucp_request_free(request);
	return broken != UCS_OK ? broken : s;
}

static void on_error(void *arg, ucp_ep_h which, ucs_status_t status)
{
	(void)arg;
	(void)which;
	broken = status;
}

static ucs_status_t connect_to(const char *info)
{
	static char blob[BLOB];
	ucp_ep_params_t params = {
		.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS |
			      UCP_EP_PARAM_FIELD_ERR_HANDLER |
			      UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE,
		.address = (const ucp_address_t *)blob,
		.err_mode = UCP_ERR_HANDLING_MODE_PEER,
		.err_handler = { .cb = on_error },
	};
	const char *rest = talk_argument(info);
	ucs_status_t s;

	(void)talk_unhex(info, blob, sizeof(blob));
	/* It promises to report dead peers, where it can. */
	s = ucp_ep_create(worker, &params, &endpoint);
	if (s != UCS_OK) {
		params.err_mode = UCP_ERR_HANDLING_MODE_NONE;
		s = ucp_ep_create(worker, &params, &endpoint);
	}
	if (s != UCS_OK)
		return s;
	(void)talk_unhex(rest, blob, sizeof(blob));
	remote = strtoull(talk_argument(rest), NULL, 16);
	return ucp_ep_rkey_unpack(endpoint, blob, &key);
}

static ucs_status_t put(uint64_t word)
{
	const ucp_request_param_t plain = { 0 };
	ucs_status_t s = finish(ucp_put_nbx(endpoint, &word, 8, remote, key, &plain));

	return s == UCS_OK ? finish(ucp_ep_flush_nbx(endpoint, &plain)) : s;
}

static void take(const struct talk *talk)
{
	char line[TALK_LINE];
	ucs_status_t s = UCS_OK;

	for (;;) {
		talk_next(talk, line);
		if (talk_is(line, "connect"))
			s = connect_to(talk_argument(line));
		else if (talk_is(line, "put"))
			s = put(strtoul(talk_argument(line), NULL, 10));
		talk_say(talk, "told %s", s == UCS_OK ? "success" : ucs_status_string(s));
	}
}

int main(int argc, char **argv)
{
	struct talk talk;

	talk_open(&talk, argc == 2 && strcmp(argv[1], "owner") == 0);
	if (start() != UCS_OK)
		return 1;
	if (talk.owner)
		own(&talk);
	else
		take(&talk);
}
