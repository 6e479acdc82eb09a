// relay-ring PORT UPSTREAM_PORT: what relay.c does, by io_uring: a step that envoyd could take, to be measured beside the relay.
// One thread; a receive that stays armed on every socket and takes buffers out of a ring that all share, a send for each
// buffer that came, and one system call a turn for all of them. Every client has a connection to the upstream for itself.
#include "bench.h"
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { kEntries = 1024, kCompletions = 8192, kBuffers = 256, kBuffer = 64 * 1024 };
/// The lowest bits of a request's `user_data`; the others are the socket's address.
enum { kReceive, kSend, kAccept, kKind = 7 };

struct end {
    int fd;
    bool is_sending, is_starved;
    int requests; // that the kernel has and will complete
    struct end *other, *next_starved;
    // What is to be sent, by number of buffer: of the first one `sent` bytes are out.
    struct { int buffer; unsigned count; } queue[kBuffers];
    unsigned from, to, sent;
};

static int ring, listener, upstream_port;
static unsigned *sq_head, *sq_tail, *sq_array, sq_mask, *cq_head, *cq_tail, cq_mask, tail, unsubmitted;
static struct io_uring_sqe *requests;
static struct io_uring_cqe *completions;
static struct io_uring_buf_ring *free_buffers;
static unsigned short free_tail;
static char *buffers;
static struct end *starved;

static char *bytes_of(int buffer) { return buffers + (size_t)buffer * kBuffer; }

/// Hands over what was prepared, and waits until so many have completed.
static void enter(unsigned wait) {
    __atomic_store_n(sq_tail, tail, __ATOMIC_RELEASE);
    long n = syscall(__NR_io_uring_enter, ring, unsubmitted, wait, IORING_ENTER_GETEVENTS, NULL, 0);
    if (n < 0 && errno != EINTR && errno != EAGAIN && errno != EBUSY) fail("relay-ring: io_uring_enter: %s", strerror(errno));
    if (n > 0) unsubmitted -= (unsigned)n;
}

static struct io_uring_sqe *prepare(int operation, int fd, struct end *e, int kind) {
    while (tail - __atomic_load_n(sq_head, __ATOMIC_ACQUIRE) >= kEntries) enter(0);
    unsigned i = tail++ & sq_mask;
    unsubmitted++;
    sq_array[i] = i;
    requests[i] = (struct io_uring_sqe){.opcode = (uint8_t)operation, .fd = fd, .user_data = (uint64_t)e | (unsigned)kind};
    if (e) e->requests++;
    return &requests[i];
}

static void give_back(int buffer) {
    struct io_uring_buf *b = &free_buffers->bufs[free_tail++ & (kBuffers - 1)];
    b->addr = (uint64_t)bytes_of(buffer);
    b->len = kBuffer;
    b->bid = (unsigned short)buffer;
}

static void receive(struct end *e) {
    struct io_uring_sqe *r = prepare(IORING_OP_RECV, e->fd, e, kReceive);
    r->flags = IOSQE_BUFFER_SELECT;
    r->ioprio = IORING_RECV_MULTISHOT;
}

static void send_first(struct end *e) {
    struct io_uring_sqe *r = prepare(IORING_OP_SEND, e->fd, e, kSend);
    r->addr = (uint64_t)(bytes_of(e->queue[e->from % kBuffers].buffer) + e->sent);
    r->len = e->queue[e->from % kBuffers].count - e->sent;
    r->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
    e->is_sending = true;
}

static void accept_more(void) { prepare(IORING_OP_ACCEPT, listener, NULL, kAccept)->ioprio = IORING_ACCEPT_MULTISHOT; }

static struct end *make_end(int fd) {
    struct end *e = need(calloc(1, sizeof *e));
    e->fd = fd;
    set_nodelay(fd);
    return e;
}

/// Its memory goes when the kernel has no request of it.
static void release(struct end *e) {
    if (e->fd < 0 && !e->requests && !e->is_starved) free(e);
}

static void close_end(struct end *e) {
    if (e->fd < 0) return;
    shutdown(e->fd, SHUT_RDWR); // completes the receive that is armed
    close(e->fd);
    e->fd = -1;
    // The first may be in a send.
    for (; e->to - e->from > (e->is_sending ? 1u : 0u); e->to--) give_back(e->queue[(e->to - 1) % kBuffers].buffer);
    struct end *other = e->other;
    if (!other) return;
    e->other = other->other = NULL;
    close_end(other);
    release(other);
}

static void accepted(int fd) {
    int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(upstream_port);
    if (to < 0 || connect(to, (struct sockaddr *)&address, sizeof address) < 0)
        fail("relay-ring: cannot connect to the upstream: %s", strerror(errno));
    struct end *client = make_end(fd), *upstream = make_end(to);
    client->other = upstream;
    upstream->other = client;
    receive(client);
    receive(upstream);
}

static void received(struct end *e, int result, unsigned flags) {
    bool is_armed = flags & IORING_CQE_F_MORE;
    if (!is_armed) e->requests--;
    if (flags & IORING_CQE_F_BUFFER) {
        int buffer = (int)(flags >> IORING_CQE_BUFFER_SHIFT);
        struct end *to = e->other;
        if (result > 0 && to) {
            to->queue[to->to % kBuffers].buffer = buffer;
            to->queue[to->to++ % kBuffers].count = (unsigned)result;
            if (!to->is_sending) send_first(to);
        } else {
            give_back(buffer);
        }
    }
    if (result == -ENOBUFS && e->fd >= 0) {
        e->is_starved = true;
        e->next_starved = starved;
        starved = e;
        return;
    }
    if (result <= 0) close_end(e);
    else if (!is_armed && e->fd >= 0) receive(e);
    release(e);
}

static void was_sent(struct end *e, int result) {
    e->requests--;
    e->is_sending = false;
    if (result > 0) e->sent += (unsigned)result;
    if (result > 0 && e->fd >= 0 && e->sent < e->queue[e->from % kBuffers].count) return send_first(e);
    give_back(e->queue[e->from++ % kBuffers].buffer);
    e->sent = 0;
    if (result <= 0) close_end(e);
    else if (e->fd >= 0 && e->from != e->to) send_first(e);
    release(e);
}

static void *map(size_t count, int fd, off_t offset) {
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *memory = mmap(NULL, count, PROT_READ | PROT_WRITE, flags | MAP_POPULATE, fd, offset);
    if (memory == MAP_FAILED) fail("relay-ring: mmap: %s", strerror(errno));
    return memory;
}

static void set_up(void) {
    struct io_uring_params p = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE, .cq_entries = kCompletions};
    ring = (int)syscall(__NR_io_uring_setup, kEntries, &p);
    if (ring < 0) fail("relay-ring: io_uring_setup: %s", strerror(errno));
    // Both queues are in one mapping since Linux 5.4, and the array of indices is the last thing in it.
    char *shared = map(p.sq_off.array + p.sq_entries * sizeof *sq_array, ring, IORING_OFF_SQ_RING);
    requests = map(p.sq_entries * sizeof *requests, ring, IORING_OFF_SQES);
    sq_head = (unsigned *)(shared + p.sq_off.head);
    sq_tail = (unsigned *)(shared + p.sq_off.tail);
    sq_array = (unsigned *)(shared + p.sq_off.array);
    sq_mask = p.sq_entries - 1;
    cq_head = (unsigned *)(shared + p.cq_off.head);
    cq_tail = (unsigned *)(shared + p.cq_off.tail);
    cq_mask = p.cq_entries - 1;
    completions = (struct io_uring_cqe *)(shared + p.cq_off.cqes);
    free_buffers = map(kBuffers * sizeof(struct io_uring_buf), -1, 0);
    buffers = map((size_t)kBuffers * kBuffer, -1, 0);
    struct io_uring_buf_reg group = {.ring_addr = (uint64_t)free_buffers, .ring_entries = kBuffers};
    if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &group, 1) < 0)
        fail("relay-ring: IORING_REGISTER_PBUF_RING: %s", strerror(errno));
    for (int i = 0; i < kBuffers; i++) give_back(i);
}

int main(int count, char **arguments) {
    if (count != 3) fail("usage: relay-ring PORT UPSTREAM_PORT");
    raise_limit();
    upstream_port = port_argument(arguments[2]);
    listener = listen_on(port_argument(arguments[1]));
    fcntl(listener, F_SETFL, 0); // else an accept is over when nobody is there
    set_up();
    accept_more();
    for (;;) {
        __atomic_store_n(&free_buffers->tail, free_tail, __ATOMIC_RELEASE);
        while (starved) {
            struct end *e = starved;
            starved = e->next_starved;
            e->is_starved = false;
            if (e->fd >= 0) receive(e);
            else release(e);
        }
        enter(1);
        unsigned at = *cq_head, end = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
        for (; at != end; at++) {
            struct io_uring_cqe c = completions[at & cq_mask];
            struct end *e = (struct end *)(c.user_data & ~(uint64_t)kKind);
            unsigned kind = c.user_data & kKind;
            if (kind == kReceive) received(e, c.res, c.flags);
            else if (kind == kSend) was_sent(e, c.res);
            else if (c.res >= 0) accepted(c.res);
            if (kind == kAccept && !(c.flags & IORING_CQE_F_MORE)) accept_more();
        }
        __atomic_store_n(cq_head, at, __ATOMIC_RELEASE);
    }
}
