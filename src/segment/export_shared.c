/* SPDX-License-Identifier: MIT */
/*
 * export_shared.c - exports of shared regions
 *
 * Their memory is the node's: there is nothing to claim, to restore, or to copy here.  The
 * broker withdraws them by itself when the mapping that they stand on ends, so what is known
 * here of their state is what was so when it was last asked.
 */
#include <errno.h>

#include "base/error.h"
#include "base/fault.h"
#include "client/pledge.h"
#include "segment/exports.h"
#include "segment/shared.h"

int export_bind_shared(struct tract_export *export, uint32_t mode)
{
	struct message request = { .number = MSG_shared_export }, reply;
	struct msg_shared_export *asked = &request.shared_export;
	int r;

	if (!shared_find_mapped(export->session, export->addr, export->size, &asked->import,
				&asked->offset))
		return 0;
	asked->size = export->size;
	asked->mode = mode;
	r = session_call(export->session, &request, NULL, 0, &reply, NULL);
	/* It was taken back since. */
	if (r == -EBADF)
		return fail(-EFAULT, "the shared region was taken back meanwhile");
	if (r < 0)
		return r;
	if (reply.segment_created.slot >= SHM_BOARD_SLOTS)
		return -EPROTO;
	export->governed = true;
	export->segment = reply.segment_created.segment;
	export->slot = reply.segment_created.slot;
	(void)fault_point("segment.create.told");
	return 1;
}

/* Before it returns, nobody who was cut off has memory that others go on using. */
static int withdraw(struct tract_export *export, struct message *request)
{
	struct message reply;
	int r;

	r = session_call(export->session, request, NULL, 0, &reply, NULL);
	export->state = EXPORT_BOUND;
	export->id = 0;
	if (r == -ENOTCONN)
		pledge_take_back(export->session, export->slot);
	return r;
}

int export_unpublish_shared(struct tract_export *export)
{
	struct message request = { .number = MSG_segment_unpublish };
	int r;

	request.segment_unpublish.segment = export->segment;
	r = withdraw(export, &request);
	if (r == -ENOENT)
		return fail(r, "it is not published any more: the mapping of the shared region "
			       "that it stood on has ended");
	if (r == -ENOTCONN)
		return fail(r, "the broker is gone; importers are cut off all the same");
	return r;
}

int export_destroy_shared(struct tract_export *export)
{
	struct message request = { .number = MSG_segment_destroy };
	int r;

	request.segment_destroy.segment = export->segment;
	r = withdraw(export, &request);
	/* What the broker does not know any more is gone. */
	return r == -ENOMEM || r == -EMFILE ? r : 0;
}
