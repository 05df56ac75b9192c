/* SPDX-License-Identifier: MIT */
/*
 * local.c - regions that the broker does not know, or not yet
 *
 * The object is made here, by the same rules as the broker's.  When memory it is attached to is
 * exported it is offered to the broker; taken back, it is exchanged for one of the broker's.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/fault.h"
#include "region/region.h"
#include "sys/memfd.h"

/* More than any address space has; so an offset and a size fit into a file's. */
#define REGION_MAX (UINT64_C(1) << 62)

static int make_object(const struct tract_region_spec *spec, int *ret_fd)
{
	scoped(fd) int fd = -1;
	int r;

	if (spec->size > REGION_MAX)
		return fail(-EINVAL, "a region has less bytes than that");
	r = memfd_new("region", spec->size, &fd);
	if (r == -EMFILE || r == -ENFILE)
		return fail(-EMFILE,
			    "this process has all the descriptors it may have, and each "
			    "region takes one; close some, or raise its limit (ulimit -n)");
	if (r == 0)
		r = fault_point("region.local.made");
	if (r == 0 && (spec->flags & TRACT_REGION_RESERVED))
		r = memfd_reserve(fd, 0, spec->size);
	if (r < 0)
		return r == -ENOMEM ? fail(r, "the host has not that much memory") : r;
	*ret_fd = fd_move_up(steal_fd(&fd));
	return 0;
}

int tract_region_create_local(const struct tract_region_spec *spec,
			      struct tract_region **ret_region)
{
	const uint32_t known = TRACT_REGION_RESERVED | TRACT_REGION_LOCKED | TRACT_REGION_HUGE;
	scoped(fd) int fd = -1;
	struct fd_mark mark;
	int r;

	error_clear_reason();
	if (!spec || !ret_region)
		return -EINVAL;
	r = region_check_spec(spec);
	if (r == 0 && (spec->flags & ~known))
		r = fail(-EINVAL, "a region's flags are of TRACT_REGION_*");
	if (r == 0)
		r = make_object(spec, &fd);
	if (r == 0)
		r = fd_mark_memory(fd, &mark);
	if (r == 0)
		r = region_make(NULL, spec->size, 0, fd, ret_region);
	if (r < 0)
		return r;
	(void)steal_fd(&fd);
	(*ret_region)->local = true;
	(*ret_region)->mark = mark;
	(*ret_region)->flags = spec->flags;
	if (spec->rights)
		(*ret_region)->rights = spec->rights;
	return 0;
}

bool region_is_known(const struct tract_region *region, const struct session *session)
{
	return region->session == session;
}

static int offer(struct session *session, uint64_t size, int writing, uint64_t *ret_id)
{
	struct message request = { .number = MSG_region_offer };
	struct message reply;
	scoped(fd) int reading = -1;
	int r;

	r = memfd_reopen_readonly(writing, &reading);
	if (r < 0)
		return r;
	request.region_offer.size = size;
	r = session_call(session, &request, (int[]){ writing, reading }, 2, &reply, NULL);
	if (r == 0)
		*ret_id = reply.region_known.region;
	return r;
}

int region_announce(struct tract_region *region, struct session *session, uint64_t *ret_id)
{
	int fd, r;

	if (!region->local || (region->session && session_is_usable(region->session)))
		return fail(-EFAULT, "the memory belongs to a session with another broker");
	fd = region_fd(region);
	if (fd < 0)
		return fail(-EBADF, REGION_ROBBED);
	r = offer(session, region->size, fd, ret_id);
	if (r == 0)
		(void)fault_point("region.announce.known");
	return r;
}

struct session *region_announced(struct tract_region *region, struct session *session,
				 uint64_t id)
{
	struct session *former = region->session;

	region->session = session_ref(session);
	atomic_store_explicit(&region->id, id, memory_order_relaxed);
	return former;
}
