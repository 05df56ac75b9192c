/* SPDX-License-Identifier: MIT */
/*
 * villain.h - a process that keeps everything it is given, and its accomplice
 *
 * For each member of a cast it connects to an export, keeps the descriptor and several mappings
 * of it, sends it on to another process, and goes on storing and looking for secrets in both,
 * most of all where it is a member's turn.
 */
#ifndef TESTS_SYSTEM_VILLAIN_H
#define TESTS_SYSTEM_VILLAIN_H

#include <stdatomic.h>
#include <stdint.h>

#include "kin.h"

#define PAGES 4u
#define SIZE (PAGES * PAGE)
#define WORDS (SIZE / sizeof(uint64_t))
#define CAST 28u

/* How a word begins, and whose it is. */
#define SECRET UINT64_C(0x5ec5ec0000000000)
#define POISON UINT64_C(0xbadbad0000000000)
#define WHOSE UINT64_C(0xffffff0000000000)

enum { HOSTILE, ACCOMPLICE, VILLAINS };

/* What the three know of each other: not part of what is tested. */
struct theatre {
	_Atomic uint32_t id[CAST];	 /* to connect to */
	_Atomic uint64_t turn;		 /* modulo CAST: whose memory is to be taken back */
	_Atomic uint64_t seen[VILLAINS]; /* the last turn in which it stored there */
	_Atomic uint64_t stores;	 /* all over the memory whose turn it was */
	_Atomic uint64_t leaks;		 /* secrets that were seen */
};

/* What it is told to do; it answers when that is done.  0: to end. */
enum order { CONNECT = 1, MISUSE, LET_GO };

/* Bodies of a kin, whose argument is a theatre that all share. */
void be_hostile_by_hand(struct kin *parent, void *arg);
void be_hostile_by_library(struct kin *parent, void *arg);
/* Tells it, and waits. */
void share_deed(struct kin *with, enum order order);

#endif
