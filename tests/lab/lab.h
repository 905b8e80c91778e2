/* Real QEMUs with a real guest, for suites. Every function that cannot do its job fails the test.
 * SPDX: MIT */
#ifndef LAB_H
#define LAB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct lab_vm;

/* The QEMUs of the lab; the host's own is the first. */
enum { LAB_HOST, LAB_BULLSEYE, LAB_TRIXIE, LAB_SID, LAB_QEMUS };
const char *lab_qemu_name(int qemu);
/* False: that QEMU could not be fetched. The host's own is always there. */
bool lab_has_qemu(int qemu);
/* Skips the test where it could not. */
void lab_require(int qemu);

enum lab_temper {
    LAB_GIVES,   /* onlines memory as movable */
    LAB_REFUSES, /* onlines memory as kernel memory */
    LAB_ABSENT   /* nothing booted */
};

/* Starts QEMU with 512 MiB, 16 slots and 8 GiB at the most (memory NULL), and further arguments
 * (NULL-ended, or NULL); waits until the guest is ready. */
struct lab_vm *lab_start(int qemu, enum lab_temper temper, const char *memory,
                         const char *const *arguments);
const char *lab_socket(const struct lab_vm *vm);
pid_t lab_pid(const struct lab_vm *vm);
/* The guest's own MemTotal, in bytes. */
uint64_t lab_memtotal(struct lab_vm *vm);
/* Asks until MemTotal lies between low and high; fails after seconds. */
void lab_await_memtotal(struct lab_vm *vm, uint64_t low, uint64_t high, double seconds);
/* Sends a line to the guest and waits for its answer, "lab: ANSWER...":
 *   crowd [MIB]    filled    movable memory takes all but MIB: an unplug stalls until "free"
 *   fill [MIB]     filled    the same with memory that cannot be moved: it stalls, then fails
 *   pin            pinned    the kernel's own things lie in memory onlined for it: it refuses
 *   free           freed
 *   online         online    devices that were there at boot are taken: nobody did, after a reset
 *   policy WORD    policy    what becomes of memory plugged from now on (auto_online_blocks)
 */
void lab_command(struct lab_vm *vm, const char *line, const char *answer);
/* The guest stands still, and QEMU does not; the machine is reset, and runs then. Both through a
 * second monitor that qmpctl does not use; they assert nothing. */
void lab_halt(struct lab_vm *vm);
void lab_reset(struct lab_vm *vm);
/* The guest powers its machine off; returns when QEMU has ended. Not one that stalls in an unplug:
 * Linux holds lock_device_hotplug for as long as it tries (drivers/acpi/scan.c), and was seen to
 * stay. Asserts nothing. */
void lab_power_off(struct lab_vm *vm);
/* Waits until a guest that was reset is ready again. */
void lab_await_ready(struct lab_vm *vm);
/* Whether QEMU still runs. */
bool lab_is_alive(struct lab_vm *vm);
/* QEMU stands still, as a host under load may make it; and goes on. */
void lab_pause(struct lab_vm *vm);
void lab_resume(struct lab_vm *vm);
/* QEMU dies at once; its socket stays behind. */
void lab_kill(struct lab_vm *vm);
/* Ends QEMU and removes what it left. NULL is fine. */
void lab_stop(struct lab_vm *vm);
/* A cmocka teardown that stops every VM which a test has left running. What is left after that
 * ends with the suite. */
int lab_teardown(void **state);

#endif
