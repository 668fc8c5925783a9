/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parallel NOR flash (--flash): a file as two 16-bit chips side by side on a 32-bit bus, with the
 * commands of Intel and Sharp. While it is in its array mode the guest reads the file itself,
 * through a read-only slot of KVM.
 */
#ifndef ARM64_FLASH_H
#define ARM64_FLASH_H

#include "lkvm/base/calls.h"
#include "lkvm/base/gpa.h"

struct bus;
struct flash;
struct kvm;

/* Both chips together erase so much at a time. */
#define FLASH_BLOCK (64 * KiB)

/*
 * How large a flash the file `path` makes: its size, rounded down to a power of two; at least a
 * block and at most MEMMAP_FLASH_MAX. 0, or -errno after one log_error() line. Main thread.
 */
int flash_size(const char *path, u64 *size);

/*
 * The file becomes the flash of `size` bytes at `base`, and nobody else's as long as it is. `k` and
 * `bus` outlive it. Before vCPUs run. 0, or -errno after one log_error() line.
 */
int flash_create(struct flash **out, const char *path, gpa_t base, u64 size, struct kvm *k,
		 struct bus *bus);

/* The VM is closed, or no vCPU runs any more; KVM may still have the slot. Takes NULL. */
void flash_destroy(struct flash *f);

/* What its register handlers ask of the kernel. */
extern const struct calls flash_calls;

#endif
