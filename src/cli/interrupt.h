/* SPDX-License-Identifier: MIT */
/*
 * interrupt.h - SIGINT and SIGTERM as a flag
 *
 * A verb that has something to put right before it ends catches the two signals and looks at
 * the flag now and then.  A second signal ends the command at once.
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

void interrupt_catch(void);
bool interrupt_seen(void);
/* Sleeps, at most until a signal arrives. */
void interrupt_pause(unsigned ms);

#endif
