/* SPDX-License-Identifier: MIT */
/*
 * mpi.c - an MPI window, passive target
 *
 * An owner cannot take a window back by itself: MPI_Win_free() is for all to call.  What comes
 * nearest is to call it alone, which a thread does here, and to go on.
 */
#include <mpi.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "talk.h"

#define BYTES ((size_t)1 << 20)

static MPI_Win window;
static uint64_t *memory;

static void *free_alone(void *arg)
{
	(void)arg;
	(void)MPI_Win_free(&window);
	return NULL;
}

static void make_window(void)
{
	(void)MPI_Win_allocate((MPI_Aint)BYTES, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &memory,
			       &window);
	memset(memory, 0, BYTES);
	(void)MPI_Win_set_errhandler(window, MPI_ERRORS_RETURN);
	(void)MPI_Barrier(MPI_COMM_WORLD);
}

static void own(const struct talk *talk)
{
	char line[TALK_LINE];
	pthread_t thread;

	for (;;) {
		talk_next(talk, line);
		if (talk_is(line, "offer")) {
			talk_say(talk, "info window");
		} else if (talk_is(line, "revoke")) {
			(void)pthread_create(&thread, NULL, free_alone, NULL);
			talk_say(talk, "told not possible alone: MPI_Win_free waits for all");
		} else if (talk_is(line, "peek")) {
			talk_say(talk, "told %lu", *(volatile uint64_t *)memory);
		}
	}
}

static int put(uint64_t word)
{
	int r = MPI_Put(&word, 8, MPI_BYTE, 0, 0, 8, MPI_BYTE, window);

	return r == MPI_SUCCESS ? MPI_Win_flush(0, window) : r;
}

static void take(const struct talk *talk)
{
	char line[TALK_LINE];
	int r = MPI_SUCCESS;

	(void)MPI_Win_lock_all(0, window);
	for (;;) {
		talk_next(talk, line);
		if (talk_is(line, "put"))
			r = put(strtoul(talk_argument(line), NULL, 10));
		if (r == MPI_SUCCESS)
			talk_say(talk, "told success");
		else
			talk_say(talk, "told error %d", r);
	}
}

int main(int argc, char **argv)
{
	struct talk talk;
	int rank, level;

	(void)MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
	(void)MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	(void)MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
	make_window();
	talk_open(&talk, rank == 0);
	if (talk.owner)
		own(&talk);
	else
		take(&talk);
}
