/* SPDX-License-Identifier: MIT */
/*
 * modern_half.h - what the modern half of test_both_modes.c does for the classic one
 *
 * In words that are the same in both generations: no header of L4Re is included here.
 */
#ifndef TESTS_CONFORMANCE_L4RE_MODERN_HALF_H
#define TESTS_CONFORMANCE_L4RE_MODERN_HALF_H

enum modern_kind { MODERN_R, MODERN_RW, MODERN_RESERVED, MODERN_KERNEL, MODERN_UNCACHED };

/* Attaches a page of @ds with a search; 0 or a negative code. */
int modern_attach(unsigned long *at, enum modern_kind kind, unsigned long ds);
int modern_detach(unsigned long at, unsigned long *ds);
/* 1 if modern flags of what is at @at are exactly those of @kind, else 0. */
int modern_is(unsigned long at, enum modern_kind kind, unsigned long ds);
/* Modern flags of the area or region at @at, for what has no kind above. */
unsigned modern_flags(unsigned long at);
unsigned long modern_size(unsigned long ds);
/* The addresses of functions and of the environment, as modern programs see them. */
const void *modern_function(unsigned which);
const void *modern_environment(void);
unsigned long modern_region_map(void);

#endif
