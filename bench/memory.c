/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"

double memory_of_process(pid_t pid)
{
	char path[64], line[256];
	unsigned long kib = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "RssAnon: %lu", &kib) == 1)
			break;
	if (file)
		(void)fclose(file);
	if (kib == 0)
		die("cannot read how much memory process %d has", pid);
	return (double)kib * 1024;
}

double memory_of_broker(const char *dir)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/broker", dir);
	if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		die("cannot find the broker of %s", dir);
	(void)close(sock);
	return memory_of_process(peer.pid);
}
