/* SPDX-License-Identifier: MIT */
/*
 * log.c - one line per event, to the sink that was set
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 1024

static log_sink current_sink;
static void *current_arg;

void log_set_sink(log_sink sink, void *arg)
{
	current_sink = sink;
	current_arg = arg;
}

void log_event(enum log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list args;

	if (!current_sink)
		return;
	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	current_sink(current_arg, level, line);
}

static int needs_quotes(const char *text)
{
	if (!*text)
		return 1;
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || strchr("\"\\=\177", *text))
			return 1;
	return 0;
}

const char *log_quote(const char *text, char *buffer, size_t capacity)
{
	size_t used = 0;

	if (!needs_quotes(text))
		return text;
	/* Each turn may add an escape of four; a quote and the end must still fit. */
	if (capacity < 3)
		return "";
	buffer[used++] = '"';
	for (; *text && used + 6 <= capacity; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ' || c == 127) {
			used += (size_t)snprintf(buffer + used, 5, "\\x%02x", c);
		} else {
			if (c == '"' || c == '\\')
				buffer[used++] = '\\';
			buffer[used++] = (char)c;
		}
	}
	buffer[used++] = '"';
	buffer[used] = '\0';
	return buffer;
}
