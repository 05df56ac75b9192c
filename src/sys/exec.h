/* SPDX-License-Identifier: MIT */
/*
 * exec.h - descriptors that a library opened without O_CLOEXEC do not go to another program
 */
#ifndef SYS_EXEC_H
#define SYS_EXEC_H

/*
 * Closes on exec: the epoll descriptor @poll, what is waited for in it, and so on for each
 * epoll descriptor among that; and with the first of a pair of sockets the second.  What cannot
 * be found, because /proc is not there, stays as it is.
 */
void exec_close_tree(int poll);

#endif
