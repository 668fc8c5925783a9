/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GICv2m frame: a message is the number of an SPI written to one register.
 *
 * Thread: register handlers on vCPU threads, under v->lock (taken by the bus); seam functions on
 *         any thread: they hold no state here.
 * Trust:  messages and register writes are the guest's: only the frame's own SPIs can be hit.
 * Spec:   ARM Server Base System Architecture, appendix "GICv2m".
 */
#include "arm64/v2m.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "arm64/memmap.h"
#include "lkvm/vm/bus.h"

#define MSI_TYPER 0x008
#define MSI_SETSPI MEMMAP_V2M_SETSPI
#define TYPER_BASE_SHIFT 16

#define FIRST_INTID (32 + MEMMAP_SPI_V2M)

struct v2m {
	struct irq irq;
	struct irq *under;
	struct bus *bus;
	pthread_mutex_t lock;
};

static struct v2m *of_irq(struct irq *i)
{
	return container_of(i, struct v2m, irq);
}

/* The SPI that a message with this data raises, or -EINVAL. */
static int spi_of(u32 data)
{
	if (data < FIRST_INTID || data - FIRST_INTID >= MEMMAP_NR_SPI_V2M)
		return -EINVAL;
	return (int)data - 32;
}

/* ---- the frame ---- */

static u64 frame_read(void *dev, u64 off, unsigned len)
{
	return off == MSI_TYPER ? FIRST_INTID << TYPER_BASE_SHIFT | MEMMAP_NR_SPI_V2M : 0;
}

static void frame_write(void *dev, u64 off, unsigned len, u64 val)
{
	struct v2m *v = dev;
	int spi = off == MSI_SETSPI ? spi_of((u32)val) : -EINVAL;

	if (spi < 0)
		return;
	/* The GIC latches the rising edge. */
	v->under->ops->line(v->under, (u32)spi, true);
	v->under->ops->line(v->under, (u32)spi, false);
}

static const struct bus_ops frame_ops = { .read = frame_read, .write = frame_write };

/* ---- the seam ---- */

static void v2m_line(struct irq *i, u32 spi, bool level)
{
	struct irq *u = of_irq(i)->under;

	u->ops->line(u, spi, level);
}

static int v2m_edge_bind(struct irq *i, u32 spi, int fd)
{
	struct irq *u = of_irq(i)->under;

	return u->ops->edge_bind(u, spi, fd);
}

static void v2m_edge_unbind(struct irq *i, u32 spi, int fd)
{
	struct irq *u = of_irq(i)->under;

	u->ops->edge_unbind(u, spi, fd);
}

static int v2m_level_bind(struct irq *i, u32 spi, int fd, int resample)
{
	struct irq *u = of_irq(i)->under;

	return u->ops->level_bind(u, spi, fd, resample);
}

static void v2m_level_unbind(struct irq *i, u32 spi, int fd)
{
	struct irq *u = of_irq(i)->under;

	u->ops->level_unbind(u, spi, fd);
}

static void v2m_msi_unbind(struct irq *i, int *route, int fd)
{
	if (*route >= 0)
		v2m_edge_unbind(i, (u32)*route, fd);
	*route = -1;
}

/* The route is the SPI. A message to anywhere but the doorbell raises no interrupt. */
static int v2m_msi_bind(struct irq *i, int *route, const struct msi_msg *msg, int fd)
{
	int spi = msg->addr == MEMMAP_V2M + MSI_SETSPI ? spi_of(msg->data) : -EINVAL;
	int err;

	if (spi >= 0 && spi == *route)
		return 0;
	v2m_msi_unbind(i, route, fd);
	if (spi < 0)
		return spi;
	err = v2m_edge_bind(i, (u32)spi, fd);
	if (!err)
		*route = spi;
	return err;
}

static int v2m_doorbell_bind(struct irq *i, gpa_t g, unsigned len, s64 match, int fd)
{
	struct irq *u = of_irq(i)->under;

	return u->ops->doorbell_bind(u, g, len, match, fd);
}

static void v2m_doorbell_unbind(struct irq *i, gpa_t g, unsigned len, s64 match, int fd)
{
	struct irq *u = of_irq(i)->under;

	u->ops->doorbell_unbind(u, g, len, match, fd);
}

static const struct irq_ops v2m_irq_ops = {
	.line = v2m_line,
	.edge_bind = v2m_edge_bind,
	.edge_unbind = v2m_edge_unbind,
	.level_bind = v2m_level_bind,
	.level_unbind = v2m_level_unbind,
	.msi_bind = v2m_msi_bind,
	.msi_unbind = v2m_msi_unbind,
	.doorbell_bind = v2m_doorbell_bind,
	.doorbell_unbind = v2m_doorbell_unbind,
};

int v2m_create(struct v2m **out, struct bus *bus, struct irq *under)
{
	struct v2m *v = calloc(1, sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	pthread_mutex_init(&v->lock, NULL);
	v->irq = (struct irq){ .ops = &v2m_irq_ops, .has_msi = true };
	v->under = under;
	err = bus_add(bus, &(struct bus_range){ .base = gpa(MEMMAP_V2M),
						.len = MEMMAP_V2M_SIZE,
						.widths = BUS_W4,
						.ops = &frame_ops,
						.dev = v,
						.lock = &v->lock,
						.name = "gicv2m" });
	if (err) {
		v2m_destroy(v);
		return err;
	}
	v->bus = bus;
	*out = v;
	return 0;
}

void v2m_destroy(struct v2m *v)
{
	if (!v)
		return;
	if (v->bus)
		bus_remove(v->bus, gpa(MEMMAP_V2M), v);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

struct irq *v2m_irq(struct v2m *v)
{
	return &v->irq;
}
