// relay PORT UPSTREAM_PORT: the floor of tools/bench. One thread moves bytes between a client's connection and one to the
// upstream, edge-triggered, through one buffer, and looks at none of them. What any proxy does on these sockets costs at
// least this much; a proxy that parses can only come near it.
//
// A connection to the upstream is used again when its client has gone after an answer.
//
// Two things can be changed when it is compiled, to see what a step would bring to a proxy: -DBUFFER=BYTES, for larger reads,
// and -DSPLICE: bytes go through a pipe and are not copied.
#include "bench.h"

#ifndef BUFFER
#define BUFFER (64 * 1024)
#endif
enum { kBuffer = BUFFER, kEvents = 512, kPipe = 1024 * 1024 };

/// One socket. `rest` is what the other side sent and this socket did not take yet: meanwhile the other is not read.
struct end {
    int fd;
    bool is_client;
    /// The last bytes of the pair came from the upstream: it owes nothing.
    bool is_answered;
    bool is_hung_up;
    struct end *other;
    struct end *next;
    char *rest;
    size_t rest_from, rest_to;
    /// With splice: a pipe of this end's bytes, and how many are in it.
    int pipe[2];
    size_t piped;
};

static int epoll, upstream_port;
static struct end *pool;
/// Closed in this turn: events that were fetched before may still name them.
static struct end *closed;

static struct end *make_end(int fd, bool is_client) {
    struct end *e = need(calloc(1, sizeof *e));
    e->fd = fd;
    e->is_client = is_client;
#ifdef SPLICE
    if (pipe2(e->pipe, O_NONBLOCK | O_CLOEXEC) < 0) fail("relay: cannot make a pipe: %s", strerror(errno));
    if (fcntl(e->pipe[1], F_SETPIPE_SZ, kPipe) < 0) fail("relay: cannot make a pipe larger: %s", strerror(errno));
#endif
    return e;
}

static void close_end(struct end *e) {
    close(e->fd);
    e->fd = -1;
#ifdef SPLICE
    close(e->pipe[0]);
    close(e->pipe[1]);
#endif
    free(e->rest);
    e->rest = NULL;
    if (e->other) e->other->other = NULL;
    e->other = NULL;
    e->next = closed;
    closed = e;
}

static void close_pair(struct end *e) {
    struct end *other = e->other;
    close_end(e);
    if (other) close_end(other);
}

/// The client has gone.
static void client_left(struct end *client) {
    struct end *upstream = client->other;
    bool is_reusable = upstream && client->is_answered && !upstream->rest && !client->rest && !upstream->piped;
    close_end(client);
    if (!upstream) return;
    if (!is_reusable) return close_end(upstream);
    upstream->next = pool;
    pool = upstream;
}

static void drop_from_pool(struct end *e) {
    struct end **link = &pool;
    while (*link && *link != e) link = &(*link)->next;
    if (*link) *link = e->next;
    close_end(e);
}

#ifdef SPLICE
/// Moves what has come by the pipe. What the other end does not take stays there: meanwhile this one is not read.
static void pump(struct end *from) {
    while (from->other) {
        struct end *to = from->other;
        if (!from->piped) {
            ssize_t n = splice(from->fd, NULL, from->pipe[1], NULL, kPipe, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
            if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
            if (n < 0) return close_pair(from);
            if (n == 0) {
                if (from->is_client) return client_left(from);
                return close_pair(from);
            }
            if (from->is_client) from->is_answered = false;
            else to->is_answered = true;
            from->piped = (size_t)n;
        }
        ssize_t n = splice(from->pipe[0], NULL, to->fd, NULL, from->piped, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n < 0) return close_pair(from);
        from->piped -= (size_t)n;
    }
}
#else
static char buffer[kBuffer];

/// Sends `from`'s bytes to the other end and keeps what the socket does not take. False: the pair is gone.
static bool pass(struct end *from, size_t count) {
    struct end *to = from->other;
    ssize_t n = send(to->fd, buffer, count, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        close_pair(from);
        return false;
    }
    if (n < 0) n = 0;
    if ((size_t)n < count) {
        to->rest = need(malloc(count - (size_t)n));
        memcpy(to->rest, buffer + n, count - (size_t)n);
        to->rest_from = 0;
        to->rest_to = count - (size_t)n;
    }
    return true;
}

/// Reads until a short read; on to the end where the peer has hung up.
static void pump(struct end *from) {
    while (from->other && !from->other->rest) {
        ssize_t n = recv(from->fd, buffer, kBuffer, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n < 0) return close_pair(from);
        if (n == 0) {
            if (from->is_client) return client_left(from);
            return close_pair(from);
        }
        if (from->is_client) from->is_answered = false;
        else from->other->is_answered = true;
        if (!pass(from, (size_t)n)) return;
        if (n < kBuffer && !from->is_hung_up) return;
    }
}
#endif

static void flush(struct end *e) {
    ssize_t n = send(e->fd, e->rest + e->rest_from, e->rest_to - e->rest_from, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return close_pair(e);
    if (n > 0) e->rest_from += (size_t)n;
    if (e->rest_from < e->rest_to) return;
    free(e->rest);
    e->rest = NULL;
    if (e->other) pump(e->other);
}

static void accept_all(int listener) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        struct end *client = make_end(fd, true), *upstream = pool;
        if (upstream) {
            pool = upstream->next;
            upstream->next = NULL;
        } else {
            int to = connect_to(upstream_port);
            if (to < 0) fail("relay: cannot connect to the upstream: %s", strerror(errno));
            upstream = make_end(to, false);
            watch(epoll, to, upstream);
        }
        client->other = upstream;
        upstream->other = client;
        client->is_answered = true;
        watch(epoll, fd, client);
    }
}

static void handle(struct end *e, uint32_t events) {
    if (e->fd < 0) return;
    // In the pool: the upstream closes, or sends what nobody asked for.
    if (!e->other) {
        if (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) drop_from_pool(e);
        return;
    }
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) e->is_hung_up = true;
    if ((events & EPOLLOUT) && e->rest) flush(e);
    if ((events & EPOLLOUT) && e->fd >= 0 && e->other && e->other->piped) pump(e->other);
    if (e->fd >= 0 && (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))) pump(e);
}

int main(int count, char **arguments) {
    if (count != 3) fail("usage: relay PORT UPSTREAM_PORT");
    raise_limit();
    signal(SIGPIPE, SIG_IGN); // splice has no MSG_NOSIGNAL
    upstream_port = port_argument(arguments[2]);
    int listener = listen_on(port_argument(arguments[1]));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event first = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &first);
    struct epoll_event events[kEvents];
    for (;;) {
        int n = epoll_wait(epoll, events, kEvents, -1);
        for (int i = 0; i < n; i++) {
            if (!events[i].data.ptr) accept_all(listener);
            else handle(events[i].data.ptr, events[i].events);
        }
        while (closed) {
            struct end *e = closed;
            closed = e->next;
            free(e);
        }
    }
}
