// Messages with file descriptors (SCM_RIGHTS) and peer credentials over Unix sockets: unix(7).
#ifndef ENVOYD_CL_PASSING_H
#define ENVOYD_CL_PASSING_H
#include "cl_base.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
// Linux 6.5; older libc headers lack it.
enum { CL_SO_PEERPIDFD = 77 };
/// The kernel's limit of descriptors in one message (SCM_MAX_FD).
enum { CL_MAX_PASSED = 253 };
/// The layout of Linux's `struct ucred`.
typedef struct { int32_t pid; uint32_t uid; uint32_t gid; } cl_credentials;
static inline int cl_peer_credentials(int fd, cl_credentials *out) {
    cl_credentials c;
    socklen_t n = sizeof c;
    int rc = CL_RETRY(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n));
    if (rc >= 0) *out = c;
    return rc;
}
/// A close-on-exec pidfd of the process that connected (or, on the connecting side, called listen), without the race of a
/// reused pid. -ENOPROTOOPT before Linux 6.5.
static inline int cl_peer_pidfd(int fd) {
    int pidfd = -1;
    socklen_t n = sizeof pidfd;
    int rc = CL_RETRY(getsockopt(fd, SOL_SOCKET, CL_SO_PEERPIDFD, &pidfd, &n));
    return rc < 0 ? rc : pidfd;
}
/// Opens a directory and locks it for this open file description; -EWOULDBLOCK when another has it. Closing unlocks.
static inline int cl_lock_directory(const char *path) {
    int fd = CL_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY));
    if (fd < 0) return fd;
    int rc = CL_RETRY(flock(fd, LOCK_EX | LOCK_NB));
    if (rc < 0) { close(fd); return rc; }
    return fd;
}
/// One datagram with up to CL_MAX_PASSED descriptors. Returns bytes or -errno. Never raises SIGPIPE.
static inline ssize_t cl_send_message(int fd, const void *bytes, size_t size, const int *fds, int count) {
    if (count < 0 || count > CL_MAX_PASSED) return -EINVAL;
    union { char space[CMSG_SPACE(sizeof(int) * CL_MAX_PASSED)]; struct cmsghdr align; } control;
    struct iovec v = {(void *)bytes, size};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    if (count > 0) {
        memset(&control, 0, sizeof control);
        m.msg_control = control.space;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)count);
    }
    ssize_t n;
    do n = sendmsg(fd, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n >= 0 ? n : -errno;
}
/// One datagram. `count` holds the room in `fds` on entry and the number received (close-on-exec) on return.
/// -EMSGSIZE: the datagram or its descriptors were cut short (all received descriptors are closed then). 0: end of file.
static inline ssize_t cl_receive_message(int fd, void *bytes, size_t size, int *fds, int *count) {
    int room = *count;
    *count = 0;
    union { char space[CMSG_SPACE(sizeof(int) * CL_MAX_PASSED)]; struct cmsghdr align; } control;
    struct iovec v = {bytes, size};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    ssize_t n;
    do n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0) return -errno;
    bool cut = (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        int received = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int i = 0; i < received; i++) {
            int one;
            memcpy(&one, CMSG_DATA(c) + sizeof(int) * (size_t)i, sizeof one);
            if (*count < room) fds[(*count)++] = one;
            else { close(one); cut = true; }
        }
    }
    if (cut) {
        for (int i = 0; i < *count; i++) close(fds[i]);
        *count = 0;
        return -EMSGSIZE;
    }
    return n;
}
#endif
