/* SPDX-License-Identifier: MIT */
#include "words.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include <tract/tract.h>

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

const char *words_address(uint64_t address, char text[WORDS_MAX])
{
	(void)snprintf(text, WORDS_MAX, "0x%012llx", (unsigned long long)address);
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
	/* A process may call itself whatever it likes. */
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
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

const char *words_mapping(uint32_t kind)
{
	static const char *const names[] = {
		[TRACT_MAPPING_OTHER] = "other",	 [TRACT_MAPPING_REGION] = "region",
		[TRACT_MAPPING_OBJECT] = "object",	 [TRACT_MAPPING_PAGER] = "pager",
		[TRACT_MAPPING_ANONYMOUS] = "anonymous", [TRACT_MAPPING_BLOCKED] = "blocked",
		[TRACT_MAPPING_SYSV] = "sysv",		 [TRACT_MAPPING_CONTROL] = "control",
		[TRACT_MAPPING_HELD] = "held",
	};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "?";
}

const char *words_access(uint32_t rights, bool executable, char text[WORDS_MAX])
{
	(void)snprintf(text, WORDS_MAX, "%c%c%c", rights & TRACT_RIGHT_READ ? 'r' : '-',
		       rights & TRACT_RIGHT_WRITE ? 'w' : '-', executable ? 'x' : '-');
	return text;
}

const char *words_name(char letter, uint64_t number, char text[WORDS_MAX])
{
	(void)snprintf(text, WORDS_MAX, "%c%llu", letter, (unsigned long long)number);
	return text;
}

const char *words_permission(uint32_t permission, char text[WORDS_MAX])
{
	(void)snprintf(text, WORDS_MAX, "%c%c%c", permission & TRACT_CAP_READ ? 'r' : '-',
		       permission & TRACT_CAP_WRITE ? 'w' : '-',
		       permission & TRACT_CAP_EXECUTE ? 'x' : '-');
	return text;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *words_state(uint32_t state)
{
	static const char *const names[] = {
		[TRACT_SHARED_OWNED] = "owned",	      [TRACT_SHARED_MOVING] = "moving",
		[TRACT_SHARED_REKEYING] = "rekeying", [TRACT_SHARED_FROZEN] = "frozen",
		[TRACT_SHARED_ORPHAN] = "orphan",
	};

	return state && state < COUNT(names) ? names[state] : "?";
}

static const char *const forces[] = {
	[TRACT_FORCE_ASK] = "ask",
	[TRACT_FORCE_VERIFY] = "verify",
	[TRACT_FORCE_FENCE] = "fence",
	[TRACT_FORCE_KILL] = "kill",
};

const char *words_force(uint32_t force)
{
	return force < COUNT(forces) ? forces[force] : "never";
}

bool words_read_force(const char *text, uint32_t *ret_force)
{
	for (uint32_t force = 0; force < COUNT(forces); force++) {
		if (strcmp(text, forces[force]) != 0)
			continue;
		*ret_force = force;
		return true;
	}
	return false;
}

const char *words_cache(uint32_t cache)
{
	static const char *const names[] = {
		[TRACT_CACHE_DEFAULT] = "default",
		[TRACT_CACHE_WRITE_BACK] = "write-back",
		[TRACT_CACHE_WRITE_THROUGH] = "write-through",
		[TRACT_CACHE_UNCACHED] = "uncached",
		[TRACT_CACHE_WRITE_COMBINING] = "write-combining",
	};

	return cache < COUNT(names) ? names[cache] : "?";
}

const char *words_capability(uint32_t rights, char text[WORDS_MAX])
{
	static const struct {
		uint32_t right;
		const char *name;
	} names[] = { { TRACT_CAP_READ, "read" },	{ TRACT_CAP_WRITE, "write" },
		      { TRACT_CAP_EXECUTE, "execute" }, { TRACT_CAP_MAP, "map" },
		      { TRACT_CAP_GRANT, "grant" },	{ TRACT_CAP_REVOKE, "revoke" },
		      { TRACT_CAP_DELETE, "delete" } };
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < COUNT(names); i++)
		if (rights & names[i].right)
			used += (size_t)snprintf(text + used, WORDS_MAX - used, "%s%s",
						 used ? " " : "", names[i].name);
	return text;
}
