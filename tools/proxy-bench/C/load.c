// load --port PORT [options]: the client of tools/bench where wrk cannot serve: uploads, chunked bodies, a fixed rate.
//
//     --connections N    64                  --seconds S       3
//     --path PATH        /13                 --body BYTES      a POST with as many; counted as they go out
//     --chunked          the body in chunks of 16 KB           --close           a new connection for each request
//     --headers K        K header fields more                  --rate N          requests a second in all
//     --idle             one request each, then says `ready` and holds the connections until its input ends
//
// With --rate every request has a planned time, whether or not those before it are answered, and its latency counts
// from then on: a proxy that stands still does not make its own figures better (no coordinated omission). Requests are
// planned in groups a quarter of a millisecond apart: a timer for each would cost the client more than the requests do.
//
// It writes one line of name=value pairs; a response that is not a whole 200 is an error.
#include "bench.h"
#include "body.h"
#include "histogram.h"

enum { kRead = 256 * 1024, kHead = 32 * 1024, kEvents = 512, kChunk = 16 * 1024, kFrame = kChunk + 8, kFrames = 64 };
enum state { state_idle, state_head, state_body };

struct connection {
    int fd;
    enum state state;
    struct body body;
    uint64_t planned_ns;
    uint64_t index;          // of the next request: its planned time follows from it
    uint64_t head_from, body_from; // what of the request is out
    size_t kept;
    char *kept_bytes;
};

static struct {
    int port;
    uint64_t connections, body, headers, rate;
    double seconds;
    const char *path;
    bool is_chunked, closes, is_idle;
} options = {.connections = 64, .seconds = 3, .path = "/13"};

static int epoll;
static struct connection *all;
static char head[kHead];
static size_t head_count;
/// The body as it goes over the wire: `fill` bytes of a pattern and a tail.
static uint64_t fill, body_wire;
static size_t fill_period, tail_count;
static char *pattern, tail[kFrame + 32];
static char input[kRead];
static struct histogram latencies;
static uint64_t requests, bytes_in, bytes_out, errors, connects, start_ns, end_ns;
static char first_error[128];

static void complain(const char *what, int number) {
    if (errors++ == 0) snprintf(first_error, sizeof first_error, "%s%s%.0d", what, number ? " " : "", number);
}

static void build_request(void) {
    pattern = need(malloc(kFrames * kFrame));
    size_t n = 0;
    n += (size_t)snprintf(head, kHead, "%s %s HTTP/1.1\r\nHost: bench.local\r\nUser-Agent: load\r\nAccept: */*\r\n",
                          options.body || options.is_chunked ? "POST" : "GET", options.path);
    for (uint64_t i = 0; i < options.headers && n + 200 < kHead; i++)
        n += (size_t)snprintf(head + n, kHead - n, "X-Request-Field-%d: value of field %d\r\n", (int)i, (int)i);
    if (options.closes) n += (size_t)snprintf(head + n, kHead - n, "Connection: close\r\n");
    if (options.is_chunked) n += (size_t)snprintf(head + n, kHead - n, "Transfer-Encoding: chunked\r\n");
    else if (options.body) n += (size_t)snprintf(head + n, kHead - n, "Content-Length: %llu\r\n", (unsigned long long)options.body);
    n += (size_t)snprintf(head + n, kHead - n, "\r\n");
    head_count = n;
    if (!options.is_chunked) {
        memset(pattern, 'y', kFrames * kFrame);
        fill = options.body;
        fill_period = kFrames * kFrame;
    } else {
        for (int i = 0; i < kFrames; i++) {
            memcpy(pattern + i * kFrame, "4000\r\n", 6);
            memset(pattern + i * kFrame + 6, 'y', kChunk);
            memcpy(pattern + i * kFrame + 6 + kChunk, "\r\n", 2);
        }
        fill = options.body / kChunk * kFrame;
        fill_period = kFrames * kFrame;
        uint64_t over = options.body % kChunk;
        if (over) {
            tail_count = (size_t)sprintf(tail, "%llx\r\n", (unsigned long long)over);
            memset(tail + tail_count, 'y', over);
            tail_count += over;
            memcpy(tail + tail_count, "\r\n", 2);
            tail_count += 2;
        }
        memcpy(tail + tail_count, "0\r\n\r\n", 5);
        tail_count += 5;
    }
    body_wire = fill + tail_count;
    // A small body goes out with the head, in one send.
    if (body_wire > 0 && head_count + body_wire <= kHead) {
        memcpy(head + head_count, pattern, fill);
        memcpy(head + head_count + fill, tail, tail_count);
        head_count += body_wire;
        body_wire = fill = 0;
        tail_count = 0;
    }
}

static void open_connection(struct connection *c) {
    connects++;
    c->state = state_idle;
    c->kept = 0;
    c->fd = connect_to(options.port);
    if (c->fd < 0) fail("load: cannot connect: %s", strerror(errno));
    struct epoll_event e = {.events = kEverything, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e) < 0) fail("load: epoll_ctl: %s", strerror(errno));
}

static void reopen(struct connection *c) {
    if (c->fd >= 0) close(c->fd);
    open_connection(c);
}

/// Sends what of the request is not out yet.
static void send_more(struct connection *c) {
    while (c->head_from < head_count) {
        ssize_t n = send(c->fd, head + c->head_from, head_count - c->head_from, MSG_NOSIGNAL | (body_wire ? MSG_MORE : 0));
        if (n < 0) return;
        c->head_from += (uint64_t)n;
    }
    while (c->body_from < body_wire) {
        const char *from;
        uint64_t count;
        if (c->body_from < fill) {
            uint64_t at = c->body_from % fill_period;
            from = pattern + at;
            count = fill_period - at;
            if (count > fill - c->body_from) count = fill - c->body_from;
        } else {
            from = tail + (c->body_from - fill);
            count = body_wire - c->body_from;
        }
        ssize_t n = send(c->fd, from, count, MSG_NOSIGNAL);
        // An error shows up in reading, too.
        if (n < 0) return;
        c->body_from += (uint64_t)n;
        bytes_out += (uint64_t)n;
    }
}

static void ask(struct connection *c, uint64_t planned) {
    c->planned_ns = planned;
    c->state = state_head;
    c->head_from = c->body_from = 0;
    send_more(c);
}

/// When a request, counted from 0, is to go out.
static uint64_t time_of(uint64_t sequence) {
    uint64_t group = options.rate / 4000 ? options.rate / 4000 : 1;
    return start_ns + (uint64_t)((double)(sequence / group * group) * 1e9 / (double)options.rate);
}

static uint64_t planned_time(const struct connection *c) {
    return time_of(c->index * options.connections + (uint64_t)(c - all));
}

/// The connection is free: the next request, if it is due.
static void go_on(struct connection *c, uint64_t now) {
    if (now >= end_ns || options.is_idle) return;
    if (!options.rate) return ask(c, now);
    uint64_t due = planned_time(c);
    if (due > now) return;
    c->index++;
    ask(c, due);
}

static void complete(struct connection *c) {
    uint64_t now = now_ns();
    requests++;
    c->state = state_idle;
    record(&latencies, now - c->planned_ns);
    if (c->head_from < head_count || c->body_from < body_wire) complain("answered before all was sent", 0);
    if (options.closes) reopen(c);
    go_on(c, now);
}

static void lost(struct connection *c, const char *what, int number) {
    complain(what, number);
    if (errors > 100) fail("load: more than 100 errors; the first: %s", first_error);
    reopen(c);
    go_on(c, now_ns());
}

/// Reads a head. False: it is not a good one.
static bool read_head(struct connection *c, const char *bytes, size_t count) {
    if (count < 15 || memcmp(bytes, "HTTP/1.", 7)) return lost(c, "not an HTTP response", 0), false;
    int status = atoi(bytes + 9);
    if (status != 200) return lost(c, "status", status), false;
    const char *end = bytes + count;
    bool is_chunked = false;
    uint64_t length = 0;
    for (const char *line = memchr(bytes, '\n', count); line && line + 1 < end; line = memchr(line, '\n', (size_t)(end - line))) {
        line++;
        char first = *line | 32;
        if (first == 'c' && !strncasecmp(line, "content-length:", 15)) length = strtoull(line + 15, NULL, 10);
        else if (first == 't' && !strncasecmp(line, "transfer-encoding: chunked", 26)) is_chunked = true;
    }
    begin_body(&c->body, is_chunked, length);
    c->state = state_body;
    if (c->body.part == body_none) complete(c);
    return true;
}

/// Reads what has come; stops at the end of a response.
static void take(struct connection *c, const char *bytes, size_t count) {
    size_t i = 0;
    int fd = c->fd;
    while (i < count && c->fd == fd) {
        switch (c->state) {
        case state_idle: return lost(c, "more bytes than one response", 0);
        case state_head: {
            const char *end = memmem(bytes + i, count - i, "\r\n\r\n", 4);
            if (!end) {
                if (count - i > kHead) return lost(c, "a head of more than 32 KB", 0);
                c->kept = count - i;
                c->kept_bytes = need(realloc(c->kept_bytes, kHead));
                memcpy(c->kept_bytes, bytes + i, c->kept);
                return;
            }
            size_t n = (size_t)(end - bytes) + 4 - i;
            if (!read_head(c, bytes + i, n)) return;
            i += n;
            break;
        }
        case state_body:
            i += read_body(&c->body, bytes + i, count - i, &bytes_in);
            if (c->body.part == body_none) complete(c);
            break;
        }
    }
}

static void pump(struct connection *c, bool is_hung_up) {
    int fd = c->fd;
    while (c->fd == fd) {
        size_t kept = c->kept;
        if (kept) memcpy(input, c->kept_bytes, kept);
        ssize_t n = recv(fd, input + kept, kRead - kept, 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            if (c->state == state_idle) return reopen(c);
            return lost(c, n == 0 ? "closed before the end of a response" : strerror(errno), 0);
        }
        c->kept = 0;
        take(c, input, kept + (size_t)n);
        if ((size_t)n < kRead - kept && !is_hung_up) return;
    }
}

/// One turn of the loop, which lasts until something happens or `until` has come.
static void turn(uint64_t until) {
    struct epoll_event events[kEvents];
    uint64_t now = now_ns();
    struct timespec wait = {0, 0};
    if (until > now) {
        wait.tv_sec = (time_t)((until - now) / 1000000000u);
        wait.tv_nsec = (long)((until - now) % 1000000000u);
    }
    int n = epoll_pwait2(epoll, events, kEvents, &wait, NULL);
    for (int i = 0; i < n; i++) {
        struct connection *c = events[i].data.ptr;
        uint32_t e = events[i].events;
        if ((e & EPOLLOUT) && c->state != state_idle && (c->head_from < head_count || c->body_from < body_wire)) send_more(c);
        if (e & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) pump(c, e & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
    }
}

static void hold(void) {
    start_ns = now_ns();
    end_ns = start_ns + 60000000000u;
    for (uint64_t i = 0; i < options.connections; i++) {
        all[i].fd = -1;
        open_connection(&all[i]);
        ask(&all[i], now_ns());
        while (requests + 100 < i && now_ns() < end_ns) turn(now_ns() + 1000000);
    }
    while (requests < options.connections && now_ns() < end_ns) turn(now_ns() + 1000000);
    if (requests < options.connections || errors || connects != options.connections)
        fail("load: %llu of %llu connections were answered; %s", (unsigned long long)requests,
             (unsigned long long)options.connections, first_error);
    printf("ready\n");
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) {}
}

static void run(void) {
    for (uint64_t i = 0; i < options.connections; i++) {
        all[i].fd = -1;
        open_connection(&all[i]);
    }
    start_ns = now_ns();
    end_ns = start_ns + (uint64_t)(options.seconds * 1e9);
    if (!options.rate) {
        for (uint64_t i = 0; i < options.connections; i++) ask(&all[i], now_ns());
        while (now_ns() < end_ns) turn(end_ns);
    } else {
        uint64_t next = 0, planned = (uint64_t)(options.seconds * (double)options.rate);
        while (now_ns() < end_ns) {
            uint64_t now = now_ns();
            // One that waits for an answer asks when that is there.
            for (; next < planned && time_of(next) <= now; next++) {
                struct connection *c = &all[next % options.connections];
                if (c->state == state_idle) go_on(c, now);
            }
            uint64_t due = time_of(next);
            turn(due < end_ns ? due : end_ns);
        }
        // What was planned and did not come counts with the time it has waited.
        for (uint64_t i = 0; i < options.connections; i++) {
            struct connection *c = &all[i];
            uint64_t now = now_ns();
            if (c->state != state_idle && now > c->planned_ns) record(&latencies, now - c->planned_ns);
            for (; planned_time(c) < end_ns; c->index++) record(&latencies, now - planned_time(c));
        }
    }
}

static void parse(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        const char *a = arguments[i];
        if (!strcmp(a, "--chunked")) options.is_chunked = true;
        else if (!strcmp(a, "--close")) options.closes = true;
        else if (!strcmp(a, "--idle")) options.is_idle = true;
        else if (i + 1 == count) fail("load: %s is unknown or lacks its value", a);
        else if (!strcmp(a, "--port")) options.port = port_argument(arguments[++i]);
        else if (!strcmp(a, "--connections")) options.connections = strtoull(arguments[++i], NULL, 10);
        else if (!strcmp(a, "--seconds")) options.seconds = strtod(arguments[++i], NULL);
        else if (!strcmp(a, "--path")) options.path = arguments[++i];
        else if (!strcmp(a, "--body")) options.body = strtoull(arguments[++i], NULL, 10);
        else if (!strcmp(a, "--headers")) options.headers = strtoull(arguments[++i], NULL, 10);
        else if (!strcmp(a, "--rate")) options.rate = strtoull(arguments[++i], NULL, 10);
        else fail("load: %s is unknown", a);
    }
    if (!options.port || !options.connections || strlen(options.path) > 4096) fail("load: --port is missing, or no connections");
}

int main(int count, char **arguments) {
    parse(count, arguments);
    raise_limit();
    build_request();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    all = need(calloc(options.connections, sizeof *all));
    if (options.is_idle) return hold(), 0;
    run();
    uint64_t planned = options.rate ? (uint64_t)(options.seconds * (double)options.rate) : requests;
    printf("requests=%llu planned=%llu bytes_in=%llu bytes_out=%llu connects=%llu errors=%llu seconds=%.6f p50_us=%.1f p90_us=%.1f "
           "p99_us=%.1f p999_us=%.1f max_us=%.1f%s%s\n",
           (unsigned long long)requests, (unsigned long long)planned, (unsigned long long)bytes_in, (unsigned long long)bytes_out,
           (unsigned long long)connects, (unsigned long long)errors, (double)(now_ns() - start_ns) / 1e9,
           (double)quantile(&latencies, 0.5) / 1e3, (double)quantile(&latencies, 0.9) / 1e3,
           (double)quantile(&latencies, 0.99) / 1e3, (double)quantile(&latencies, 0.999) / 1e3, (double)latencies.max / 1e3,
           errors ? " first_error=" : "", first_error);
    return 0;
}
