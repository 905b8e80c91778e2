/*
 * libmemplan beside a textbook dynamic program and a MILP solver (glpsol or cbc), on the same
 * questions: which devices make exactly this size with the least cost, and then the fewest.
 *
 * Fails where two of them that answer do not agree, and where libmemplan does not answer. Says what
 * was left out, and why.
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "memplan.h"
#include "support/clock.h"
#include "support/random.h"

#define MIB         ((uint64_t)1 << 20)
#define GIB         ((uint64_t)1 << 30)
#define MAX_DEVICES 256
/* Seconds that the solver gets for one question. */
#define SOLVER_SECONDS 5

struct instance {
    const char *name;
    uint64_t unit; /* all sizes are multiples of it */
    struct memplan_item items[MAX_DEVICES];
    size_t count;
    uint64_t target;
};

/* An answer: weight is cost * (count of devices there are + 1) + devices chosen. */
struct answer {
    bool known;
    uint64_t weight;
    double seconds;
};

/* ---- Instances ---- */

enum kind { POWERS, COSTS, MIXTURE, DIFFERENT, DIFFERENT_COSTS, BAND };

static uint64_t size_of_kind(enum kind kind)
{
    switch (kind) {
    case MIXTURE: /* powers of two, and three times those: 384 MiB, 768 MiB, ... */
        return random_below(2) ? 128 * MIB << random_below(10) : 384 * MIB << random_below(8);
    case DIFFERENT:
    case DIFFERENT_COSTS: /* up to 128 GiB, so that 256 of them make 16 TiB */
        return 2 * MIB * (1 + random_below(65536));
    case BAND:
        return 64 * GIB - 400 * MIB + 2 * MIB * random_below(400);
    default:
        return 128 * MIB << random_below(10);
    }
}

static bool is_new(const struct instance *instance, uint64_t size)
{
    for (size_t i = 0; i < instance->count; i++)
        if (instance->items[i].size == size)
            return false;
    return true;
}

static void fill(struct instance *instance, const char *name, enum kind kind, size_t count)
{
    uint32_t costs = kind == COSTS ? 4 : kind == DIFFERENT_COSTS ? 1000 : 1;

    memset(instance, 0, sizeof(*instance));
    instance->name = name;
    instance->unit = kind >= DIFFERENT ? 2 * MIB : 128 * MIB;
    while (instance->count < count) {
        uint64_t size = size_of_kind(kind);
        bool take = random_below(2);

        if (kind >= DIFFERENT && !is_new(instance, size))
            continue;
        instance->items[instance->count] = (struct memplan_item){
            .size = size, .order = instance->count, .cost = (uint32_t)random_below(costs)};
        instance->count++;
        instance->target += take ? size : 0;
    }
}

/* ---- Three ways to answer ---- */

static struct answer ask_memplan(const struct instance *instance, int runs)
{
    struct answer answer = {.seconds = 1e9};

    for (int run = 0; run < runs; run++) {
        struct memplan_subset_request request = {
            .items = instance->items, .item_count = instance->count, .target = instance->target};
        struct memplan_subset subset;
        double start = clock_now();
        enum memplan_status status = memplan_subset_find(&request, &subset);
        double seconds = clock_now() - start;

        answer.known = status == MEMPLAN_OK;
        answer.weight = subset.cost * (instance->count + 1) + subset.count;
        if (seconds < answer.seconds)
            answer.seconds = seconds;
        memplan_subset_free(&subset);
    }
    return answer;
}

/* The textbook: the least weight of every sum up to the target, device by device. */
static struct answer ask_textbook(const struct instance *instance)
{
    size_t target = (size_t)(instance->target / instance->unit);
    uint64_t *best = malloc((target + 1) * sizeof(*best));
    struct answer answer = {.known = false};
    double start = clock_now();

    if (!best)
        return answer;
    for (size_t at = 1; at <= target; at++)
        best[at] = UINT64_MAX / 2;
    best[0] = 0;
    for (size_t i = 0; i < instance->count; i++) {
        size_t size = (size_t)(instance->items[i].size / instance->unit);
        uint64_t weight = (uint64_t)instance->items[i].cost * (instance->count + 1) + 1;

        for (size_t at = target; at >= size; at--)
            if (best[at - size] + weight < best[at])
                best[at] = best[at - size] + weight;
    }
    answer.seconds = clock_now() - start;
    answer.weight = best[target];
    answer.known = true;
    free(best);
    return answer;
}

static bool write_problem(const struct instance *instance, const char *path)
{
    FILE *file = fopen(path, "w");

    if (!file)
        return false;
    fprintf(file, "Minimize\n weight:");
    for (size_t i = 0; i < instance->count; i++)
        fprintf(file, " + %" PRIu64 " x%zu\n",
                (uint64_t)instance->items[i].cost * (instance->count + 1) + 1, i);
    fprintf(file, "Subject To\n sum:");
    for (size_t i = 0; i < instance->count; i++)
        fprintf(file, " + %" PRIu64 " x%zu\n", instance->items[i].size / instance->unit, i);
    fprintf(file, " = %" PRIu64 "\nBinary\n", instance->target / instance->unit);
    for (size_t i = 0; i < instance->count; i++)
        fprintf(file, " x%zu\n", i);
    fprintf(file, "End\n");
    return fclose(file) == 0;
}

/* The objective that the solver proved to be the best; false where it proved none. */
static bool read_solution(const char *path, bool cbc, uint64_t *weight)
{
    FILE *file = fopen(path, "r");
    char line[512];
    bool optimal = false;
    double value = 0;

    if (!file)
        return false;
    while (fgets(line, sizeof(line), file)) {
        char *at = strstr(line, cbc ? "objective value" : "weight =");

        if (strstr(line, cbc ? "Optimal" : "INTEGER OPTIMAL"))
            optimal = true;
        if (at)
            value = strtod(at + strlen(cbc ? "objective value" : "weight ="), NULL);
    }
    fclose(file);
    *weight = (uint64_t)(value + 0.5);
    return optimal;
}

static bool run_solver(const char *solver, bool cbc, const char *problem, const char *solution)
{
    char seconds[16];
    pid_t child;
    int status;

    snprintf(seconds, sizeof(seconds), "%d", SOLVER_SECONDS);
    fflush(NULL);
    child = fork();
    if (child < 0)
        return false;
    if (child == 0) {
        if (!freopen("/dev/null", "w", stdout))
            _exit(127);
        if (cbc)
            execlp(solver, solver, problem, "sec", seconds, "solve", "solution", solution,
                   (char *)NULL);
        else
            execlp(solver, solver, "--lp", problem, "--tmlim", seconds, "--cuts", "-o", solution,
                   (char *)NULL);
        _exit(127);
    }
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) != 127;
}

static struct answer ask_solver(const struct instance *instance, const char *solver)
{
    char folder[] = "/tmp/memplan_bench.XXXXXX", problem[64], solution[64];
    bool cbc = strcmp(solver, "cbc") == 0;
    struct answer answer = {.known = false};
    double start;

    if (!mkdtemp(folder))
        return answer;
    snprintf(problem, sizeof(problem), "%s/problem.lp", folder);
    snprintf(solution, sizeof(solution), "%s/solution", folder);
    if (write_problem(instance, problem)) {
        start = clock_now();
        if (run_solver(solver, cbc, problem, solution))
            answer.known = read_solution(solution, cbc, &answer.weight);
        answer.seconds = clock_now() - start;
    }
    unlink(problem);
    unlink(solution);
    rmdir(folder);
    return answer;
}

/* ---- Memory: in a program of its own, so that only one question counts ---- */

static long peak_of_program(const char *row)
{
    char path[512], command[600];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    long peak = -1;
    FILE *output;

    if (length < 0)
        return -1;
    path[length] = '\0';
    snprintf(command, sizeof(command), "exec '%s' --peak %s", path, row);
    output = popen(command, "r");
    if (!output || fscanf(output, "%ld", &peak) != 1)
        peak = -1;
    if (output)
        pclose(output);
    return peak;
}

/* In MiB, of the row of the table with this number; "none" measures what the program itself takes.
 */
static double peak_of_row(size_t row)
{
    char text[24];
    long with, without = peak_of_program("none");

    snprintf(text, sizeof(text), "%zu", row);
    with = peak_of_program(text);
    return with > without ? (double)(with - without) / 1024 : 0;
}

/* ---- The table ---- */

static const char *find_solver(void)
{
    if (system("command -v glpsol >/dev/null 2>&1") == 0)
        return "glpsol";
    return system("command -v cbc >/dev/null 2>&1") == 0 ? "cbc" : NULL;
}

static void print_time(const struct answer *answer, const struct answer *ours)
{
    if (answer->known)
        printf("  %10.0f us %9.0fx", answer->seconds * 1e6, answer->seconds / ours->seconds);
    else
        printf("  %24s", "no answer in time");
}

/* Returns whether libmemplan answers, and all that answer agree. */
static bool compare(const struct instance *instance, size_t row, const char *solver)
{
    bool hard = instance->unit < 128 * MIB;
    struct answer ours = ask_memplan(instance, hard ? 3 : 200);
    struct answer textbook = ask_textbook(instance), milp = {.known = false};
    double memory = peak_of_row(row);
    bool agree;

    if (solver)
        milp = ask_solver(instance, solver);
    printf("%-26s %3zu  %9.1f us %5.1f MiB", instance->name, instance->count, ours.seconds * 1e6,
           memory);
    print_time(&textbook, &ours);
    print_time(&milp, &ours);
    agree = ours.known && textbook.known && ours.weight == textbook.weight &&
            (!milp.known || milp.weight == textbook.weight);
    printf("  %s\n", agree ? "equal" : ours.known ? "DIFFERENT" : "beyond the limits");
    fflush(stdout);
    return agree;
}

static const struct {
    const char *name;
    enum kind kind;
    size_t count;
} table[] = {
    {"powers of two", POWERS, 16},
    {"powers of two", POWERS, 64},
    {"powers of two", POWERS, 256},
    {"with costs", COSTS, 16},
    {"with costs", COSTS, 64},
    {"with costs", COSTS, 256},
    {"with 384M, 768M, ...", MIXTURE, 16},
    {"with 384M, 768M, ...", MIXTURE, 64},
    {"with 384M, 768M, ...", MIXTURE, 256},
    {"all different, 16 TiB", DIFFERENT, 256},
    {"all different, costs", DIFFERENT_COSTS, 256},
    {"all within 800 MiB", BAND, 256},
};

#define ROWS (sizeof(table) / sizeof(*table))

/* The most memory that this program has had, in KiB. */
static int print_peak(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[128];
    long peak = -1;

    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            peak = strtol(line + 6, NULL, 10);
    if (file)
        fclose(file);
    printf("%ld\n", peak);
    return 0;
}

/* What --peak ROW does: nothing but one answer. */
static int answer_row(const char *text)
{
    static struct instance instance;
    size_t row = (size_t)strtoul(text, NULL, 10);

    if (strcmp(text, "none") == 0)
        return print_peak();
    for (size_t i = 0; i <= row && i < ROWS; i++)
        fill(&instance, table[i].name, table[i].kind, table[i].count);
    ask_memplan(&instance, 1);
    return print_peak();
}

int main(int argc, char **argv)
{
    static struct instance instance;
    const char *solver = find_solver();
    bool agree = true;

    if (argc == 3 && strcmp(argv[1], "--peak") == 0)
        return answer_row(argv[2]);
    printf("libmemplan, a textbook dynamic program, and %s; sizes from 128 MiB to 64 GiB, in the "
           "last\n"
           "three in steps of 2 MiB, and 16 TiB together; x: times slower than libmemplan\n\n",
           solver ? solver : "no MILP solver");
    if (!solver)
        printf("skipped: neither glpsol (glpk-utils) nor cbc (coinor-cbc) is installed\n\n");
    printf("%-26s %3s  %12s %9s  %24s  %24s\n", "devices", "", "libmemplan", "memory", "textbook",
           solver ? solver : "-");
    for (size_t i = 0; i < ROWS; i++) {
        fill(&instance, table[i].name, table[i].kind, table[i].count);
        agree = compare(&instance, i, solver) && agree;
    }
    return agree ? 0 : 1;
}
