/* SPDX-License-Identifier: MIT */
#include "sys/host.h"

#include <string.h>
#include <unistd.h>

#include "test.h"

TEST(memory_is_no_more_than_the_machine_has)
{
	uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t total, available;

	EXPECT_EQ(host_memory(&total, &available), 0);
	EXPECT(total <= machine);
	EXPECT(available <= total);
	EXPECT(available > 1 << 20);
}

TEST(random_bytes_differ)
{
	char a[300] = "", b[300] = "";

	host_random(a, sizeof(a));
	host_random(b, sizeof(b));
	EXPECT(memcmp(a, b, sizeof(a)) != 0);
	EXPECT(memcmp(a + 280, b + 280, 20) != 0);
}
