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

enum lab_temper {
    LAB_GIVES,   /* onlines memory as movable */
    LAB_REFUSES, /* onlines memory as kernel memory, and uses it */
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
/* Sends a line to the guest and waits for its answer, "lab: ANSWER..." */
void lab_command(struct lab_vm *vm, const char *line, const char *answer);
/* Whether QEMU still runs. */
bool lab_is_alive(struct lab_vm *vm);
/* Ends QEMU and removes what it left. NULL is fine. */
void lab_stop(struct lab_vm *vm);

#endif
