/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread backend must do all that io_uring does: the same suite. */
#define TEST_THREADS
#include "tests/unit/virtio/disk/disk_uring_test.c"
