/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can fail: CALL(type, name, parameters, arguments, what it returns then, errno). The Makefile
 * takes the names from here, and has the program's objects call fault_NAME instead.
 *
 * Not here: what cannot fail by its contract as lkvm calls it (close, munmap, pthread_mutex_init).
 */

/* ---- memory ---- */
CALL(void *, malloc, (size_t n), (n), NULL, ENOMEM)
CALL(void *, calloc, (size_t n, size_t m), (n, m), NULL, ENOMEM)
CALL(void *, realloc, (void *p, size_t n), (p, n), NULL, ENOMEM)
CALL(char *, strdup, (const char *s), (s), NULL, ENOMEM)
CALL(FILE *, open_memstream, (char **p, size_t *n), (p, n), NULL, ENOMEM)
CALL(void *, mmap, (void *a, size_t n, int p, int f, int fd, off_t o), (a, n, p, f, fd, o),
     MAP_FAILED, ENOMEM)
CALL(int, mprotect, (void *a, size_t n, int p), (a, n, p), -1, ENOMEM)
CALL(int, madvise, (void *a, size_t n, int how), (a, n, how), -1, ENOMEM)
CALL(int, memfd_create, (const char *name, unsigned f), (name, f), -1, EMFILE)

/* ---- files ---- */
CALL(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL, EMFILE)
CALL(int, mkdir, (const char *path, mode_t m), (path, m), -1, ENOSPC)
CALL(int, mkdirat, (int d, const char *path, mode_t m), (d, path, m), -1, ENOSPC)
CALL(int, unlink, (const char *path), (path), -1, EIO)
CALL(int, unlinkat, (int d, const char *path, int f), (d, path, f), -1, EIO)
CALL(int, rename, (const char *from, const char *to), (from, to), -1, EIO)
CALL(int, renameat, (int d, const char *from, int e, const char *to), (d, from, e, to), -1, EIO)
CALL(int, linkat, (int d, const char *a, int e, const char *b, int f), (d, a, e, b, f), -1, EIO)
CALL(int, mkostemp, (char *path, int f), (path, f), -1, EMFILE)
CALL(int, stat, (const char *path, struct stat *st), (path, st), -1, EIO)
CALL(int, fstat, (int fd, struct stat *st), (fd, st), -1, EIO)
CALL(int, fstatat, (int d, const char *path, struct stat *st, int f), (d, path, st, f), -1, EIO)
CALL(int, fchmod, (int fd, mode_t m), (fd, m), -1, EIO)
CALL(int, chmod, (const char *path, mode_t m), (path, m), -1, EIO)
CALL(int, flock, (int fd, int op), (fd, op), -1, ENOLCK)
CALL(off_t, lseek, (int fd, off_t o, int how), (fd, o, how), -1, EIO)
CALL(int, ftruncate, (int fd, off_t n), (fd, n), -1, EIO)
CALL(int, fallocate, (int fd, int m, off_t o, off_t n), (fd, m, o, n), -1, ENOSPC)
CALL(int, fsync, (int fd), (fd), -1, EIO)
CALL(int, fdatasync, (int fd), (fd), -1, EIO)
CALL_MORE(ssize_t, read, (int fd, void *p, size_t n))
CALL_MORE(ssize_t, write, (int fd, const void *p, size_t n))
CALL(ssize_t, pread, (int fd, void *p, size_t n, off_t o), (fd, p, n, o), -1, EIO)
CALL(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t o), (fd, p, n, o), -1, ENOSPC)
CALL(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n), -1, EIO)
CALL(ssize_t, preadv, (int fd, const struct iovec *v, int n, off_t o), (fd, v, n, o), -1, EIO)
CALL(ssize_t, pwritev, (int fd, const struct iovec *v, int n, off_t o), (fd, v, n, o), -1, ENOSPC)
CALL(ssize_t, preadv2, (int fd, const struct iovec *v, int n, off_t o, int f), (fd, v, n, o, f), -1,
     EIO)
CALL(ssize_t, pwritev2, (int fd, const struct iovec *v, int n, off_t o, int f), (fd, v, n, o, f),
     -1, ENOSPC)

/* ---- descriptors, waiting, threads ---- */
CALL(int, eventfd, (unsigned n, int f), (n, f), -1, EMFILE)
CALL(int, signalfd, (int fd, const sigset_t *s, int f), (fd, s, f), -1, EMFILE)
CALL(int, timerfd_create, (int c, int f), (c, f), -1, EMFILE)
CALL(int, epoll_create1, (int f), (f), -1, EMFILE)
CALL(int, epoll_ctl, (int e, int op, int fd, struct epoll_event *ev), (e, op, fd, ev), -1, ENOSPC)
CALL(int, epoll_wait, (int e, struct epoll_event *ev, int n, int ms), (e, ev, n, ms), -1, EINTR)
CALL(int, poll, (struct pollfd * p, nfds_t n, int ms), (p, n, ms), -1, EINTR)
CALL(int, pipe2, (int *fds, int f), (fds, f), -1, EMFILE)
CALL(int, pthread_create, (pthread_t * t, const pthread_attr_t *a, void *(*f)(void *), void *arg),
     (t, a, f, arg), EAGAIN, EAGAIN)
CALL(void *, dlopen, (const char *name, int f), (name, f), NULL, ENOMEM)
CALL(int, posix_openpt, (int f), (f), -1, EMFILE)

/* ---- sockets ---- */
CALL(int, socket, (int d, int t, int p), (d, t, p), -1, EMFILE)
CALL(int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), -1, EADDRINUSE)
CALL(int, listen, (int fd, int n), (fd, n), -1, EADDRINUSE)
CALL(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), -1, ECONNREFUSED)
CALL(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int f), (fd, a, n, f), -1, EMFILE)
CALL(ssize_t, send, (int fd, const void *p, size_t n, int f), (fd, p, n, f), -1, ENOBUFS)
CALL(ssize_t, recv, (int fd, void *p, size_t n, int f), (fd, p, n, f), -1, ECONNRESET)
CALL(ssize_t, sendmsg, (int fd, const struct msghdr *m, int f), (fd, m, f), -1, ENOBUFS)
CALL(ssize_t, recvmsg, (int fd, struct msghdr *m, int f), (fd, m, f), -1, ECONNRESET)
CALL(int, setsockopt, (int fd, int l, int o, const void *p, socklen_t n), (fd, l, o, p, n), -1,
     ENOBUFS)
CALL(int, getsockopt, (int fd, int l, int o, void *p, socklen_t *n), (fd, l, o, p, n), -1, ENOBUFS)

/* ---- io_uring, KVM: these return -errno ---- */
CALL(int, io_uring_queue_init, (unsigned n, struct io_uring *r, unsigned f), (n, r, f), -ENOMEM,
     ENOMEM)
CALL(int, io_uring_queue_init_params, (unsigned n, struct io_uring *r, struct io_uring_params *p),
     (n, r, p), -ENOMEM, ENOMEM)
CALL(int, io_uring_submit, (struct io_uring * r), (r), -EAGAIN, EAGAIN)
CALL(int, io_uring_submit_and_wait, (struct io_uring * r, unsigned n), (r, n), -EINTR, EINTR)
CALL(int, io_uring_register_buffers_sparse, (struct io_uring * r, unsigned n), (r, n), -ENOMEM,
     ENOMEM)
CALL_MORE(int, kvm_ioctl, (int fd, unsigned long req, void *arg))
CALL_MORE(int, kvm_ioctl_val, (int fd, unsigned long req, unsigned long val))

/* ---- with an argument that may not be there: see calls.c ---- */
CALL_MORE(int, open, (const char *path, int f, ...))
CALL_MORE(int, openat, (int d, const char *path, int f, ...))
CALL_MORE(int, ioctl, (int fd, unsigned long req, ...))
CALL_MORE(int, fcntl, (int fd, int cmd, ...))
