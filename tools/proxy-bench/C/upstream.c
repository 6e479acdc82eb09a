// upstream PORT: what stands behind the proxies of tools/bench. One thread, edge-triggered; it is cheap, not complete.
//
//     /N            N bytes with a content-length        /chunked/N    N bytes in chunks of 16 KB
//     /headers/K    13 bytes and K header fields more    all else      13 bytes
//
// Bodies of any framing are read and thrown away; the answer to one comes when all of it is there. Only the client
// closes: the answer to "connection: close" says so too and leaves it to the reader, so that a relay that looks at nothing
// can keep its connection here.
#include "bench.h"
#include "body.h"
#include <sys/uio.h>

enum { kHead = 32 * 1024, kRead = 256 * 1024, kOut = 256 * 1024, kEvents = 512, kChunk = 16 * 1024, kFrame = kChunk + 8 };
enum { kFrames = 64 };

struct connection {
    int fd;
    struct body body; // of the request; none: a head is next
    bool is_hung_up;
    // The request that is being read.
    uint64_t answer_bytes;
    int answer_headers;
    bool answer_is_chunked, answer_closes;
    // The part of a head that has come.
    char *head;
    size_t head_count;
    // What is to be sent: `rest`, then `fill` bytes of a pattern, then `tail`.
    char *rest, *tail;
    size_t rest_from, rest_to, tail_from, tail_to;
    uint64_t fill, fill_at;
    bool fill_is_chunked;
    struct connection *next;
};

static int epoll;
static char input[kRead], output[kOut];
static size_t output_count;
static char plain[1024 * 1024], framed[kFrames * kFrame];
static struct connection *closed;

static void close_connection(struct connection *c) {
    close(c->fd);
    c->fd = -1;
    free(c->head);
    free(c->rest);
    free(c->tail);
    c->next = closed;
    closed = c;
}

static void put(const char *bytes, size_t count) {
    memcpy(output + output_count, bytes, count);
    output_count += count;
}

static void put_number(uint64_t value) {
    char text[24];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    put(text, (size_t)n);
}

static bool is_pending(const struct connection *c) { return c->rest || c->fill || c->tail; }

/// Sends what was gathered in `output` and what is pending. False: the connection is gone.
static bool drain(struct connection *c) {
    if (output_count && !c->rest) {
        ssize_t n = send(c->fd, output, output_count, MSG_NOSIGNAL | (c->fill || c->tail ? MSG_MORE : 0));
        if (n < 0 && errno != EAGAIN) goto gone;
        if (n < 0) n = 0;
        if ((size_t)n < output_count) {
            c->rest_to = output_count - (size_t)n;
            c->rest_from = 0;
            c->rest = need(malloc(c->rest_to));
            memcpy(c->rest, output + n, c->rest_to);
        }
        output_count = 0;
        if (c->rest) return true;
    }
    while (is_pending(c)) {
        const char *from;
        size_t count;
        if (c->rest) {
            from = c->rest + c->rest_from;
            count = c->rest_to - c->rest_from;
        } else if (c->fill) {
            size_t period = c->fill_is_chunked ? sizeof framed : sizeof plain;
            from = (c->fill_is_chunked ? framed : plain) + c->fill_at % period;
            count = period - c->fill_at % period;
            if (count > c->fill) count = (size_t)c->fill;
        } else {
            from = c->tail + c->tail_from;
            count = c->tail_to - c->tail_from;
        }
        ssize_t n = send(c->fd, from, count, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) return true;
        if (n < 0) goto gone;
        if (c->rest) {
            c->rest_from += (size_t)n;
            if (c->rest_from == c->rest_to) free(c->rest), c->rest = NULL;
        } else if (c->fill) {
            c->fill -= (uint64_t)n;
            c->fill_at += (uint64_t)n;
        } else {
            c->tail_from += (size_t)n;
            if (c->tail_from == c->tail_to) free(c->tail), c->tail = NULL;
        }
    }
    return true;
gone:
    output_count = 0;
    close_connection(c);
    return false;
}

/// Puts the answer into `output`, or its head only and the rest into `fill` and `tail`.
static void answer(struct connection *c) {
    static const char ok[] = "HTTP/1.1 200 OK\r\nserver: bench\r\ncontent-type: text/plain\r\n";
    put(ok, sizeof ok - 1);
    for (int i = 0; i < c->answer_headers; i++) {
        char line[64];
        put(line, (size_t)snprintf(line, sizeof line, "x-answer-%d: value of field %d\r\n", i, i));
    }
    if (c->answer_closes) put("connection: close\r\n", 19);
    if (!c->answer_is_chunked) {
        put("content-length: ", 16);
        put_number(c->answer_bytes);
        put("\r\n\r\n", 4);
        if (output_count + c->answer_bytes <= kOut / 2) return put(plain, (size_t)c->answer_bytes);
        c->fill = c->answer_bytes;
        c->fill_at = 0;
        c->fill_is_chunked = false;
        return;
    }
    put("transfer-encoding: chunked\r\n\r\n", 30);
    uint64_t frames = c->answer_bytes / kChunk, over = c->answer_bytes % kChunk;
    char *tail = need(malloc(kFrame + 32));
    size_t n = 0;
    if (over) {
        n = (size_t)sprintf(tail, "%llx\r\n", (unsigned long long)over);
        memcpy(tail + n, plain, over);
        n += over;
        memcpy(tail + n, "\r\n", 2);
        n += 2;
    }
    memcpy(tail + n, "0\r\n\r\n", 5);
    n += 5;
    if (output_count + frames * kFrame + n <= kOut / 2) {
        put(framed, frames * kFrame);
        put(tail, n);
        free(tail);
        return;
    }
    c->fill = frames * kFrame;
    c->fill_at = 0;
    c->fill_is_chunked = true;
    c->tail = tail;
    c->tail_from = 0;
    c->tail_to = n;
}

/// Reads a head of `count` bytes, the empty line included. False: it is none.
static bool read_head(struct connection *c, const char *head, size_t count) {
    const char *end = head + count, *target = memchr(head, ' ', count);
    if (!target) return false;
    target++;
    c->answer_bytes = 13;
    c->answer_headers = 0;
    c->answer_is_chunked = c->answer_closes = false;
    if (target[0] == '/' && target[1] >= '0' && target[1] <= '9') c->answer_bytes = strtoull(target + 1, NULL, 10);
    else if (!strncmp(target, "/chunked/", 9)) {
        c->answer_bytes = strtoull(target + 9, NULL, 10);
        c->answer_is_chunked = true;
    } else if (!strncmp(target, "/headers/", 9)) {
        c->answer_headers = atoi(target + 9);
        if (c->answer_headers < 0 || c->answer_headers > 1000) return false;
    }
    uint64_t length = 0;
    bool is_chunked = false;
    for (const char *line = memchr(head, '\n', count); line && line + 1 < end; line = memchr(line, '\n', (size_t)(end - line))) {
        line++;
        char first = *line | 32;
        if (first == 'c' && !strncasecmp(line, "content-length:", 15)) length = strtoull(line + 15, NULL, 10);
        else if (first == 'c' && !strncasecmp(line, "connection: close", 17)) c->answer_closes = true;
        else if (first == 't' && !strncasecmp(line, "transfer-encoding: chunked", 26)) is_chunked = true;
    }
    begin_body(&c->body, is_chunked, length);
    if (c->body.part == body_none) answer(c);
    return true;
}

/// Reads all requests in `bytes`; keeps a part of a head. False: the connection is gone.
static bool take(struct connection *c, const char *bytes, size_t count) {
    size_t i = 0;
    while (i < count) {
        if (c->body.part != body_none) {
            uint64_t ignored = 0;
            i += read_body(&c->body, bytes + i, count - i, &ignored);
            if (c->body.part == body_none) answer(c);
        } else {
            const char *end = memmem(bytes + i, count - i, "\r\n\r\n", 4);
            if (!end) break;
            size_t head = (size_t)(end - bytes) + 4 - i;
            if (!read_head(c, bytes + i, head)) {
                close_connection(c);
                output_count = 0;
                return false;
            }
            i += head;
        }
        // An answer that does not fit waits for the socket, and the next request with it.
        if (output_count > kOut / 4 || c->fill || c->tail) {
            if (!drain(c)) return false;
            if (is_pending(c)) break;
        }
    }
    if (i < count) {
        // What is in `head` already was copied into `input` by the caller.
        if (count - i > kHead) {
            fprintf(stderr, "upstream: more than %d bytes wait behind an answer\n", kHead);
            close_connection(c);
            output_count = 0;
            return false;
        }
        c->head_count = count - i;
        c->head = need(malloc(c->head_count));
        memcpy(c->head, bytes + i, c->head_count);
    }
    return output_count == 0 || drain(c);
}

static void pump(struct connection *c) {
    while (!is_pending(c)) {
        size_t kept = c->head_count;
        if (kept) {
            memcpy(input, c->head, kept);
            free(c->head);
            c->head = NULL;
            c->head_count = 0;
        }
        ssize_t n = recv(c->fd, input + kept, kRead - kept, 0);
        bool is_dry = n < 0 && errno == EAGAIN;
        if (n == 0 || (n < 0 && !is_dry)) return close_connection(c);
        if (is_dry) n = 0;
        if (kept + (size_t)n > 0 && !take(c, input, kept + (size_t)n)) return;
        if (is_dry || ((size_t)n < kRead - kept && !c->is_hung_up)) return;
    }
}

static void handle(struct connection *c, uint32_t events) {
    if (c->fd < 0) return;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) c->is_hung_up = true;
    bool was_pending = is_pending(c);
    if (was_pending && (events & EPOLLOUT) && !drain(c)) return;
    if (is_pending(c)) {
        if (events & (EPOLLHUP | EPOLLERR)) close_connection(c);
        return;
    }
    if (was_pending || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))) pump(c);
}

int main(int count, char **arguments) {
    if (count != 2) fail("usage: upstream PORT");
    raise_limit();
    memset(plain, 'x', sizeof plain);
    for (int i = 0; i < kFrames; i++) {
        memcpy(framed + i * kFrame, "4000\r\n", 6);
        memset(framed + i * kFrame + 6, 'x', kChunk);
        memcpy(framed + i * kFrame + 6 + kChunk, "\r\n", 2);
    }
    int listener = listen_on(port_argument(arguments[1]));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event first = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &first);
    struct epoll_event events[kEvents];
    for (;;) {
        int n = epoll_wait(epoll, events, kEvents, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr) {
                handle(events[i].data.ptr, events[i].events);
                continue;
            }
            for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
                struct connection *c = need(calloc(1, sizeof *c));
                c->fd = fd;
                watch(epoll, fd, c);
            }
        }
        while (closed) {
            struct connection *c = closed;
            closed = c->next;
            free(c);
        }
    }
}
