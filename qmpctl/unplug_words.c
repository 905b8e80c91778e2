#include "unplug_words.h"

#include <stddef.h>

#define RESUME "let it run (qmpctl qmp cont), then look again with qmpctl status"

static struct unplug_words of_a_guest_at_it(const struct unplug *unplug)
{
    if (!unplug->guest_runs)
        return (struct unplug_words){"the guest is not running; it had begun to give the device "
                                     "up, and goes on when it runs",
                                     RESUME};
    return (struct unplug_words){
        "stalled: the guest is still trying, and may complete it later",
        "free memory in the guest, or wait longer (--timeout); further requests wait behind this "
        "one"};
}

static struct unplug_words of_a_silent_guest(const struct unplug *unplug)
{
    if (!unplug->guest_runs)
        return (struct unplug_words){"the guest is not running; the request waits for it", RESUME};
    if (!unplug->guest_tells)
        return (struct unplug_words){
            "no answer; whether the guest is at it cannot be seen on a machine without ACPI",
            "wait longer (--timeout), or look later with qmpctl status: the request stands"};
    return (struct unplug_words){
        "nobody answers: no sign that the guest handles memory hotplug",
        "the guest may not be booted yet, or has no ACPI memory hotplug driver"};
}

struct unplug_words unplug_late_words(const struct unplug *unplug)
{
    if (unplug->interrupted)
        return (struct unplug_words){"interrupted; the request stands and may still complete",
                                     NULL};
    if (unplug->reset)
        return (struct unplug_words){
            "the guest was reset before it answered; it may have forgotten the request, or act on "
            "it after its boot",
            "look with qmpctl status when it has booted, and ask again"};
    if (unplug->in_progress)
        return of_a_guest_at_it(unplug);
    if (unplug->unsure)
        return (struct unplug_words){
            "QEMU did not confirm the request, so whether the guest was asked is not known",
            "look with qmpctl status, then ask again"};
    return of_a_silent_guest(unplug);
}

/* Linux answers -EPERM with 0x80, -EBUSY with 0x82 and any other error with 1 (acpi_device_hotplug
 * in its drivers/acpi/scan.c); 0x80 where ejection is switched off for all memory. */
const char *unplug_refusal_hint(int64_t status)
{
    switch (status) {
    case 0x80:
        return "let the guest eject memory; in Linux: "
               "echo 1 > /sys/firmware/acpi/hotplug/memory/enabled";
    case 0x81:
        return "end what uses this memory in the guest, then ask again";
    case 0x83:
        return "the guest's log may tell what depends on this memory; release that, then ask again";
    case -1:
    case 0x82:
        return "the guest can only give back memory that it onlined as movable: "
               "echo online_movable > /sys/devices/system/memory/auto_online_blocks before "
               "plugging";
    default:
        return "the guest's log may tell why (in Linux: dmesg)";
    }
}
