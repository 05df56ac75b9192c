/* SPDX-License-Identifier: MIT */
/*
 * fabric_bare.h - libfabric used by hand, for the window that ours uses
 *
 * It does what has to be done and nothing else: no lock, no bounds, no deadline.  It waits for
 * completions by looking for them all the time, which is the fastest where a processor is there
 * for each, or by sleeping, which is the fastest where it is not.
 */
#ifndef BENCH_FABRIC_BARE_H
#define BENCH_FABRIC_BARE_H

#include "fabric/ofi.h"

#define BARE_DEPTH 16u

struct bare {
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_av *av;
	struct fid_cq *cq;
	struct fid_ep *ep;
	fi_addr_t to;
	bool sleeps;
	uint64_t base, key;
	struct fi_context2 contexts[BARE_DEPTH];
};

void bare_open(struct bare *bare, const char *provider, const struct fabric_address *address,
	       uint64_t base, uint64_t key, bool sleeps);
void bare_close(struct bare *bare);
/* @times transfers of @size bytes to, or from, the same place there, and @places in @memory in
 * turn, BARE_DEPTH at a time; all have arrived when it returns. */
void bare_stream(struct bare *bare, void *memory, size_t places, size_t size, size_t times,
		 bool read);
/* One write with delivery complete, and its completion. */
void bare_deliver(struct bare *bare, void *memory, size_t size);

#endif
