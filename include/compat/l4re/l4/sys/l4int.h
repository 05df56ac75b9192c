/* SPDX-License-Identifier: MIT */
/* l4int.h - integer types */
#ifndef L4_SYS_L4INT_H
#define L4_SYS_L4INT_H

#include <l4/tract/mode.h>

typedef signed char l4_int8_t;
typedef unsigned char l4_uint8_t;
typedef signed short l4_int16_t;
typedef unsigned short l4_uint16_t;
typedef signed int l4_int32_t;
typedef unsigned int l4_uint32_t;
__extension__ typedef signed long long l4_int64_t;
__extension__ typedef unsigned long long l4_uint64_t;

typedef unsigned long l4_addr_t;
typedef signed long l4_mword_t;
typedef unsigned long l4_umword_t;

#if __SIZEOF_POINTER__ == 8
#define L4_MWORD_BITS 64
typedef unsigned long l4_size_t;
typedef signed long l4_ssize_t;
#else
#define L4_MWORD_BITS 32
typedef unsigned int l4_size_t;
typedef signed int l4_ssize_t;
#endif

#ifdef L4RE_MODERN
/* What most modern functions return: 0 or more, or a negative error code. */
typedef l4_int16_t l4_ret_t;
#endif

#endif
