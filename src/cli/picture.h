/* SPDX-License-Identifier: MIT */
/*
 * picture.h - a space as a picture for a report
 *
 * One SVG file that needs nothing beside it: to the left the whole, to scale; to the right a
 * row for each piece, with all that is known of it in words; below a legend.  Of more than
 * PICTURE_PIECES rows few people would see anything.
 */
#ifndef CLI_PICTURE_H
#define CLI_PICTURE_H

#include "space.h"

#define PICTURE_PIECES 40

/* Draws into the file @path, or to the standard output if it is "-".  An exit status. */
int picture_write(const struct space *space, const char *path);

#endif
