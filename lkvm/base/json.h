/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A string of JSON. (jansson, which lkvm is linked with, has the name json_string.) Any thread. */
#ifndef LKVM_JSON_H
#define LKVM_JSON_H

#include <stdio.h>

/* With its quotes. What is not ASCII can only be the name of a file, in UTF-8: as it is. */
void json_print_string(FILE *f, const char *s);

#endif
