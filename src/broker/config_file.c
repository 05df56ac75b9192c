/* SPDX-License-Identifier: MIT */
/*
 * config_file.c - the lines of a tract.conf
 *
 * libinih splits them; this counts them, sees to it that nothing is skipped or cut, and keeps
 * the first mistake with its line.
 */
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "broker/config_parse.h"

#define BLANKS " \t\r\n\v\f"
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

int config_mistake(struct config_parse *p, int line, const char *format, ...)
{
	va_list args;

	if (p->wrong == 0) {
		p->wrong = line;
		va_start(args, format);
		(void)vsnprintf(p->words, sizeof(p->words), format, args);
		va_end(args);
		/* They end up on a terminal, or in a log. */
		for (char *c = p->words; *c; c++)
			if ((unsigned char)*c < ' ' || *c == '\177')
				*c = '?';
	}
	return 0;
}

int config_line_of(const struct config_parse *p, const void *field)
{
	for (unsigned i = 0; i < p->set_count; i++)
		if (p->set[i].field == field)
			return p->set[i].line;
	return 0;
}

static const struct config_key *find_key(const struct config_section *s, const char *name)
{
	for (size_t i = 0; i < s->key_count; i++)
		if (strcmp(s->keys[i].section, s->word) == 0 &&
		    strcmp(s->keys[i].name, name) == 0)
			return &s->keys[i];
	return NULL;
}

static int set_field(struct config_parse *p, const struct config_key *key, const char *value)
{
	void *field = (char *)p->section.about + key->offset;
	char words[CONFIG_WORDS];
	int line = config_line_of(p, field);

	if (line)
		return config_mistake(p, p->line, "%s was set on line %d already", key->name,
				      line);
	if (config_value_read(key, value, field, words) < 0)
		return config_mistake(p, p->line, "%s", words);
	p->set[p->set_count].field = field;
	p->set[p->set_count++].line = p->line;
	return 1;
}

/* libinih calls this for each "name = value"; 0 tells it of a mistake. */
static int on_value(void *arg, const char *section, const char *name, const char *value)
{
	struct config_parse *p = arg;
	const struct config_key *key;

	/* Sections are told by their lines, which may have no setting below them. */
	(void)section;
	if (!*p->section.word)
		return config_mistake(p, p->line, "\"%.32s\" stands in no section", name);
	if (!p->section.about)
		return 0;
	if (strcmp(p->section.word, "alias") == 0)
		return config_alias_add(p, name, value);
	key = find_key(&p->section, name);
	if (!key)
		return config_mistake(p, p->line, "there is no \"%.32s\" in section [%s]", name,
				      p->section.word);
	return set_field(p, key, value);
}

/* "[word]" or "[word name]"; what is neither, libinih finds. */
static void on_section(struct config_parse *p, char *text)
{
	char *end = strchr(text, ']'), *word, *name;

	if (!end)
		return;
	*end = '\0';
	word = text + 1 + strspn(text + 1, BLANKS);
	name = word + strcspn(word, BLANKS);
	if (*name)
		*name++ = '\0';
	name += strspn(name, BLANKS);
	for (end = name + strlen(name); end > name && strchr(BLANKS, end[-1]); end--)
		end[-1] = '\0';
	p->section = (struct config_section){ .line = p->line };
	(void)snprintf(p->section.word, sizeof(p->section.word), "%s", word);
	config_section_begin(p, word, name);
	if (!p->section.about && p->wrong == 0)
		(void)config_mistake(p, p->line, "there is no section [%.32s]", word);
}

/* The line without what libinih would take for something else; NULL if it is a mistake. */
static char *clean_line(struct config_parse *p, ssize_t length, int capacity)
{
	char *text = p->text;

	if (strlen(text) != (size_t)length) {
		(void)config_mistake(p, p->line, "has a byte 0 in it: this is no text");
		return NULL;
	}
	if (p->line == 1 && strncmp(text, BYTE_ORDER_MARK, 3) == 0)
		text += 3;
	/* To libinih, what is indented continues the line before. */
	text += strspn(text, BLANKS);
	if (strlen(text) >= (size_t)capacity) {
		(void)config_mistake(p, p->line, "is longer than %d bytes", capacity - 1);
		return NULL;
	}
	return text;
}

static char *next_line(char *text, int capacity, void *arg)
{
	struct config_parse *p = arg;
	ssize_t length = getline(&p->text, &p->text_size, p->file);
	char *clean;

	if (length < 0)
		return NULL;
	p->line++;
	clean = clean_line(p, length, capacity);
	(void)snprintf(text, (size_t)capacity, "%s", clean ? clean : "\n");
	if (clean && *clean == '[')
		on_section(p, clean);
	return text;
}

static int parse(struct config_parse *p)
{
	int r = ini_parse_stream(next_line, p, on_value, p);

	free(p->text);
	/* The earlier of what we found wrong and what libinih did. */
	if (p->wrong == 0 && r == 0)
		config_nodes_finish(p);
	if (p->wrong && (r <= 0 || p->wrong <= r))
		return fail(-EINVAL, "%s:%d: %s", p->path, p->wrong, p->words);
	if (r > 0)
		return fail(-EINVAL, "%s:%d: neither [section] nor name = value", p->path, r);
	return r < 0 ? fail(-EINVAL, "%s: cannot be parsed", p->path) : 0;
}

static int directory_of(const char *path, char ret_directory[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	if (length >= PATH_MAX)
		return fail(-ENAMETOOLONG, "%s: too long", path);
	(void)snprintf(ret_directory, PATH_MAX, "%.*s", (int)length, path);
	if (!slash)
		(void)snprintf(ret_directory, PATH_MAX, ".");
	else if (length == 0)
		(void)snprintf(ret_directory, PATH_MAX, "/");
	return 0;
}

int config_read(const char *path, struct config *c)
{
	struct config changed = *c;
	struct config_parse p = { .config = &changed, .path = path };
	int r;

	p.file = fopen(path, "re");
	if (!p.file && access(path, F_OK) < 0)
		return -ENOENT;
	if (!p.file)
		return fail(-EACCES, "%s: cannot be read", path);
	r = parse(&p);
	(void)fclose(p.file);
	if (r == 0)
		r = directory_of(path, changed.directory);
	if (r == 0)
		*c = changed;
	return r;
}
