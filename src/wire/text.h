/* SPDX-License-Identifier: MIT */
/*
 * text.h - what a text on the wire may consist of
 *
 * Texts end up on terminals and in logs, so they are UTF-8 without control characters: nobody
 * can end a line, colour it or hide it from the other end of a socket.
 */
#ifndef WIRE_TEXT_H
#define WIRE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at @at, at most @left; 0 if it is none that a text may have. */
size_t text_character(const char *at, size_t left);
/* Bytes from @text on that are such characters, at most @size; all of them if it returns @size.
 */
size_t text_span(const char *text, size_t size);

#endif
