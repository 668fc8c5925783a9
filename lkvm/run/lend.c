/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lending the guest's memory: which kinds of guests can, and what it costs.
 *
 * Thread: main.
 * Trust:  the user's configuration; the host's files.
 */
#include "lkvm/run/lend.h"

#include <errno.h>
#include <string.h>

#include "lkvm/base/file.h"
#include "lkvm/base/log.h"
#include "lkvm/vm/mem.h"
#include "realm/realm.h"

#define SHMEM_ENABLED "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

/* A boot in pages of 4 KiB costs the host's kernel nine times as much as one in huge pages. */
static void tell_of_huge_pages(const struct config *c)
{
	char text[200];
	int n = c->hugetlbfs ? 0 : file_read(SHMEM_ENABLED, text, sizeof(text) - 1);

	if (n <= 0)
		return;
	text[n] = 0;
	if (strstr(text, "[never]") || strstr(text, "[deny]"))
		log_info("the guest's memory is a file that is lent to others, and this host gives "
			 "those no huge pages: echo advise >" SHMEM_ENABLED " makes it faster");
}

/* Will processes other than lkvm serve devices? */
static bool lends(const struct config *c)
{
	for (unsigned i = 0; i < c->nr_nics; i++) {
		if (c->nics[i].mode == NET_MODE_VHOST_USER)
			return true;
	}
	return c->nr_fs;
}

int lend_flags(u64 *flags, const struct config *c, const struct realm_ops *ops)
{
	if (!lends(c))
		return 0;
	if (ops->confidential && !(*flags & (MEM_SPLIT_VIEW | MEM_SHARED_ONLY))) {
		log_error(
			"--fs, mode=vhost-user: what this kind of guest shares is not apart from what it protects "
			"(%s), so no other process can be lent it; use --9p, mode=user",
			ops->name);
		return -EOPNOTSUPP;
	}
	*flags |= MEM_LENT;
	if (!ops->confidential)
		tell_of_huge_pages(c);
	return 0;
}
