/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "compat/rsm/rsm.h"

#define RESERVATIONS "/etc/rsm/rsm.segmentid"

/* A number in @base that fits 32 bits; what follows its digits is not looked at. */
static bool number_of(const char *text, int base, uint32_t *ret_number)
{
	unsigned long long value;
	const char *digits = text;
	char *end;

	if (base == 16 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		digits += 2;
	if (base == 16 ? !isxdigit((unsigned char)*digits) : !isdigit((unsigned char)*digits))
		return false;
	value = strtoull(digits, &end, base);
	if (value > UINT32_MAX)
		return false;
	*ret_number = (uint32_t)value;
	return true;
}

static int reservation(char *const field[4], rsm_memseg_id_t *baseid, uint32_t *length)
{
	uint32_t base, count;

	if (strcasecmp(field[0], "reserved") != 0 && strcasecmp(field[0], "reserve") != 0)
		return RSMERR_BAD_CONF;
	if (!number_of(field[2], 16, &base) || !number_of(field[3], 10, &count))
		return RSMERR_BAD_CONF;
	*baseid = base;
	*length = count;
	return RSM_SUCCESS;
}

/* RSMERR_BAD_APPID: not this line. */
static int match(char *line, const char *appid, rsm_memseg_id_t *baseid, uint32_t *length)
{
	static const char blank[] = " \t\r\n\v\f";
	char *field[4], *rest = NULL;

	field[0] = strtok_r(line, blank, &rest);
	if (!field[0] || field[0][0] == '#')
		return RSMERR_BAD_APPID;
	for (int i = 1; i < 4; i++) {
		field[i] = strtok_r(NULL, blank, &rest);
		if (!field[i])
			return RSMERR_BAD_CONF;
	}
	if (strcasecmp(field[1], appid) != 0)
		return RSMERR_BAD_APPID;
	return reservation(field, baseid, length);
}

/* The file may be named by the environment, for tests; not in a set-user-id program. */
static const char *file_name(void)
{
	const char *given = secure_getenv("TRACT_RSM_SEGMENTID_FILE");

	return given ? given : RESERVATIONS;
}

RSM_API int rsm_get_segmentid_range(const char *appid, rsm_memseg_id_t *baseid,
				    uint32_t *length)
{
	int status = RSMERR_BAD_APPID;
	char *line = NULL;
	size_t room = 0;
	FILE *file;

	if (!appid || !baseid || !length)
		return RSMERR_BAD_ADDR;
	file = fopen(file_name(), "re");
	if (!file)
		return RSMERR_BAD_CONF;
	while (status == RSMERR_BAD_APPID && getline(&line, &room, file) >= 0)
		status = match(line, appid, baseid, length);
	if (status == RSMERR_BAD_APPID && ferror(file))
		status = RSMERR_BAD_CONF;
	free(line);
	(void)fclose(file);
	return status;
}
