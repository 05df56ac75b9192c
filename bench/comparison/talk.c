/* SPDX-License-Identifier: MIT */
#include "talk.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void talk_open(struct talk *talk, bool owner)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("COMPARE_SOCKET");

	talk->owner = owner;
	talk->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path ? path : "");
	if (connect(talk->sock, (struct sockaddr *)&address, sizeof(address)) < 0) {
		(void)fprintf(stderr, "nobody listens at COMPARE_SOCKET\n");
		exit(2);
	}
	talk_say(talk, "%s %d", owner ? "owner" : "importer", (int)getpid());
}

void talk_next(const struct talk *talk, char *line)
{
	ssize_t n = recv(talk->sock, line, TALK_LINE - 1, 0);

	if (n <= 0)
		_exit(0);
	line[n] = '\0';
}

bool talk_waiting(const struct talk *talk)
{
	struct pollfd one = { .fd = talk->sock, .events = POLLIN };

	return poll(&one, 1, 0) == 1;
}

void talk_say(const struct talk *talk, const char *format, ...)
{
	char line[TALK_LINE];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (n < 0 || n >= (int)sizeof(line) || send(talk->sock, line, (size_t)n, 0) != n)
		_exit(2);
}

const char *talk_argument(const char *line)
{
	const char *space = strchr(line, ' ');

	return space ? space + 1 : "";
}

bool talk_is(const char *line, const char *verb)
{
	size_t n = strlen(verb);

	return strncmp(line, verb, n) == 0 && (line[n] == ' ' || line[n] == '\0');
}

void talk_hex(const void *data, size_t size, char *text)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

size_t talk_unhex(const char *text, void *data, size_t size)
{
	unsigned char *bytes = data;
	size_t n = 0;
	unsigned byte;

	while (n < size && sscanf(text + 2 * n, "%2x", &byte) == 1)
		bytes[n++] = (unsigned char)byte;
	return n;
}
