/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What GDB is told of the registers there are. Any thread. */
#ifndef LKVM_GDB_TARGET_XML_H
#define LKVM_GDB_TARGET_XML_H

#include <stddef.h>

/* The description, in buf[0..size), which is large enough with 4 KiB; its length. */
unsigned gdb_target_xml(char *buf, size_t size);

#endif
