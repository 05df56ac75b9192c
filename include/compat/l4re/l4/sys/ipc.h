/* SPDX-License-Identifier: MIT */
/*
 * ipc.h - what came of invoking a capability
 *
 * Nothing is sent here: of L4's messages a program for the region map sees the errors alone.
 */
#ifndef L4_SYS_IPC_H
#define L4_SYS_IPC_H

#include <l4/sys/compiler.h>
#include <l4/sys/err.h>
#include <l4/sys/types.h>

EXTERN_C_BEGIN

enum {
	L4_IPC_SETIMEOUT = 0x02,
	L4_IPC_RETIMEOUT = 0x03,
	L4_IPC_ENOT_EXISTENT = 0x04, /* the index is invalid, or the slot is empty */
	L4_IPC_SECANCELED = 0x06,
	L4_IPC_RECANCELED = 0x07,
	L4_IPC_SEMSGCUT = 0x08,
	L4_IPC_REMSGCUT = 0x09,
	L4_IPC_SESNDPFTO = 0x0a,
	L4_IPC_RESNDPFTO = 0x0b,
	L4_IPC_SERCVPFTO = 0x0c,
	L4_IPC_RERCVPFTO = 0x0d,
	L4_IPC_SEABORTED = 0x0e,
	L4_IPC_REABORTED = 0x0f,
	L4_IPC_SEMAPFAILED = 0x10,
	L4_IPC_REMAPFAILED = 0x11
};

/* The block that L4's messages pass through; l4_ipc_error() takes a pointer and ignores it. */
typedef struct l4_utcb_t l4_utcb_t;

/* A code L4_IPC_* as functions return it. */
L4_INLINE int l4_ipc_to_errno(unsigned long ipc_error_code) L4_NOTHROW
{
	return -(L4_EIPC_LO + (int)ipc_error_code);
}

/* The code L4_IPC_* of an operation that reached no object, or 0. */
L4_INLINE l4_umword_t l4_ipc_error(l4_msgtag_t tag, l4_utcb_t *utcb) L4_NOTHROW
{
	(void)utcb;
	if (tag.raw > -L4_EIPC_LO || tag.raw < -L4_EIPC_HI)
		return 0;
	return (l4_umword_t)(-tag.raw - L4_EIPC_LO);
}

/* The operation's error, a negative code; else its label, which is 0 or more. */
L4_INLINE long l4_error(l4_msgtag_t tag) L4_NOTHROW
{
	return tag.raw;
}

EXTERN_C_END

#endif
