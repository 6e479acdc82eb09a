// Where a message's body ends, by its length or by its chunks (RFC 9112 §7.1): for the client and the upstream of tools/bench.
#ifndef ENVOYD_BENCH_BODY_H
#define ENVOYD_BENCH_BODY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct body {
    enum { body_none, body_length, body_size, body_data, body_data_end, body_trailer } part;
    bool size_has_ended, line_is_empty;
    uint64_t left; // of the body, or of the chunk
};

/// After a head. `part` stays `body_none` where nothing follows.
static inline void begin_body(struct body *b, bool is_chunked, uint64_t length) {
    *b = (struct body){
        .part = is_chunked ? body_size : length ? body_length : body_none, .left = is_chunked ? 0 : length};
}

/// Takes what it can of a body; returns how much. `part` is `body_none` when that was its end. `data` grows by what is no
/// framing.
static inline size_t read_body(struct body *b, const char *bytes, size_t count, uint64_t *data) {
    size_t i = 0;
    while (i < count && b->part != body_none) {
        if (b->part == body_length || b->part == body_data) {
            size_t n = count - i < b->left ? count - i : (size_t)b->left;
            i += n;
            b->left -= n;
            *data += n;
            if (!b->left) b->part = b->part == body_data ? body_data_end : body_none;
            continue;
        }
        char c = bytes[i++];
        if (b->part == body_data_end) {
            if (c == '\n') *b = (struct body){.part = body_size};
        } else if (b->part == body_trailer) {
            if (c == '\n' && b->line_is_empty) b->part = body_none;
            else b->line_is_empty = c == '\n' || (c == '\r' && b->line_is_empty);
        } else if (c == '\n') {
            b->part = b->left ? body_data : body_trailer;
            b->line_is_empty = true;
        } else if (!b->size_has_ended) {
            if (c >= '0' && c <= '9') b->left = b->left * 16 + (uint64_t)(c - '0');
            else if ((c | 32) >= 'a' && (c | 32) <= 'f') b->left = b->left * 16 + (uint64_t)((c | 32) - 'a' + 10);
            else b->size_has_ended = true;
        }
    }
    return i;
}
#endif
