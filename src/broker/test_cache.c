/* SPDX-License-Identifier: MIT */
#include "broker/cache.h"

#include <errno.h>

#include "test.h"

TEST(memory_is_cached_for_writing_back_and_no_other_way)
{
	EXPECT_EQ(cache_check(CACHE_WRITE_BACK), 0);
	EXPECT_EQ(cache_check(CACHE_WRITE_THROUGH), -EOPNOTSUPP);
	EXPECT_EQ(cache_check(CACHE_UNCACHED), -EOPNOTSUPP);
	EXPECT_EQ(cache_check(CACHE_WRITE_COMBINING), -EOPNOTSUPP);
}

TEST(what_is_no_cache_policy_is_a_mistake)
{
	EXPECT_EQ(cache_check(4), -EINVAL);
	EXPECT_EQ(cache_check(UINT32_MAX), -EINVAL);
}
