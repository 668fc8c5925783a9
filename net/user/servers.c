/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's name servers, from resolv.conf as it is now.
 *
 * Thread: the loop of the netif, or main before it runs.
 * Trust:  the host's file. How often it is read is the guest's choice, once a second at most.
 *
 * The file is replaced by renaming when the host moves, so its name is looked up each time. It is
 * read by open(2) and read(2): stdio would ask for the file's state first, one system call more
 * that the guest's process had to be allowed.
 */
#include "net/user/servers.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lkvm/base/options.h"

#define UPDATE_NS UINT64_C(1000000000)
#define MAX_FILE (16u * 1024)

static size_t read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return 0;
	while (len < size && n) {
		n = read(fd, buf + len, size - len);
		if (n < 0 && errno != EINTR)
			break;
		len += (size_t)MAX(n, 0);
	}
	close(fd);
	return len;
}

/* The number of the interface `name`, which may be one; 0: there is none. */
static u32 interface(const char *name)
{
	struct ifreq r = { .ifr_ifindex = 0 };
	u64 n;
	int fd;

	if (!options_number(name, UINT32_MAX, &n))
		return (u32)n;
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFINDEX, &r) < 0)
		r.ifr_ifindex = 0;
	if (fd >= 0)
		close(fd);
	return (u32)r.ifr_ifindex;
}

static void add(struct servers *s, const struct resolv_server *from)
{
	union reach_addr *a = &s->addr[s->nr];

	memset(a, 0, sizeof(*a));
	if (from->v6) {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = s->port;
		memcpy(&a->in6.sin6_addr, from->addr, 16);
		if (from->scope[0] && !(a->in6.sin6_scope_id = interface(from->scope)))
			return;
	} else {
		a->in.sin_family = AF_INET;
		a->in.sin_port = s->port;
		memcpy(&a->in.sin_addr, from->addr, 4);
	}
	s->nr++;
}

void servers_update(struct servers *s, u64 now_ns)
{
	char text[MAX_FILE];
	struct resolv r;
	size_t len;
	FILE *f;

	if (s->read_ns && now_ns - s->read_ns < UPDATE_NS)
		return;
	s->read_ns = now_ns;
	s->nr = 0;
	len = read_file(s->path, text, sizeof(text));
	f = len ? fmemopen(text, len, "r") : NULL;
	if (!f)
		return;
	resolv_read(&r, f);
	fclose(f);
	for (unsigned i = 0; i < r.nr_servers; i++)
		add(s, &r.server[i]);
}

socklen_t servers_addr_len(const union reach_addr *a)
{
	return a->sa.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in);
}
