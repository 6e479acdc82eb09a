// epoll, eventfd, timerfd, signalfd.
#ifndef ENVOYD_CL_EVENTS_H
#define ENVOYD_CL_EVENTS_H
#include "cl_base.h"
#include "cl_call.h"
#include <signal.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
enum {
    CL_EPOLLIN = 0x001, CL_EPOLLOUT = 0x004, CL_EPOLLERR = 0x008, CL_EPOLLHUP = 0x010, CL_EPOLLRDHUP = 0x2000,
};
#define CL_EPOLLET (1u << 31)
#define CL_EPOLLEXCLUSIVE (1u << 28)
static inline int cl_epoll_create(void) { return CL_RETRY(epoll_create1(EPOLL_CLOEXEC)); }
static inline int cl_epoll_add(int epfd, int fd, uint32_t events, uint64_t data) {
    struct epoll_event e = {.events = events, .data = {.u64 = data}};
    return CL_RETRY(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e));
}
static inline int cl_epoll_mod(int epfd, int fd, uint32_t events, uint64_t data) {
    struct epoll_event e = {.events = events, .data = {.u64 = data}};
    return CL_RETRY(epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &e));
}
static inline int cl_epoll_del(int epfd, int fd) {
    struct epoll_event e = {0};
    return CL_RETRY(epoll_ctl(epfd, EPOLL_CTL_DEL, fd, &e));
}
/// Not retried on EINTR: returns 0 events then, so that the loop looks at its clock.
static inline int cl_epoll_wait(int epfd, struct epoll_event *events, int count, int timeout_ms) {
    int n = (int)cl_call(SYS_epoll_pwait, epfd, (long)events, count, timeout_ms, 0, 8);
    return n == -EINTR ? 0 : n;
}
static inline uint32_t cl_event_mask(const struct epoll_event *e) { return e->events; }
static inline uint64_t cl_event_data(const struct epoll_event *e) { return e->data.u64; }
static inline int cl_eventfd(void) { return CL_RETRY(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }
static inline void cl_eventfd_signal(int fd) { uint64_t one = 1; (void)!write(fd, &one, 8); }
static inline void cl_eventfd_drain(int fd) { uint64_t v; (void)!read(fd, &v, 8); }
/// Blocks `signals` in this thread (and those made from it) and returns a descriptor that reports them.
static inline int cl_signalfd(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++) sigaddset(&set, signals[i]);
    int rc = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (rc != 0) return -rc;
    return CL_RETRY(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}
/// The next signal from a signalfd, 0 if there is none.
static inline int cl_signalfd_next(int fd) {
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}
static inline void cl_ignore_signal(int signo) { signal(signo, SIG_IGN); }
/// CLOCK_MONOTONIC in nanoseconds: comparable between the processes of a host.
static inline uint64_t cl_monotonic_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static inline uint64_t cl_realtime_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
#endif

// inotify(7): what is moved into a directory.
static inline int cl_inotify_create(void) {
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    return fd < 0 ? -errno : fd;
}
static inline int cl_inotify_moved_to(int fd, const char *directory) {
    int watch = inotify_add_watch(fd, directory, IN_MOVED_TO);
    return watch < 0 ? -errno : watch;
}
// The name of the event at `at` of what was read, NULL when there is none; `*next` is where the following one begins.
static inline const char *cl_inotify_name(const void *events, size_t length, size_t at, size_t *next) {
    const struct inotify_event *event = (const struct inotify_event *)((const char *)events + at);
    if (at > length || length - at < sizeof *event || length - at - sizeof *event < event->len) return NULL;
    *next = at + sizeof *event + event->len;
    return event->len ? event->name : "";
}
