/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lkvm net, disk and trace: what they print for people and for programs. */
#include "tests/unit/lkvm/cli/asked.h"

START_TEST(forwards)
{
	answer = "forward\t0\ttcp:[::1]:8081-:80\nforward\t1\tudp::53-:53\n";
	ck_assert_str_eq(OUTPUT_OF(cmd_net, "g"),
			 "network 0  tcp:[::1]:8081-:80\nnetwork 1  udp::53-:53\n");
	ck_assert_str_eq(OUTPUT_OF(cmd_net, "--json", "g", "list"),
			 "[{\"network\": 0, \"forward\": \"tcp:[::1]:8081-:80\"}, "
			 "{\"network\": 1, \"forward\": \"udp::53-:53\"}]\n");
	answer = "";
	ck_assert_str_eq(OUTPUT_OF(cmd_net, "g", "--json"), "[]\n");
}
END_TEST

START_TEST(disks)
{
	answer = "disk\t0\t512\t512\ndisk\t3\t512\t1024\n";
	ck_assert_str_eq(OUTPUT_OF(cmd_disk, "g", "resize"),
			 "disk 0: 512 bytes\ndisk 3: 1024 bytes, was 512\n");
	ck_assert_str_eq(OUTPUT_OF(cmd_disk, "--json", "g", "resize"),
			 "[{\"disk\": 0, \"bytes\": 512, \"was\": 512}, "
			 "{\"disk\": 3, \"bytes\": 1024, \"was\": 512}]\n");
}
END_TEST

START_TEST(transfers)
{
	json_t *lost;

	answer = "device\t1\tvirtio-blk 0\t0000:00:01.0\n"
		 "transfer\t1.000002\t1\t0\tin\t0x9b549000\t66\nlost\t7\n";
	ck_assert_str_eq(OUTPUT_OF(cmd_trace, "bounce", "--json", "g"),
			 "{\"time\": \"1.000002\", \"bus\": \"0000:00:01.0\", \"device\": "
			 "\"virtio-blk 0\", \"queue\": 0, \"direction\": \"in\", \"address\": "
			 "\"0x9b549000\", \"bytes\": 66}\n{\"lost\": 7}\n");
	answer = "lost\t9\n";
	lost = document(OUTPUT_OF(cmd_trace, "bounce", "g", "--json"));
	ck_assert_int_eq(json_integer_value(json_object_get(lost, "lost")), 9);
	json_decref(lost);
}
END_TEST

SUITE_MAIN("lkvm/cli/cmd_net", forwards, disks, transfers)
