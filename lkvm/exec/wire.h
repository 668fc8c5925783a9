/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `lkvm exec` and the first process of its guest (guest/init) tell each other. Both include
 * this header; the guest has no C library, so it is all there is.
 *
 * Before the start: a file in the initrd, EXEC_CONF, of instructions. Each is a letter, its text
 * and a NUL; they are carried out in the order in which they stand:
 *
 *	m PATH		load this kernel module
 *	f TYPE		the file system of all shares: 9p, if nothing is said, or virtiofs
 *	i NAME A R	(several) bring this network interface up; A: its IPv4 address in a /24, R:
 *			the router, both as decimal numbers of 32 bits, 0 for none
 *	s TEXT		what /etc/resolv.conf is to be, in the root
 *	b TAG		mount share TAG as the root, and start the init in it
 *	x PATH		give that init this script to run, in place of its own (rescue.h)
 *	r TAG		mount share TAG, read-only, as the root below a layer that is written to
 *	d FLAG TAG PATH	mount share TAG there (FLAG: "ro" or "rw"), in that root
 *	g GID		(several) groups; the first is the command's own
 *	u UID		its user
 *	n NAME		the host name
 *	t MODE		streams: "-" three pipes, "t" a terminal for all, "e" one for all but stderr
 *	e NAME=VALUE	(several) environment
 *	c PATH		directory to start in
 *	a WORD		(several) the command and its arguments
 *
 * While it runs: four ports of virtio-console. Bytes of stdin, stdout and stderr go through three
 * of them as they are; the fourth has messages of EXEC_MSG_LEN bytes, little-endian:
 *
 *	type (4)  a (4)  b (8)  c (8)
 *
 * The streams and the messages go their own ways. So a message that is about the end of a stream
 * says how many bytes that stream has.
 *
 * The host believes nothing of what comes: lkvm/exec/talk.h.
 */
#ifndef LKVM_EXEC_WIRE_H
#define LKVM_EXEC_WIRE_H

#define EXEC_CONF "/lkvm/exec"
#define EXEC_CONF_MAX (4u << 20) /* bytes: two of Linux's limits for arguments and environment */
#define EXEC_MAX_GROUPS 1024u	 /* more than directory services give anybody */

#define EXEC_PORT_CONTROL "lkvm.exec"
#define EXEC_PORT_IN "lkvm.stdin"
#define EXEC_PORT_OUT "lkvm.stdout"
#define EXEC_PORT_ERR "lkvm.stderr"

#define EXEC_MSG_LEN 24u

enum exec_msg_type {
	/* host to guest */
	EXEC_SIZE = 1,	 /* a: columns, and rows << 16: the size of the terminal */
	EXEC_SIGNAL = 2, /* a: number of a signal for the command's process group */
	EXEC_EOF = 3,	 /* b: stdin ends after so many bytes */
	/* guest to host */
	EXEC_STARTED = 16, /* the command runs */
	EXEC_EXITED = 17,  /* a: exit status, 128 + n for signal n; b, c: bytes of stdout, stderr */
	EXEC_FAILED = 18,  /* there was no command. a: enum exec_failure; b: errno; c: which one */
};

enum exec_failure {
	EXEC_FAIL_CONF,	  /* EXEC_CONF is not there, or is not what is written above */
	EXEC_FAIL_MODULE, /* c: which, from 0 */
	EXEC_FAIL_NET,	  /* c: which, from 0 */
	EXEC_FAIL_ROOT,
	EXEC_FAIL_OVERLAY,
	EXEC_FAIL_SHARE, /* c: which, from 0 */
	EXEC_FAIL_PTY,
	EXEC_FAIL_START, /* fork, pipes */
	EXEC_FAIL_USER,
	EXEC_FAIL_CWD,
	EXEC_FAIL_EXEC, /* the command is not there, or is no program */
	EXEC_NR_FAILURES,
};

#endif
