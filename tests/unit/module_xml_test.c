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
#include "placement_xml.h"
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
        length += snprintf(text + length, size - (size_t)length, "access %s\n",
                           module->shared ? "shared" : "private");
    if (module->discard)
        length += snprintf(text + length, size - (size_t)length, "discard\n");
    if (*module->alias)
        length += snprintf(text + length, size - (size_t)length, "alias %s\n", module->alias);
    if (module->slot >= 0)
        length += snprintf(text + length, size - (size_t)length, "slot %d\n", module->slot);
    if (module->has_base)
        snprintf(text + length, size - (size_t)length, "base\n");
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

/* ---- what becomes of a description ---- */

/* The command line "plug --xml FILE ..." of up to six more words, and what it comes to. Until the
 * next call. */
static int apply(struct options *options, struct error *error, const char *file, const char *words)
{
    static char line[256];
    char *argv[10] = {"qmpctl", "plug", "--xml"}, *next = line;
    int argc = 3;

    snprintf(line, sizeof line, FOLDER "%s %s", file, words);
    while (argc < 10 && (argv[argc] = strtok_r(next, " ", &next)))
        argc++;
    *error = (struct error){0};
    assert_int_equal(options_parse(options, argc, argv, error), 0);
    return placement_xml_apply(options, error);
}

static void a_description_of_a_live_vm_is_taken_as_it_is(void **state)
{
    struct options options;
    struct error error;

    (void)state;
    assert_int_equal(apply(&options, &error, "good/live.xml", ""), 0);
    assert_int_equal(options.change.size, GIB);
    assert_int_equal(options.change.node, 0);
    assert_string_equal(options.change.id, "dimm2");
    assert_int_equal(options.change.slot, 2);
    assert_string_equal(options.change.placement.note,
                        "QEMU chooses the address, whatever base says");
    options_free(&options);
    assert_int_equal(apply(&options, &error, "good/user-alias.xml", ""), 0);
    assert_string_equal(options.change.id, "ua-5a1c0b0e-3f0d-4c53-9d2e-7d1f0a4b6c21");
    assert_string_equal(options.change.placement.note, "");
    options_free(&options);
}

static void the_command_line_has_the_last_word(void **state)
{
    struct options options;
    struct error error;

    (void)state;
    assert_int_equal(apply(&options, &error, "good/live.xml", "--id=a --slot=7 --node=1"), 0);
    assert_string_equal(options.change.id, "a");
    assert_int_equal(options.change.slot, 7);
    assert_int_equal(options.change.node, 1);
    options_free(&options);
    assert_int_equal(apply(&options, &error, "good/private-discard.xml", "--share"), 0);
    assert_int_equal(options.change.placement.share, SWITCH_ON);
    options_free(&options);
}

/* The user has not said --host-nodes. */
static void a_policy_that_the_source_contradicts_is_told_as_such(void **state)
{
    struct options options;
    struct error error;

    (void)state;
    assert_int_equal(apply(&options, &error, "good/whole.xml", "--policy=default"), -1);
    assert_int_equal(error.code, EXIT_USAGE);
    assert_string_equal(error.text,
                        "--policy default takes no host nodes, and the <source> of " FOLDER
                        "good/whole.xml names some");
    assert_string_equal(error.hint, "say another --policy, or leave the nodes out of <source>");
    options_free(&options);
    assert_int_equal(apply(&options, &error, "good/whole.xml", "--policy=interleave"), 0);
    options_free(&options);
}

static void a_size_is_rounded_up_and_that_is_said(void **state)
{
    struct options options;
    struct error error;

    (void)state;
    assert_int_equal(apply(&options, &error, "good/private-discard.xml", ""), 0);
    assert_int_equal(options.change.size, 256 * MIB);
    assert_int_equal(options.change.placement.pagesize, 2 * MIB);
    assert_int_equal(options.change.placement.share, SWITCH_OFF);
    assert_true(options.change.placement.discard);
    assert_string_equal(options.change.placement.note, "262143K is rounded up to 256M");
    options_free(&options);
}

static void an_alias_that_is_no_id_is_left_and_named(void **state)
{
    struct options options;
    struct error error;

    (void)state;
    assert_int_equal(apply(&options, &error, "good/odd-alias.xml", ""), 0);
    assert_null(options.change.id);
    assert_string_equal(options.change.placement.note,
                        "alias 'dimm 2' is not used: QEMU takes no such id; "
                        "QEMU chooses the address, whatever base says");
    options_free(&options);
}

static void the_alias_and_slot_of_one_device_are_refused_for_several(void **state)
{
    struct options options;
    struct error error;

    (void)state;
    assert_int_equal(apply(&options, &error, "good/live.xml", "--count=2"), -1);
    assert_int_equal(error.code, EXIT_USAGE);
    assert_string_equal(error.text,
                        FOLDER "good/live.xml: <alias> is of one device, --count 2 asks for more");
    options_free(&options);
    assert_int_equal(apply(&options, &error, "good/odd-alias.xml", "--count=2"), -1);
    assert_non_null(strstr(error.text, "<address> is of one device"));
    options_free(&options);
    assert_int_equal(apply(&options, &error, "good/whole.xml", "--count=2"), 0);
    options_free(&options);
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
        cmocka_unit_test(a_description_of_a_live_vm_is_taken_as_it_is),
        cmocka_unit_test(the_command_line_has_the_last_word),
        cmocka_unit_test(a_policy_that_the_source_contradicts_is_told_as_such),
        cmocka_unit_test(a_size_is_rounded_up_and_that_is_said),
        cmocka_unit_test(an_alias_that_is_no_id_is_left_and_named),
        cmocka_unit_test(the_alias_and_slot_of_one_device_are_refused_for_several),
    };

    return cmocka_run_group_tests_name("module xml", tests, NULL, NULL);
}
