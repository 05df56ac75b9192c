/* SPDX-License-Identifier: MIT */
/*
 * logbook.h - where the broker's lines go
 *
 * One line per event.  In the foreground to standard error, with the level as "<6>" before it,
 * which journals understand; otherwise to a file, with the time; otherwise nowhere.
 */
#ifndef BROKER_LOGBOOK_H
#define BROKER_LOGBOOK_H

#include <stdbool.h>
#include <stdio.h>

#include "base/log.h"

struct logbook {
	FILE *file; /* NULL: nowhere */
	bool journal;
};

/* @path: a file to append to, "-" for standard error, NULL for nowhere.  Opened at once. */
int logbook_open(struct logbook *book, const char *path);
void logbook_close(struct logbook *book);
bool logbook_is_open(const struct logbook *book);
void logbook_write(struct logbook *book, enum log_level level, const char *line);

#endif
