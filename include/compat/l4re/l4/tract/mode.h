/* SPDX-License-Identifier: MIT */
/*
 * mode.h - for which generation of the interface is a program compiled?
 *
 * L4Re gave the same names other numbers in 2019: what was READ_ONLY became the right to
 * execute, and no function could tell.  So a program chooses when it is compiled.  One that
 * says nothing gets the classic interface, that of the years up to 2018.  One that defines
 * L4RE_MODERN before it includes its first header of L4Re, or on the compiler's command line,
 * gets the modern one, which checks its arguments.
 *
 * Functions whose meaning depends on the choice have one link symbol for each generation:
 * what a program calls l4re_NAME() is linked as l4re_modern_NAME in modern mode.  Objects of
 * both kinds may be linked into one program; they work on the same region map and the same
 * capability slots, and each is told flags in its own numbering.
 *
 * Programs do not include this header; every other one does.
 */
#ifndef L4_TRACT_MODE_H
#define L4_TRACT_MODE_H

#ifdef L4RE_MODERN
#define L4_TRACT_MODERN 1
#define L4_TRACT_LINK(name) __asm__("l4re_modern_" #name)
#else
#define L4_TRACT_CLASSIC 1
#define L4_TRACT_LINK(name)
#endif

#endif

/* Not guarded: half a program in each numbering is what nobody would find. */
#if defined(L4RE_MODERN) && defined(L4_TRACT_CLASSIC)
#error "define L4RE_MODERN before the first header of L4Re is included"
#endif
#if !defined(L4RE_MODERN) && defined(L4_TRACT_MODERN)
#error "L4RE_MODERN was undefined between two headers of L4Re"
#endif
