/* SPDX-License-Identifier: MIT */
#include <bsd/sys/queue.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "compat/rsm/rsm.h"

/*
 * A process has loopback, the controllers of its node that it has asked for, and one context
 * behind them all.  A handle stays the same as long as the program refers to it; the next first
 * reference makes another, so that a handle released too often is recognised.  Segments refer
 * to their controller too, and outlive its release: the context is closed, and the broker left,
 * with the last of both.
 */
struct rsm_controller {
	LIST_ENTRY(rsm_controller) entry;
	char *name;	     /* as its node calls it; NULL: loopback */
	unsigned references; /* of the program's; under lock, as all below */
	unsigned users;	     /* objects made through it */
	uint64_t handle;     /* 0: none */
};

static struct mutex lock = MUTEX_INIT;
static struct rsm_controller loopback;
static LIST_HEAD(, rsm_controller) others = LIST_HEAD_INITIALIZER(others);
static struct idtable handles = IDTABLE_INIT(64);
static struct tract *context;
static unsigned
	context_users; /* under lock: references and users of all controllers, and more */

static int open_locked(void) REQUIRES(lock)
{
	int r = context ? 0 : tract_open(NULL, &context);

	if (r == 0)
		context_users++;
	return r;
}

static void close_locked(void) REQUIRES(lock)
{
	if (--context_users > 0)
		return;
	tract_close(context);
	context = NULL;
}

int rsm_context_get(struct tract **ret_ctx)
{
	int r;

	mutex_lock(&lock);
	r = open_locked();
	*ret_ctx = context;
	mutex_unlock(&lock);
	return r;
}

void rsm_context_put(void)
{
	mutex_lock(&lock);
	close_locked();
	mutex_unlock(&lock);
}

/* ---- objects ---------------------------------------------------------------------------- */

struct rsm_controller *rsm_controller_ref(struct rsm_controller *controller)
{
	mutex_lock(&lock);
	controller->users++;
	/* There is one: whoever has the controller holds it. */
	context_users++;
	mutex_unlock(&lock);
	return controller;
}

/* Those that nobody refers to are forgotten; loopback is always there. */
static void forget_unused_locked(struct rsm_controller *controller) REQUIRES(lock)
{
	if (controller == &loopback || controller->references > 0 || controller->users > 0)
		return;
	LIST_REMOVE(controller, entry);
	free(controller->name);
	free(controller);
}

void rsm_controller_unref(struct rsm_controller *controller)
{
	mutex_lock(&lock);
	controller->users--;
	forget_unused_locked(controller);
	close_locked();
	mutex_unlock(&lock);
}

struct tract *rsm_controller_context(struct rsm_controller *controller)
{
	(void)controller;
	return context;
}

const char *rsm_controller_name(const struct rsm_controller *controller)
{
	return controller->name;
}

struct rsm_controller *rsm_controller_find(rsmapi_controller_handle_t handle)
{
	return idtable_find(&handles, (uintptr_t)handle);
}

/* ---- names ------------------------------------------------------------------------------ */

/* The type is what stands before the longest trailing run of digits, which is the unit. */
static size_t type_length(const char *name)
{
	size_t length = strlen(name);

	while (length > 0 && isdigit((unsigned char)name[length - 1]))
		length--;
	return length;
}

/* No digits are 0. */
static const char *unit_of(const char *name)
{
	const char *unit = name + type_length(name);

	return unit + strspn(unit, "0");
}

static bool same_type(const char *name, const char *type)
{
	return type_length(name) == strlen(type) && strncasecmp(name, type, strlen(type)) == 0;
}

static bool same_name(const char *a, const char *b)
{
	return type_length(a) == type_length(b) && strncasecmp(a, b, type_length(a)) == 0 &&
	       strcmp(unit_of(a), unit_of(b)) == 0;
}

static bool is_name(const char *name)
{
	return strnlen(name, MAXNAMELEN) < MAXNAMELEN && type_length(name) > 0;
}

/* The name that this node's controller has, if it is one or another name of one. */
static int resolve(struct tract *ctx, const char *name, char ret_name[TRACT_CONTROLLER_TEXT])
{
	struct tract_controller_info info = { 0 };
	uint32_t node;
	int r;

	r = tract_node_id(ctx, &node);
	while (r == 0 && (r = tract_next_controller(ctx, info.key, &info)) == 0)
		if (info.node == node && same_name(info.name, name)) {
			(void)strcpy(ret_name, *info.alias_of ? info.alias_of : info.name);
			return 0;
		}
	return r;
}

/* ---- references ------------------------------------------------------------------------- */

static struct rsm_controller *find_locked(const char *name) REQUIRES(lock)
{
	struct rsm_controller *controller;

	if (!name)
		return &loopback;
	LIST_FOREACH (controller, &others, entry)
		if (strcmp(controller->name, name) == 0)
			return controller;
	controller = calloc(1, sizeof(*controller));
	if (controller)
		controller->name = strdup(name);
	if (!controller || !controller->name) {
		free(controller);
		return NULL;
	}
	LIST_INSERT_HEAD(&others, controller, entry);
	return controller;
}

static int refer_locked(struct rsm_controller *controller, uint64_t *ret_handle) REQUIRES(lock)
{
	int r;

	r = open_locked();
	if (r == 0 && controller->references == 0) {
		r = idtable_add(&handles, controller, &controller->handle);
		if (r < 0)
			close_locked();
	}
	if (r < 0)
		return RSMERR_INSUFFICIENT_MEM;
	controller->references++;
	*ret_handle = controller->handle;
	return RSM_SUCCESS;
}

static int get_locked(const char *name, uint64_t *ret_handle) REQUIRES(lock)
{
	struct rsm_controller *controller = find_locked(name);
	int status;

	if (!controller)
		return RSMERR_INSUFFICIENT_MEM;
	status = refer_locked(controller, ret_handle);
	forget_unused_locked(controller);
	return status;
}

/* @name is the node's own name for it, or NULL for loopback. */
static int get(const char *name, rsmapi_controller_handle_t *controller)
{
	uint64_t handle = 0;
	int status;

	mutex_lock(&lock);
	status = get_locked(name, &handle);
	mutex_unlock(&lock);
	if (status == RSM_SUCCESS)
		*controller = (rsmapi_controller_handle_t)(uintptr_t)handle;
	return status;
}

RSM_API int rsm_get_controller(char *name, rsmapi_controller_handle_t *controller)
{
	char known[TRACT_CONTROLLER_TEXT];
	struct tract *ctx;
	int r;

	if (!controller)
		return RSMERR_BAD_CTLR_HNDL;
	if (name && !is_name(name))
		return RSMERR_CTLR_NOT_PRESENT;
	if (!name || same_type(name, "loopback"))
		return get(NULL, controller);
	if (rsm_context_get(&ctx) < 0)
		return RSMERR_INSUFFICIENT_MEM;
	r = resolve(ctx, name, known);
	rsm_context_put();
	if (r < 0)
		return r == -ENOMEM ? RSMERR_INSUFFICIENT_MEM : RSMERR_CTLR_NOT_PRESENT;
	return get(same_type(known, "loopback") ? NULL : known, controller);
}

static int release_locked(rsmapi_controller_handle_t handle) REQUIRES(lock)
{
	struct rsm_controller *controller = rsm_controller_find(handle);

	if (!controller)
		return RSMERR_BAD_CTLR_HNDL;
	if (--controller->references == 0) {
		(void)idtable_take(&handles, controller->handle);
		controller->handle = 0;
	}
	forget_unused_locked(controller);
	close_locked();
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
	bool can_map;
	int r;

	if (!controller)
		return RSMERR_BAD_CTLR_HNDL;
	if (!attr)
		return RSMERR_BAD_ADDR;
	r = tract_limits(rsm_controller_context(controller), &limits);
	if (r < 0)
		return r == -ENOMEM ? RSMERR_INSUFFICIENT_MEM : RSMERR_CTLR_NOT_PRESENT;
	can_map = !controller->name || tract_import_can_map_far() == 0;
	*attr = (rsmapi_controller_attr_t){
		/* What comes over a network may be stored byte by byte. */
		.attr_direct_access_sizes = can_map ? sizes : 0,
		.attr_atomic_sizes = controller->name ? RSM_DAS8 : sizes,
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
