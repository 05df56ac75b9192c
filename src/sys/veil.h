/* SPDX-License-Identifier: MIT */
/*
 * veil.h - what a thread is kept from seeing
 */
#ifndef SYS_VEIL_H
#define SYS_VEIL_H

/*
 * From here on the calling thread, and all that it starts, cannot open /proc/kallsyms, which
 * takes a tenth of a second to read; nor does it gain privileges by executing a program.  For a
 * thread that ends soon: the others are not concerned.
 *
 * 0, or what the kernel says if it has no Landlock, does not allow it, or has no /proc.
 */
int veil_kernel_symbols(void);

/*
 * From here on recv() and recvfrom() fail with EINVAL in the calling thread, and all that it
 * starts, if the size of the buffer is more than half of what a size can be.  The kernel takes
 * less instead, as if it had been meant.  Nor does it gain privileges by executing a program.
 *
 * 0, or what the kernel says if it has no seccomp, or does not allow it.
 */
int veil_endless_buffers(void);

#endif
