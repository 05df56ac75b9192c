/* SPDX-License-Identifier: MIT */
/*
 * test_values.c - what <shared_region.h> declares
 *
 * Which languages it compiles with is headers.sh's to try.
 */
#include "rig.h"

#include <stddef.h>

#define VALUE(name, wanted) EXPECT_EQ(SHARED_REGION_##name, wanted)
#define OFFSET(type, field, wanted) \
	EXPECT_EQ(offsetof(struct shared_region_##type, field), wanted)
#define SIZE(type, wanted) EXPECT_EQ(sizeof(struct shared_region_##type), wanted)

/* 1.3, 18.25 */
TEST(permissions_have_their_values)
{
	VALUE(READ, 1);
	VALUE(WRITE, 3);
	VALUE(EXECUTE, 4);
	VALUE(READ_EXECUTE, 5);
	VALUE(READ_WRITE_EXECUTE, 7);
}

/* 1.3, 18.25: can_read, can_write and can_execute are bits 0, 1 and 2. */
TEST(permissions_are_rights_by_their_bits)
{
	EXPECT(SHARED_REGION_READ & SHARED_REGION_RIGHT_READ);
	EXPECT(!(SHARED_REGION_READ & SHARED_REGION_RIGHT_WRITE));
	EXPECT(SHARED_REGION_WRITE & SHARED_REGION_RIGHT_READ);
	EXPECT(SHARED_REGION_WRITE & SHARED_REGION_RIGHT_WRITE);
	EXPECT(!(SHARED_REGION_EXECUTE & SHARED_REGION_RIGHT_READ));
	EXPECT(SHARED_REGION_EXECUTE & SHARED_REGION_RIGHT_EXECUTE);
	EXPECT(!(SHARED_REGION_READ_EXECUTE & SHARED_REGION_RIGHT_WRITE));
	EXPECT_EQ(SHARED_REGION_READ_WRITE_EXECUTE, SHARED_REGION_RIGHT_READ |
							    SHARED_REGION_RIGHT_WRITE |
							    SHARED_REGION_RIGHT_EXECUTE);
}

/* 1.4 */
TEST(cache_policies_have_their_values)
{
	VALUE(WRITE_BACK, 0);
	VALUE(WRITE_THROUGH, 1);
	VALUE(UNCACHED, 2);
	VALUE(WRITE_COMBINING, 3);
}

/* 1.5, G-18 */
TEST(modes_have_their_values)
{
	VALUE(MOVE, 0);
	VALUE(SHARE, 1);
	VALUE(COPY_ON_WRITE, 2);
	VALUE(EXCLUSIVE, 0x100);
}

/* 1.6 */
TEST(rights_have_their_values)
{
	VALUE(RIGHT_READ, 0x01);
	VALUE(RIGHT_WRITE, 0x02);
	VALUE(RIGHT_EXECUTE, 0x04);
	VALUE(RIGHT_GRANT, 0x08);
	VALUE(RIGHT_REVOKE, 0x10);
	VALUE(RIGHT_DELETE, 0x20);
	VALUE(RIGHT_MAP, 0x40);
}

/* 6.6, 13, G-8 */
TEST(strengths_have_their_values)
{
	VALUE(ASK, 0);
	VALUE(VERIFY, 1);
	VALUE(FENCE, 2);
	VALUE(KILL, 3);
	VALUE(FORCE_DEFAULT, 255);
}

/* 13 */
TEST(flags_have_their_values)
{
	VALUE(ACCEPT_REMOTE_MAPS, 1);
	VALUE(STRICT_NODE, 1);
	VALUE(CACHE_FALLBACK, 2);
	VALUE(FREEZABLE, 4);
	VALUE(HUGE_PAGES, 8);
	VALUE(NUMA_ANY, UINT32_MAX);
}

/* G-6 */
TEST(states_and_reasons_have_their_values)
{
	VALUE(CAP_OFFERED, 1);
	VALUE(CAP_HELD, 2);
	VALUE(CAP_REVOKED, 3);
	VALUE(CAP_DELETED, 4);
	VALUE(REVOKED_EXPLICITLY, 0);
	VALUE(PARENT_REVOKED, 1);
	VALUE(PROCESS_EXIT, 2);
	VALUE(POLICY_ENFORCED, 3);
}

/* 1.8, P-12, D-1, 18.26 */
TEST(errors_have_their_values)
{
	VALUE(INVALID_CAPABILITY, -1);
	VALUE(PROCESS_NOT_FOUND, -2);
	VALUE(ENDPOINT_NOT_FOUND, -3);
	VALUE(MESSAGE_TOO_LARGE, -4);
	VALUE(OUT_OF_MEMORY, -5);
	VALUE(WOULD_BLOCK, -6);
	VALUE(RATE_LIMIT_EXCEEDED, -7);
	VALUE(TIMEOUT, -8);
	VALUE(PERMISSION_DENIED, -9);
	VALUE(INVALID_MESSAGE, -10);
	VALUE(CHANNEL_FULL, -11);
	VALUE(CHANNEL_EMPTY, -12);
	VALUE(ENDPOINT_BUSY, -13);
	VALUE(INVALID_MEMORY_REGION, -14);
	VALUE(RESOURCE_BUSY, -15);
	VALUE(NOT_INITIALIZED, -16);
	VALUE(NOT_SUPPORTED, -64);
	VALUE(INVALID_ARGUMENT, -65);
	VALUE(PEER_UNCOOPERATIVE, -66);
	VALUE(CONNECTION_LOST, -67);
}

/* 1.8, P-12, 18.26 */
TEST(errors_have_their_texts)
{
	EXPECT_STR(shared_region_strerror(-1), "Invalid or revoked capability");
	EXPECT_STR(shared_region_strerror(-2), "Target process not found");
	EXPECT_STR(shared_region_strerror(-3), "Endpoint not found");
	EXPECT_STR(shared_region_strerror(-4), "Message too large");
	EXPECT_STR(shared_region_strerror(-5), "Out of memory");
	EXPECT_STR(shared_region_strerror(-6), "Operation would block");
	EXPECT_STR(shared_region_strerror(-7), "Rate limit exceeded");
	EXPECT_STR(shared_region_strerror(-8), "Operation timed out");
	EXPECT_STR(shared_region_strerror(-9), "Permission denied");
	EXPECT_STR(shared_region_strerror(-10), "Invalid message format");
	EXPECT_STR(shared_region_strerror(-11), "Channel is full");
	EXPECT_STR(shared_region_strerror(-12), "Channel is empty");
	EXPECT_STR(shared_region_strerror(-13), "Endpoint is busy");
	EXPECT_STR(shared_region_strerror(-14), "Invalid memory region");
	EXPECT_STR(shared_region_strerror(-15), "Resource temporarily unavailable");
	EXPECT_STR(shared_region_strerror(-16), "IPC system not initialized");
}

/* 1.8 */
TEST(errors_that_were_added_have_texts_of_their_own)
{
	for (int one = -67; one <= -64; one++) {
		EXPECT(strlen(shared_region_strerror(one)) > 0);
		for (int other = -67; other <= -1; other++)
			if (other != one)
				EXPECT(strcmp(shared_region_strerror(one),
					      shared_region_strerror(other)) != 0);
	}
}

/* 13 */
TEST(every_number_has_a_text)
{
	static const int numbers[] = { 0, 1, -17, -63, -68, 65, -1000000, 1 << 30 };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		EXPECT(shared_region_strerror(numbers[i]) != NULL);
}

/* 13 */
TEST(scalar_types_have_their_sizes)
{
	EXPECT_EQ(sizeof(shared_region_pid), 8);
	EXPECT_EQ(sizeof(shared_region_cap), 8);
	EXPECT_EQ(sizeof(shared_region_rights), 4);
	EXPECT((shared_region_pid)-1 > 0);
	/* S-20: a token whose top bit is set is no negative number. */
	EXPECT((shared_region_cap)-1 > 0);
	EXPECT((shared_region_rights)-1 > 0);
}

/* 13 */
TEST(structures_have_their_layout)
{
	SIZE(transfer_report, 24);
	OFFSET(transfer_report, cap, 0);
	OFFSET(transfer_report, bytes_copied, 8);
	OFFSET(transfer_report, force_reached, 16);
	SIZE(offer, 32);
	OFFSET(offer, cap, 0);
	OFFSET(offer, region_id, 8);
	OFFSET(offer, from, 16);
	OFFSET(offer, mode, 24);
	OFFSET(offer, rights, 28);
	SIZE(cap_info, 16);
	OFFSET(cap_info, region_id, 0);
	OFFSET(cap_info, rights, 8);
	OFFSET(cap_info, state, 12);
	SIZE(stats, 40);
	OFFSET(stats, pages, 0);
	OFFSET(stats, bytes, 8);
	OFFSET(stats, transfers, 16);
	OFFSET(stats, bytes_copied, 24);
	OFFSET(stats, average_ns, 32);
	SIZE(notice, 24);
	OFFSET(notice, cap, 0);
	OFFSET(notice, seconds, 8);
	OFFSET(notice, reason, 16);
}

/* G-21 */
TEST(the_version_is_a_major_a_minor_and_a_patch)
{
	uint32_t version = shared_region_version();

	EXPECT(version > 0);
	EXPECT(version < 256 * 65536);
}
