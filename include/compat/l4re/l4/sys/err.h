/* SPDX-License-Identifier: MIT */
/*
 * err.h - error codes
 *
 * A function that fails returns one of these as a negative number; 0 and more is success.
 */
#ifndef L4_SYS_ERR_H
#define L4_SYS_ERR_H

#include <l4/sys/compiler.h>
#include <l4/tract/mode.h>

EXTERN_C_BEGIN

enum l4_error_code_t {
	L4_EOK = 0,
	L4_EPERM = 1,
	L4_ENOENT = 2,
	L4_EIO = 5,
#ifdef L4RE_MODERN
	L4_ENXIO = 6,
	L4_E2BIG = 7,
#endif
	L4_EAGAIN = 11,
	L4_ENOMEM = 12,
	L4_EACCESS = 13,
	L4_EFAULT = 14,
	L4_EBUSY = 16,
	L4_EEXIST = 17,
	L4_ENODEV = 19,
#ifdef L4RE_MODERN
	L4_ENOTDIR = 20,
#endif
	L4_EINVAL = 22,
#ifdef L4RE_MODERN
	L4_ENOSPC = 28,
#endif
	L4_ERANGE = 34,
	L4_ENAMETOOLONG = 36,
	L4_ENOSYS = 38,
	L4_EBADPROTO = 39,
	L4_EADDRNOTAVAIL = 99,
	L4_ERRNOMAX = 100, /* a bound, not an error */

	L4_ENOREPLY = 1000,
	L4_EMSGTOOSHORT = 1001,
	L4_EMSGTOOLONG = 1002,
	L4_EMSGMISSARG = 1003,
#ifdef L4RE_MODERN
	L4_EMSGERRRANGE = 1004,
	L4_EDROPREPLY = 1005,
#endif

	/* Errors of invoking a capability: L4_EIPC_LO plus an L4_IPC_* of <l4/sys/ipc.h>. */
	L4_EIPC_LO = 2000,
	L4_EIPC_HI = 2031
};

/**
 * l4sys_errtostr() - an error code in words
 * @err: what a function returned
 *
 * May be called from any thread.
 *
 * Return: a constant text, never NULL.  For what is no error code of L4Re: "bad, unknown
 * runtime error".
 */
L4_CV char const *l4sys_errtostr(long err) L4_NOTHROW L4_TRACT_LINK(errtostr);

EXTERN_C_END

#endif
