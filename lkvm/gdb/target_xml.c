/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What GDB is told of the registers there are, in the order in which "g" has them.
 *
 * Thread: any: no state.
 * Trust:  nothing from outside.
 * Spec:   GDB manual, appendix G
 */
#include "lkvm/gdb/target_xml.h"

#include <stdio.h>

#include "lkvm/gdb/view.h"

unsigned gdb_target_xml(char *buf, size_t size)
{
	unsigned n = (unsigned)snprintf(
		buf, size,
		"<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
		"<target version=\"1.0\"><architecture>aarch64</architecture>"
		"<feature name=\"org.gnu.gdb.aarch64.core\">");

	for (unsigned i = 0; i < VIEW_NR_X; i++)
		n += (unsigned)snprintf(buf + n, size - n, "<reg name=\"x%u\" bitsize=\"64\"/>", i);
	return n + (unsigned)snprintf(buf + n, size - n,
				      "<reg name=\"sp\" bitsize=\"64\" type=\"data_ptr\"/>"
				      "<reg name=\"pc\" bitsize=\"64\" type=\"code_ptr\"/>"
				      "<reg name=\"cpsr\" bitsize=\"32\"/></feature>"
				      "<feature name=\"lkvm.system\">"
				      "<reg name=\"VBAR_EL1\" bitsize=\"64\" type=\"data_ptr\"/>"
				      "</feature></target>");
}
