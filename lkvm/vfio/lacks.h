/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this host lacks to give devices away, and what it has for that. Main thread. */
#ifndef LKVM_VFIO_LACKS_H
#define LKVM_VFIO_LACKS_H

#include <stdbool.h>

#define VFIO_LACKS_SIZE 400u

/*
 * True: nothing is missing, and buf says by which way devices go, how many are ready, and how much
 * memory of guests may be pinned for them. False: buf says what has to be done, all of it.
 */
bool vfio_lacks(char buf[VFIO_LACKS_SIZE]);

#endif
