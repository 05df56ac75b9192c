/* SPDX-License-Identifier: MIT */
#include "fabric_bare.h"

#include <rdma/fi_errno.h>
#include <string.h>

#include "harness.h"

static void must(int r, const char *what)
{
	if (r < 0)
		die("%s: %s", what, fi_strerror(-r));
}

static void find(struct bare *bare, const char *provider, const struct ofi_place *place)
{
	struct fi_info *hints = fi_allocinfo();

	if (!hints)
		die("out of memory");
	hints->caps = FI_MSG | FI_RMA;
	hints->mode = FI_CONTEXT | FI_CONTEXT2;
	hints->ep_attr->type = FI_EP_RDM;
	hints->domain_attr->mr_mode = FI_MR_ALLOCATED | FI_MR_VIRT_ADDR | FI_MR_PROV_KEY;
	hints->fabric_attr->prov_name = strdup(provider);
	hints->addr_format = place->format;
	hints->dest_addr = malloc(place->name_size);
	hints->dest_addrlen = place->name_size;
	if (!hints->dest_addr || !hints->fabric_attr->prov_name)
		die("out of memory");
	memcpy(hints->dest_addr, place->name, place->name_size);
	must(fi_getinfo(OFI_API_VERSION, NULL, NULL, 0, hints, &bare->info), "fi_getinfo");
	fi_freeinfo(hints);
}

static void make(struct bare *bare)
{
	struct fi_av_attr av = { .type = FI_AV_TABLE };
	struct fi_cq_attr cq = { .format = FI_CQ_FORMAT_CONTEXT,
				 .wait_obj = FI_WAIT_UNSPEC,
				 .size = 256 };

	must(fi_fabric(bare->info->fabric_attr, &bare->fabric, NULL), "fi_fabric");
	must(fi_domain(bare->fabric, bare->info, &bare->domain, NULL), "fi_domain");
	must(fi_av_open(bare->domain, &av, &bare->av, NULL), "fi_av_open");
	must(fi_cq_open(bare->domain, &cq, &bare->cq, NULL), "fi_cq_open");
	must(fi_endpoint(bare->domain, bare->info, &bare->ep, NULL), "fi_endpoint");
	must(fi_ep_bind(bare->ep, &bare->av->fid, 0), "fi_ep_bind");
	must(fi_ep_bind(bare->ep, &bare->cq->fid, FI_TRANSMIT | FI_RECV), "fi_ep_bind");
	must(fi_enable(bare->ep), "fi_enable");
}

void bare_open(struct bare *bare, const char *provider, const struct fabric_address *address,
	       uint64_t base, uint64_t key, bool sleeps)
{
	struct ofi_place place;
	char byte = 0;

	must(ofi_place_read(address, &place), "the address");
	find(bare, provider, &place);
	make(bare);
	must(fi_av_insert(bare->av, place.name, 1, &bare->to, 0, NULL), "fi_av_insert");
	bare->base = base;
	bare->key = key;
	bare->sleeps = sleeps;
	bare_deliver(bare, &byte, 1);
}

void bare_close(struct bare *bare)
{
	must(fi_close(&bare->ep->fid), "fi_close");
	must(fi_close(&bare->cq->fid), "fi_close");
	must(fi_close(&bare->av->fid), "fi_close");
	must(fi_close(&bare->domain->fid), "fi_close");
	must(fi_close(&bare->fabric->fid), "fi_close");
	fi_freeinfo(bare->info);
}

/* NULL: nothing has completed. */
static struct fi_context2 *reap(const struct bare *bare, bool sleep)
{
	struct fi_cq_entry done;
	ssize_t n = sleep ? fi_cq_sread(bare->cq, &done, 1, NULL, -1)
			  : fi_cq_read(bare->cq, &done, 1);

	if (n == -FI_EAGAIN)
		return NULL;
	if (n < 0)
		die("a transfer by hand failed");
	return done.op_context;
}

static ssize_t start(struct bare *bare, void *memory, size_t size, bool read, void *context)
{
	return read ? fi_read(bare->ep, memory, size, NULL, bare->to, bare->base, bare->key,
			      context)
		    : fi_write(bare->ep, memory, size, NULL, bare->to, bare->base, bare->key,
			       context);
}

void bare_deliver(struct bare *bare, void *memory, size_t size)
{
	struct iovec here = { .iov_base = memory, .iov_len = size };
	struct fi_rma_iov there = { .addr = bare->base, .len = size, .key = bare->key };
	struct fi_msg_rma msg = { .msg_iov = &here,
				  .iov_count = 1,
				  .addr = bare->to,
				  .rma_iov = &there,
				  .rma_iov_count = 1,
				  .context = &bare->contexts[0] };
	ssize_t r;

	while ((r = fi_writemsg(bare->ep, &msg, FI_DELIVERY_COMPLETE)) == -FI_EAGAIN)
		(void)reap(bare, false);
	if (r < 0)
		die("a write by hand cannot be started");
	while (!reap(bare, bare->sleeps))
		continue;
}

void bare_stream(struct bare *bare, void *memory, size_t places, size_t size, size_t times,
		 bool read)
{
	size_t under_way = 0, idle = BARE_DEPTH, started = 0;
	struct fi_context2 *spare[BARE_DEPTH];

	for (size_t i = 0; i < BARE_DEPTH; i++)
		spare[i] = &bare->contexts[i];
	while (started < times || under_way > 0) {
		struct fi_context2 *done = NULL;
		ssize_t r = -FI_EAGAIN;

		if (started < times && idle > 0)
			r = start(bare, (char *)memory + started % places * size, size, read,
				  spare[idle - 1]);
		if (r == 0) {
			idle--;
			started++;
			under_way++;
			continue;
		}
		if (r != -FI_EAGAIN)
			die("a transfer by hand cannot be started");
		done = reap(bare, bare->sleeps && (idle == 0 || started == times));
		if (done) {
			spare[idle++] = done;
			under_way--;
		}
	}
	/* A write completes when it has been sent; it is to have arrived, as ours has. */
	if (!read)
		bare_deliver(bare, memory, 1);
}
