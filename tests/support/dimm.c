#include "dimm.h"

void dimm_init(struct dimm *dimm)
{
    dimm->backend = (struct memory_backend){.id = "mem-dimm0", .used = true};
    dimm->device = (struct memory_device){.id = "dimm0",
                                          .qom_path = "/machine/peripheral/dimm0",
                                          .type = "dimm",
                                          .hotpluggable = true,
                                          .answer = {OST_SOURCE_PLUG, OST_SUCCESS},
                                          .backend = &dimm->backend};
    dimm->memory = (struct memory){.state = "running",
                                   .guest_tells = true,
                                   .devices = &dimm->device,
                                   .device_count = 1,
                                   .backends = &dimm->backend,
                                   .backend_count = 1};
}

json_t *dimm_answer(const char *slot, const char *device, int64_t source, int64_t status)
{
    json_t *info = json_pack("{s:s,s:I,s:I}", "slot-type", "DIMM", "source", (json_int_t)source,
                             "status", (json_int_t)status);

    if (slot)
        json_object_set_new(info, "slot", json_string(slot));
    if (device)
        json_object_set_new(info, "device", json_string(device));
    return json_pack("{s:o}", "info", info);
}
