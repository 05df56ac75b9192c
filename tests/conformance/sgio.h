/* SPDX-License-Identifier: MIT */
/*
 * sgio.h - what the tests of vectored transfers stand on
 */
#ifndef TESTS_CONFORMANCE_SGIO_H
#define TESTS_CONFORMANCE_SGIO_H

#include "rig.h"

#define UNSET 0xbadbad

typedef int transfer_fn(rsm_scat_gath_t *);

/* A pair, some local memory with a handle, and a request of up to 16 elements. */
struct bench {
	struct pair p;
	unsigned char *local;
	size_t local_size;
	rsm_localmemory_handle_t handle;
	rsm_iovec_t iovec[RSM_MAX_SGIOREQS + 1];
	rsm_scat_gath_t io;
};

static inline void bench_up_with(struct bench *b, rsm_permission_t perm)
{
	*b = (struct bench){ .local = pages_new(2), .local_size = 2 * PAGE };
	exporter_up(&b->p.e, ID(0), 4);
	importer_up(&b->p.i, ID(0), perm);
	EXPECT_EQ(rsm_create_localmemory_handle(b->p.i.controller, &b->handle,
						(caddr_t)b->local, b->local_size),
		  RSM_SUCCESS);
	b->io = (rsm_scat_gath_t){ .local_nodeid = local_node(),
				   .io_residual_count = UNSET,
				   .remote_handle = b->p.i.segment,
				   .iovec = b->iovec };
}

static inline void bench_up(struct bench *b)
{
	bench_up_with(b, RSM_PERM_RDWR);
}

static inline void bench_down(struct bench *b)
{
	EXPECT_EQ(rsm_free_localmemory_handle(b->p.i.controller, b->handle), RSM_SUCCESS);
	pair_down(&b->p);
	free(b->local);
}

static inline void add_address(struct bench *b, size_t local, size_t remote, size_t length)
{
	b->iovec[b->io.io_request_count++] = (rsm_iovec_t){ .io_type = RSM_VA_TYPE,
							    .local.vaddr = (caddr_t)b->local,
							    .local_offset = local,
							    .remote_offset = remote,
							    .transfer_length = length };
}

static inline void add_handle(struct bench *b, size_t local, size_t remote, size_t length)
{
	b->iovec[b->io.io_request_count++] = (rsm_iovec_t){ .io_type = RSM_HANDLE_TYPE,
							    .local.handle = b->handle,
							    .local_offset = local,
							    .remote_offset = remote,
							    .transfer_length = length };
}

/* Runs the request and expects nothing of it to have changed but the residual count. */
static inline void expect_transfer(struct bench *b, transfer_fn *transfer, int wanted,
				   size_t residual)
{
	rsm_scat_gath_t io = b->io;
	rsm_iovec_t iovec[RSM_MAX_SGIOREQS + 1];

	(void)memcpy(iovec, b->iovec, sizeof(iovec));
	b->io.io_residual_count = UNSET;
	EXPECT_EQ(transfer(&b->io), wanted);
	EXPECT_EQ(b->io.io_residual_count, residual);
	EXPECT_EQ(b->io.flags, io.flags);
	EXPECT_EQ(b->io.io_request_count, io.io_request_count);
	EXPECT_EQ(b->io.local_nodeid, io.local_nodeid);
	EXPECT(b->io.remote_handle == io.remote_handle && b->io.iovec == io.iovec);
	EXPECT_EQ(memcmp(iovec, b->iovec, sizeof(iovec)), 0);
}

static inline void expect_both(struct bench *b, int wanted, size_t residual)
{
	expect_transfer(b, rsm_memseg_import_getv, wanted, residual);
	expect_transfer(b, rsm_memseg_import_putv, wanted, residual);
}

#endif
