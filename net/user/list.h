/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of what net/user/ keeps about connections and flows. The thread of their owner. */
#ifndef NET_LIST_H
#define NET_LIST_H

#include "lkvm/base/util.h"

/* A ring of nodes; one that is alone, or zero, is in no list. */
struct list_node {
	struct list_node *prev, *next;
};

static inline void list_init(struct list_node *l)
{
	l->prev = l->next = l;
}

static inline void list_del(struct list_node *n)
{
	if (!n->next)
		return;
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->prev = n->next = NULL;
}

/* Move `n` to the end of `l`, from wherever it is. */
static inline void list_put(struct list_node *l, struct list_node *n)
{
	list_del(n);
	n->prev = l->prev;
	n->next = l;
	l->prev->next = n;
	l->prev = n;
}

#endif
