/*
 * A strict scripted QMP monitor for tests, on a UNIX socket in a fresh temporary folder.
 *
 * The script is a queue. Commands must come in its order, with exactly these arguments; anything
 * else fails the test, and ends the connection so that nobody waits. It runs in a thread of its
 * own, so it serves a client of this process as well as a child process:
 *
 *     struct fake_monitor *fake = fake_monitor_start();
 *
 *     fake_monitor_allow(fake, "query-status", NULL, "{\"running\": true}");
 *     fake_monitor_expect(fake, "device_del", "{\"id\": \"dimm0\"}", "{}");
 *     fake_monitor_event(fake, "DEVICE_DELETED", "{\"device\": \"dimm0\"}");
 *     EXPECT(0, fake_monitor_path(fake), "unplug", "dimm0");
 *     fake_monitor_finish(fake);
 *
 * Every connection is greeted, and may negotiate, without a word in the script. One client is
 * served at a time, as QEMU does. Use it from the test's thread. SPDX: MIT
 */
#ifndef FAKE_MONITOR_H
#define FAKE_MONITOR_H

#include <stdbool.h>
#include <stddef.h>

struct fake_monitor;

/* Greets as QEMU 10.0.2 with oob. */
struct fake_monitor *fake_monitor_start(void);

/* The same with another greeting; NULL: none, and no negotiation: the script says everything. */
struct fake_monitor *fake_monitor_start_greeting(const char *greeting);

/* The socket. */
const char *fake_monitor_path(const struct fake_monitor *fake);

/*
 * The next command, and what its "return" is. arguments and value are JSON texts; arguments NULL:
 * the command has none; "*": any. value NULL: it is not answered.
 */
void fake_monitor_expect(struct fake_monitor *fake, const char *command, const char *arguments,
                         const char *value);

/* The same, answered with an error. */
void fake_monitor_expect_error(struct fake_monitor *fake, const char *command,
                               const char *arguments, const char *error_class, const char *desc);

/*
 * This command may come at any time and any number of times, also never; the script comes first.
 * For the queries of a snapshot. A later one for the same command and arguments replaces it, when
 * the script has come to that point.
 */
void fake_monitor_allow(struct fake_monitor *fake, const char *command, const char *arguments,
                        const char *value);
void fake_monitor_allow_error(struct fake_monitor *fake, const char *command, const char *arguments,
                              const char *error_class, const char *desc);

/* Steps that are taken as soon as all before them are done. */
void fake_monitor_event(struct fake_monitor *fake, const char *name, const char *data);
void fake_monitor_send(struct fake_monitor *fake, const char *bytes, size_t length);
/* Waits this long before the next step; commands that are allowed are answered meanwhile. */
void fake_monitor_wait(struct fake_monitor *fake, int milliseconds);
/* Ends the connection; steps after it are for the next one. */
void fake_monitor_close(struct fake_monitor *fake);
/* The same, and its socket is away for this long. */
void fake_monitor_leave(struct fake_monitor *fake, int milliseconds);

/* How many commands came so far, negotiation not counted. */
size_t fake_monitor_commands(struct fake_monitor *fake);

/* Stops it, removes its folder, and fails the test where a step is left over or anything
 * unexpected came. */
void fake_monitor_finish(struct fake_monitor *fake);

/* The same without failing the test: false, and what went wrong. */
bool fake_monitor_stop(struct fake_monitor *fake, char *failure, size_t size);

#endif
