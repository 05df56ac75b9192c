/* SPDX-License-Identifier: MIT */
/*
 * log.h - one line per event, as "what key=value ..."
 *
 * The library never prints: a line goes to the sink, if one was set.  Values with blanks or
 * quotes are quoted by log_quote().
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

typedef void (*log_sink)(void *arg, enum log_level level, const char *line);

/* Set before other threads use the library; NULL: nowhere. */
void log_set_sink(log_sink sink, void *arg);
void log_event(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* @text itself if it needs no quotes, else @buffer with as much of it, quoted, as fits. */
const char *log_quote(const char *text, char *buffer, size_t capacity);

#endif
