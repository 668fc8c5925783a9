/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A static program in two parts: libcrypto has most of the addresses in the program's tables, and
 * only Realms and tokens ask for it. Its tables are relocated when somebody does. Programs that are
 * not linked with LINKED=y in the Makefile do not have this.
 */
#ifndef LKVM_RELOCATE_H
#define LKVM_RELOCATE_H

/*
 * Before anything of libcrypto is used; again is nothing. Any thread. The tables are read-only
 * before and after it. A failure of mprotect(2) ends the process.
 */
void relocate_late(void);

#endif
