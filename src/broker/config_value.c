/* SPDX-License-Identifier: MIT */
#include "broker/config_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

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

int config_number_read(const struct config_key *key, const char *text, uint64_t *ret_value)
{
	unsigned long long number;
	uint64_t factor, value;
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
	if (factor == 0 || !mul_fits((uint64_t)number, factor, &value))
		return -EINVAL;
	if (value < key->least || value > key->most)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

static int number(const struct config_key *key, const char *text, uint64_t *ret_value,
		  char words[CONFIG_WORDS])
{
	int r = config_number_read(key, text, ret_value);

	if (r == -ERANGE && key->kind == KIND_OCTAL)
		(void)snprintf(words, CONFIG_WORDS, "%s must be from %04llo to %04llo",
			       key->name, (unsigned long long)key->least,
			       (unsigned long long)key->most);
	else if (r == -ERANGE)
		(void)snprintf(words, CONFIG_WORDS, "%s must be from %llu to %llu", key->name,
			       (unsigned long long)key->least, (unsigned long long)key->most);
	else if (r < 0)
		(void)snprintf(words, CONFIG_WORDS, "\"%.32s\" is no value for %s", text,
			       key->name);
	return r < 0 ? -EINVAL : 0;
}

bool config_is_name(const char *text)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.;";
	size_t length = strlen(text);

	return length > 0 && length < CONFIG_NAME_SIZE && strspn(text, allowed) == length;
}

static bool is_host(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] <= ' ' || strchr("[]\"\\/\177", text[i]))
			return false;
	return length > 0 && length < CONFIG_TEXT_SIZE;
}

static bool read_port(const char *text, uint16_t *ret_port)
{
	static const struct config_key port = { .kind = KIND_NUMBER,
						.least = 1,
						.most = 65535 };
	uint64_t value;

	if (config_number_read(&port, text, &value) < 0)
		return false;
	*ret_port = (uint16_t)value;
	return true;
}

/* Where the host is in @text, and what follows it; false if there is none. */
static bool split_host(const char *text, const char **ret_host, size_t *ret_length,
		       const char **ret_rest)
{
	const char *end;

	if (*text == '[') {
		end = strchr(text, ']');
		if (!end)
			return false;
		*ret_host = text + 1;
		*ret_length = (size_t)(end - text - 1);
		*ret_rest = end + 1;
		return true;
	}
	end = strchr(text, ':');
	/* Two colons without brackets: which of them is before the port? */
	if (end && strchr(end + 1, ':'))
		return false;
	*ret_host = text;
	*ret_length = end ? (size_t)(end - text) : strlen(text);
	*ret_rest = text + *ret_length;
	return true;
}

static bool read_address(const char *text, struct config_address *ret_address)
{
	struct config_address address = { .port = CONFIG_LINK_PORT };
	const char *host, *rest;
	size_t length;

	if (!split_host(text, &host, &length, &rest) || !is_host(host, length))
		return false;
	if (*rest && (*rest != ':' || !read_port(rest + 1, &address.port)))
		return false;
	memcpy(address.host, host, length);
	*ret_address = address;
	return true;
}

static int copy_text(const char *text, char *ret_text, size_t capacity)
{
	if (!*text || strlen(text) >= capacity)
		return -EINVAL;
	(void)snprintf(ret_text, capacity, "%s", text);
	return 0;
}

int config_value_read(const struct config_key *key, const char *text, void *ret_field,
		      char words[CONFIG_WORDS])
{
	switch (key->kind) {
	case KIND_ADDRESS:
		if (read_address(text, ret_field))
			return 0;
		(void)snprintf(words, CONFIG_WORDS,
			       "\"%.40s\" is no value for %s: write HOST, HOST:PORT or "
			       "[IPV6]:PORT",
			       text, key->name);
		return -EINVAL;
	case KIND_NAME:
		if (config_is_name(text))
			return copy_text(text, ret_field, CONFIG_NAME_SIZE);
		(void)snprintf(words, CONFIG_WORDS, "\"%.32s\" is no value for %s", text,
			       key->name);
		return -EINVAL;
	case KIND_TEXT:
		if (copy_text(text, ret_field, CONFIG_TEXT_SIZE) == 0)
			return 0;
		(void)snprintf(words, CONFIG_WORDS, "%s has no value", key->name);
		return -EINVAL;
	default:
		return number(key, text, ret_field, words);
	}
}

void config_address_print(const struct config_address *address, char text[CONFIG_ADDRESS_SIZE])
{
	bool colons = strchr(address->host, ':') != NULL;

	(void)snprintf(text, CONFIG_ADDRESS_SIZE, "%s%s%s:%u", colons ? "[" : "", address->host,
		       colons ? "]" : "", (unsigned)address->port);
}
