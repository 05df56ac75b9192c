/* SPDX-License-Identifier: MIT */
/*
 * pager.c - objects that supply pages
 */
#include <l4/re/c/pager.h>
#include <stdlib.h>

#include "compat/l4re/l4re.h"

/* The program's function, for as long as a slot or a region has the pager. */
struct function {
	l4re_pager_fn fn;
	void *ctx;
};

static int give_dataspace(const l4re_pager_reply_t *reply, struct tract_answer *answer)
{
	__attribute__((cleanup(l4_object_scope_end))) struct l4_object *ds = NULL;
	unsigned rights;
	int r;

	r = l4_slot_get(reply->ds, L4_KIND_DATASPACE, &ds, &rights);
	if (r < 0)
		return r;
	if (reply->writable && !(rights & ds->ds.rights & L4_CAP_FPAGE_W))
		return -L4_EPERM;
	answer->kind = TRACT_ANSWER_REGION;
	answer->region = tract_region_dup(ds->ds.region);
	answer->offset = reply->offset & L4_PAGEMASK;
	answer->writable = reply->writable;
	return 0;
}

static int answer_fault(void *context, const struct tract_fault *fault,
			struct tract_answer *answer)
{
	const struct function *function = context;
	const l4re_pager_fault_t asked = {
		.addr = (l4_addr_t)fault->page,
		.write = fault->write,
		.region = (l4_addr_t)fault->start,
		.region_size = fault->size,
		.offset = fault->offset,
	};
	l4re_pager_reply_t reply = { .kind = L4RE_PAGER_CONTENT };
	int r;

	r = function->fn(function->ctx, &asked, &reply);
	if (r < 0)
		return r;
	switch (reply.kind) {
	case L4RE_PAGER_CONTENT:
		answer->content = reply.content;
		return 0;
	case L4RE_PAGER_ZERO:
		answer->kind = TRACT_ANSWER_ZERO;
		return 0;
	case L4RE_PAGER_DATASPACE:
		return give_dataspace(&reply, answer);
	default:
		return -L4_EINVAL;
	}
}

static int make(l4re_pager_fn fn, void *ctx, struct tract_pager **ret_pager)
{
	struct function *function = malloc(sizeof(*function));
	int r;

	if (!function)
		return -L4_ENOMEM;
	*function = (struct function){ .fn = fn, .ctx = ctx };
	r = tract_pager_create(answer_fault, free, function, ret_pager);
	if (r < 0)
		free(function);
	return l4_error_of(r);
}

L4_API long l4re_pager_create(l4_cap_idx_t slot, l4re_pager_fn fn, void *ctx)
{
	struct l4_object *pager;
	int r;

	if (!fn || !l4_slot_exists(slot))
		return -L4_EINVAL;
	pager = calloc(1, sizeof(*pager));
	if (!pager)
		return -L4_ENOMEM;
	ref_init(&pager->ref);
	pager->kind = L4_KIND_PAGER;
	r = make(fn, ctx, &pager->pager);
	if (r < 0) {
		free(pager);
		return r;
	}
	return l4_slot_put(slot, pager, L4_CAP_FPAGE_RWSD);
}
