#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "output.h"

static const struct command commands[] = {
    {"status", "", "the memory of the VM: sizes, slots, devices, guest nodes", 0, cmd_status},
    {"set", "SIZE", "bring the total to SIZE (8G), or by an amount (+2G, -1G)",
     OPTIONS_NODE | OPTIONS_PLAN | OPTIONS_DRY, cmd_set},
    {"plan", "SIZE", "what set SIZE would do; changes nothing", OPTIONS_NODE | OPTIONS_PLAN,
     cmd_plan},
    {"plug", "SIZE", "plug one device", OPTIONS_NODE | OPTIONS_DEVICE | OPTIONS_DRY, cmd_plug},
    {"unplug", "ID...", "unplug these devices, and delete their backends",
     OPTIONS_SIZE | OPTIONS_PLAN | OPTIONS_DRY, cmd_unplug},
    {"repair", "", "delete the backends that an interrupted command left behind", OPTIONS_DRY,
     cmd_repair},
    {"watch", "", "memory events as they happen", OPTIONS_WATCH, cmd_watch},
    {"qmp", "COMMAND [KEY=VALUE]...", "any QMP command; - reads commands from standard input",
     OPTIONS_QMP, cmd_qmp},
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static void print_usage(FILE *file)
{
    fputs("usage: qmpctl [OPTIONS] COMMAND [ARGUMENTS]\n"
          "The memory of running QEMU virtual machines, over their QMP monitor.\n\ncommands:\n",
          file);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char left[64];

        snprintf(left, sizeof left, "%s %s", commands[i].name, commands[i].arguments);
        fprintf(file, "  %-32s %s\n", left, commands[i].help);
    }
    fputs("\noptions:\n", file);
    options_print(file, OPTIONS_COMMON);
    fputs("\nSizes carry a unit: 512M, 1.5G. See also qmpctl COMMAND --help.\n"
          "exit codes: 0 done, 1 QEMU or the host could not, 2 bad usage, 3 no connection,\n"
          "  4 the guest refused, 5 the guest did not act in time, 6 no plan reaches the size\n",
          file);
}

static void print_command_usage(FILE *file, const struct command *command)
{
    fprintf(file, "usage: qmpctl %s [OPTIONS] %s\n%s\n\noptions:\n", command->name,
            command->arguments, command->help);
    options_print(file, command->groups | OPTIONS_COMMON);
}

static int run(struct options *options, struct error *error)
{
    const struct command *command;

    if (options->version) {
        puts("qmpctl " QMPCTL_VERSION);
        return EXIT_DONE;
    }
    if (options->argument_count == 0) {
        if (options->help) {
            print_usage(stdout);
            return EXIT_DONE;
        }
        error_set(error, EXIT_USAGE, "no command");
        return error_hint(error, "qmpctl --help lists them");
    }
    command = find_command(options->arguments[0]);
    if (!command) {
        error_set(error, EXIT_USAGE, "unknown command %.64s", options->arguments[0]);
        return error_hint(error, "qmpctl --help lists them");
    }
    if (options->help) {
        print_command_usage(stdout, command);
        return EXIT_DONE;
    }
    if (options_check(options, command, error) < 0)
        return -1;
    return command->run(options, error);
}

int main(int argc, char **argv)
{
    struct options options;
    struct error error = {0};
    int code = options_parse(&options, argc, argv, &error);

    if (code == 0)
        code = run(&options, &error);
    if (code < 0) {
        if (options.json)
            output_json(stdout, output_error_json(&error));
        output_error(stderr, &error);
        code = (int)error.code;
    }
    options_free(&options);
    if (fflush(stdout) != 0 && code == EXIT_DONE) {
        fputs("qmpctl: standard output: it could not be written\n", stderr);
        code = EXIT_FAILED;
    }
    return code;
}
