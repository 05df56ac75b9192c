/* SPDX-License-Identifier: MIT */
/*
 * talk.h - what a compared program and the script that drives it say to each other
 *
 * A program is an owner or an importer.  It connects to the socket named by COMPARE_SOCKET,
 * says what it is, and from then on carries out one line at a time:
 *
 *	owner:     offer -> info WORDS        it has memory; WORDS is what an importer needs
 *	           revoke -> told WORDS       it took the memory back, or tried
 *	           peek -> told NUMBER        the first word of its memory
 *	importer:  connect WORDS -> told WORDS
 *	           put NUMBER -> told WORDS   it wrote the first word; WORDS is what it was told
 *
 * It ends when the script is gone.
 */
#ifndef BENCH_TALK_H
#define BENCH_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TALK_LINE 8192

struct talk {
	int sock;
	bool owner;
};

void talk_open(struct talk *talk, bool owner);

/* Waits for a line; @line holds TALK_LINE bytes.  Ends the program when the script is gone. */
void talk_next(const struct talk *talk, char *line);
/* Is a line waiting? */
bool talk_waiting(const struct talk *talk);
__attribute__((format(printf, 2, 3))) void talk_say(const struct talk *talk, const char *format,
						    ...);

/* The word after the verb, or "" */
const char *talk_argument(const char *line);
bool talk_is(const char *line, const char *verb);

/* Bytes as hexadecimal digits and back; @text holds 2 * @size + 1. */
void talk_hex(const void *data, size_t size, char *text);
size_t talk_unhex(const char *text, void *data, size_t size);

#ifdef __cplusplus
}
#endif

#endif
