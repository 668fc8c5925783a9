/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of options as text: usage, manual, shell completion.
 *
 * Thread: main.
 * Trust:  our own tables.
 */
#include <string.h>

#include "lkvm/base/options.h"

#define USAGE_INDENT 34 /* where the explanation of an option starts */
#define USAGE_WIDTH 92

/* "-m, --mem <size>"; the shape of kvmtool's usage, which people know. */
static void option_head(const struct opt *o, char *buf, size_t size)
{
	char letter[] = "    ";

	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	if (!o->arg)
		snprintf(buf, size, "%s--%s", letter, o->name);
	else if (o->arg_optional)
		snprintf(buf, size, "%s--%s[=%s]", letter, o->name, o->arg);
	else
		snprintf(buf, size, "%s--%s <%s>", letter, o->name, o->arg);
}

void options_wrap(FILE *f, int indent, const char *text)
{
	int column = indent;

	while (*text) {
		int len = (int)strcspn(text, " ");

		if (column > indent && column + 1 + len > USAGE_WIDTH) {
			fprintf(f, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', f);
			column++;
		}
		fprintf(f, "%.*s", len, text);
		column += len;
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', f);
}

/* The i-th of the own options, and of those parts that are no commands; NULL behind the last. */
static const struct opt *own_at(const struct opt_spec *spec, unsigned i)
{
	const struct opt_spec *part = spec;

	for (; part && (part == spec || !part->usage); part = part->base) {
		if (i < part->nr_opts)
			return &part->opts[i];
		i -= part->nr_opts;
	}
	return NULL;
}

void options_usage(const struct opt_spec *spec, FILE *f)
{
	const struct opt *o;
	char head[80];

	fprintf(f, "\n usage: %s\n", spec->usage);
	for (unsigned i = 0; (o = own_at(spec, i)); i++) {
		if (o->store == OPT_REFUSE)
			continue;
		if (o->store == OPT_HEADING) {
			fprintf(f, "\n%s:\n", o->help);
			continue;
		}
		option_head(o, head, sizeof(head));
		/* Two blanks between head and text, or the text starts on a line of its own. */
		if (strlen(head) + 6 > USAGE_INDENT)
			fprintf(f, "    %s\n%*s", head, USAGE_INDENT, "");
		else
			fprintf(f, "    %-*s", USAGE_INDENT - 4, head);
		options_wrap(f, USAGE_INDENT, o->help);
	}
	fprintf(f, "\n    %-*sthis text; --no-<flag> undoes a flag\n\n", USAGE_INDENT - 4,
		"-h, --help");
}

/* A '-' that is meant as one needs a backslash, and so does a backslash. */
void options_man_text(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '-' || *s == '\\')
			fputc('\\', f);
		fputs(*s == '\\' ? "e" : (char[]){ *s, 0 }, f);
	}
}

static void man_option(FILE *f, const struct opt *o, const char *text)
{
	fputs(".TP\n", f);
	if (o->letter)
		fprintf(f, "\\fB\\-%c\\fR, ", o->letter);
	fputs("\\fB\\-\\-", f);
	options_man_text(f, o->name);
	fputs("\\fR", f);
	if (o->arg) {
		fputs(o->arg_optional ? "[=\\fI" : " \\fI", f);
		options_man_text(f, o->arg);
		fputs(o->arg_optional ? "\\fR]" : "\\fR", f);
	}
	fputc('\n', f);
	options_man_text(f, text);
	fputs(".\n", f);
}

static bool refuses_any(const struct opt_spec *spec)
{
	const struct opt *o;
	unsigned i = 0;

	while ((o = own_at(spec, i)) && o->store != OPT_REFUSE)
		i++;
	return o;
}

void options_man(const struct opt_spec *spec, FILE *f)
{
	const struct opt *o;

	for (unsigned i = 0; (o = own_at(spec, i)); i++) {
		if (o->store == OPT_HEADING)
			fprintf(f, ".SS %s\n", o->help);
		else if (o->store != OPT_REFUSE)
			man_option(f, o, o->help);
	}
	if (!refuses_any(spec))
		return;
	fputs(".SS Refused options\n"
	      "These are parsed as their other users write them, and then refused with one line.\n",
	      f);
	for (unsigned i = 0; (o = own_at(spec, i)); i++) {
		if (o->store == OPT_REFUSE)
			man_option(f, o, o->why);
	}
}

/* Is it a choice of plain words, "on|off"? */
static bool is_choice(const char *arg)
{
	return strchr(arg, '|') &&
	       arg[strspn(arg, "abcdefghijklmnopqrstuvwxyz0123456789-|")] == '\0';
}

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* What the value of an option is, for a shell: a choice, "@file", "@guest", or "-" for anything else. */
static const char *value_kind(const struct opt *o, bool names_guests)
{
	if (is_choice(o->arg))
		return o->arg;
	if (begins(o->arg, "file") || begins(o->arg, "dir") || begins(o->arg, "path"))
		return "@file";
	return names_guests && !strcmp(o->name, "name") ? "@guest" : "-";
}

/* An option with a value that may be left out is a word by itself, and one with each choice. */
static void complete_optional(const struct opt *o, const char *cmd, FILE *f)
{
	const char *arg = o->arg;

	fprintf(f, "%s --%s\n", cmd, o->name);
	for (size_t len; is_choice(o->arg) && *arg; arg += len + (arg[len] == '|')) {
		len = strcspn(arg, "|");
		fprintf(f, "%s --%s=%.*s\n", cmd, o->name, (int)len, arg);
	}
}

void options_completion(const struct opt_spec *spec, const char *cmd, bool names_guests, FILE *f)
{
	const struct opt *o;

	for (unsigned i = 0; (o = own_at(spec, i)); i++) {
		if (o->store == OPT_HEADING || o->store == OPT_REFUSE)
			continue;
		if (o->arg && o->arg_optional)
			complete_optional(o, cmd, f);
		else
			fprintf(f, "%s --%s%s%s\n", cmd, o->name, o->arg ? " " : "",
				o->arg ? value_kind(o, names_guests) : "");
	}
	fprintf(f, "%s --help\n", cmd);
}
