/* SPDX-License-Identifier: MIT */
#include "broker/manager.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/error.h"
#include "sys/sock.h"

#ifdef TRACT_SYSTEMD

#include <systemd/sd-daemon.h>

bool manager_passed_fds(void)
{
	return sd_listen_fds(0) > 0;
}

int manager_take_listener(int *ret_fd)
{
	int count = sd_listen_fds(1);

	*ret_fd = -1;
	if (count <= 0)
		return 0;
	if (count > 1 ||
	    sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_SEQPACKET, 1, NULL, 0) <= 0)
		return fail(-EINVAL, "the service manager passed something else than one "
				     "listening socket of sequential packets");
	*ret_fd = SD_LISTEN_FDS_START;
	return sock_set_blocking(*ret_fd, 0);
}

void manager_tell_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void manager_tell_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}

#else

bool manager_passed_fds(void)
{
	return false;
}

int manager_take_listener(int *ret_fd)
{
	*ret_fd = -1;
	return 0;
}

void manager_tell_ready(void)
{
}

void manager_tell_stopping(void)
{
}

#endif
