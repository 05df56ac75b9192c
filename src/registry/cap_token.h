/* SPDX-License-Identifier: MIT */
/*
 * cap_token.h - how a holder names a capability, in 64 bits
 *
 *	63      60 59      56 55           48 47                                   0
 *	+----------+----------+---------------+--------------------------------------+
 *	|  flags   |   type   |  generation   |                 id                   |
 *	+----------+----------+---------------+--------------------------------------+
 *
 * A token is no secret and no authority: it is looked up, and compared as a whole.  The flags
 * are the lowest four rights at the time it was made.  Ids are never given twice, which is what
 * a generation is for elsewhere; ours is always 0.
 */
#ifndef REGISTRY_CAP_TOKEN_H
#define REGISTRY_CAP_TOKEN_H

#include <stdint.h>

#define CAP_ID_MAX ((UINT64_C(1) << 48) - 1)
#define CAP_TYPE_MEMORY 0u

struct cap_fields {
	uint64_t id;	     /* from 1 to CAP_ID_MAX */
	uint32_t generation; /* 8 bits */
	uint32_t type;	     /* 4 bits */
	uint32_t flags;	     /* 4 bits: read 1, write 2, execute 4, grant 8 */
};

/* 0, which names nothing, if a field does not fit. */
uint64_t cap_pack(struct cap_fields fields);
struct cap_fields cap_unpack(uint64_t token);

#endif
