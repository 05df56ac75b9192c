/* SPDX-License-Identifier: MIT */
#include "map/copied.h"

#include <stdatomic.h>
#include <string.h>

#include "sys/memfd.h"

static _Atomic uint64_t copied;

static void count(size_t size)
{
	(void)atomic_fetch_add_explicit(&copied, size, memory_order_relaxed);
}

int copied_write(int fd, uint64_t offset, const void *from, size_t size)
{
	count(size);
	return memfd_write(fd, offset, from, size);
}

int copied_read(int fd, uint64_t offset, void *to, size_t size)
{
	count(size);
	return memfd_read(fd, offset, to, size);
}

void copied_bytes(void *to, const void *from, size_t size)
{
	count(size);
	memcpy(to, from, size);
}

uint64_t copied_count(void)
{
	return atomic_load_explicit(&copied, memory_order_relaxed);
}
