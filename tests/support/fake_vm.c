#include "fake_vm.h"

#define BOOT_BACKEND                                                                               \
    "{\"id\":\"pc.ram\",\"size\":536870912,\"merge\":true,\"dump\":true,\"host-nodes\":[],"        \
    "\"policy\":\"default\"}"

void fake_vm_describe(struct fake_monitor *fake)
{
    fake_monitor_allow(fake, "query-status", NULL, "{\"status\":\"running\",\"running\":true}");
    fake_monitor_allow(fake, "query-name", NULL, "{}");
    fake_monitor_allow(fake, "query-uuid", NULL, "{\"UUID\":\"1-2-3\"}");
    fake_monitor_allow(fake, "query-memory-size-summary", NULL,
                       "{\"base-memory\":536870912,\"plugged-memory\":0}");
    fake_monitor_allow(fake, "query-memory-devices", NULL, "[]");
    fake_monitor_allow(fake, "query-memdev", NULL, "[" BOOT_BACKEND "]");
    fake_monitor_allow(fake, "qom-list", "{\"path\":\"/objects\"}", "[]");
    fake_monitor_allow(fake, "qom-list", "{\"path\":\"/machine/peripheral\"}", "[]");
    fake_monitor_allow(fake, "qom-get", "{\"path\":\"/machine\",\"property\":\"memory\"}",
                       "{\"size\":536870912,\"slots\":16,\"max-size\":8589934592}");
    fake_monitor_allow(fake, "query-acpi-ospm-status", NULL, "[]");
    fake_monitor_allow(fake, "human-monitor-command", "{\"command-line\":\"info numa\"}",
                       "\"0 nodes\\r\\n\"");
    fake_monitor_allow(fake, "query-migrate", NULL, "{}");
}

void fake_vm_has_dimm(struct fake_monitor *fake)
{
    fake_monitor_allow(fake, "query-memory-size-summary", NULL,
                       "{\"base-memory\":536870912,\"plugged-memory\":268435456}");
    fake_monitor_allow(fake, "query-memory-devices", NULL,
                       "[{\"type\":\"dimm\",\"data\":{\"id\":\"dimm0\",\"slot\":0,\"node\":0,"
                       "\"addr\":4294967296,\"size\":268435456,\"hotplugged\":true,"
                       "\"hotpluggable\":true,\"memdev\":\"/objects/mem-dimm0\"}}]");
    fake_monitor_allow(fake, "query-memdev", NULL,
                       "[{\"id\":\"mem-dimm0\",\"size\":268435456,\"merge\":true,\"dump\":true,"
                       "\"host-nodes\":[],\"policy\":\"default\"}," BOOT_BACKEND "]");
    fake_monitor_allow(fake, "qom-list", "{\"path\":\"/objects\"}",
                       "[{\"name\":\"mem-dimm0\",\"type\":\"child<memory-backend-ram>\"}]");
}
