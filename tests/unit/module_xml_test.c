/* Module descriptions: golden files, malformed ones, units. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "host/module_units.h"
#include "host/module_xml.h"
#include "size.h"

#define FOLDER "tests/data/xml/"

static char *load(const char *path)
{
    char *text = calloc(1, MODULE_XML_BYTES);
    FILE *file = fopen(path, "r");

    if (!text || !file)
        fail_msg("%s cannot be read", path);
    if (fread(text, 1, MODULE_XML_BYTES - 1, file) == 0 && ferror(file))
        fail_msg("%s cannot be read", path);
    fclose(file);
    return text;
}

/* As the golden files have it: a line for each thing that is given. */
static void describe(const struct module_description *module, char *text, size_t size)
{
    char nodes[128];
    int length = snprintf(text, size, "size %" PRIu64 "\n", module->size);

    if (module->page_size > 0)
        length += snprintf(text + length, size - (size_t)length, "pagesize %" PRIu64 "\n",
                           module->page_size);
    if (module->has_source_nodes)
        length += snprintf(text + length, size - (size_t)length, "source %s\n",
                           node_set_format(&module->source_nodes, nodes, sizeof nodes));
    if (module->target_node >= 0)
        length +=
            snprintf(text + length, size - (size_t)length, "target %d\n", module->target_node);
    if (module->has_access)
        snprintf(text + length, size - (size_t)length, "access %s\n",
                 module->shared ? "shared" : "private");
}

static void read_one(const char *path, char *found, size_t size)
{
    static const struct module_description untouched = {.size = 42};
    struct module_description module = untouched;
    struct error error = {0};

    if (module_xml_read(path, &module, &error) == 0) {
        describe(&module, found, size);
        return;
    }
    assert_int_equal(error.code, EXIT_USAGE);
    assert_memory_equal(&module, &untouched, sizeof module);
    assert_memory_equal(error.text, path, strlen(path));
    snprintf(found, size, "%s\n", error.text + strlen(path) + 2);
}

/* Each FOLDER/kind/NAME.xml gives what NAME.txt says. */
static void compare_folder(const char *kind)
{
    char path[512], found[1024];
    const struct dirent *entry;
    DIR *folder;
    int compared = 0;

    snprintf(path, sizeof path, FOLDER "%s", kind);
    folder = opendir(path);
    assert_non_null(folder);
    while ((entry = readdir(folder))) {
        const char *dot = strstr(entry->d_name, ".xml");
        char *expected;

        if (!dot)
            continue;
        snprintf(path, sizeof path, FOLDER "%s/%.128s", kind, entry->d_name);
        read_one(path, found, sizeof found);
        snprintf(path, sizeof path, FOLDER "%s/%.*s.txt", kind, (int)(dot - entry->d_name),
                 entry->d_name);
        expected = load(path);
        if (strcmp(found, expected) != 0)
            fail_msg("%s: expected '%s', found '%s'", path, expected, found);
        free(expected);
        compared++;
    }
    closedir(folder);
    assert_true(compared >= 8);
}

static void good_descriptions_are_read(void **state)
{
    (void)state;
    compare_folder("good");
}

static void bad_descriptions_are_refused_with_line_and_name(void **state)
{
    (void)state;
    compare_folder("bad");
}

static void every_cut_of_a_description_is_refused(void **state)
{
    char *text = load(FOLDER "good/whole.xml");
    size_t length = (size_t)(strstr(text, "</memory>") - text) + strlen("</memory>");
    struct module_description module;
    struct error error = {0};

    (void)state;
    assert_int_equal(module_xml_parse(text, length, &module, &error), 0);
    for (size_t cut = 0; cut < length; cut++)
        assert_int_equal(module_xml_parse(text, cut, &module, &error), -1);
    free(text);
}

static void deep_nesting_is_refused_at_its_first_element(void **state)
{
    static const char head[] = "<memory model='dimm'>";
    char *text = malloc(MODULE_XML_BYTES);
    size_t length = sizeof head - 1;
    struct module_description module;
    struct error error = {0};

    (void)state;
    assert_non_null(text);
    memcpy(text, head, length);
    for (; length + 3 <= MODULE_XML_BYTES; length += 3)
        memcpy(text + length, "<a>", 3);
    assert_int_equal(module_xml_parse(text, length, &module, &error), -1);
    assert_string_equal(error.text, "line 1: unknown element <a> in <memory>");
    free(text);
}

static void a_description_beyond_the_bound_is_refused(void **state)
{
    char path[] = "/tmp/qmpctl-xml-XXXXXX", blanks[4096], expected[128];
    int descriptor = mkstemp(path);
    struct module_description module;
    struct error error = {0};

    (void)state;
    assert_true(descriptor >= 0);
    memset(blanks, ' ', sizeof blanks);
    for (int i = 0; i < 17; i++)
        assert_int_equal(write(descriptor, blanks, sizeof blanks), sizeof blanks);
    close(descriptor);
    assert_int_equal(module_xml_read(path, &module, &error), -1);
    snprintf(expected, sizeof expected, "%s: more than 65536 bytes", path);
    assert_string_equal(error.text, expected);
    unlink(path);
}

static void a_file_that_is_not_there_is_named(void **state)
{
    struct module_description module;
    struct error error = {0};

    (void)state;
    assert_int_equal(module_xml_read("/nonexistent.xml", &module, &error), -1);
    assert_string_equal(error.text, "/nonexistent.xml: No such file or directory");
    assert_int_equal(module_xml_read("/nonexistent.xml", &module, NULL), -1);
}

static void units_are_libvirts(void **state)
{
    static const struct {
        const char *unit;
        uint64_t bytes;
    } table[] = {
        {NULL, KIB},
        {"", KIB},
        {"b", 1},
        {"byte", 1},
        {"bytes", 1},
        {"KB", 1000},
        {"k", KIB},
        {"KiB", KIB},
        {"MB", 1000000},
        {"M", MIB},
        {"mib", MIB},
        {"GB", 1000000000},
        {"G", GIB},
        {"GiB", GIB},
        {"TiB", 1024 * GIB},
        {"TB", 1000000000000},
        {"P", MIB * GIB},
        {"PB", 1000000000000000},
        {"e", GIB * GIB},
        {"EB", 1000000000000000000},
    };
    uint64_t bytes;

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_null(module_units_scale("3", table[i].unit, &bytes));
        assert_int_equal(bytes, 3 * table[i].bytes);
    }
    assert_string_equal(module_units_scale("1", "ki", &bytes), "unknown unit");
    assert_string_equal(module_units_scale("1", "Z", &bytes), "unknown unit");
    assert_string_equal(module_units_scale("16", "EiB", &bytes), "too large");
    assert_string_equal(module_units_scale("1 2", "b", &bytes), "not a whole number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_descriptions_are_read),
        cmocka_unit_test(bad_descriptions_are_refused_with_line_and_name),
        cmocka_unit_test(every_cut_of_a_description_is_refused),
        cmocka_unit_test(deep_nesting_is_refused_at_its_first_element),
        cmocka_unit_test(a_description_beyond_the_bound_is_refused),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
        cmocka_unit_test(units_are_libvirts),
    };

    return cmocka_run_group_tests_name("module xml", tests, NULL, NULL);
}
