/* SPDX-License-Identifier: MIT */
/*
 * sharing.c - a file is exported, imported in three ways, and written through
 */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "story.h"

/* ---- the exporter ----------------------------------------------------------------------- */

void stage_export(struct stage *stage)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t begin;

	story_step(stage->far ? "A process of node 1 exports the file"
			      : "A process exports a file's bytes, where they lie in its "
				"memory");
	stage->length = file_size(stage->path);
	hash_file(stage->path, stage->hash);
	stage->size = (stage->length + page - 1) / page * page;
	if (stage->size < 2 * page)
		stage->size = 2 * page;
	stage->memory = pages_new(stage->size);

	begin = now_ns();
	file_read(stage->path, stage->memory, stage->length);
	story_did(now_ns() - begin, "process %d (this one) reads %s: %llu bytes, %zu pages",
		  getpid(), stage->path, (unsigned long long)stage->length, stage->size / page);
	begin = now_ns();
	stage->export = export_memory(stage->memory, stage->size, 0, &stage->id);
	story_did(now_ns() - begin,
		  "and exports that memory in place, as segment 0x%08x of node %u", stage->id,
		  local_node());
	story_text("      its SHA-256 is %s", stage->hash);
}

static void hear_hash(const struct stage *stage, struct child *child, const char *way)
{
	struct report report = child_hear(child);

	if (report.status == RSM_SUCCESS)
		story_check_timed(strcmp(report.text, stage->hash) == 0, report.at_ns,
				  "process %d %s  %.16s...", child->pid, way, report.text);
	else
		story_check(false, "process %d %s  %s", child->pid, way,
			    rsm_name(report.status));
	child_end(child);
}

void stage_import(struct stage *stage)
{
	static const struct {
		const char *role, *way;
	} ways[] = {
		{ "map", "maps it and reads it like its own memory  " },
		{ "get", "copies it with rsm_memseg_import_get()    " },
		{ "getv", "copies it with getv(), 16 pieces at a time" },
	};
	struct child children[3];

	story_step(stage->far ? "Three processes of node 2 import it, each in its own way"
			      : "Three other processes import it, each in its own way");
	story_text("The time is that until the bytes can be read; then each computes the "
		   "SHA-256.");
	if (stage->far)
		story_text("Most of it is that of joining the network, the first time in each "
			   "process.");
	for (unsigned i = 0; i < 3; i++)
		children[i] =
			child_start(&stage->there, ways[i].role, stage->id, stage->length);
	for (unsigned i = 0; i < 3; i++)
		hear_hash(stage, &children[i], ways[i].way);
}

void stage_write(struct stage *stage)
{
	size_t second = stage->size / 2;
	struct child child;
	struct report report;

	story_step(stage->far ? "One of them writes, and when its barrier is closed it has "
				"arrived"
			      : "An importer writes, and the exporter sees it in its own "
				"memory");
	story_did(0, "before, the exporter's memory begins with the bytes %02x %02x %02x %02x",
		  (uint8_t)stage->memory[0], (uint8_t)stage->memory[1],
		  (uint8_t)stage->memory[2], (uint8_t)stage->memory[3]);
	child = child_start(&stage->there, "writer", stage->id, stage->size);
	report = child_hear(&child);
	story_check_timed(report.status == RSM_SUCCESS &&
				  strcmp(stage->memory, report.text) == 0,
			  report.at_ns, "after a store by process %d it reads \"%s\"",
			  child.pid, stage->memory);
	child_tell(&child);
	report = child_hear(&child);
	story_check_timed(report.status == RSM_SUCCESS &&
				  strcmp(stage->memory + second, report.text) == 0,
			  report.at_ns, "after a put by it the middle reads \"%s\"",
			  stage->memory + second);
	(void)snprintf(stage->memory, 64, "the answer of process %d", getpid());
	child_tell(&child);
	report = child_hear(&child);
	story_check(report.status == RSM_SUCCESS && strcmp(stage->memory, report.text) == 0,
		    "and the importer in turn reads \"%s\"", report.text);
	child_end(&child);
}

/* ---- the importers ---------------------------------------------------------------------- */

static void report_hash(const void *bytes, uint64_t length, uint64_t took, int status)
{
	struct report report = { .status = status, .at_ns = took };

	if (status == RSM_SUCCESS)
		hash_memory(bytes, length, report.text);
	child_report(&report);
	child_await();
}

void play_map(uint32_t segment, uint64_t length)
{
	struct import import;
	char hash[HASH_TEXT];
	struct report report;
	uint64_t begin = now_ns();

	import_connect(&import, segment, RSM_PERM_READ);
	import_map(&import, length, RSM_PERM_READ);
	report = (struct report){ .at_ns = now_ns() - begin };
	/* What is read between open and close is certified by close. */
	must(rsm_memseg_import_open_barrier(&import.barrier), "open the barrier");
	hash_memory(import.address, length, hash);
	report.status = rsm_memseg_import_close_barrier(&import.barrier);
	(void)snprintf(report.text, sizeof(report.text), "%s", hash);
	child_report(&report);
	import_close(&import);
	child_await();
}

void play_get(uint32_t segment, uint64_t length)
{
	void *copy = pages_new(length);
	struct import import;
	uint64_t begin = now_ns();
	int status;

	import_connect(&import, segment, RSM_PERM_READ);
	/* In the implicit mode, the default, each call is certified by itself. */
	status = rsm_memseg_import_get(import.handle, 0, copy, length);
	begin = now_ns() - begin;
	import_close(&import);
	report_hash(copy, length, begin, status);
}

#define PIECE ((uint64_t)64 << 10)

/* Up to sixteen pieces from @offset on; returns how many bytes they are. */
static uint64_t describe_pieces(rsm_scat_gath_t *request, rsm_localmemory_handle_t local,
				uint64_t offset, uint64_t length)
{
	uint64_t begin = offset;
	unsigned n;

	for (n = 0; n < RSM_MAX_SGIOREQS && offset < length; n++) {
		uint64_t left = length - offset;

		request->iovec[n] =
			(rsm_iovec_t){ .io_type = RSM_HANDLE_TYPE,
				       .local.handle = local,
				       .local_offset = offset,
				       .remote_offset = offset,
				       .transfer_length = left < PIECE ? left : PIECE };
		offset += request->iovec[n].transfer_length;
	}
	request->io_request_count = n;
	return offset - begin;
}

void play_getv(uint32_t segment, uint64_t length)
{
	char *copy = pages_new(length);
	rsm_iovec_t pieces[RSM_MAX_SGIOREQS];
	rsm_scat_gath_t request = { .local_nodeid = local_node(), .iovec = pieces };
	rsm_localmemory_handle_t local;
	struct import import;
	int status = RSM_SUCCESS;
	uint64_t begin = now_ns();

	import_connect(&import, segment, RSM_PERM_READ);
	must(rsm_create_localmemory_handle(controller(), &local, copy, length),
	     "register local memory");
	request.remote_handle = import.handle;
	for (uint64_t done = 0; done < length && status == RSM_SUCCESS;) {
		done += describe_pieces(&request, local, done, length);
		status = rsm_memseg_import_getv(&request);
	}
	begin = now_ns() - begin;
	must(rsm_free_localmemory_handle(controller(), local), "release local memory");
	import_close(&import);
	report_hash(copy, length, begin, status);
}

/* Writes by a plain store, then by put, then reads what the exporter answers. */
void play_writer(uint32_t segment, uint64_t size)
{
	struct report report = { .status = RSM_SUCCESS };
	struct import import;
	uint64_t begin;

	import_connect(&import, segment, RSM_PERM_RDWR);
	import_map(&import, size, RSM_PERM_RDWR);
	(void)snprintf(report.text, sizeof(report.text), "written by process %d", getpid());
	begin = now_ns();
	must(rsm_memseg_import_open_barrier(&import.barrier), "open the barrier");
	memcpy(import.address, report.text, strlen(report.text) + 1);
	report.status = rsm_memseg_import_close_barrier(&import.barrier);
	report.at_ns = now_ns() - begin;
	child_report(&report);

	child_await();
	(void)snprintf(report.text, sizeof(report.text), "put here by process %d", getpid());
	must(rsm_memseg_import_set_mode(import.handle, RSM_BARRIER_MODE_IMPLICIT),
	     "choose the implicit barrier mode");
	begin = now_ns();
	report.status = rsm_memseg_import_put(import.handle, (off_t)(size / 2), report.text,
					      strlen(report.text) + 1);
	report.at_ns = now_ns() - begin;
	child_report(&report);

	child_await();
	must(rsm_memseg_import_open_barrier(&import.barrier), "open the barrier");
	(void)snprintf(report.text, sizeof(report.text), "%.60s", (char *)import.address);
	report.status = rsm_memseg_import_close_barrier(&import.barrier);
	child_report(&report);
	import_close(&import);
	child_await();
}
