/* SPDX-License-Identifier: MIT */
/*
 * test_beside.c - what lies beside a window, against who has its key and speaks for itself
 *
 * libfabric's own calls let a peer claim any length over there, whatever it sends.
 */
#include <errno.h>
#include <netinet/in.h>
#include <rdma/fi_errno.h>
#include <string.h>

#include <tract/types.h>

#include "fabric/ofi.h"
#include "rig.h"
#include "test.h"

#define PAGE ((size_t)4096)

/* Whatever comes of it, it is over then, on both sides. */
static void write_to(const struct importer *importer, const struct fi_rma_iov *there,
		     const char *text)
{
	/* The connection, past all that looks at what is asked of it. */
	struct ofi_peer *peer = (struct ofi_peer *)importer->peer;
	struct iovec here = { .iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) };
	struct fi_context2 context;
	struct fi_msg_rma msg = { .msg_iov = &here,
				  .iov_count = 1,
				  .addr = peer->to,
				  .rma_iov = there,
				  .rma_iov_count = 1,
				  .context = &context };
	uint64_t deadline = RIG_PATIENCE;
	struct fi_cq_err_entry error = { 0 };
	struct fi_cq_entry done;
	ssize_t r;

	while ((r = fi_writemsg(peer->line.ep, &msg, FI_COMPLETION | FI_DELIVERY_COMPLETE)) ==
		       -FI_EAGAIN &&
	       clock_now() < deadline)
		(void)fi_cq_read(peer->line.cq, &done, 1);
	EXPECT_EQ(r, 0);
	while ((r = fi_cq_read(peer->line.cq, &done, 1)) == -FI_EAGAIN &&
	       clock_now() < deadline)
		continue;
	EXPECT(r == 1 || r == -FI_EAVAIL);
	if (r == -FI_EAVAIL)
		EXPECT_EQ(fi_cq_readerr(peer->line.cq, &error, 0), 1);
}

static void expect_nothing_is_written(uint64_t offset, uint64_t length)
{
	struct rig rig = rig_up(3, PAGE, TRACT_RIGHT_READ_WRITE);
	struct fi_rma_iov there = { .addr = rig.windows[0].base + offset,
				    .len = length,
				    .key = rig.windows[0].key };
	struct importer intruder = importer_up(&rig, 0), other;
	uint64_t word = 1;

	write_to(&intruder, &there, "evil");
	for (size_t i = 0; i < 3 * PAGE; i++)
		EXPECT_EQ(rig.memory[i], 0);
	importer_down(&intruder);
	/* The process serves others as before. */
	other = importer_up(&rig, 1);
	EXPECT_EQ(fabric_put(other.target, 0, &word, sizeof(word), 0, RIG_PATIENCE, NULL), 0);
	EXPECT_EQ(fabric_wait(other.target, RIG_PATIENCE), 0);
	importer_down(&other);
	rig_down(&rig);
}

TEST(who_claims_a_length_that_wraps_around_does_not_write_beside_its_window)
{
	if (strcmp(test_provider(), "tcp") != 0)
		SKIP("only tcp carries the length that a peer claims");
	expect_nothing_is_written(2 * PAGE, -(uint64_t)(2 * PAGE));
	expect_nothing_is_written(2 * PAGE, UINT64_MAX - PAGE);
}

/* It would be the end of a process that copied by itself. */
TEST(who_claims_what_is_no_memory_does_not_end_the_process_that_serves)
{
	if (strcmp(test_provider(), "tcp") != 0)
		SKIP("only tcp carries the length that a peer claims");
	expect_nothing_is_written(UINT64_C(1) << 40, -(UINT64_C(1) << 40));
	expect_nothing_is_written(UINT64_C(1) << 63, UINT64_C(1) << 63);
}

/* ---- whom a peer is to be reached by ------------------------------------------------------
 */

static int read_back(struct ofi_place place)
{
	struct fabric_address address;

	ofi_place_write(&place, &address);
	return ofi_place_read(&address, &place);
}

/* The other node's broker says it, and may lie. */
TEST(an_address_that_is_not_as_long_as_its_kind_is_none)
{
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct ofi_place place = { .format = FI_SOCKADDR_IN, .name_size = sizeof(four) };

	memcpy(place.name, &four, sizeof(four));
	EXPECT_EQ(read_back(place), 0);
	place.name_size = 2;
	EXPECT_EQ(read_back(place), -EINVAL);
	place.name_size = sizeof(six);
	EXPECT_EQ(read_back(place), -EINVAL);
	place.format = FI_SOCKADDR;
	EXPECT_EQ(read_back(place), -EINVAL);
	memcpy(place.name, &six, sizeof(six));
	EXPECT_EQ(read_back(place), 0);
	place.format = FI_SOCKADDR_IN;
	EXPECT_EQ(read_back(place), -EINVAL);
	four.sin_family = AF_UNIX;
	memcpy(place.name, &four, sizeof(four));
	place.name_size = sizeof(four);
	EXPECT_EQ(read_back(place), -EINVAL);
	memset(place.name, 'a', sizeof(place.name));
	place.format = FI_ADDR_STR;
	EXPECT_EQ(read_back(place), -EINVAL);
	place.name[place.name_size - 1] = '\0';
	EXPECT_EQ(read_back(place), 0);
}
