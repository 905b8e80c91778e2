/* libqmpclient on a page: asks a QEMU how it is. Usage: qmpclient_example SOCKET
 *     cc qmpclient_example.c $(pkg-config --cflags --libs qmpclient)
 * SPDX-License-Identifier: MIT */
#include <event2/event.h>
#include <qmpclient.h>
#include <stdio.h>

static void on_reply(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                     void *arg)
{
    if (error)
        printf("no answer: %s\n", error->text);
    else
        printf("the VM is %s\n", json_string_value(json_object_get(value, "status")));
    qmp_client_free(client); /* allowed in any callback; the loop then has nothing left to do */
    (void)arg;
}

static void on_ready(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    if (error)
        printf("no connection: %s\n", error->text);
    if (error || qmp_client_send(client, "query-status", NULL, 5000, on_reply, arg, NULL) != 0)
        qmp_client_free(client);
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();
    struct qmp_client *client = base ? qmp_client_new(base, NULL) : NULL;

    if (argc != 2 || !client ||
        qmp_client_connect(client, argv[1], 0, 5000, on_ready, NULL, NULL) != 0)
        return 2;
    event_base_dispatch(base);
    event_base_free(base);
    return 0;
}
