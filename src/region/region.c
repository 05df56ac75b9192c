/* SPDX-License-Identifier: MIT */
#include "region/region.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fault.h"
#include "sys/vm.h"

int region_make(struct session *session, uint64_t size, uint64_t id, int fd,
		struct tract_region **ret_region)
{
	struct tract_region *region = calloc(1, sizeof(*region));

	if (!region)
		return -ENOMEM;
	ref_init(&region->ref);
	region->session = session ? session_ref(session) : NULL;
	atomic_store_explicit(&region->id, id, memory_order_relaxed);
	region->size = size;
	region->rights = TRACT_RIGHT_READ_WRITE;
	region->fd = fd;
	LIST_INIT(&region->windows);
	*ret_region = region;
	return 0;
}

static void tell_close(struct session *session, uint64_t id)
{
	struct message request = { .number = MSG_region_close };

	request.region_close.region = id;
	(void)session_tell(session, &request);
}

int region_new(struct session *session, uint64_t size, uint64_t replaces,
	       struct tract_region **ret_region)
{
	struct message request = { .number = MSG_region_create };
	struct message reply;
	scoped(fd) int fd = -1;
	int r;

	request.region_create =
		(struct msg_region_create){ .size = size, .replaces = replaces };
	r = session_call(session, &request, NULL, 0, &reply, &fd);
	if (r < 0)
		return r;
	r = fault_point("region.create.answered");
	if (r == 0)
		r = region_make(session, size, reply.region_created.region, fd, ret_region);
	if (r < 0) {
		tell_close(session, reply.region_created.region);
		return r;
	}
	(void)steal_fd(&fd);
	return 0;
}

static int made_known(struct session *session, uint64_t size, uint64_t id, int fd,
		      struct tract_region **ret_region)
{
	int r;

	r = region_make(session, size, id, fd, ret_region);
	if (r < 0)
		tell_close(session, id);
	else
		(*ret_region)->fixed = true;
	return r;
}

int region_new_sysv(struct session *session, uint64_t size, uint32_t shmid,
		    struct tract_region **ret_region)
{
	struct message request = { .number = MSG_region_sysv };
	struct message reply;
	int r;

	request.region_sysv.size = size;
	request.region_sysv.shmid = shmid;
	r = session_call(session, &request, NULL, 0, &reply, NULL);
	if (r < 0)
		return r;
	return made_known(session, size, reply.region_known.region, -1, ret_region);
}

struct tract_region *region_ref(struct tract_region *region)
{
	ref_get(&region->ref);
	return region;
}

void region_unref(struct tract_region *region)
{
	if (!region || !ref_put(&region->ref))
		return;
	if (region->let_go)
		region->let_go(region);
	/* An inherited copy of a parent's region is not this process's to give up. */
	if (region->session && !region->borrowed && session_is_usable(region->session))
		tell_close(region->session, region->id);
	if (region_fd(region) >= 0)
		(void)close(region->fd);
	session_unref(region->session);
	free(region);
}

void region_replace_fd(struct tract_region *region, int fd)
{
	if (region_fd(region) >= 0)
		(void)close(region->fd);
	region->fd = region->local ? fd_move_up(fd) : fd;
	if (region->local)
		(void)fd_mark_memory(region->fd, &region->mark);
}

int region_fence_begin(struct tract_region *region, int *ret_fresh)
{
	struct message request = { .number = MSG_region_fence };
	struct message reply;
	int r;

	request.region_fence.region = region->id;
	r = session_call(region->session, &request, NULL, 0, &reply, ret_fresh);
	/* It may have begun, and its object be lost on the way: importers are waiting. */
	if (r == -EMFILE)
		(void)region_fence_end(region, true);
	return r;
}

int region_fence_end(struct tract_region *region, bool kept)
{
	struct message request = { .number = MSG_region_fenced };
	struct message reply;

	request.region_fenced.region = region->id;
	request.region_fenced.kept = kept;
	return session_call(region->session, &request, NULL, 0, &reply, NULL);
}

int region_absorb(struct tract_region *region, const struct tract_region *into, uint64_t offset)
{
	struct message request = { .number = MSG_region_absorbed };
	struct message reply;

	request.region_absorbed = (struct msg_region_absorbed){ .region = region->id,
								.into = into->id,
								.offset = offset };
	return session_call(region->session, &request, NULL, 0, &reply, NULL);
}

/* ---- the public face -------------------------------------------------------------------- */

int region_check_spec(const struct tract_region_spec *spec)
{
	if (spec->size == 0 || !is_multiple(spec->size, vm_page_size()))
		return fail(-EINVAL,
			    "a region's size is a multiple of the page size, %zu bytes",
			    vm_page_size());
	if (spec->rights & ~(uint32_t)TRACT_RIGHT_READ_WRITE)
		return fail(-EINVAL, "a region's rights are of TRACT_RIGHT_READ_WRITE");
	if (spec->cache > TRACT_CACHE_WRITE_COMBINING)
		return fail(-EINVAL, "there is no such cache policy");
	if (spec->cache > TRACT_CACHE_WRITE_BACK)
		return fail(-ENOTSUP, "Linux gives programs write-back memory only");
	if (spec->numa_node > 0)
		return fail(-ENOTSUP, "placement on a node is not offered by this version");
	return 0;
}

int tract_region_create(struct tract *ctx, const struct tract_region_spec *spec,
			struct tract_region **ret_region)
{
	scoped(session) struct session *session = NULL;
	int r;

	error_clear_reason();
	if (!ctx || !spec || !ret_region)
		return -EINVAL;
	r = region_check_spec(spec);
	if (r == 0 && spec->flags)
		r = fail(-ENOTSUP, "the flags are of local regions, for now");
	if (r == 0)
		r = context_session(ctx, &session);
	if (r == 0)
		r = region_new(session, spec->size, 0, ret_region);
	if (r == 0 && spec->rights)
		(*ret_region)->rights = spec->rights;
	return r;
}

struct tract_region *tract_region_dup(struct tract_region *region)
{
	return region ? region_ref(region) : NULL;
}

void tract_region_close(struct tract_region *region)
{
	region_unref(region);
}

size_t tract_region_size(const struct tract_region *region)
{
	return region ? region->size : 0;
}

uint64_t tract_region_id(const struct tract_region *region)
{
	return region ? atomic_load_explicit(&region->id, memory_order_relaxed) : 0;
}
