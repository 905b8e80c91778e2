/* Any bytes as a module description: refused with a reason, or within all bounds.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "host/module_xml.h"
#include "size.h"

static void check(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct module_description module;
    struct error error = {0};

    if (module_xml_parse((const char *)data, size, &module, &error) != 0) {
        check(error.text[0] != '\0' && error.code == EXIT_USAGE);
        check(memchr(error.text, '\0', sizeof error.text) != NULL);
        return 0;
    }
    check(module.size > 0 && module.size <= SIZE_LIMIT);
    check(module.page_size <= SIZE_LIMIT && (module.page_size & (module.page_size - 1)) == 0);
    check(module.target_node >= -1 && module.target_node < HOST_NODES);
    check(module.slot >= -1 && module.slot < 256);
    check(memchr(module.alias, '\0', sizeof module.alias) != NULL);
    check(!module.has_source_nodes || !node_set_is_empty(&module.source_nodes));
    return 0;
}
