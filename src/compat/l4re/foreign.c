/* SPDX-License-Identifier: MIT */
/*
 * foreign.c - tasks and region maps of other processes
 */
#include <errno.h>
#include <l4/re/c/tract.h>
#include <stdlib.h>

#include "base/thread.h"
#include "compat/l4re/l4re.h"

/* ---- looking ---------------------------------------------------------------------------- */

static int get(l4_cap_idx_t cap, enum l4_kind own, enum l4_kind other,
	       struct l4_object **ret_other)
{
	int r = l4_slot_check(cap, own);

	return r == -L4_EBADPROTO ? l4_slot_get(cap, other, ret_other, NULL) : r;
}

int l4_rm_get(l4_cap_idx_t rm, struct l4_object **ret_other)
{
	return get(rm, L4_KIND_RM, L4_KIND_OTHER_RM, ret_other);
}

int l4_task_get(l4_cap_idx_t task, struct l4_object **ret_other)
{
	return get(task, L4_KIND_TASK, L4_KIND_OTHER_TASK, ret_other);
}

int l4_rm_check(l4_cap_idx_t rm)
{
	int r = l4_slot_check(rm, L4_KIND_RM);

	return r == -L4_EBADPROTO ? l4_slot_check(rm, L4_KIND_OTHER_RM) : r;
}

static int check_own(l4_cap_idx_t cap, enum l4_kind own, enum l4_kind other)
{
	int r = l4_slot_check(cap, own);

	return r == -L4_EBADPROTO && l4_slot_check(cap, other) == 0 ? -L4_EPERM : r;
}

int l4_rm_check_own(l4_cap_idx_t rm)
{
	return check_own(rm, L4_KIND_RM, L4_KIND_OTHER_RM);
}

int l4_task_check_own(l4_cap_idx_t task)
{
	return check_own(task, L4_KIND_TASK, L4_KIND_OTHER_TASK);
}

/* ---- handing out ------------------------------------------------------------------------ */

static struct mutex lock = MUTEX_INIT;
/* As long as the map is handed out. */
static struct tract *handed_out;

static int offer_locked(void) REQUIRES(lock)
{
	struct tract *ctx = handed_out;
	int r = 0;

	if (!ctx)
		r = tract_open(NULL, &ctx);
	if (r == 0)
		r = tract_map_offer(ctx, NULL, 0);
	if (r == 0)
		handed_out = ctx;
	else if (ctx != handed_out)
		tract_close(ctx);
	return l4_error_of(r);
}

L4_API int l4re_tract_rm_offer(void)
{
	int r;

	mutex_lock(&lock);
	r = offer_locked();
	mutex_unlock(&lock);
	return r;
}

static int withdraw_locked(void) REQUIRES(lock)
{
	int r;

	if (!handed_out)
		return -L4_ENOENT;
	r = tract_map_withdraw(handed_out);
	tract_close(handed_out);
	handed_out = NULL;
	/* Where there is no broker nobody can ask. */
	return r == -ENOENT ? -L4_ENOENT : 0;
}

L4_API int l4re_tract_rm_withdraw(void)
{
	int r;

	mutex_lock(&lock);
	r = withdraw_locked();
	mutex_unlock(&lock);
	return r;
}

/* ---- getting ---------------------------------------------------------------------------- */

static int map_of(int pid, struct tract_map **ret_map)
{
	struct tract *ctx = NULL;
	int r;

	r = tract_open(NULL, &ctx);
	if (r == 0)
		r = tract_map_of(ctx, pid, ret_map);
	tract_close(ctx);
	return l4_error_of(r);
}

static int put(struct tract_map *map, enum l4_kind kind, l4_cap_idx_t slot)
{
	struct l4_object *object = calloc(1, sizeof(*object));

	if (!object) {
		tract_map_close(map);
		return -L4_ENOMEM;
	}
	ref_init(&object->ref);
	object->kind = kind;
	object->map = map;
	return l4_slot_put(slot, object, L4_CAP_FPAGE_RWSD);
}

/* Of this process it is what the environment has. */
static int get_of(int pid, enum l4_kind kind, l4_cap_idx_t own, l4_cap_idx_t slot)
{
	struct tract_map *map = NULL;
	int r;

	if (!l4_slot_exists(slot))
		return -L4_EINVAL;
	r = map_of(pid, &map);
	if (r < 0)
		return r;
	if (map != tract_map_own())
		return put(map, kind, slot);
	l4_slot_copy(own, slot, L4_CAP_FPAGE_RWSD);
	return 0;
}

L4_API int l4re_tract_rm_get(int pid, l4_cap_idx_t rm)
{
	return get_of(pid, L4_KIND_OTHER_RM, L4_RM_CAP, rm);
}

L4_API int l4re_tract_task_get(int pid, l4_cap_idx_t task)
{
	return get_of(pid, L4_KIND_OTHER_TASK, L4_BASE_TASK_CAP, task);
}
