/* SPDX-License-Identifier: MIT */
/*
 * ofi.c - opening libfabric's providers
 */
#include "fabric/ofi.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <rdma/fi_errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "sys/event.h"

#define ADDRESS_VERSION 1u

int ofi_error(ssize_t r)
{
	switch (-r) {
	case FI_ENOKEY:
		return -EEXIST;
	case FI_ENODATA:
		return -ENODEV;
	default:
		/* From here on the numbers are libfabric's own. */
		return r > -FI_ERRNO_OFFSET ? (int)r : -EIO;
	}
}

/* ---- addresses ----------------------------------------------------------------------------
 */

void ofi_place_write(const struct ofi_place *place, struct fabric_address *ret_address)
{
	struct writer w = writer_of(ret_address->bytes, sizeof(ret_address->bytes));

	write_u8(&w, ADDRESS_VERSION);
	write_u32(&w, place->format);
	write_u64(&w, place->base);
	write_u64(&w, place->key);
	write_u64(&w, place->word);
	write_bytes(&w, place->name, place->name_size);
	assert(!w.failed);
	ret_address->size = (uint16_t)w.used;
}

/* libfabric believes the format, and reads as much as goes with it. */
static bool makes_sense(const struct ofi_place *place)
{
	sa_family_t family;

	switch (place->format) {
	case FI_SOCKADDR:
	case FI_SOCKADDR_IN:
	case FI_SOCKADDR_IN6:
		memcpy(&family, place->name, sizeof(family));
		return (family == AF_INET && place->format != FI_SOCKADDR_IN6 &&
			place->name_size == sizeof(struct sockaddr_in)) ||
		       (family == AF_INET6 && place->format != FI_SOCKADDR_IN &&
			place->name_size == sizeof(struct sockaddr_in6));
	case FI_ADDR_STR:
		return memchr(place->name, 0, place->name_size);
	default:
		return true;
	}
}

int ofi_place_read(const struct fabric_address *address, struct ofi_place *ret_place)
{
	struct reader r = reader_of(address->bytes, address->size);
	uint8_t version = read_u8(&r);
	const void *name;

	ret_place->format = read_u32(&r);
	ret_place->base = read_u64(&r);
	ret_place->key = read_u64(&r);
	ret_place->word = read_u64(&r);
	ret_place->name_size = r.left;
	name = read_bytes(&r, r.left);
	if (r.failed || version != ADDRESS_VERSION || ret_place->name_size == 0 ||
	    ret_place->name_size > OFI_NAME_MAX)
		return fail(-EINVAL, "this is no address of a fabric");
	memset(ret_place->name, 0, sizeof(ret_place->name));
	memcpy(ret_place->name, name, ret_place->name_size);
	return makes_sense(ret_place) ? 0 : fail(-EINVAL, "this is no address of a fabric");
}

/* ---- domains ------------------------------------------------------------------------------
 */

/* The short names are for those with reliable datagrams over connections. */
static const char *full_name(const char *provider)
{
	if (strcmp(provider, "tcp") == 0)
		return "tcp;ofi_rxm";
	if (strcmp(provider, "verbs") == 0)
		return "verbs;ofi_rxm";
	return provider;
}

static int set_text(char **where, const char *text)
{
	if (!text)
		return 0;
	*where = strdup(text);
	return *where ? 0 : -ENOMEM;
}

static int set_toward(struct fi_info *hints, const struct ofi_place *toward)
{
	/* fi_freeinfo() gives it back. */
	hints->dest_addr = malloc(sizeof(toward->name));
	if (!hints->dest_addr)
		return -ENOMEM;
	memcpy(hints->dest_addr, toward->name, sizeof(toward->name));
	hints->dest_addrlen = toward->name_size;
	hints->addr_format = toward->format;
	return 0;
}

static void free_info(struct fi_info *info)
{
	if (info)
		fi_freeinfo(info);
}

DEFINE_SCOPE(fi_hints, struct fi_info, free_info);

static int hints_new(const struct fabric_config *config, const struct ofi_place *toward,
		     struct fi_info **ret_hints)
{
	scoped(fi_hints) struct fi_info *hints = fi_allocinfo();
	int r;

	if (!hints)
		return -ENOMEM;
	hints->caps = FI_MSG | FI_RMA;
	hints->mode = FI_CONTEXT | FI_CONTEXT2;
	hints->ep_attr->type = FI_EP_RDM;
	hints->domain_attr->threading = FI_THREAD_SAFE;
	hints->domain_attr->mr_mode = FI_MR_ALLOCATED | FI_MR_VIRT_ADDR | FI_MR_PROV_KEY;
	hints->domain_attr->resource_mgmt = FI_RM_ENABLED;
	hints->tx_attr->size = OFI_OPS;
	hints->rx_attr->size = OFI_OPS;
	/* A read is answered when the writes before it have been carried out. */
	hints->tx_attr->msg_order = hints->rx_attr->msg_order = FI_ORDER_RMA_RAW;
	r = set_text(&hints->fabric_attr->prov_name, full_name(config->provider));
	if (r == 0)
		r = set_text(&hints->domain_attr->name, config->domain);
	if (r == 0 && toward)
		r = set_toward(hints, toward);
	if (r < 0)
		return r;
	*ret_hints = steal(hints);
	return 0;
}

/* Providers that stand on another may answer with devices that were not asked for. */
static bool is_asked_for(const struct fabric_config *config, const struct fi_info *info)
{
	const char *device = info->domain_attr->name;

	return !config->domain || (device && strcmp(config->domain, device) == 0);
}

static int get_info(const struct fabric_config *config, struct fi_info *hints,
		    struct fi_info **ret_info)
{
	scoped(fi_hints) struct fi_info *all = NULL;
	const struct fi_info *info;
	int r = fi_getinfo(OFI_API_VERSION, config->address, NULL,
			   config->address ? FI_SOURCE : 0, hints, &all);

	if (r < 0)
		return r;
	info = all;
	while (info && !is_asked_for(config, info))
		info = info->next;
	if (!info)
		return -FI_ENODATA;
	*ret_info = fi_dupinfo(info);
	return *ret_info ? 0 : -FI_ENOMEM;
}

/* Preferred is a provider that knows when bytes have arrived; what it was asked for at large
 * is then said for each operation. */
static int find(const struct fabric_config *config, struct fi_info *hints,
		struct fi_info **ret_info, bool *ret_says_delivered)
{
	int r;

	hints->tx_attr->op_flags = FI_DELIVERY_COMPLETE;
	r = get_info(config, hints, ret_info);
	*ret_says_delivered = r == 0;
	if (r == -FI_ENODATA) {
		hints->tx_attr->op_flags = 0;
		r = get_info(config, hints, ret_info);
	}
	if (r == 0) {
		(*ret_info)->tx_attr->op_flags = 0;
		return 0;
	}
	return fail(ofi_error(r),
		    "libfabric has no provider \"%s\" with device %s, address %s: %s",
		    full_name(config->provider), config->domain ? config->domain : "any",
		    config->address ? config->address : "any", fi_strerror(-r));
}

/* Where pages are not pinned, the processor puts the bytes where the address says. */
static bool copies(const char *provider)
{
	static const char *const those[] = { "tcp", "net", "sockets" };

	for (size_t i = 0; i < ARRAY_LEN(those); i++)
		if (strncmp(provider, those[i], strlen(those[i])) == 0)
			return true;
	return false;
}

static void set_facts(const struct fi_info *info, bool says_delivered,
		      struct fabric_facts *ret_facts)
{
	int mode = info->domain_attr->mr_mode;
	size_t piece = info->ep_attr->max_msg_size;

	*ret_facts = (struct fabric_facts){
		.provider = info->fabric_attr->prov_name,
		.inject_max = info->tx_attr->inject_size,
		.piece_max = piece < OFI_PIECE ? piece : OFI_PIECE,
	};
	if (says_delivered)
		ret_facts->abilities |= FABRIC_SAYS_DELIVERED;
	if (!(mode & FI_MR_PROV_KEY))
		ret_facts->abilities |= FABRIC_CHOOSES_KEYS;
	if (copies(info->fabric_attr->prov_name))
		ret_facts->abilities |= FABRIC_BURIES_ALONE;
}

int ofi_domain_open(const struct fabric_config *config, const struct ofi_place *toward,
		    struct ofi_domain *ret_domain, struct fabric_facts *ret_facts)
{
	scoped(fi_hints) struct fi_info *hints = NULL;
	struct ofi_domain domain = { 0 };
	bool says_delivered;
	int r;

	r = hints_new(config, toward, &hints);
	if (r < 0)
		return r;
	r = find(config, hints, &domain.info, &says_delivered);
	if (r < 0)
		return r;
	r = fi_fabric(domain.info->fabric_attr, &domain.fabric, NULL);
	if (r == 0)
		r = fi_domain(domain.fabric, domain.info, &domain.domain, NULL);
	if (r < 0) {
		ofi_domain_close(&domain);
		return fail(ofi_error(r), "provider %s does not open: %s", config->provider,
			    fi_strerror(-r));
	}
	set_facts(domain.info, says_delivered, ret_facts);
	*ret_domain = domain;
	return 0;
}

/* A provider that lost a connection may take a moment to have forgotten it. */
static void close_patiently(struct fid *fid, const char *what)
{
	int r = fi_close(fid);

	for (int tries = 0; r == -FI_EBUSY && tries < 50; tries++) {
		clock_sleep(2 * NS_PER_MS);
		r = fi_close(fid);
	}
	if (r < 0)
		log_event(LOG_LEVEL_WARNING, "fabric.left what=%s error=%s", what,
			  fi_strerror(-r));
}

void ofi_domain_close(struct ofi_domain *domain)
{
	if (domain->domain)
		close_patiently(&domain->domain->fid, "domain");
	if (domain->fabric)
		close_patiently(&domain->fabric->fid, "fabric");
	free_info(domain->info);
	*domain = (struct ofi_domain){ 0 };
}

/* ---- lines --------------------------------------------------------------------------------
 */

static int open_parts(const struct ofi_domain *domain, struct ofi_line *line)
{
	struct fi_av_attr av = { .type = FI_AV_TABLE };
	struct fi_cq_attr cq = { .format = FI_CQ_FORMAT_CONTEXT,
				 .wait_obj = FI_WAIT_FD,
				 .size = OFI_QUEUE };
	int r = fi_av_open(domain->domain, &av, &line->av, NULL);

	if (r == 0)
		r = fi_cq_open(domain->domain, &cq, &line->cq, NULL);
	if (r == 0)
		r = fi_endpoint(domain->domain, domain->info, &line->ep, NULL);
	if (r == 0)
		r = fi_ep_bind(line->ep, &line->av->fid, 0);
	if (r == 0)
		r = fi_ep_bind(line->ep, &line->cq->fid, FI_TRANSMIT | FI_RECV);
	if (r == 0)
		r = fi_enable(line->ep);
	if (r == 0)
		r = fi_control(&line->cq->fid, FI_GETWAIT, &line->fd);
	return r;
}

int ofi_line_open(const struct ofi_domain *domain, struct ofi_line *ret_line)
{
	struct ofi_line line = { .fd = -1 };
	int r = open_parts(domain, &line);

	if (r < 0) {
		ofi_line_close(&line);
		return fail(ofi_error(r), "no endpoint of provider %s: %s",
			    domain->info->fabric_attr->prov_name, fi_strerror(-r));
	}
	*ret_line = line;
	return 0;
}

void ofi_line_close(struct ofi_line *line)
{
	if (line->ep)
		close_patiently(&line->ep->fid, "endpoint");
	if (line->cq)
		close_patiently(&line->cq->fid, "queue");
	if (line->av)
		close_patiently(&line->av->fid, "addresses");
	*line = (struct ofi_line){ .fd = -1 };
}

void ofi_line_sleep(const struct ofi_domain *domain, const struct ofi_line *line, int wake,
		    uint64_t deadline)
{
	struct fid *queue = &line->cq->fid;
	struct pollfd fds[] = { { .fd = line->fd, .events = POLLIN },
				{ .fd = wake, .events = POLLIN } };

	/* It is told that we are about to sleep, and says if there is a reason not to. */
	if (fi_trywait(domain->fabric, &queue, 1) == 0)
		(void)event_poll_descriptors(fds, ARRAY_LEN(fds), clock_poll_ms(deadline));
}

/* ---- fabrics ------------------------------------------------------------------------------
 */

static void ofi_close(struct fabric *base)
{
	struct ofi_fabric *fabric = (struct ofi_fabric *)base;

	if (fabric->serve)
		ofi_serve_stop(fabric->serve);
	free(fabric->provider);
	free(fabric->device);
	free(fabric->local);
	free(fabric->name);
	free(fabric);
}

static int keep_config(struct ofi_fabric *fabric, const struct fabric_config *config)
{
	int r = set_text(&fabric->provider, config->provider);

	if (r == 0)
		r = set_text(&fabric->device, config->domain);
	if (r == 0)
		r = set_text(&fabric->local, config->address);
	fabric->config = (struct fabric_config){ .provider = fabric->provider,
						 .domain = fabric->device,
						 .address = fabric->local,
						 .serve = config->serve };
	return r;
}

/* Whoever only accesses opens nothing for good: that there is such a provider is all. */
static int start(struct ofi_fabric *fabric)
{
	struct ofi_domain domain;
	int r;

	if (fabric->config.serve) {
		r = ofi_serve_start(&fabric->config, &fabric->base.facts, &fabric->base.address,
				    &fabric->serve);
		if (r < 0)
			return r;
		r = set_text(&fabric->name, fabric->base.facts.provider);
	} else {
		r = ofi_domain_open(&fabric->config, NULL, &domain, &fabric->base.facts);
		if (r < 0)
			return r;
		r = set_text(&fabric->name, fabric->base.facts.provider);
		ofi_domain_close(&domain);
	}
	fabric->base.facts.provider = fabric->name;
	return r;
}

static int ofi_open(const struct fabric_config *config, struct fabric **ret_fabric)
{
	struct ofi_fabric *fabric;
	int r;

	if (strncmp(config->provider, "shm", 3) == 0)
		return fail(
			-EOPNOTSUPP,
			"libfabric's provider shm is not offered: an access to a process that "
			"has died never completes");
	ofi_tune();
	fabric = calloc(1, sizeof(*fabric));
	if (!fabric)
		return -ENOMEM;
	r = keep_config(fabric, config);
	if (r == 0)
		r = start(fabric);
	if (r < 0) {
		ofi_close(&fabric->base);
		return r;
	}
	*ret_fabric = &fabric->base;
	return 0;
}

const struct fabric_ops fabric_ofi = {
	.open = ofi_open,
	.close = ofi_close,
	.window_open = ofi_window_open,
	.window_bury = ofi_window_bury,
	.window_close = ofi_window_close,
	.peer_new = ofi_peer_new,
	.peer_greet = ofi_peer_greet,
	.peer_free = ofi_peer_free,
	.target_open = ofi_target_open,
	.target_close = ofi_target_close,
	.put = ofi_put,
	.get = ofi_get,
	.wait = ofi_wait,
	.finish = ofi_finish,
};
