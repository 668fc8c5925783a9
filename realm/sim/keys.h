/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keys of the simulated platform: a CPAK, which plays the one that a vendor burns into a chip,
 * and a RAK. Both are made once for a user and kept in a directory of their own. Any thread.
 */
#ifndef REALM_KEYS_H
#define REALM_KEYS_H

#include "realm/token/ec.h"

struct attest_keys {
	struct ec_key *cpak, *rak; /* P-384 */
};

/*
 * The directory where the keys are unless the user says otherwise: $XDG_DATA_HOME/lkvm/attest-keys,
 * or the same in ~/.local/share. 0, or -ENOENT after one log_error() line: neither is known.
 */
int keys_default_dir(char *buf, size_t size);

/*
 * Is the directory one that keys can be kept in? It may be missing. What is open to others, or not
 * the user's, is not. Looks at no key. 0, or -errno after one log_error() line.
 */
int keys_check_dir(const char *dir);

/*
 * Read the keys; make those that are missing, and the directory. Two processes that do so at the
 * same time get the same keys. *out is to be released by keys_close(). 0, or -errno after one
 * log_error() line: then there is nothing to release.
 */
int keys_open(struct attest_keys *out, const char *dir);

/* Release the keys; a zeroed object is fine, and it is zeroed afterwards. */
void keys_close(struct attest_keys *keys);

#endif
