/* SPDX-License-Identifier: MIT */
/*
 * host.h - what this machine has to give
 */
#ifndef SYS_HOST_H
#define SYS_HOST_H

#include <stdbool.h>
#include <stdint.h>

/* Total memory, and what could be had now without swapping, under this control group; bytes. */
int host_memory(uint64_t *ret_total, uint64_t *ret_available);
/* The size of the huge pages that a host sets aside, and the bytes of them that are neither
 * used nor promised to anybody; -EOPNOTSUPP if the kernel has no such pages. */
int host_huge_pages(uint64_t *ret_size, uint64_t *ret_spare);
/* Mappings that a process may have; what the kernel begins with if it does not say. */
uint32_t host_mappings(void);
/* The calling process's umask, which is looked at without being changed. */
int host_umask(uint32_t *ret_bits);
/* Is there a device for remote access to memory, whatever its state? */
bool host_has_rdma(void);
/* Fills with unpredictable bytes. */
void host_random(void *bytes, unsigned size);

#endif
