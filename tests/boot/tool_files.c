/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tool files write|read DIR NR: many small files, one after the other; prints files per second.
 *
 * Thread: one.
 * Trust:  none needed: the test is both sides.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/boot/tool.h"

#define FILE_SIZE 1024u

int cmd_files(char **argv)
{
	int wr = !strcmp(argv[0], "write");
	unsigned nr = (unsigned)strtoul(argv[2], NULL, 0);
	double start = seconds();
	char name[64];

	if (chdir(argv[1]))
		fail(argv[1]);
	for (unsigned i = 0; i < nr; i++) {
		int fd;

		snprintf(name, sizeof(name), "small-%u", i);
		fd = open(name, wr ? O_WRONLY | O_CREAT | O_TRUNC : O_RDONLY, 0644);
		if (fd < 0)
			fail(name);
		if ((wr ? write(fd, buf, FILE_SIZE) : read(fd, buf, FILE_SIZE)) != FILE_SIZE)
			fail(name);
		close(fd);
	}
	start = seconds() - start;
	printf("files %s: %u in %.3f s, %.0f files/s\n", argv[0], nr, start, nr / start);
	return 0;
}
