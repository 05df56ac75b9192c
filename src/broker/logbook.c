/* SPDX-License-Identifier: MIT */
#include "broker/logbook.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"

int logbook_open(struct logbook *book, const char *path)
{
	*book = (struct logbook){ 0 };
	if (!path || !*path)
		return 0;
	if (strcmp(path, "-") == 0) {
		book->file = stderr;
		book->journal = true;
		return 0;
	}
	book->file = fopen(path, "ae");
	if (!book->file)
		return fail(-EACCES, "%s: cannot be opened for appending", path);
	return 0;
}

void logbook_close(struct logbook *book)
{
	if (book->file && !book->journal)
		(void)fclose(book->file);
	*book = (struct logbook){ 0 };
}

bool logbook_is_open(const struct logbook *book)
{
	return book->file != NULL;
}

static const char *const level_words[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

void logbook_write(struct logbook *book, enum log_level level, const char *line)
{
	struct timespec now;
	char text[32] = "";
	struct tm parts;

	if (!book->file)
		return;
	if (book->journal) {
		(void)fprintf(book->file, "<%d>%s\n", (int)level, line);
		return;
	}
	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &parts))
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
	(void)fprintf(book->file, "%s.%06ldZ %llu.%06llu %s %s\n", text, now.tv_nsec / 1000,
		      (unsigned long long)(clock_now() / NS_PER_S),
		      (unsigned long long)(clock_now() % NS_PER_S / 1000), level_words[level],
		      line);
	(void)fflush(book->file);
}
