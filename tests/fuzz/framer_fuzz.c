/* Any bytes, cut in any way: the same texts, and no more memory than the bound allows.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "framer.h"

/* What came out: the texts one after the other, each ended by a NUL's worth of length. */
struct outcome {
    char *bytes;
    size_t length, texts;
    enum framer_status status;
};

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void keep(struct outcome *outcome, const char *text, size_t length)
{
    outcome->bytes = realloc(outcome->bytes, outcome->length + length + sizeof length);
    check(outcome->bytes);
    memcpy(outcome->bytes + outcome->length, &length, sizeof length);
    memcpy(outcome->bytes + outcome->length + sizeof length, text, length);
    outcome->length += length + sizeof length;
    outcome->texts++;
}

static void drain(struct framer *framer, struct outcome *outcome)
{
    const char *text;
    size_t length;

    while ((outcome->status = framer_next(framer, &text, &length)) == FRAMER_TEXT) {
        check(length > 0 && length <= framer->bound);
        keep(outcome, text, length);
    }
}

/* Feeds pieces of step bytes; 0: of the lengths that the bytes themselves give. */
static struct outcome feed(const char *bytes, size_t length, size_t bound, size_t step)
{
    struct outcome outcome = {.status = FRAMER_MORE};
    struct framer framer;
    const char *text;
    size_t last, done = 0;

    framer_init(&framer, bound);
    while (done < length && outcome.status == FRAMER_MORE) {
        size_t piece = step ? step : (size_t)((unsigned char)bytes[done] % 19) + 1;

        piece = piece < length - done ? piece : length - done;
        check(framer_append(&framer, bytes + done, piece));
        check(framer.length <= 2 * bound + piece);
        done += piece;
        drain(&framer, &outcome);
    }
    if (outcome.status == FRAMER_MORE) {
        outcome.status = framer_last(&framer, &text, &last);
        if (outcome.status == FRAMER_TEXT)
            keep(&outcome, text, last);
    }
    framer_free(&framer);
    return outcome;
}

static void check_same(const struct outcome *whole, struct outcome cut)
{
    check(whole->status == cut.status && whole->texts == cut.texts && whole->length == cut.length);
    check(whole->length == 0 || memcmp(whole->bytes, cut.bytes, whole->length) == 0);
    free(cut.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data + 1;
    size_t bound = size ? (size_t)data[0] + 1 : 1;
    struct outcome whole;

    if (size < 2)
        return 0;
    bound = bound > 200 ? (size_t)1 << 20 : bound;
    whole = feed(bytes, size - 1, bound, size);
    check_same(&whole, feed(bytes, size - 1, bound, 1));
    check_same(&whole, feed(bytes, size - 1, bound, 0));
    free(whole.bytes);
    return 0;
}
