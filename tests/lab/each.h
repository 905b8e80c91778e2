/* A test on each QEMU of the lab. TEST_ON_EACH(test) makes cmocka tests out of
 * "static void test(int qemu)", and ON_EACH(test) names them in the suite's table. One whose QEMU
 * could not be fetched is skipped; VMs that a test leaves running are stopped. SPDX: MIT */
#ifndef LAB_EACH_H
#define LAB_EACH_H

#include "lab/lab.h"

#define TEST_ON(test, qemu, name)                                                                  \
    static void test##_##name(void **state)                                                        \
    {                                                                                              \
        (void)state;                                                                               \
        lab_require(qemu);                                                                         \
        test(qemu);                                                                                \
    }

#define TEST_ON_EACH(test)                                                                         \
    TEST_ON(test, LAB_HOST, on_host)                                                               \
    TEST_ON(test, LAB_BULLSEYE, on_bullseye)                                                       \
    TEST_ON(test, LAB_TRIXIE, on_trixie)                                                           \
    TEST_ON(test, LAB_SID, on_sid)

#define ON_EACH(test)                                                                              \
    cmocka_unit_test_teardown(test##_on_host, lab_teardown),                                       \
        cmocka_unit_test_teardown(test##_on_bullseye, lab_teardown),                               \
        cmocka_unit_test_teardown(test##_on_trixie, lab_teardown),                                 \
        cmocka_unit_test_teardown(test##_on_sid, lab_teardown)

#endif
