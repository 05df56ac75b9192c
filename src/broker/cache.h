/* SPDX-License-Identifier: MIT */
/*
 * cache.h - which cache policies memory can have
 */
#ifndef BROKER_CACHE_H
#define BROKER_CACHE_H

#include <stdint.h>

enum cache_policy {
	CACHE_WRITE_BACK,
	CACHE_WRITE_THROUGH,
	CACHE_UNCACHED,
	CACHE_WRITE_COMBINING
};

/* May an object of ours have this one?  0, -EOPNOTSUPP, or -EINVAL for what is no policy. */
int cache_check(uint32_t policy);

#endif
