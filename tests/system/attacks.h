/* SPDX-License-Identifier: MIT */
/*
 * attacks.h - what a hostile process tries with memory it was given, and on other processes
 *
 * Each way is tried first where it is allowed, on memory and a process of the attacker's own: a
 * way that fails there proves nothing by failing elsewhere.
 */
#ifndef TESTS_SYSTEM_ATTACKS_H
#define TESTS_SYSTEM_ATTACKS_H

#include <stddef.h>
#include <sys/types.h>

/* Ways that fail even with one's own, because this host forbids them to everybody. */
unsigned attacks_untried(void);

/* Tries to write to an object that was given for reading, and all of the following. */
void attack_as_reader(int fd, size_t size);
/* Tries to change the size, the seals, the mode or the owner of an object given for writing. */
void attack_as_writer(int fd, size_t size);
/* Tries to read, change, stop or take from a process, which has @fd open, and a word at @word
 * if that is not NULL. */
void attack_process(pid_t pid, void *word, int fd);

#endif
