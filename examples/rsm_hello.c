/* SPDX-License-Identifier: MIT */
/*
 * rsm_hello.c - an exporter and an importer in one file, over loopback
 *
 * cc rsm_hello.c -lrsm && ./a.out
 */
#include <rsmapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(call) do { int rc_ = (call); if (rc_ != RSM_SUCCESS) { \
    fprintf(stderr, "%s: rsm error %d\n", #call, rc_); exit(1); } } while (0)

static void exporter(rsmapi_controller_handle_t c, rsm_memseg_id_t id, size_t sz)
{
    rsm_memseg_export_handle_t seg;
    char *mem = NULL;

    if (posix_memalign((void **)&mem, sysconf(_SC_PAGESIZE), sz) != 0)
        exit(1);
    memset(mem, 0, sz);
    CHECK(rsm_memseg_export_create(c, &seg, mem, sz, 0));
    CHECK(rsm_memseg_export_publish(seg, &id, NULL, 0));
    CHECK(rsm_intr_signal_wait(seg, -1));
    printf("exporter got: %s\n", mem);
    CHECK(rsm_memseg_export_unpublish(seg));
    CHECK(rsm_memseg_export_destroy(seg));
    free(mem);
}

static void importer(rsmapi_controller_handle_t c, rsm_node_id_t node,
    rsm_memseg_id_t id)
{
    rsm_memseg_import_handle_t seg;
    rsmapi_barrier_t bar;
    char text[] = "hello, segment";
    int rc;

    while ((rc = rsm_memseg_import_connect(c, node, id, RSM_PERM_RDWR, &seg))
        == RSMERR_SEG_NOT_PUBLISHED)
        usleep(1000);
    CHECK(rc);
    CHECK(rsm_memseg_import_init_barrier(seg, RSM_BARRIER_SEGMENT, &bar));
    CHECK(rsm_memseg_import_put(seg, 0, text, sizeof text));
    CHECK(rsm_intr_signal_post(seg, 0));
    CHECK(rsm_memseg_import_destroy_barrier(&bar));
    CHECK(rsm_memseg_import_disconnect(seg));
}

int main(void)
{
    rsmapi_controller_handle_t c;
    rsm_topology_t *tp;
    rsm_node_id_t node;
    pid_t pid;

    if ((pid = fork()) < 0)
        return 1;
    CHECK(rsm_get_controller("loopback", &c));
    CHECK(rsm_get_interconnect_topology(&tp));
    node = tp->topology_hdr.local_nodeid;
    rsm_free_interconnect_topology(tp);
    if (pid == 0)
        importer(c, node, 0x400000);
    else
        exporter(c, 0x400000, 2 * sysconf(_SC_PAGESIZE));
    CHECK(rsm_release_controller(c));
    return 0;
}
