#include "host/module_xml.h"

#include <ctype.h>
#include <errno.h>
#include <expat.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "host/module_units.h"
#include "size.h"

#define TEXT  256
#define DEPTH 3
/* Of any machine that QEMU runs on; a host has larger ones at the most. */
#define SMALLEST_PAGE 4096
/* QEMU's own limit (ACPI_MAX_RAM_SLOTS). */
#define SLOTS_MOST 256

enum element {
    NONE,
    MEMORY,
    SOURCE,
    TARGET,
    ALIAS,
    ADDRESS,
    SOURCE_NODE,
    SOURCE_NODEMASK,
    SOURCE_PAGESIZE,
    TARGET_NODE,
    TARGET_SIZE,
    ELEMENTS
};

/* Which element may lie in which; leaves hold text, and those with a unit may say it. */
static const struct grammar {
    const char *name;
    enum element parent;
    bool leaf, unit;
} grammar[ELEMENTS] = {
    [NONE] = {"", NONE, false, false},
    [MEMORY] = {"memory", NONE, false, false},
    [SOURCE] = {"source", MEMORY, false, false},
    [TARGET] = {"target", MEMORY, false, false},
    [ALIAS] = {"alias", MEMORY, false, false},
    [ADDRESS] = {"address", MEMORY, false, false},
    [SOURCE_NODE] = {"node", SOURCE, true, false},
    [SOURCE_NODEMASK] = {"nodemask", SOURCE, true, false},
    [SOURCE_PAGESIZE] = {"pagesize", SOURCE, true, true},
    [TARGET_NODE] = {"node", TARGET, true, false},
    [TARGET_SIZE] = {"size", TARGET, true, true},
};

struct reader {
    XML_Parser parser;
    enum element stack[DEPTH + 1]; /* stack[0] is NONE */
    int depth;
    bool seen[ELEMENTS], has_model, has_type;
    char text[TEXT], unit[16];
    size_t text_length;
    struct module_description result;
    struct error *error;
    bool failed;
};

/* The first refusal stands; the parser stops behind it. */
__attribute__((format(printf, 2, 3))) static void refuse(struct reader *reader, const char *format,
                                                         ...)
{
    char why[256];
    va_list arguments;

    if (reader->failed)
        return;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    error_set(reader->error, EXIT_USAGE, "line %lu: %s",
              (unsigned long)XML_GetCurrentLineNumber(reader->parser), why);
    reader->failed = true;
    XML_StopParser(reader->parser, XML_FALSE);
}

static enum element find_element(enum element parent, const char *name)
{
    for (int element = MEMORY; element < ELEMENTS; element++) {
        if (grammar[element].parent == parent && strcmp(grammar[element].name, name) == 0)
            return (enum element)element;
    }
    return NONE;
}

static void refuse_attribute(struct reader *reader, enum element element, const char *name)
{
    refuse(reader, "unknown attribute '%.64s' of <%s>", name, grammar[element].name);
}

static void read_memory_attribute(struct reader *reader, const char *name, const char *value)
{
    if (strcmp(name, "model") == 0) {
        if (strcmp(value, "acpi-dimm") != 0 && strcmp(value, "dimm") != 0)
            refuse(reader, "model '%.64s': only 'acpi-dimm' or 'dimm' can be plugged from a file",
                   value);
        reader->has_model = true;
    } else if (strcmp(name, "access") == 0) {
        if (strcmp(value, "shared") != 0 && strcmp(value, "private") != 0)
            refuse(reader, "access '%.64s': 'shared' or 'private'", value);
        reader->result.has_access = true;
        reader->result.shared = strcmp(value, "shared") == 0;
    } else if (strcmp(name, "discard") == 0) {
        if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
            refuse(reader, "discard '%.64s': 'yes' or 'no'", value);
        reader->result.discard = strcmp(value, "yes") == 0;
    } else {
        refuse_attribute(reader, MEMORY, name);
    }
}

static void read_alias_attribute(struct reader *reader, const char *name, const char *value)
{
    if (strcmp(name, "name") == 0)
        snprintf(reader->result.alias, sizeof reader->result.alias, "%s", value);
    else
        refuse_attribute(reader, ALIAS, name);
}

/* The slot is decimal and the base hexadecimal, with or without 0x, as in libvirt. */
static bool read_integer(const char *text, int base, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(text, &end, base);
    return isxdigit((unsigned char)*text) && *end == '\0' && errno == 0;
}

static void read_address_attribute(struct reader *reader, const char *name, const char *value)
{
    uint64_t number;

    if (strcmp(name, "type") == 0) {
        if (strcmp(value, "dimm") != 0)
            refuse(reader, "<address> of type '%.64s': only 'dimm'", value);
        reader->has_type = true;
    } else if (strcmp(name, "slot") == 0) {
        if (!read_integer(value, 10, &number) || number >= SLOTS_MOST)
            refuse(reader, "slot '%.64s': not a number from 0 to %d", value, SLOTS_MOST - 1);
        else
            reader->result.slot = (int)number;
    } else if (strcmp(name, "base") == 0) {
        if (!read_integer(value, 16, &number))
            refuse(reader, "base '%.64s': not a hexadecimal number", value);
        reader->result.has_base = true;
    } else {
        refuse_attribute(reader, ADDRESS, name);
    }
}

static void read_unit(struct reader *reader, enum element element, const char *name,
                      const char *value)
{
    if (!grammar[element].unit || strcmp(name, "unit") != 0)
        refuse_attribute(reader, element, name);
    else if (strlen(value) >= sizeof reader->unit)
        refuse(reader, "<%s>: unknown unit '%.64s'", grammar[element].name, value);
    else
        memcpy(reader->unit, value, strlen(value) + 1);
}

static void read_attributes(struct reader *reader, enum element element, const char **attributes)
{
    for (; *attributes && !reader->failed; attributes += 2) {
        if (element == MEMORY)
            read_memory_attribute(reader, attributes[0], attributes[1]);
        else if (element == ALIAS)
            read_alias_attribute(reader, attributes[0], attributes[1]);
        else if (element == ADDRESS)
            read_address_attribute(reader, attributes[0], attributes[1]);
        else
            read_unit(reader, element, attributes[0], attributes[1]);
    }
    if (element == MEMORY && !reader->has_model)
        refuse(reader, "<memory> has no model; 'acpi-dimm' or 'dimm'");
    else if (element == ALIAS && !*reader->result.alias)
        refuse(reader, "<alias> has no name");
    else if (element == ADDRESS && !reader->has_type)
        refuse(reader, "<address> has no type; 'dimm'");
}

static void XMLCALL on_start(void *data, const char *name, const char **attributes)
{
    struct reader *reader = data;
    enum element parent = reader->stack[reader->depth];
    enum element element = find_element(parent, name);

    if (reader->failed)
        return;
    if (element == NONE && reader->depth == 0) {
        refuse(reader, "<%.64s> where <memory> was expected", name);
    } else if (element == NONE) {
        refuse(reader, "unknown element <%.64s> in <%s>", name, grammar[parent].name);
    } else if (reader->seen[element]) {
        refuse(reader, "<%s> is given twice", grammar[element].name);
    } else {
        reader->seen[element] = true;
        reader->stack[++reader->depth] = element;
        reader->text_length = 0;
        reader->unit[0] = '\0';
        read_attributes(reader, element, attributes);
    }
}

static void XMLCALL on_text(void *data, const char *text, int length)
{
    struct reader *reader = data;
    enum element element = reader->stack[reader->depth];

    if (reader->failed)
        return;
    if (!grammar[element].leaf) {
        for (int i = 0; i < length; i++) {
            if (!strchr(" \t\r\n", text[i])) {
                refuse(reader, "text in <%s>", grammar[element].name);
                return;
            }
        }
    } else if ((size_t)length >= sizeof reader->text - reader->text_length) {
        refuse(reader, "<%s> is too long", grammar[element].name);
    } else {
        memcpy(reader->text + reader->text_length, text, (size_t)length);
        reader->text_length += (size_t)length;
    }
}

static void read_size(struct reader *reader, enum element element, uint64_t *bytes)
{
    const char *why = module_units_scale(reader->text, reader->unit, bytes);

    if (!why && (*bytes == 0 || *bytes > SIZE_LIMIT))
        why = *bytes == 0 ? "must be more than zero" : "too large";
    if (why && strcmp(why, "unknown unit") == 0)
        refuse(reader, "<%s>: unknown unit '%s'", grammar[element].name, reader->unit);
    else if (why)
        refuse(reader, "<%s> '%.64s': %s", grammar[element].name, reader->text, why);
    else if (element == SOURCE_PAGESIZE && (*bytes & (*bytes - 1)) != 0)
        refuse(reader, "<pagesize> '%.64s': no power of two", reader->text);
    else if (element == SOURCE_PAGESIZE && *bytes < SMALLEST_PAGE)
        refuse(reader, "<pagesize> '%.64s': no page is that small", reader->text);
}

static void read_target_node(struct reader *reader)
{
    uint64_t node;

    /* QEMU's bound on guest nodes is the same as on the host's. */
    if (module_units_scale(reader->text, "b", &node) || node >= HOST_NODES)
        refuse(reader, "<node> '%.64s': not a node from 0 to %d", reader->text, HOST_NODES - 1);
    else
        reader->result.target_node = (int)node;
}

static void read_source_nodes(struct reader *reader, enum element element)
{
    struct node_set *nodes = &reader->result.source_nodes;

    if (reader->result.has_source_nodes)
        refuse(reader, "<node> and <nodemask> both in <source>");
    else if (!node_set_parse(reader->text, nodes) || node_set_is_empty(nodes))
        refuse(reader, "<%s> '%.64s': not a list of nodes from 0 to %d", grammar[element].name,
               reader->text, HOST_NODES - 1);
    reader->result.has_source_nodes = true;
}

static void XMLCALL on_end(void *data, const char *name)
{
    struct reader *reader = data;
    enum element element = reader->stack[reader->depth];

    (void)name;
    if (reader->failed)
        return;
    reader->text[reader->text_length] = '\0';
    if (element == TARGET_SIZE)
        read_size(reader, element, &reader->result.size);
    else if (element == SOURCE_PAGESIZE)
        read_size(reader, element, &reader->result.page_size);
    else if (element == TARGET_NODE)
        read_target_node(reader);
    else if (element == SOURCE_NODE || element == SOURCE_NODEMASK)
        read_source_nodes(reader, element);
    else if (element == MEMORY && !reader->seen[TARGET_SIZE])
        refuse(reader, "<memory> without <target> and <size>");
    reader->depth--;
    reader->text_length = 0;
}

static void XMLCALL on_doctype(void *data, const char *name, const char *system_id,
                               const char *public_id, int has_subset)
{
    (void)name, (void)system_id, (void)public_id, (void)has_subset;
    refuse(data, "a DOCTYPE is refused: no definitions and entities here");
}

static void XMLCALL on_instruction(void *data, const char *target, const char *text)
{
    (void)text;
    refuse(data, "unknown processing instruction '%.64s'", target);
}

static void set_handlers(struct reader *reader)
{
    XML_SetUserData(reader->parser, reader);
    XML_SetElementHandler(reader->parser, on_start, on_end);
    XML_SetCharacterDataHandler(reader->parser, on_text);
    XML_SetStartDoctypeDeclHandler(reader->parser, on_doctype);
    XML_SetProcessingInstructionHandler(reader->parser, on_instruction);
    XML_SetParamEntityParsing(reader->parser, XML_PARAM_ENTITY_PARSING_NEVER);
}

int module_xml_parse(const char *text, size_t length, struct module_description *result,
                     struct error *error)
{
    struct reader reader = {.result = {.target_node = -1, .slot = -1}, .error = error};

    if (length > MODULE_XML_BYTES)
        return error_set(error, EXIT_USAGE, "more than %d bytes", MODULE_XML_BYTES);
    reader.parser = XML_ParserCreate(NULL);
    if (!reader.parser)
        return error_set(error, EXIT_FAILED, "out of memory");
    set_handlers(&reader);
    if (XML_Parse(reader.parser, text, (int)length, XML_TRUE) != XML_STATUS_OK)
        refuse(&reader, "%s", XML_ErrorString(XML_GetErrorCode(reader.parser)));
    XML_ParserFree(reader.parser);
    if (reader.failed)
        return -1;
    *result = reader.result;
    return 0;
}

/* At most one byte more than is allowed, which the parser then refuses. -1 with errno. */
static ssize_t read_bounded(int descriptor, char *text)
{
    size_t length = 0;

    while (length <= MODULE_XML_BYTES) {
        ssize_t got = read(descriptor, text + length, MODULE_XML_BYTES + 1 - length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    return (ssize_t)length;
}

/* Says in which file; what the parser found keeps its line. */
static int in_file(const char *path, struct error *error)
{
    struct error inner = *error;

    error_set(error, inner.code, "%.256s: %.480s", path, inner.text);
    return -1;
}

int module_xml_read(const char *path, struct module_description *result, struct error *error)
{
    bool standard_input = strcmp(path, "-") == 0;
    int descriptor = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    char *text = descriptor < 0 ? NULL : malloc(MODULE_XML_BYTES + 1);
    ssize_t length = text ? read_bounded(descriptor, text) : -1;
    struct error why = {0};
    int status;

    if (length < 0)
        status = error_set(&why, EXIT_USAGE, "%s", strerror(errno));
    else
        status = module_xml_parse(text, (size_t)length, result, &why);
    if (descriptor >= 0 && !standard_input)
        close(descriptor);
    free(text);
    if (status == 0)
        return 0;
    if (error)
        *error = why;
    return error ? in_file(standard_input ? "stdin" : path, error) : -1;
}
