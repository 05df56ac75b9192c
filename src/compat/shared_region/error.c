/* SPDX-License-Identifier: MIT */
/*
 * error.c - native errors as codes, and codes in words
 */
#include <errno.h>

#include "compat/shared_region/face.h"

int sr_error(int r)
{
	switch (-r) {
	case 0:
		return 0;
	case EBADF:
		return SHARED_REGION_INVALID_CAPABILITY;
	case ESRCH:
		return SHARED_REGION_PROCESS_NOT_FOUND;
	case ENOMEM:
	case ENOSPC:
	case EMFILE:
	case ENFILE:
	case EDQUOT:
		return SHARED_REGION_OUT_OF_MEMORY;
	case EAGAIN:
		return SHARED_REGION_WOULD_BLOCK;
	case ETIMEDOUT:
		return SHARED_REGION_TIMEOUT;
	case EACCES:
	case EPERM:
	/* Whoever was asked said no. */
	case ECONNREFUSED:
	case ECANCELED:
		return SHARED_REGION_PERMISSION_DENIED;
	case EBADMSG:
		return SHARED_REGION_INVALID_MESSAGE;
	case EINVAL:
	case EOVERFLOW:
	case EFBIG:
	case EEXIST:
	case EADDRINUSE:
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return SHARED_REGION_INVALID_MEMORY_REGION;
	case EBUSY:
		return SHARED_REGION_RESOURCE_BUSY;
	case ECHILD:
		return SHARED_REGION_NOT_INITIALIZED;
	case ENOSYS:
	case EOPNOTSUPP:
		return SHARED_REGION_NOT_SUPPORTED;
	case EREMOTEIO:
		return SHARED_REGION_PEER_UNCOOPERATIVE;
	default:
		return SHARED_REGION_CONNECTION_LOST;
	}
}

int sr_error_of_call(int r)
{
	return r == -EINVAL ? SHARED_REGION_INVALID_ARGUMENT : sr_error(r);
}

SR_API const char *shared_region_strerror(int error)
{
	static const char *const texts[] = {
		"Success",
		"Invalid or revoked capability",
		"Target process not found",
		"Endpoint not found",
		"Message too large",
		"Out of memory",
		"Operation would block",
		"Rate limit exceeded",
		"Operation timed out",
		"Permission denied",
		"Invalid message format",
		"Channel is full",
		"Channel is empty",
		"Endpoint is busy",
		"Invalid memory region",
		"Resource temporarily unavailable",
		"IPC system not initialized",
	};

	if (error <= 0 && error >= SHARED_REGION_NOT_INITIALIZED)
		return texts[-error];
	switch (error) {
	case SHARED_REGION_NOT_SUPPORTED:
		return "Not supported by this platform";
	case SHARED_REGION_INVALID_ARGUMENT:
		return "Invalid argument";
	case SHARED_REGION_PEER_UNCOOPERATIVE:
		return "A peer did not release the memory";
	case SHARED_REGION_CONNECTION_LOST:
		return "Connection to the broker lost";
	default:
		return "Unknown error";
	}
}
