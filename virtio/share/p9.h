/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers of 9P2000.L: the protocol of Plan 9's file servers (intro(5) of its manual) with Linux's
 * messages in it (net/9p, include/net/9p/9p.h). An answer's type is its request's plus one. Error
 * numbers are Linux's own.
 */
#ifndef VIRTIO_SHARE_P9_H
#define VIRTIO_SHARE_P9_H

enum p9_type {
	P9_RLERROR = 7,
	P9_TSTATFS = 8,
	P9_TLOPEN = 12,
	P9_TLCREATE = 14,
	P9_TSYMLINK = 16,
	P9_TMKNOD = 18,
	P9_TRENAME = 20,
	P9_TREADLINK = 22,
	P9_TGETATTR = 24,
	P9_TSETATTR = 26,
	P9_TXATTRWALK = 30,
	P9_TXATTRCREATE = 32,
	P9_TREADDIR = 40,
	P9_TFSYNC = 50,
	P9_TLOCK = 52,
	P9_TGETLOCK = 54,
	P9_TLINK = 70,
	P9_TMKDIR = 72,
	P9_TRENAMEAT = 74,
	P9_TUNLINKAT = 76,
	P9_TVERSION = 100,
	P9_TAUTH = 102,
	P9_TATTACH = 104,
	P9_TFLUSH = 108,
	P9_TWALK = 110,
	P9_TREAD = 116,
	P9_TWRITE = 118,
	P9_TCLUNK = 120,
	P9_TREMOVE = 122,
};

#define P9_VERSION "9P2000.L"
#define P9_HEADER 7u /* size[4] type[1] tag[2] */
#define P9_NOFID 0xffffffffu
#define P9_NOUID 0xffffffffu
#define P9_MAX_WALK 16u
#define P9_QID_LEN 13u

#define P9_QID_DIR 0x80u
#define P9_QID_SYMLINK 0x02u
#define P9_QID_FILE 0x00u

/* Tlopen, Tlcreate: flags as Linux has them on most machines, arm64 not among them. */
#define P9_O_ACCMODE 00000003u
#define P9_O_TRUNC 00001000u
#define P9_O_DSYNC 00010000u
#define P9_O_DIRECTORY 00200000u
#define P9_O_SYNC 04000000u

/* Tgetattr: what is valid; Rgetattr answers all of it. */
#define P9_GETATTR_BASIC 0x000007ffull

/* Tsetattr: what to set. */
#define P9_SETATTR_MODE 0x0001u
#define P9_SETATTR_UID 0x0002u
#define P9_SETATTR_GID 0x0004u
#define P9_SETATTR_SIZE 0x0008u
#define P9_SETATTR_ATIME 0x0010u
#define P9_SETATTR_MTIME 0x0020u
#define P9_SETATTR_ATIME_SET 0x0080u
#define P9_SETATTR_MTIME_SET 0x0100u

/* Tlock, Tgetlock */
#define P9_LOCK_RDLCK 0u
#define P9_LOCK_WRLCK 1u
#define P9_LOCK_UNLCK 2u
#define P9_LOCK_SUCCESS 0u
#define P9_LOCK_BLOCKED 1u

#define P9_UNLINKAT_DIR 0x200u /* AT_REMOVEDIR */

#endif
