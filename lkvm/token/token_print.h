/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lkvm token says about a token, on stdout. Main thread. */
#ifndef LKVM_TOKEN_PRINT_H
#define LKVM_TOKEN_PRINT_H

#include "realm/token/token.h"

/* "verified", "malformed" and so on: one word, as JSON has it. */
const char *token_verdict_name(enum token_verdict verdict);

/* "good", "bad" or "unchecked". */
const char *token_check_name(enum token_check check);

/*
 * Print all claims and checks of the token for people; of a malformed token only the verdict. `r`
 * points into the token, which is still there.
 */
void token_print_text(const struct token_report *r);

/* The same as a JSON object. 0, or -errno after one log_error() line. */
int token_print_json(const struct token_report *r);

#endif
