/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fault.h"
#include "client/pledge.h"
#include "segment/exports.h"
#include "sys/host.h"
#include "sys/vm.h"

/* ---- life ------------------------------------------------------------------------------- */

static void formers_drop(struct tract_export *export) REQUIRES(bindings_lock)
{
	struct former *former;

	while ((former = SLIST_FIRST(&export->formers))) {
		SLIST_REMOVE_HEAD(&export->formers, entry);
		(void)claim_drop(former->claim);
		free(former);
	}
}

static void export_free(struct tract_export *export)
{
	if (!export)
		return;
	ear_deinit(&export->ear);
	mutex_deinit(&export->lock);
	session_unref(export->session);
	context_unref(export->ctx);
	free(export);
}
DEFINE_SCOPE(export, struct tract_export, export_free);

static int export_new(struct tract *ctx, struct session *session, void *addr, size_t size,
		      uint32_t flags, struct tract_export **ret_export)
{
	struct tract_export *export = calloc(1, sizeof(*export));

	if (!export)
		return -ENOMEM;
	mutex_init(&export->lock);
	SLIST_INIT(&export->formers);
	ear_init(&export->ear);
	export->ctx = context_ref(ctx);
	export->session = session_ref(session);
	export->process = session->process;
	export->addr = addr;
	export->size = size;
	export->flags = flags;
	*ret_export = export;
	return 0;
}

static int check_range(const void *addr, size_t size)
{
	if (!addr || size == 0)
		return -EINVAL;
	if (!is_multiple((uintptr_t)addr, vm_page_size()) || !is_multiple(size, vm_page_size()))
		return fail(-EINVAL,
			    "address and size are multiples of the page size, %zu bytes",
			    vm_page_size());
	return 0;
}

static int tell_created(struct tract_export *export, uint32_t umask_bits)
{
	struct message request = { .number = MSG_segment_create };
	struct message reply;
	struct binding binding = claim_binding(export->claim, export->addr);
	int r;

	export->mode = 0666u & ~umask_bits;
	request.segment_create = (struct msg_segment_create){
		.region = binding.region,
		.offset = binding.offset,
		.size = export->size,
		.mode = export->mode,
		.rebindable = (export->flags & TRACT_EXPORT_REBIND) != 0,
	};
	r = session_call(export->session, &request, NULL, 0, &reply, NULL);
	if (r < 0)
		return r;
	if (reply.segment_created.slot >= SHM_BOARD_SLOTS)
		return -EPROTO;
	export->segment = reply.segment_created.segment;
	export->slot = reply.segment_created.slot;
	(void)fault_point("segment.create.told");
	return 0;
}

static int bind_first(struct tract_export *export, uint32_t umask_bits) REQUIRES(bindings_lock)
{
	int r;

	/* There will be somebody to say it to. */
	r = pledge_make(export->session);
	if (r == 0)
		r = export_bind_shared(export, 0666u & ~umask_bits);
	if (r != 0)
		return r < 0 ? r : 0;
	r = claim_take(export->session, export->addr, export->size, &export->claim);
	if (r < 0)
		return r;
	r = fault_point("segment.create.claimed");
	if (r == 0)
		r = tell_created(export, umask_bits);
	if (r < 0)
		(void)claim_drop(export->claim);
	return r;
}

static int create(struct tract *ctx, struct session *session, void *addr, size_t size,
		  uint32_t flags, struct tract_export **ret_export)
{
	scoped(export) struct tract_export *export = NULL;
	uint32_t umask_bits;
	int r;

	if (size > session->welcome.segment_bytes)
		return fail(-EFBIG,
			    "this node exports at most %llu bytes at once (max-segment-size "
			    "in tract.conf)",
			    (unsigned long long)session->welcome.segment_bytes);
	r = host_umask(&umask_bits);
	if (r == 0)
		r = export_new(ctx, session, addr, size, flags, &export);
	if (r < 0)
		return r;
	mutex_lock(&bindings_lock);
	r = bind_first(export, umask_bits);
	mutex_unlock(&bindings_lock);
	if (r < 0)
		return r;
	exports_add(export);
	*ret_export = steal(export);
	return 0;
}

int tract_export_create(struct tract *ctx, void *addr, size_t size, uint32_t flags,
			struct tract_export **ret_export)
{
	scoped(session) struct session *session = NULL;
	int r;

	error_clear_reason();
	if (!ctx || !ret_export)
		return -EINVAL;
	r = check_range(addr, size);
	if (r == 0)
		r = context_session(ctx, &session);
	if (r < 0)
		return r;
	return create(ctx, session, addr, size, flags, ret_export);
}

/* ---- taking back ------------------------------------------------------------------------ */

/* What was bound before and is again is fenced with what is bound now. */
static void drop_bound_former(struct tract_export *export) REQUIRES(bindings_lock)
{
	const uint64_t bound = claim_binding(export->claim, export->addr).region;
	struct former *former;

	SLIST_FOREACH (former, &export->formers, entry)
		if (claim_binding(former->claim, NULL).region == bound)
			break;
	if (!former)
		return;
	SLIST_REMOVE(&export->formers, former, former, entry);
	(void)claim_drop(former->claim);
	free(former);
}

/* What importers of earlier bindings may have kept. */
static int fence_formers(struct tract_export *export) REQUIRES(bindings_lock)
{
	struct former *former;
	int r;

	SLIST_FOREACH (former, &export->formers, entry) {
		r = claim_fence(former->claim);
		if (r < 0)
			return r;
	}
	formers_drop(export);
	return 0;
}

static int ask_to_withdraw(struct tract_export *export, enum msg_number how, bool *ret_exposed)
{
	struct message request = { .number = how };
	struct message reply;
	int r;

	if (how == MSG_segment_unpublish)
		request.segment_unpublish.segment = export->segment;
	else
		request.segment_destroy.segment = export->segment;
	r = session_call(export->session, &request, NULL, 0, &reply, NULL);
	if (r == 0)
		*ret_exposed = reply.segment_withdrawn.exposed;
	return r;
}

/*
 * Before a page of it is let go, importers' checks fail.  *@ret_alone: the exporter said so
 * itself, for the broker could not be asked; then others may have its memory.
 */
static int withdraw(struct tract_export *export, enum msg_number how, bool *ret_alone)
{
	bool exposed = true;
	int r;

	r = ask_to_withdraw(export, how, &exposed);
	/* What is destroyed goes, whatever was the matter. */
	if (r < 0 && r != -ENOTCONN && how == MSG_segment_unpublish)
		return r;
	if (r < 0)
		pledge_take_back(export->session, export->slot);
	*ret_alone = r < 0;
	export->state = EXPORT_BOUND;
	export->id = 0;
	export->exposed = exposed;
	return fault_point("segment.withdraw.told");
}

static int take_back(struct tract_export *export) REQUIRES(bindings_lock)
{
	int r = 0;

	drop_bound_former(export);
	if (export->exposed)
		r = claim_fence(export->claim);
	if (r < 0)
		return r;
	export->exposed = false;
	return fence_formers(export);
}

static int unpublish_locked(struct tract_export *export) REQUIRES(export->lock)
{
	bool alone;
	int r;

	r = export_refusal(export->state, EXPORT_UNPUBLISH);
	if (r < 0)
		return fail(r, "it is not published");
	if (export_is_inherited(export))
		return fail(-ECHILD, "only the process that made an export may unpublish it");
	if (export->governed)
		return export_unpublish_shared(export);
	r = withdraw(export, MSG_segment_unpublish, &alone);
	if (r < 0)
		return r;
	mutex_lock(&bindings_lock);
	r = take_back(export);
	mutex_unlock(&bindings_lock);
	if (alone)
		return fail(-ENOTCONN,
			    "the broker is gone; importers are cut off all the same");
	return r;
}

int tract_export_unpublish(struct tract_export *export)
{
	int r;

	error_clear_reason();
	if (!export)
		return -EINVAL;
	mutex_lock(&export->lock);
	r = unpublish_locked(export);
	mutex_unlock(&export->lock);
	return r;
}

/*
 * Where the memory becomes private again its pages leave the shared object anyway.  What other
 * exports stand on, and attached regions, needs the fence; and as long as that lacks the means,
 * there is an export to try it with again.  A broker that is gone cannot be asked for one.
 */
static int take_back_shared(struct tract_export *export) REQUIRES(export->lock)
	REQUIRES(bindings_lock)
{
	bool alone;
	int r;

	if (!claim_outlived(export->claim) && SLIST_EMPTY(&export->formers))
		return 0;
	if (export->state == EXPORT_PUBLISHED)
		(void)withdraw(export, MSG_segment_unpublish, &alone);
	r = take_back(export);
	return r == -ENOMEM || r == -EMFILE ? r : 0;
}

static int destroy_locked(struct tract_export *export) REQUIRES(export->lock)
	REQUIRES(bindings_lock)
{
	bool alone;
	int r;

	if (export->governed)
		return export_is_inherited(export) ? 0 : export_destroy_shared(export);
	if (!export_is_inherited(export)) {
		r = take_back_shared(export);
		if (r < 0)
			return r;
		/* A broker that is gone cannot be told; the memory is taken back all the same.
		 */
		(void)withdraw(export, MSG_segment_destroy, &alone);
	}
	formers_drop(export);
	(void)fault_point("segment.destroy.told");
	(void)claim_drop(export->claim);
	return 0;
}

int tract_export_destroy(struct tract_export *export)
{
	int r;

	error_clear_reason();
	if (!export)
		return -EINVAL;
	if (ear_polls(&export->ear) > 0)
		return fail(-EBUSY, "its poll descriptor has not been released");
	mutex_lock(&export->lock);
	mutex_lock(&bindings_lock);
	r = destroy_locked(export);
	mutex_unlock(&bindings_lock);
	mutex_unlock(&export->lock);
	if (r < 0)
		return r;
	exports_remove(export);
	export_free(export);
	return 0;
}

/* ---- publishing ------------------------------------------------------------------------- */

int access_to_wire(const struct tract_access *access, size_t count, struct wire_access *list)
{
	if (count > TRACT_ACCESS_MAX)
		return fail(-EINVAL, "an access list has at most %u entries", TRACT_ACCESS_MAX);
	list->count = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		if (access[i].mode > 0666 || access[i].node >= TRACT_NODES_MAX)
			return fail(-EINVAL,
				    "entry %zu of the access list: a mode is at most 0666, "
				    "a node below %u",
				    i, TRACT_NODES_MAX);
		list->entry[i] = access[i];
	}
	return 0;
}

static bool id_is_reserved(uint32_t id)
{
	return id != 0 && (id < TRACT_SEGMENT_ID_FREE_FIRST || id > TRACT_SEGMENT_ID_FREE_LAST);
}

static int publish_locked(struct tract_export *export, uint32_t *id,
			  const struct tract_access *access, size_t count)
	REQUIRES(export->lock)
{
	struct message request = { .number = MSG_segment_publish };
	struct message reply;
	int r;

	/* One of a shared region may have been withdrawn without us. */
	r = export->governed ? 0 : export_refusal(export->state, EXPORT_PUBLISH);
	if (r < 0)
		return fail(r, "it is published already, under 0x%x", export->id);
	if (id_is_reserved(*id))
		return fail(-EPERM,
			    "id 0x%x is reserved; free are 0x%x to 0x%x, and 0 lets the "
			    "broker choose",
			    *id, TRACT_SEGMENT_ID_FREE_FIRST, TRACT_SEGMENT_ID_FREE_LAST);
	if (export_is_inherited(export))
		return fail(-ECHILD, "only the process that made an export may publish it");
	r = access_to_wire(access, count, &request.segment_publish.access);
	if (r < 0)
		return r;
	request.segment_publish.segment = export->segment;
	request.segment_publish.id = *id;
	r = fault_point("segment.publish.asked");
	if (r == 0)
		r = session_call(export->session, &request, NULL, 0, &reply, NULL);
	if (r < 0)
		return r;
	export->state = EXPORT_PUBLISHED;
	export->id = reply.segment_published.id;
	(void)fault_point("segment.publish.told");
	if (*id == 0)
		*id = export->id;
	return 0;
}

int tract_export_publish(struct tract_export *export, uint32_t *id,
			 const struct tract_access *access, size_t count)
{
	int r;

	error_clear_reason();
	if (!export || !id || (count > 0 && !access))
		return -EINVAL;
	mutex_lock(&export->lock);
	r = publish_locked(export, id, access, count);
	mutex_unlock(&export->lock);
	return r;
}

static int republish_locked(struct tract_export *export, const struct tract_access *access,
			    size_t count) REQUIRES(export->lock)
{
	struct message request = { .number = MSG_segment_republish };
	struct message reply;
	int r;

	r = export_refusal(export->state, EXPORT_REPUBLISH);
	if (r < 0)
		return fail(r, "it is not published");
	if (export_is_inherited(export))
		return fail(-ECHILD, "only the process that made an export may republish it");
	r = access_to_wire(access, count, &request.segment_republish.access);
	if (r < 0)
		return r;
	request.segment_republish.segment = export->segment;
	return session_call(export->session, &request, NULL, 0, &reply, NULL);
}

int tract_export_republish(struct tract_export *export, const struct tract_access *access,
			   size_t count)
{
	int r;

	error_clear_reason();
	if (!export || (count > 0 && !access))
		return -EINVAL;
	mutex_lock(&export->lock);
	r = republish_locked(export, access, count);
	mutex_unlock(&export->lock);
	return r;
}

/* ---- rebinding -------------------------------------------------------------------------- */

/* One claim keeps a region in mind, however often the export was bound to it. */
static bool is_former(const struct tract_export *export, const struct claim *claim)
{
	const uint64_t region = claim_binding(claim, NULL).region;
	const struct former *former;

	SLIST_FOREACH (former, &export->formers, entry)
		if (claim_binding(former->claim, NULL).region == region)
			return true;
	return false;
}

/*
 * The old range: private memory becomes private again.  What was given out and stays an object
 * is taken back: at once if another export stands on it, whose end may give the addresses to
 * something else; together with this export if it is attached, for that costs a copy.
 */
static int release_old(struct tract_export *export, struct claim *old, bool exposed)
	REQUIRES(bindings_lock)
{
	struct former *former;

	if (!exposed || !claim_outlived(old) || is_former(export, old))
		return claim_drop(old);
	if (!claim_is_attached(old) && claim_fence(old) == 0)
		return claim_drop(old);
	former = malloc(sizeof(*former));
	if (!former)
		return -ENOMEM;
	former->claim = old;
	SLIST_INSERT_HEAD(&export->formers, former, entry);
	return 0;
}

static int tell_bound(struct tract_export *export, const struct claim *claim, const void *addr,
		      bool *ret_exposed)
{
	struct message request = { .number = MSG_segment_rebind };
	struct message reply;
	struct binding binding = claim_binding(claim, addr);
	int r;

	request.segment_rebind = (struct msg_segment_rebind){
		.segment = export->segment,
		.region = binding.region,
		.offset = binding.offset,
	};
	r = session_probe(export->session);
	if (r < 0)
		return r;
	r = session_call(export->session, &request, NULL, 0, &reply, NULL);
	if (r == 0)
		*ret_exposed = reply.segment_rebound.exposed;
	/* Some importers may be with the new memory, and nobody knows which. */
	if (r == -ENOTCONN)
		pledge_take_back(export->session, export->slot);
	return r;
}

static int bind_again(struct tract_export *export, void *addr) REQUIRES(bindings_lock)
{
	struct claim *old = export->claim, *claim;
	bool exposed = false;
	int r;

	r = claim_take(export->session, addr, export->size, &claim);
	if (r < 0)
		return r;
	r = fault_point("segment.rebind.claimed");
	if (r == 0)
		r = tell_bound(export, claim, addr, &exposed);
	if (r < 0) {
		(void)claim_drop(claim);
		return r;
	}
	export->claim = claim;
	export->addr = addr;
	export->exposed = false;
	(void)fault_point("segment.rebind.bound");
	return release_old(export, old, exposed);
}

static int rebind_locked(struct tract_export *export, void *addr, size_t size)
	REQUIRES(export->lock)
{
	int r;

	if (!(export->flags & TRACT_EXPORT_REBIND))
		return fail(-ENOTSUP, "it was made without TRACT_EXPORT_REBIND");
	if (export->governed)
		return fail(-ENOTSUP, "an export of a shared region stays with its region");
	if (export_is_inherited(export))
		return fail(-ECHILD, "only the process that made an export may rebind it");
	if (size != export->size)
		return fail(-EMSGSIZE, "the new range must have the export's size, %zu bytes",
			    export->size);
	if (addr == export->addr)
		return 0;
	r = check_range(addr, size);
	if (r < 0)
		return r;
	mutex_lock(&bindings_lock);
	r = bind_again(export, addr);
	mutex_unlock(&bindings_lock);
	return r;
}

int tract_export_rebind(struct tract_export *export, void *addr, size_t size)
{
	int r;

	error_clear_reason();
	if (!export || !addr)
		return -EINVAL;
	mutex_lock(&export->lock);
	r = rebind_locked(export, addr, size);
	mutex_unlock(&export->lock);
	return r;
}

/* ---- facts ------------------------------------------------------------------------------ */

size_t tract_export_size(const struct tract_export *export)
{
	return export ? export->size : 0;
}

void *tract_export_address(const struct tract_export *export)
{
	return export ? export->addr : NULL;
}

uint32_t tract_export_id(const struct tract_export *export)
{
	return export ? export->id : 0;
}

uint32_t tract_export_mode(const struct tract_export *export)
{
	return export ? export->mode : 0;
}
