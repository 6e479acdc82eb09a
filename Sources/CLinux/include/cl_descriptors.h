// File descriptors: close, flags, locks on open file descriptions.
#ifndef ENVOYD_CL_DESCRIPTORS_H
#define ENVOYD_CL_DESCRIPTORS_H
#include "cl_base.h"
#include <fcntl.h>
#include <sys/resource.h>
// Linux's fcntl commands for locks of open file descriptions; libc names them under _GNU_SOURCE only.
enum { CL_F_OFD_GETLK = 36, CL_F_OFD_SETLK = 37, CL_F_OFD_SETLKW = 38 };
static inline int cl_close(int fd) { return close(fd) == 0 ? 0 : -errno; }
static inline int cl_dup(int fd) { return CL_RETRY(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }
static inline int cl_open(const char *path, int flags, mode_t mode) { return CL_RETRY(open(path, flags | O_CLOEXEC, mode)); }
static inline ssize_t cl_read(int fd, void *buffer, size_t size) { return CL_RETRY(read(fd, buffer, size)); }
static inline ssize_t cl_write(int fd, const void *buffer, size_t size) { return CL_RETRY(write(fd, buffer, size)); }
static inline int cl_set_nonblocking(int fd, bool on) {
    int flags = CL_RETRY(fcntl(fd, F_GETFL));
    if (flags < 0) return flags;
    if (((flags & O_NONBLOCK) != 0) == on) return 0;
    return CL_RETRY(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}
/// Tries an exclusive lock of `length` bytes at `start` that belongs to the open file description: the kernel frees it
/// when the last copy of the descriptor is closed, also on kill -9. -EAGAIN when another description holds it.
static inline int cl_ofd_lock(int fd, int64_t start, int64_t length) {
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    int rc = CL_RETRY(fcntl(fd, CL_F_OFD_SETLK, &l));
    return rc == -EACCES ? -EAGAIN : rc;
}
/// As `cl_ofd_lock`, and waits for it.
static inline int cl_ofd_lock_wait(int fd, int64_t start, int64_t length) {
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return CL_RETRY(fcntl(fd, CL_F_OFD_SETLKW, &l));
}
static inline int cl_ofd_unlock(int fd, int64_t start, int64_t length) {
    struct flock l = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return CL_RETRY(fcntl(fd, CL_F_OFD_SETLK, &l));
}
/// 1 when another open file description holds an exclusive lock there, 0 when not, or -errno. A read-only descriptor
/// may ask. The caller's own lock is invisible.
static inline int cl_ofd_is_locked(int fd, int64_t start, int64_t length) {
    struct flock l = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    int rc = CL_RETRY(fcntl(fd, CL_F_OFD_GETLK, &l));
    return rc < 0 ? rc : l.l_type != F_UNLCK;
}
/// A lock of another open file description on a part of the range: 1 and where it is (a length of 0: to the end of all
/// files), 0 when there is none. Which of several is found is not said.
static inline int cl_ofd_find_lock(int fd, int64_t start, int64_t length, int64_t *found, int64_t *found_length) {
    struct flock l = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    int rc = CL_RETRY(fcntl(fd, CL_F_OFD_GETLK, &l));
    if (rc < 0) return rc;
    *found = l.l_start;
    *found_length = l.l_len;
    return l.l_type != F_UNLCK;
}
#endif
