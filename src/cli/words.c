/* SPDX-License-Identifier: MIT */
#include "words.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include <tract/inspect.h>

const char *words_size(uint64_t bytes, char text[WORDS_MAX])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	unsigned unit = 0;

	/* 1023.96 would be printed as 1024.0. */
	while (value >= 1023.95 && unit < 6) {
		value /= 1024;
		unit++;
	}
	(void)snprintf(text, WORDS_MAX, unit && value < 99.95 ? "%.1f %s" : "%.0f %s", value,
		       units[unit]);
	return text;
}

const char *words_age(uint64_t ms, char text[WORDS_MAX])
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	uint64_t seconds = ms / 1000;
	unsigned i = 0;

	while (i < 3 && seconds < units[i].seconds)
		i++;
	(void)snprintf(text, WORDS_MAX, "%llu %s",
		       (unsigned long long)(seconds / units[i].seconds), units[i].name);
	return text;
}

const char *words_mode(uint32_t mode, char text[WORDS_MAX])
{
	(void)snprintf(text, WORDS_MAX, "%04o", mode);
	return text;
}

const char *words_rights(uint32_t rights, char text[WORDS_MAX])
{
	(void)snprintf(text, WORDS_MAX, "%s%s%s", rights & TRACT_RIGHT_READ ? "r" : "",
		       rights & TRACT_RIGHT_WRITE ? "w" : "",
		       rights & TRACT_RIGHT_READ_WRITE ? "" : "-");
	return text;
}

const char *words_user(uint32_t uid, char text[WORDS_MAX])
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		(void)snprintf(text, WORDS_MAX, "%s", user->pw_name);
	else
		(void)snprintf(text, WORDS_MAX, "%u", uid);
	return text;
}

const char *words_process(int32_t pid, char text[WORDS_MAX])
{
	char path[WORDS_MAX];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (!file || !fgets(text, WORDS_MAX, file))
		(void)snprintf(text, WORDS_MAX, "?");
	if (file)
		(void)fclose(file);
	text[strcspn(text, "\n")] = '\0';
	return text;
}

const char *words_backing(uint32_t backing)
{
	switch (backing) {
	case TRACT_BACKING_MEMFD:
		return "memfd";
	case TRACT_BACKING_SYSV:
		return "sysv";
	default:
		return "?";
	}
}
