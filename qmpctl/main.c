#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "commands.h"
#include "output.h"

static const struct command commands[] = {
    {"status", "", "the memory of the VM: sizes, slots, devices, guest nodes",
     OPTIONS_MANY | OPTIONS_MONITOR, cmd_status},
    {"list", "", "the QEMU processes of this host, and whether their monitors can be used",
     OPTIONS_MANY, cmd_list},
    {"set", "SIZE", "bring the total to SIZE (8G), or by an amount (+2G, -1G)",
     OPTIONS_NODE | OPTIONS_PLACEMENT | OPTIONS_PLAN | OPTIONS_CHOICE | OPTIONS_DRY |
         OPTIONS_GUEST | OPTIONS_MONITOR,
     cmd_set},
    {"plan", "SIZE", "what set SIZE would do; changes nothing",
     OPTIONS_NODE | OPTIONS_PLACEMENT | OPTIONS_PLAN | OPTIONS_CHOICE | OPTIONS_MANY |
         OPTIONS_MONITOR,
     cmd_plan},
    {"plug", "SIZE | --xml FILE", "plug one device",
     OPTIONS_NODE | OPTIONS_PLACEMENT | OPTIONS_DEVICE | OPTIONS_DRY | OPTIONS_GUEST |
         OPTIONS_MONITOR,
     cmd_plug},
    {"unplug", "ID...", "unplug these devices, and delete their backends",
     OPTIONS_SIZE | OPTIONS_NODE | OPTIONS_PLAN | OPTIONS_CHOICE | OPTIONS_DRY | OPTIONS_GUEST |
         OPTIONS_MONITOR,
     cmd_unplug},
    {"repair", "", "delete the backends that an interrupted command left behind",
     OPTIONS_DRY | OPTIONS_MONITOR, cmd_repair},
    {"watch", "", "memory events as they happen", OPTIONS_WATCH | OPTIONS_MANY | OPTIONS_MONITOR,
     cmd_watch},
    {"qmp", "COMMAND [KEY=VALUE]...", "any QMP command; - reads commands from standard input",
     OPTIONS_QMP | OPTIONS_MONITOR, cmd_qmp},
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

/* What there is to say of a command beyond its options. */
static const struct {
    const char *name, *text;
} notes[] = {
    {"list",
     "Without -s all of them, whatever $QMPCTL_SOCKET says.\n"
     "--json: [{\"pid\", \"name\", \"uuid\", \"socket\", \"memory\", \"usable\", \"monitors\":\n"
     "  [{\"socket\", \"usable\", \"why-not\"}]}]; the first socket is the one to use, memory is "
     "in bytes,\n  usable null where the system does not tell\n"},
    {"unplug", "--nearest up and down mean what the VM has then, not what is taken: with down,\n"
               "  unplug --size 100M takes more than 100M.\n"},
    {"watch", "--wait: connects again where the connection ends; events in between are lost.\n"
              "--json: {\"time\", \"socket\", \"event\", \"data\"} a line; of several VMs one that "
              "is lost:\n"
              "  {\"socket\", \"error\"}. Ends with 0 at SIGINT or SIGTERM, with 3 when the last "
              "VM is lost\n"},
    {"qmp",
     "VALUE is JSON where it can be read as such (7, true, [1], '\"7\"'), else a string; dots in "
     "KEY\n"
     "  make nested objects: a.b=1 is {\"a\": {\"b\": 1}}. A line of qmp - is {\"execute\": "
     "COMMAND,\n"
     "  \"arguments\": {...}}, or with \"exec-oob\", to be done while others are in flight.\n"
     "Prints what QEMU's \"return\" holds; with --wait-event\n"
     "  {\"return\": ..., \"event\": {\"event\", \"data\", \"time\"}}.\n"
     "exit codes: 1 QEMU answered with an error, 5 no reply, or no such event, in time\n"},
};

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
    options_print(file, NULL);
    fputs("\nSizes carry a unit: 512M, 1.5G. See also qmpctl COMMAND --help.\n"
          "A socket path may have any length; unix:PATH is one for certain. fd:N is a socket that "
          "is\n"
          "connected already.\n"
          "A monitor serves one client at a time. When it is in use (qmpctl list names by whom), "
          "give\n"
          "QEMU a second one: -qmp unix:PATH,server=on,wait=off\n"
          "exit codes: 0 done, 1 QEMU or the host could not, 2 bad usage, 3 no connection,\n"
          "  4 the guest refused, 5 no answer in time: it may still be done, 6 no plan reaches the "
          "size\n",
          file);
}

static void print_command_usage(FILE *file, const struct command *command)
{
    fprintf(file, "usage: qmpctl %s [OPTIONS] %s\n%s\n\noptions:\n", command->name,
            command->arguments, command->help);
    options_print(file, command);
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        if (strcmp(notes[i].name, command->name) == 0)
            fprintf(file, "\n%s", notes[i].text);
    }
}

/* What is said about the program rather than about a VM: text, or JSON that holds it. */
static int print_about(const struct options *options, const struct command *command,
                       struct error *error)
{
    const char *key = options->version ? "version" : "help";
    char *text = NULL;
    size_t length;
    FILE *file = options->json ? open_memstream(&text, &length) : stdout;

    if (!file)
        return error_set(error, EXIT_FAILED, "out of memory");
    if (options->version)
        fputs(options->json ? QMPCTL_VERSION : "qmpctl " QMPCTL_VERSION "\n", file);
    else if (command)
        print_command_usage(file, command);
    else
        print_usage(file);
    if (options->json) {
        fclose(file);
        output_json(stdout, json_pack("{s:s}", key, text));
        free(text);
    }
    return EXIT_DONE;
}

static int run(struct options *options, struct error *error)
{
    const struct command *command;

    if (options->version)
        return print_about(options, NULL, error);
    if (options->argument_count == 0) {
        if (options->help)
            return print_about(options, NULL, error);
        error_set(error, EXIT_USAGE, "no command");
        return error_hint(error, "qmpctl --help lists them");
    }
    command = find_command(options->arguments[0]);
    if (!command) {
        error_set(error, EXIT_USAGE, "unknown command %.64s", options->arguments[0]);
        return error_hint(error, "qmpctl --help lists them");
    }
    if (options->help)
        return print_about(options, command, error);
    if (options_check(options, command, error) < 0)
        return -1;
    return command->run(options, error);
}

/* A connection must not get the number of a standard stream that is closed, and what is printed go
 * to QEMU. What is opened instead fails as the closed one would. */
static void keep_standard_streams(void)
{
    for (int stream = 0; stream <= 2; stream++) {
        if (fcntl(stream, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", (stream == 0 ? O_WRONLY : O_RDONLY) | O_CLOEXEC) < 0)
            return;
    }
}

/* A VM that is watched takes a descriptor. The soft limit is for programs that use select(). */
static void allow_many_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    struct options options;
    struct error error = {0};
    int code;

    keep_standard_streams();
    allow_many_descriptors();
    code = options_parse(&options, argc, argv, &error);
    if (code == 0)
        code = run(&options, &error);
    if (code < 0) {
        if (options.json)
            output_json(stdout, output_error_json(&error));
        output_error(stderr, &error);
        code = (int)error.code;
    }
    options_free(&options);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_DONE) {
        fputs("qmpctl: standard output: it could not be written\n", stderr);
        code = EXIT_FAILED;
    }
    return code;
}
