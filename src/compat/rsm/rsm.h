/* SPDX-License-Identifier: MIT */
/*
 * rsm.h - what the functions of the RSMAPI face share
 *
 * The face looks a handle up, calls the native function and translates its answer.  Handles
 * are numbers in a table, not addresses, so a stale one, or one of the wrong kind, is refused
 * rather than dereferenced.
 */
#ifndef COMPAT_RSM_H
#define COMPAT_RSM_H

#include <rsmapi.h>
#include <stdatomic.h>
#include <tract/tract.h>

#include "base/idtable.h"

#define RSM_API __attribute__((visibility("default")))

enum rsm_kind { RSM_KIND_EXPORT = 1, RSM_KIND_IMPORT, RSM_KIND_LOCAL };

/* What a segment or local memory handle stands for. */
struct rsm_object {
	enum rsm_kind kind;
	union {
		struct tract_export *export;
		struct tract_import *import;
	};
	struct rsm_controller *controller; /* counted */
	/* Local memory. */
	char *base;
	size_t size;
	/* Events: the descriptor given out, and how often. */
	_Atomic int fd;
	unsigned polls;
	/* Barriers made on an import, freed with it. */
	struct mutex lock;
	struct rsm_barrier *barriers;
};

struct rsm_controller;

/* ---- handles.c -------------------------------------------------------------------------- */

/* Consumes @object on success.  RSMERR_INSUFFICIENT_RESOURCES, RSMERR_INSUFFICIENT_MEM. */
int rsm_handle_add(struct rsm_object *object, void **ret_handle);
/* Borrowed, or NULL: not a live handle of this kind. */
struct rsm_object *rsm_handle_find(const void *handle, enum rsm_kind kind);
/* An export or an import. */
struct rsm_object *rsm_handle_find_segment(const void *handle);
/* Removes the handle and frees the object; what it stood for has been closed. */
void rsm_handle_drop(const void *handle);
/* The segment with this poll descriptor given out, or NULL. */
struct rsm_object *rsm_handle_polling(int fd);
struct rsm_object *rsm_object_new(enum rsm_kind kind, struct rsm_controller *controller);
void rsm_object_free(struct rsm_object *object);

/* ---- controller.c ----------------------------------------------------------------------- */

/* Borrowed, or NULL. */
struct rsm_controller *rsm_controller_find(rsmapi_controller_handle_t handle);
struct rsm_controller *rsm_controller_ref(struct rsm_controller *controller);
void rsm_controller_unref(struct rsm_controller *controller);
struct tract *rsm_controller_context(struct rsm_controller *controller);
/* NULL: loopback, which leads nowhere but to this node. */
const char *rsm_controller_name(const struct rsm_controller *controller);
/* The context that all controllers of the process share, opened now if need be, until it is put
 * back. */
int rsm_context_get(struct tract **ret_ctx);
void rsm_context_put(void);

/* ---- status.c --------------------------------------------------------------------------- */

/* What was called: it decides what an errno means. */
enum rsm_call {
	RSM_CALL_CREATE,
	RSM_CALL_REBIND,
	RSM_CALL_DESTROY,
	RSM_CALL_PUBLISH,
	RSM_CALL_UNPUBLISH,
	RSM_CALL_CONNECT,
	RSM_CALL_DISCONNECT,
	RSM_CALL_MAP,
	RSM_CALL_UNMAP,
	RSM_CALL_ACCESS,
	RSM_CALL_VECTOR,
	RSM_CALL_BARRIER,
	RSM_CALL_EVENT,
	RSM_CALL_COUNT
};

/* RSM_SUCCESS for 0; for -errno the code that @call gives it. */
int rsm_status_of(enum rsm_call call, int r);

static inline int rsm_status(enum rsm_call call, int r)
{
	return __builtin_expect(r == 0, 1) ? RSM_SUCCESS : rsm_status_of(call, r);
}

/* ---- barrier.c -------------------------------------------------------------------------- */

/* Frees the state of every barrier made on an import. */
void rsm_barriers_free(struct rsm_object *import);

/* The rights of native calls, from permission bits of the owner's digit. */
static inline uint32_t rsm_rights(rsm_permission_t perm)
{
	return (perm >> 6) & TRACT_RIGHT_READ_WRITE;
}

#endif
