/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The values of options about the board and its CPUs.
 *
 * Thread: main.
 * Trust:  the user's own command line.
 */
#include "lkvm/run/options_board.h"

#include <errno.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "lkvm/base/options.h"
#include "lkvm/run/config.h"

int options_irqchip(void *conf, const char *name, const char *val)
{
	static const char *const names[] = {
		[IRQCHIP_GICV2] = "gicv2",
		[IRQCHIP_GICV2M] = "gicv2m",
		[IRQCHIP_GICV3] = "gicv3",
		[IRQCHIP_GICV3_ITS] = "gicv3-its",
	};
	struct config *c = conf;

	for (unsigned i = IRQCHIP_GICV2; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(val, names[i])) {
			c->irqchip = (enum config_irqchip)i;
			return 0;
		}
	}
	log_error("%s: unknown type \"%s\", known are gicv2, gicv2m, gicv3 and gicv3-its", name,
		  val);
	return -EINVAL;
}

int options_pvpanic(void *conf, const char *name, const char *val)
{
	struct config *c = conf;

	if (strcmp(val, "on") != 0 && strcmp(val, "off") != 0) {
		log_error("--%s takes on or off, not '%s'", name, val);
		return -EINVAL;
	}
	c->pvpanic = strcmp(val, "on") ? PVPANIC_OFF : PVPANIC_ON;
	return 0;
}

int options_rtc(void *conf, const char *name, const char *val)
{
	struct config *c = conf;

	if (!strcmp(val, "mc146818")) {
		c->rtc = RTC_MC146818;
	} else if (!strcmp(val, "pl031")) {
		c->rtc = RTC_PL031;
	} else {
		log_error("%s: unknown type \"%s\", known are mc146818 and pl031", name, val);
		return -EINVAL;
	}
	return 0;
}

int options_counter_offset(void *conf, const char *name, const char *val)
{
	struct config *c = conf;

	if (options_number(val, UINT64_MAX, &c->counter_offset)) {
		log_error("--%s wants a number like 0x1000, not '%s'", name, val);
		return -EINVAL;
	}
	c->counter_offset_set = true;
	return 0;
}

/* What is no length at all; whether the host has it is cpu.c's to find out. */
int options_sve_max_vl(void *conf, const char *name, const char *val)
{
	struct config *c = conf;
	u64 bits;

	if (options_number(val, 2048, &bits) || bits < 128 || !is_power_of_2(bits)) {
		log_error(
			"SVE vector length isn't power of 2 or out of range: --%s takes 128, 256, "
			"512, 1024 or 2048 bits, not '%s'",
			name, val);
		return -EINVAL;
	}
	c->sve_max_vl = (u32)bits;
	return 0;
}

int options_firmware_address(void *conf, const char *name, const char *val)
{
	struct config *c = conf;

	if (options_number(val, UINT64_MAX, &c->firmware_addr)) {
		log_error("--%s wants an address like 0x80000000, not '%s'", name, val);
		return -EINVAL;
	}
	c->firmware_addr_set = true;
	return 0;
}

int options_affinity(void *conf, const char *name, const char *val)
{
	struct config *c = conf;
	cpu_set_t set;

	if (config_cpulist(val, &set)) {
		log_error("--%s wants a list of host CPUs like 0-3,6, not '%s'", name, val);
		return -EINVAL;
	}
	c->vcpu_affinity = val;
	return 0;
}
