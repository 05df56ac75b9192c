/* SPDX-License-Identifier: MIT */
#include "broker/config.h"

#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tract/types.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/scope.h"

#define HOST_FILE "/etc/tract/tract.conf"

enum kind {
	KIND_NUMBER,
	KIND_SIZE,  /* a number, or one of KiB, MiB, GiB, TiB: 4K 4M 4G 4T */
	KIND_TIME,  /* milliseconds, or "never" */
	KIND_OCTAL, /* a file mode */
};

struct key {
	const char *section, *name;
	enum kind kind;
	size_t offset;
	uint64_t fallback, least, most;
};

#define IDLE_KEY 0

#define KEY(section, name, kind, field, fallback, least, most)                             \
	{                                                                                  \
		section, name, kind, offsetof(struct config, field), fallback, least, most \
	}

/* clang-format off */
static const struct key keys[] = {
	/* [0] is IDLE_KEY */
	KEY("broker", "idle-timeout-ms", KIND_TIME, idle_timeout_ms, 10000, 0, INT64_MAX / 1000000),
	KEY("limits", "max-segments", KIND_NUMBER, max_segments,
	    TRACT_SEGMENTS_MAX, 1, TRACT_SEGMENTS_MAX),
	KEY("limits", "max-imports", KIND_NUMBER, max_imports, 262144, 1, 1 << 24),
	KEY("limits", "max-per-process", KIND_NUMBER, max_per_process, 196608, 1, 1 << 24),
	KEY("limits", "max-capabilities", KIND_NUMBER, max_capabilities, 256, 1, 1 << 20),
	KEY("limits", "max-exported-memory", KIND_NUMBER, max_exported_memory, 75, 1, 100),
	KEY("limits", "max-user-memory", KIND_NUMBER, max_user_memory, 50, 1, 100),
	KEY("limits", "max-segment-size", KIND_SIZE, max_segment_size, 0, 4096, INT64_MAX),
	KEY("limits", "ack-timeout-ms", KIND_NUMBER, ack_timeout_ms, 1000, 1, 3600000),
	KEY("node", "id", KIND_NUMBER, node, 0, 0, TRACT_NODES_MAX - 1),
	KEY("broker", "socket-mode", KIND_OCTAL, socket_mode, 0, 0600, 0666),
};
/* clang-format on */

struct parse {
	struct config *config;
	FILE *file;
	const char *path;
	int line;  /* last one read */
	int wrong; /* line of the first mistake; 0: none */
	char words[160];
};

static uint64_t *field_of(struct config *c, const struct key *key)
{
	return (uint64_t *)(void *)((char *)c + key->offset);
}

void config_default(struct config *c)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		*field_of(c, &keys[i]) = keys[i].fallback;
}

/* The factor that a suffix stands for; 0 if it is none. */
static uint64_t suffix_factor(const char *suffix)
{
	static const char letters[] = "KMGT";
	const char *at;

	if (!*suffix)
		return 1;
	at = strchr(letters, *suffix);
	if (!at || suffix[1])
		return 0;
	return UINT64_C(1) << (10 * (at - letters + 1));
}

static int parse_value(const struct key *key, const char *text, uint64_t *ret_value)
{
	unsigned long long number;
	uint64_t factor;
	char *end;

	if (key->kind == KIND_TIME && strcmp(text, "never") == 0) {
		*ret_value = CONFIG_NEVER;
		return 0;
	}
	/* strtoull() would take a sign, and blanks before it. */
	if (*text < '0' || *text > '9' || strlen(text) > 19)
		return -EINVAL;
	number = strtoull(text, &end, key->kind == KIND_OCTAL ? 8 : 10);
	factor = key->kind == KIND_SIZE ? suffix_factor(end) : *end ? 0 : 1;
	if (factor == 0 || !mul_fits((uint64_t)number, factor, ret_value))
		return -EINVAL;
	return *ret_value < key->least || *ret_value > key->most ? -ERANGE : 0;
}

static const struct key *find_key(const char *section, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

__attribute__((format(printf, 2, 3))) static int mistake(struct parse *p, const char *format,
							 ...)
{
	va_list args;

	if (p->wrong == 0) {
		p->wrong = p->line;
		va_start(args, format);
		(void)vsnprintf(p->words, sizeof(p->words), format, args);
		va_end(args);
	}
	return 0;
}

/* libinih calls this for each "name = value"; 0 tells it of a mistake. */
static int on_value(void *arg, const char *section, const char *name, const char *value)
{
	struct parse *p = arg;
	const struct key *key = find_key(section, name);
	uint64_t parsed = 0;
	int r;

	if (!key)
		return mistake(p, "there is no \"%.32s\" in section [%.32s]", name, section);
	r = parse_value(key, value, &parsed);
	if (r == -ERANGE && key->kind == KIND_OCTAL)
		return mistake(p, "%s must be from %04llo to %04llo", name,
			       (unsigned long long)key->least, (unsigned long long)key->most);
	if (r == -ERANGE)
		return mistake(p, "%s must be from %llu to %llu", name,
			       (unsigned long long)key->least, (unsigned long long)key->most);
	if (r < 0)
		return mistake(p, "\"%.32s\" is no value for %s", value, name);
	*field_of(p->config, key) = parsed;
	return 1;
}

static char *next_line(char *text, int capacity, void *arg)
{
	struct parse *p = arg;

	if (!fgets(text, capacity, p->file))
		return NULL;
	p->line++;
	return text;
}

int config_read(const char *path, struct config *c)
{
	struct config changed = *c;
	struct parse p = { .config = &changed, .path = path };
	int r;

	p.file = fopen(path, "re");
	if (!p.file && access(path, F_OK) < 0)
		return -ENOENT;
	if (!p.file)
		return fail(-EACCES, "%s: cannot be read", path);
	r = ini_parse_stream(next_line, &p, on_value, &p);
	(void)fclose(p.file);
	/* The earlier of what we found wrong and what libinih did. */
	if (p.wrong && (r <= 0 || p.wrong <= r))
		return fail(-EINVAL, "%s:%d: %s", path, p.wrong, p.words);
	if (r > 0)
		return fail(-EINVAL, "%s:%d: neither [section] nor name = value", path, r);
	if (r < 0)
		return fail(-EINVAL, "%s: cannot be parsed", path);
	*c = changed;
	return 0;
}

/* What whoever starts us may say for want of a file; tests do. */
static void idle_from_environment(struct config *c)
{
	const char *text = secure_getenv("TRACT_IDLE_MS");
	uint64_t ms;

	if (text && strcmp(text, "-1") == 0)
		c->idle_timeout_ms = CONFIG_NEVER;
	else if (text && parse_value(&keys[IDLE_KEY], text, &ms) == 0)
		c->idle_timeout_ms = ms;
}

int config_load(const char *directory, struct config *c)
{
	char path[PATH_MAX];
	int r;

	config_default(c);
	idle_from_environment(c);
	if ((size_t)snprintf(path, sizeof(path), "%s/tract.conf", directory) >= sizeof(path))
		return fail(-ENAMETOOLONG, "%s: too long", directory);
	r = config_read(path, c);
	if (r == -ENOENT)
		r = config_read(HOST_FILE, c);
	return r == -ENOENT ? 0 : r;
}
