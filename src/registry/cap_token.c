/* SPDX-License-Identifier: MIT */
#include "registry/cap_token.h"

#define GENERATION_SHIFT 48
#define TYPE_SHIFT 56
#define FLAGS_SHIFT 60

uint64_t cap_pack(struct cap_fields fields)
{
	if (fields.id == 0 || fields.id > CAP_ID_MAX || fields.generation > 0xff ||
	    fields.type > 0xf || fields.flags > 0xf)
		return 0;
	return fields.id | (uint64_t)fields.generation << GENERATION_SHIFT |
	       (uint64_t)fields.type << TYPE_SHIFT | (uint64_t)fields.flags << FLAGS_SHIFT;
}

struct cap_fields cap_unpack(uint64_t token)
{
	return (struct cap_fields){
		.id = token & CAP_ID_MAX,
		.generation = token >> GENERATION_SHIFT & 0xff,
		.type = token >> TYPE_SHIFT & 0xf,
		.flags = (uint32_t)(token >> FLAGS_SHIFT),
	};
}
