// Sockets: what <Glibc> lacks or Swift cannot call safely.
#ifndef ENVOYD_CL_SOCKETS_H
#define ENVOYD_CL_SOCKETS_H
#include "cl_base.h"
#include "cl_call.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
// _GNU_SOURCE only.
extern int accept4(int, struct sockaddr *, socklen_t *, int);
/// Any socket address and its length, as plain data.
typedef struct {
    uint32_t length;
    uint32_t reserved;
    uint64_t words[16];
} cl_address;
_Static_assert(sizeof(cl_address) == 136, "cl_address is plain data of 136 bytes");
_Static_assert(sizeof(struct sockaddr_storage) == 128, "a socket address fits");
static inline const struct sockaddr *cl_sockaddr(const cl_address *a) { return (const struct sockaddr *)a->words; }
static inline int cl_family(const cl_address *a) { return a->length >= 2 ? cl_sockaddr(a)->sa_family : 0; }
/// An IPv4 or IPv6 literal and a port (host byte order). -EINVAL when `ip` is no literal.
static inline int cl_address_ip(cl_address *out, const char *ip, uint16_t port) {
    memset(out, 0, sizeof *out);
    struct sockaddr_in *v4 = (struct sockaddr_in *)out->words;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out->words;
    if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        out->length = sizeof *v4;
        return 0;
    }
    if (inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        out->length = sizeof *v6;
        return 0;
    }
    return -EINVAL;
}
/// A Unix address; a leading '@' means the abstract name space. -ENAMETOOLONG when it does not fit.
static inline int cl_address_unix(cl_address *out, const char *path) {
    memset(out, 0, sizeof *out);
    struct sockaddr_un *un = (struct sockaddr_un *)out->words;
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof un->sun_path) return -ENAMETOOLONG;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, n);
    out->length = (uint32_t)(offsetof(struct sockaddr_un, sun_path) + n + (path[0] == '@' ? 0 : 1));
    if (path[0] == '@') un->sun_path[0] = 0;
    return 0;
}
/// The port in host byte order, 0 for anything but IPv4 and IPv6.
static inline uint16_t cl_address_port(const cl_address *a) {
    if (cl_family(a) == AF_INET) return ntohs(((const struct sockaddr_in *)a->words)->sin_port);
    if (cl_family(a) == AF_INET6) return ntohs(((const struct sockaddr_in6 *)a->words)->sin6_port);
    return 0;
}
static inline void cl_address_set_port(cl_address *a, uint16_t port) {
    if (cl_family(a) == AF_INET) ((struct sockaddr_in *)a->words)->sin_port = htons(port);
    if (cl_family(a) == AF_INET6) ((struct sockaddr_in6 *)a->words)->sin6_port = htons(port);
}
/// The IP literal without port (or the Unix path, '@' for abstract) into `out`; returns its length.
static inline int cl_address_text(const cl_address *a, char *out, uint32_t size) {
    if (size == 0) return 0;
    out[0] = 0;
    if (cl_family(a) == AF_INET) inet_ntop(AF_INET, &((const struct sockaddr_in *)a->words)->sin_addr, out, size);
    if (cl_family(a) == AF_INET6) inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)a->words)->sin6_addr, out, size);
    if (cl_family(a) == AF_UNIX && a->length > offsetof(struct sockaddr_un, sun_path)) {
        size_t n = a->length - offsetof(struct sockaddr_un, sun_path);
        if (n > size - 1) n = size - 1;
        memcpy(out, ((const struct sockaddr_un *)a->words)->sun_path, n);
        out[n] = 0;
        if (n > 0 && out[0] == 0) out[0] = '@';
    }
    return (int)strlen(out);
}
static inline bool cl_address_equal(const cl_address *a, const cl_address *b) {
    return a->length == b->length && a->length <= sizeof a->words && memcmp(a->words, b->words, a->length) == 0;
}
/// A non-blocking, close-on-exec socket.
static inline int cl_socket(int family, int type, int protocol) {
    return CL_RETRY(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}
static inline int cl_bind(int fd, const cl_address *a) { return CL_RETRY(bind(fd, cl_sockaddr(a), a->length)); }
static inline int cl_connect(int fd, const cl_address *a) {
    return connect(fd, cl_sockaddr(a), a->length) == 0 ? 0 : -errno;
}
static inline int cl_listen(int fd, int backlog) { return CL_RETRY(listen(fd, backlog)); }
/// A non-blocking, close-on-exec connection, or -errno (-EAGAIN: none waits).
static inline int cl_accept(int fd, cl_address *peer) {
    socklen_t n = sizeof peer->words;
    int c;
    do c = accept4(fd, (struct sockaddr *)peer->words, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
    while (c < 0 && errno == EINTR);
    peer->length = n <= sizeof peer->words ? (uint32_t)n : (uint32_t)sizeof peer->words;
    peer->reserved = 0;
    return c >= 0 ? c : -errno;
}
static inline int cl_local_address(int fd, cl_address *out) {
    socklen_t n = sizeof out->words;
    memset(out, 0, sizeof *out);
    int rc = CL_RETRY(getsockname(fd, (struct sockaddr *)out->words, &n));
    out->length = n <= sizeof out->words ? (uint32_t)n : (uint32_t)sizeof out->words;
    return rc;
}
static inline int cl_peer_address(int fd, cl_address *out) {
    socklen_t n = sizeof out->words;
    memset(out, 0, sizeof *out);
    int rc = CL_RETRY(getpeername(fd, (struct sockaddr *)out->words, &n));
    out->length = n <= sizeof out->words ? (uint32_t)n : (uint32_t)sizeof out->words;
    return rc;
}
static inline int cl_set_int(int fd, int level, int name, int value) {
    return CL_RETRY(setsockopt(fd, level, name, &value, sizeof value));
}
static inline int cl_get_int(int fd, int level, int name, int *value) {
    socklen_t n = sizeof *value;
    return CL_RETRY(getsockopt(fd, level, name, value, &n));
}
static inline int cl_set_nodelay(int fd) { return cl_set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1); }
static inline int cl_set_reuseaddr(int fd) { return cl_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1); }
static inline int cl_set_reuseport(int fd) { return cl_set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1); }
/// The pending error of a socket (a positive errno, 0 for none): the outcome of a non-blocking connect.
static inline int cl_socket_error(int fd) {
    int value = 0;
    int rc = cl_get_int(fd, SOL_SOCKET, SO_ERROR, &value);
    return rc < 0 ? -rc : value;
}
// These two are called twice for each request. Those of glibc are points where a thread may be cancelled, and with more than
// one thread each call marks that with two locked instructions; nobody cancels threads here.
/// Bytes, 0 at end of file, or -errno.
static inline ssize_t cl_recv(int fd, void *buffer, size_t size) {
    ssize_t n;
    do n = cl_call(SYS_recvfrom, fd, (long)buffer, (long)size, 0, 0, 0);
    while (n == -EINTR);
    return n;
}
/// Never raises SIGPIPE.
static inline ssize_t cl_send(int fd, const void *buffer, size_t size, int flags) {
    ssize_t n;
    do n = cl_call(SYS_sendto, fd, (long)buffer, (long)size, MSG_NOSIGNAL | flags, 0, 0);
    while (n == -EINTR);
    return n;
}
/// Two pieces in one message, without copying them together. Never raises SIGPIPE.
static inline ssize_t cl_send2(int fd, const void *a, size_t an, const void *b, size_t bn) {
    struct iovec v[2] = {{(void *)a, an}, {(void *)b, bn}};
    struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
    ssize_t n;
    do n = sendmsg(fd, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n >= 0 ? n : -errno;
}
/// Bytes (with the kernel's own) that were sent and the other end has not received yet, or -errno.
static inline int cl_unreceived(int fd) {
    int value = 0;
    return ioctl(fd, TIOCOUTQ, &value) == 0 ? value : -errno;
}
enum { CL_SOCK_STREAM = SOCK_STREAM, CL_SOCK_SEQPACKET = SOCK_SEQPACKET };
enum { CL_SHUT_READ = SHUT_RD, CL_SHUT_WRITE = SHUT_WR, CL_SHUT_BOTH = SHUT_RDWR };
static inline int cl_shutdown(int fd, int how) { return shutdown(fd, how) == 0 ? 0 : -errno; }
#endif
