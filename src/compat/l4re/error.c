/* SPDX-License-Identifier: MIT */
/*
 * error.c - error codes in words, those of both generations
 */
#define L4RE_MODERN
#include <l4/sys/err.h>

#include "compat/l4re/l4re.h"

static const char unknown[] = "bad, unknown runtime error";

static const struct {
	long code;
	const char *text;
} texts[] = {
	{ L4_EOK, "OK" },
	{ L4_EPERM, "Operation not permitted" },
	{ L4_ENOENT, "No such object found" },
	{ L4_EIO, "I/O error" },
	{ L4_ENXIO, "No such device or address" },
	{ L4_E2BIG, "Argument value too big" },
	{ L4_EAGAIN, "Try again" },
	{ L4_ENOMEM, "Insufficient memory" },
	{ L4_EACCESS, "Access not permitted" },
	{ L4_EFAULT, "Invalid memory address" },
	{ L4_EBUSY, "Function busy" },
	{ L4_EEXIST, "Object exists" },
	{ L4_ENODEV, "No such device" },
	{ L4_ENOTDIR, "Not a directory" },
	{ L4_EINVAL, "Invalid argument" },
	{ L4_ENOSPC, "No space left" },
	{ L4_ERANGE, "Argument out of range" },
	{ L4_ENAMETOOLONG, "Name too long" },
	{ L4_EBADPROTO, "Invalid protocol" },
	{ L4_EADDRNOTAVAIL, "Address not available" },
	{ L4_ENOREPLY, "Do not reply" },
	{ L4_EMSGTOOSHORT, "Message too short" },
	{ L4_EMSGTOOLONG, "Message too long" },
	{ L4_EMSGMISSARG, "Message is missing (an) argument(s)" },
	{ L4_EMSGERRRANGE, "Error code range error" },
	{ L4_EDROPREPLY, "Server dropped reply capability" },
	{ L4_EIPC_LO + L4_IPC_SETIMEOUT, "Send timeout" },
	{ L4_EIPC_LO + L4_IPC_RETIMEOUT, "Receive timeout" },
	{ L4_EIPC_LO + L4_IPC_ENOT_EXISTENT, "Void capability invoked" },
	{ L4_EIPC_LO + L4_IPC_SECANCELED, "Send operation canceled" },
	{ L4_EIPC_LO + L4_IPC_RECANCELED, "Receive operation canceled" },
	{ L4_EIPC_LO + L4_IPC_SEMSGCUT, "Overflow during send operation" },
	{ L4_EIPC_LO + L4_IPC_REMSGCUT, "Overflow during receive operation" },
	{ L4_EIPC_LO + L4_IPC_SESNDPFTO, "Page-fault timeout while sending, at the sender" },
	{ L4_EIPC_LO + L4_IPC_RESNDPFTO, "Page-fault timeout while sending, at the receiver" },
	{ L4_EIPC_LO + L4_IPC_SERCVPFTO, "Page-fault timeout while receiving, at the sender" },
	{ L4_EIPC_LO + L4_IPC_RERCVPFTO,
	  "Page-fault timeout while receiving, at the receiver" },
	{ L4_EIPC_LO + L4_IPC_SEABORTED, "Send operation aborted" },
	{ L4_EIPC_LO + L4_IPC_REABORTED, "Receive operation aborted" },
	{ L4_EIPC_LO + L4_IPC_SEMAPFAILED, "Map operation failed (send phase)" },
	{ L4_EIPC_LO + L4_IPC_REMAPFAILED, "Map operation failed (receive phase)" },
};

static const char *text_of(long err, const char *of_enosys)
{
	for (unsigned i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].code == -err)
			return texts[i].text;
	if (err == -L4_ENOSYS)
		return of_enosys;
	/* A number that the interface has a place for, and no name. */
	if (err < 0 && (err > -L4_ERRNOMAX || (err <= -L4_EIPC_LO && err >= -L4_EIPC_HI)))
		return "unnamed error";
	return unknown;
}

L4_API char const *l4sys_errtostr(long err)
{
	return text_of(err, "Function not implemented");
}

/* The same in the classic generation. */
char const *l4_classic_errtostr(long err) __asm__("l4sys_errtostr");
L4_API char const *l4_classic_errtostr(long err)
{
	return text_of(err, "Invalid request");
}
