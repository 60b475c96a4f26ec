#include "common/base/patient.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/resource.h>

static void nothing_else_changes(void **state)
{
    (void)state;
    int nice_before = getpriority(PRIO_PROCESS, 0), policy = sched_getscheduler(0);
    struct timespec usual, patient, after;
    sched_rr_get_interval(0, &usual);
    patient_begin();
    sched_rr_get_interval(0, &patient);
    patient_begin();
    patient_end();
    sched_rr_get_interval(0, &after);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), nice_before);
    assert_int_equal(sched_getscheduler(0), policy);
    assert_int_equal(after.tv_nsec, usual.tv_nsec);
    assert_true(patient.tv_nsec >= usual.tv_nsec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_else_changes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
