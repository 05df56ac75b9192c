/* SPDX-License-Identifier: MIT */
/*
 * boost_open.h - Boost.Interprocess, for C
 */
#ifndef BENCH_BOOST_OPEN_H
#define BENCH_BOOST_OPEN_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A shared memory object others can open by its name.  Return: 0, or -1, also if this build is
 * without Boost. */
int boost_make(size_t bytes);
/* Opens it by name, maps, stores a byte, unmaps.  Return: 0 or -1. */
int boost_open_once(void);
/* Removes it. */
void boost_end(void);

#ifdef __cplusplus
}
#endif

#endif
