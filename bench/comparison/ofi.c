/* SPDX-License-Identifier: MIT */
/*
 * ofi.c - libfabric's shm provider: a registered buffer, a write and its completion
 *
 * The owner makes progress all the time, as programs over this provider must.
 */
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_rma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "talk.h"

#define BYTES ((size_t)1 << 20)
#define NAME 512u
#define OWNER_KEY 77u

static struct fi_info *info;
static struct fid_fabric *fabric;
static struct fid_domain *domain;
static struct fid_ep *endpoint;
static struct fid_cq *queue;
static struct fid_av *addresses;
static struct fid_mr *registration;
static uint64_t *memory;
static fi_addr_t peer;
static uint64_t remote, key;
/* FI_DELIVERY_COMPLETE, if COMPARE_DELIVERY is set; else what the provider does by itself. */
static uint64_t completion;

static int find_provider(void)
{
	struct fi_info *hints = fi_allocinfo();
	int r;

	hints->caps = FI_MSG | FI_RMA;
	hints->tx_attr->op_flags = completion;
	hints->ep_attr->type = FI_EP_RDM;
	hints->domain_attr->mr_mode = FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
	hints->fabric_attr->prov_name = strdup("shm");
	r = fi_getinfo(FI_VERSION(1, 9), NULL, NULL, 0, hints, &info);
	fi_freeinfo(hints);
	return r;
}

static int start(void)
{
	struct fi_cq_attr cq = { .format = FI_CQ_FORMAT_CONTEXT };
	struct fi_av_attr av = { .type = FI_AV_MAP };
	int r = find_provider();

	if (r == 0)
		r = fi_fabric(info->fabric_attr, &fabric, NULL);
	if (r == 0)
		r = fi_domain(fabric, info, &domain, NULL);
	if (r == 0)
		r = fi_endpoint(domain, info, &endpoint, NULL);
	if (r == 0)
		r = fi_cq_open(domain, &cq, &queue, NULL);
	if (r == 0)
		r = fi_av_open(domain, &av, &addresses, NULL);
	if (r == 0)
		r = fi_ep_bind(endpoint, &queue->fid, FI_TRANSMIT | FI_RECV);
	if (r == 0)
		r = fi_ep_bind(endpoint, &addresses->fid, 0);
	return r == 0 ? fi_enable(endpoint) : r;
}

/* "NAME KEY WHERE", the first in hexadecimal. */
static void offer(const struct talk *talk)
{
	char name[NAME], text[2 * NAME + 1];
	size_t size = sizeof(name);
	uint64_t base;

	memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || fi_getname(&endpoint->fid, name, &size) != 0 ||
	    fi_mr_reg(domain, memory, BYTES, FI_REMOTE_READ | FI_REMOTE_WRITE, 0, OWNER_KEY, 0,
		      &registration, NULL) != 0) {
		talk_say(talk, "told could not register memory");
		return;
	}
	base = info->domain_attr->mr_mode & FI_MR_VIRT_ADDR ? (uint64_t)(uintptr_t)memory : 0;
	talk_hex(name, size, text);
	talk_say(talk, "info %s %lu %lu", text, fi_mr_key(registration), base);
}

static void progress(void)
{
	struct fi_cq_entry entry;

	(void)fi_cq_read(queue, &entry, 1);
}

static void own(const struct talk *talk)
{
	char line[TALK_LINE];

	for (;;) {
		if (!talk_waiting(talk)) {
			progress();
			continue;
		}
		talk_next(talk, line);
		if (talk_is(line, "offer")) {
			offer(talk);
		} else if (talk_is(line, "revoke")) {
			int r = fi_close(&registration->fid);

			talk_say(talk, "told %s", r == 0 ? "success" : fi_strerror(-r));
		} else if (talk_is(line, "peek")) {
			/* What has been asked of it while it could not. */
			for (int n = 0; n < 1000; n++)
				progress();
			talk_say(talk, "told %lu", *(volatile uint64_t *)memory);
		}
	}
}

static int connect_to(const char *text)
{
	const char *rest = talk_argument(text);
	char name[NAME] = { 0 };

	(void)talk_unhex(text, name, sizeof(name) - 1);
	key = strtoull(rest, NULL, 10);
	remote = strtoull(talk_argument(rest), NULL, 10);
	return fi_av_insert(addresses, name, 1, &peer, 0, NULL) == 1 ? 0 : -FI_EINVAL;
}

static int put(uint64_t value)
{
	static uint64_t word;
	struct iovec from = { .iov_base = &word, .iov_len = sizeof(word) };
	struct fi_rma_iov to = { .addr = remote, .len = sizeof(word), .key = key };
	struct fi_msg_rma message = { .msg_iov = &from,
				      .iov_count = 1,
				      .addr = peer,
				      .rma_iov = &to,
				      .rma_iov_count = 1 };
	struct fi_cq_entry done;
	struct fi_cq_err_entry error = { 0 };
	ssize_t r;

	word = value;
	do {
		progress();
		r = fi_writemsg(endpoint, &message, completion | FI_COMPLETION);
	} while (r == -FI_EAGAIN);
	if (r != 0)
		return (int)r;
	do {
		r = fi_cq_read(queue, &done, 1);
	} while (r == -FI_EAGAIN);
	if (r == -FI_EAVAIL && fi_cq_readerr(queue, &error, 0) == 1)
		return -error.err;
	return r == 1 ? 0 : (int)r;
}

static void take(const struct talk *talk)
{
	char line[TALK_LINE];
	int r = 0;

	for (;;) {
		talk_next(talk, line);
		if (talk_is(line, "connect"))
			r = connect_to(talk_argument(line));
		else if (talk_is(line, "put"))
			r = put(strtoul(talk_argument(line), NULL, 10));
		talk_say(talk, "told %s", r == 0 ? "success" : fi_strerror(-r));
	}
}

int main(int argc, char **argv)
{
	struct talk talk;
	int r;

	completion = getenv("COMPARE_DELIVERY") ? FI_DELIVERY_COMPLETE : 0;
	talk_open(&talk, argc == 2 && strcmp(argv[1], "owner") == 0);
	r = start();
	if (r != 0) {
		(void)fprintf(stderr, "libfabric: %s\n", fi_strerror(-r));
		return 1;
	}
	if (talk.owner)
		own(&talk);
	else
		take(&talk);
}
