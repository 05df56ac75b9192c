/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "compat/rsm/rsm.h"

/*
 * A process has one controller, loopback, and one context behind it.  A handle stays the same
 * as long as the program refers to it; the next first reference makes another, so that a handle
 * released too often is recognised.  Segments refer to the controller too, and outlive its
 * release: the context is closed, and the broker left, with the last of both.
 */
struct rsm_controller {
	unsigned references; /* of the program's; under lock */
	unsigned users;	     /* objects made through it; under lock */
	uint64_t handle;     /* 0: none */
	struct tract *context;
};

static struct mutex lock = MUTEX_INIT;
static struct rsm_controller loopback;
static struct idtable handles = IDTABLE_INIT(64);

static int open_locked(void) REQUIRES(lock)
{
	return loopback.context ? 0 : tract_open(NULL, &loopback.context);
}

static void close_unused_locked(void) REQUIRES(lock)
{
	if (loopback.references > 0 || loopback.users > 0)
		return;
	tract_close(loopback.context);
	loopback.context = NULL;
}

int rsm_context_get(struct tract **ret_ctx)
{
	int r;

	mutex_lock(&lock);
	r = open_locked();
	if (r == 0)
		loopback.users++;
	*ret_ctx = loopback.context;
	mutex_unlock(&lock);
	return r;
}

void rsm_context_put(void)
{
	mutex_lock(&lock);
	loopback.users--;
	close_unused_locked();
	mutex_unlock(&lock);
}

struct rsm_controller *rsm_controller_ref(struct rsm_controller *controller)
{
	mutex_lock(&lock);
	controller->users++;
	mutex_unlock(&lock);
	return controller;
}

void rsm_controller_unref(struct rsm_controller *controller)
{
	(void)controller;
	rsm_context_put();
}

struct tract *rsm_controller_context(struct rsm_controller *controller)
{
	return controller->context;
}

struct rsm_controller *rsm_controller_find(rsmapi_controller_handle_t handle)
{
	return idtable_find(&handles, (uintptr_t)handle);
}

/* The type is what stands before the longest trailing run of digits, which is the unit. */
static bool is_loopback(const char *name)
{
	size_t length;

	if (!name)
		return true;
	length = strnlen(name, MAXNAMELEN);
	if (length == MAXNAMELEN)
		return false;
	while (length > 0 && isdigit((unsigned char)name[length - 1]))
		length--;
	return length == strlen("loopback") && strncasecmp(name, "loopback", length) == 0;
}

static int get_locked(uint64_t *ret_handle) REQUIRES(lock)
{
	int r;

	r = open_locked();
	if (r == 0 && loopback.references == 0)
		r = idtable_add(&handles, &loopback, &loopback.handle);
	if (r < 0)
		return RSMERR_INSUFFICIENT_MEM;
	loopback.references++;
	*ret_handle = loopback.handle;
	return RSM_SUCCESS;
}

RSM_API int rsm_get_controller(char *name, rsmapi_controller_handle_t *controller)
{
	uint64_t handle = 0;
	int status;

	if (!controller)
		return RSMERR_BAD_CTLR_HNDL;
	if (!is_loopback(name))
		return RSMERR_CTLR_NOT_PRESENT;
	mutex_lock(&lock);
	status = get_locked(&handle);
	mutex_unlock(&lock);
	if (status == RSM_SUCCESS)
		*controller = (rsmapi_controller_handle_t)(uintptr_t)handle;
	return status;
}

static int release_locked(rsmapi_controller_handle_t handle) REQUIRES(lock)
{
	if (!rsm_controller_find(handle))
		return RSMERR_BAD_CTLR_HNDL;
	if (--loopback.references == 0) {
		(void)idtable_take(&handles, loopback.handle);
		loopback.handle = 0;
		close_unused_locked();
	}
	return RSM_SUCCESS;
}

RSM_API int rsm_release_controller(rsmapi_controller_handle_t chdl)
{
	int status;

	mutex_lock(&lock);
	status = release_locked(chdl);
	mutex_unlock(&lock);
	return status;
}

RSM_API int rsm_get_controller_attr(rsmapi_controller_handle_t chdl,
				    rsmapi_controller_attr_t *attr)
{
	const uint_t sizes = RSM_DAS8 | RSM_DAS16 | RSM_DAS32 | RSM_DAS64;
	struct rsm_controller *controller = rsm_controller_find(chdl);
	struct tract_limits limits;
	int r;

	if (!controller)
		return RSMERR_BAD_CTLR_HNDL;
	if (!attr)
		return RSMERR_BAD_ADDR;
	r = tract_limits(rsm_controller_context(controller), &limits);
	if (r < 0)
		return r == -ENOMEM ? RSMERR_INSUFFICIENT_MEM : RSMERR_CTLR_NOT_PRESENT;
	*attr = (rsmapi_controller_attr_t){
		.attr_direct_access_sizes = sizes,
		.attr_atomic_sizes = sizes,
		.attr_page_size = tract_page_size(),
		.attr_max_export_segment_size = limits.segment_bytes,
		.attr_tot_export_segment_size = limits.total_bytes,
		.attr_max_export_segments = limits.export_count,
		/* What can be imported is what can be exported: nothing else limits a mapping.
		 */
		.attr_max_import_map_size = limits.segment_bytes,
		.attr_tot_import_map_size = limits.total_bytes,
		.attr_max_import_segments = limits.import_count,
	};
	return RSM_SUCCESS;
}
