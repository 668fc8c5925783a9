/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Evidence out of a file of the user's. */
#include "guest/keybroker/mock.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/arm64/capture.h"

static u8 buf[16];

/* --mock-evidence=<(...): who writes into the pipe takes its time. */
START_TEST(a_pipe_is_read_to_its_end)
{
	char path[40];
	int fds[2], n;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		for (unsigned i = 0; i < 4; i++) {
			usleep(2000);
			if (write(fds[1], "ab", 2) != 2)
				_exit(1);
		}
		_exit(0);
	}
	close(fds[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	n = mock_file(path, buf, sizeof(buf));
	ck_assert_int_eq(n, 8);
	ck_assert_mem_eq(buf, "abababab", 8);
	waitpid(pid, NULL, 0);
	close(fds[0]);
}
END_TEST

START_TEST(what_cannot_be_evidence)
{
	capture_start();
	ck_assert_int_eq(mock_file("/nothing", buf, sizeof(buf)), -ENOENT);
	captured_one_error("--mock-evidence=/nothing", "No such file");
	ck_assert_int_eq(mock_file("/dev/zero", buf, sizeof(buf)), -E2BIG);
	captured_one_error("--mock-evidence=/dev/zero", "");
}
END_TEST

SUITE_MAIN("keybroker/mock", a_pipe_is_read_to_its_end, what_cannot_be_evidence)
