// The structs of the shared-memory region: only C promises a layout. docs/region.md draws the map.
#ifndef ENVOYD_CL_REGION_H
#define ENVOYD_CL_REGION_H
#include "cl_base.h"
#include "cl_mutex.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
// _GNU_SOURCE only.
extern long syscall(long, ...);
enum {
    CL_REGION_PAGE = 4096,
    CL_REGION_SLOTS = 256,
    CL_REGION_SEGMENTS = 8192,
    CL_REGION_PLANES = 2048,
    CL_SLOT_PATH = 120,
};
/// "ENVOYDSM" read as a little-endian word.
#define CL_REGION_MAGIC 0x4d5344594f564e45ull
#define CL_REGION_BYTE_ORDER 0x01020304u
/// One process that counts here. Live while somebody holds the file lock of its byte (see RegionLayout).
typedef struct {
    uint32_t state;         // 0 free, 1 in use
    uint32_t pid;           // as its own PID namespace calls it
    uint64_t start_ns;      // CLOCK_REALTIME
    uint32_t epoch;         // restart epoch
    uint32_t incarnation;   // one more for each process that used this slot
    uint64_t committed;     // 0: still starting; else the region's commit_sequence when it began to serve
    uint32_t role;          // 0 starting, 1 serving, 2 standby, 3 draining
    uint32_t path_length;   // bytes in use of `path`
    uint8_t path[CL_SLOT_PATH];  // its restart socket, '@' for an abstract name; empty: none
    uint64_t ordinal;       // process_starts when it began: the higher, the later
    uint8_t reserved[24];
} cl_slot;
_Static_assert(sizeof(cl_slot) == 192, "a process slot");
typedef struct {
    uint64_t magic;
    uint32_t byte_order;
    uint16_t layout_major;  // another one cannot be read
    uint16_t layout_minor;  // a newer one is read by its lengths
    uint32_t header_length; // bytes up to the segment directory
    uint32_t record_length; // bytes of a name record before its name
    uint32_t mutex_tag;     // cl_mutex_tag() of the creator
    uint32_t mutex_size;
    uint64_t generation;    // one more each time a base id gets a new region
    uint8_t boot_id[16];
    uint64_t created_ns;    // CLOCK_REALTIME
    uint64_t committed;     // bytes of the file that hold published segments
    uint64_t log_tail;      // bytes of the name log that are published
    uint64_t value_count;   // value indices given out
    uint64_t repairs;       // times a dead owner's mutex was taken over
    uint64_t overflows;     // stats and histogram blocks that had to live on the heap
    uint32_t segment_count; // published segments
    uint32_t plane_count;   // planes that were ever claimed
    uint32_t base_id;
    uint32_t uid;
    uint64_t process_starts;
    uint64_t commit_sequence;
    uint32_t mutex_pid;     // who holds the mutex, for messages
    uint32_t reserved0;
    uint64_t last_ordinal;  // ordinal of the process that began to serve last
    uint64_t baseline;      // 0: none; else 2 * resets + which of the two baseline planes counts
    uint64_t interval;      // 0: none; else 2 * closed intervals + which of the two interval planes counts
    uint64_t predecessor;   // generation of the region that counts as well, read-only; 0: none
    uint64_t imported;      // highest generation beside this one whose counts are in the cells of this one
    uint64_t start;         // 0: none; else the `committed` of the process from whose start on the start plane counts
    uint64_t mutex[CL_MUTEX_WORDS];
    uint8_t reserved1[3840];
} cl_region_header;
_Static_assert(sizeof(cl_region_header) == CL_REGION_PAGE, "the header is one page");
_Static_assert(offsetof(cl_region_header, mutex) == 192, "header layout");
/// A run of pages with one use.
typedef struct {
    uint8_t kind;    // 1 name log, 2 cells, 3 histogram blocks
    uint8_t reserved;
    uint16_t plane;  // whose cells or blocks
    uint32_t first;  // log: first page of the log it holds; cells: first chunk; blocks: first block
    uint32_t page;   // where in the file
    uint32_t pages;
} cl_segment;
_Static_assert(sizeof(cl_segment) == 16, "a segment");
/// One writer's cells. `owner` = incarnation << 32 | slot + 1; 0: nobody's yet.
typedef struct {
    uint64_t owner;
    uint32_t blocks_used;
    uint32_t reserved;
} cl_plane;
_Static_assert(sizeof(cl_plane) == 16, "a plane");
typedef struct {
    cl_region_header header;
    cl_slot slots[CL_REGION_SLOTS];
    cl_segment segments[CL_REGION_SEGMENTS];
    cl_plane planes[CL_REGION_PLANES];
} cl_region;
enum { CL_REGION_DATA = sizeof(cl_region) };
_Static_assert(CL_REGION_DATA == 53 * CL_REGION_PAGE, "data begins on a page");
#pragma clang assume_nonnull begin
static inline uint64_t *cl_region_mutex(cl_region *r) { return r->header.mutex; }
static inline bool cl_header_mutex_has_our_kind(const cl_region_header *h) { return cl_mutex_has_our_kind(h->mutex); }
static inline uint64_t *cl_region_tail(cl_region *r) { return &r->header.log_tail; }
static inline uint64_t *cl_region_repairs(cl_region *r) { return &r->header.repairs; }
static inline uint64_t *cl_region_overflows(cl_region *r) { return &r->header.overflows; }
static inline uint32_t *cl_region_segment_count(cl_region *r) { return &r->header.segment_count; }
static inline uint32_t *cl_region_plane_count(cl_region *r) { return &r->header.plane_count; }
static inline cl_slot *cl_region_slot(cl_region *r, int i) { return &r->slots[i & (CL_REGION_SLOTS - 1)]; }
static inline cl_segment *cl_region_segment(cl_region *r, uint32_t i) { return &r->segments[i & (CL_REGION_SEGMENTS - 1)]; }
static inline cl_plane *cl_region_plane(cl_region *r, uint32_t i) { return &r->planes[i & (CL_REGION_PLANES - 1)]; }
static inline uint64_t *cl_plane_owner(cl_plane *p) { return &p->owner; }
static inline uint32_t *cl_plane_blocks_used(cl_plane *p) { return &p->blocks_used; }
static inline uint8_t *cl_slot_path(cl_slot *s) { return s->path; }
static inline uint64_t *cl_slot_committed(cl_slot *s) { return &s->committed; }
static inline uint32_t *cl_slot_incarnation(cl_slot *s) { return &s->incarnation; }
static inline uint8_t *cl_region_boot_id(cl_region *r) { return r->header.boot_id; }
/// The fixed part of a name record.
typedef struct {
    uint32_t length;       // of the whole record, a multiple of 8; from `log_tail` on nothing counts
    uint8_t type;          // 0 padding, 1 counter, 2 gauge, 3 histogram
    uint8_t unit;
    uint8_t import;        // gauges: 0 accumulate, 1 never import
    uint8_t flags;
    uint32_t value;        // its first cell in every plane
    uint16_t name_length;
    uint16_t tag_count;    // tag spans after the name, from the next multiple of 4
    uint64_t used;         // the highest ordinal of a process that asked for it
} cl_record;
_Static_assert(sizeof(cl_record) == 24, "a name record");
/// Which part of a name is a tag: the cut is what the tag-extracted name leaves out.
typedef struct {
    uint16_t tag, cut_start, cut_length, value_start, value_length, reserved;
} cl_tag_span;
_Static_assert(sizeof(cl_tag_span) == 12, "a tag span");
static inline uint64_t *cl_region_interval(cl_region *r) { return &r->header.interval; }
static inline uint64_t *cl_region_start(cl_region *r) { return &r->header.start; }
static inline uint64_t *cl_region_baseline(cl_region *r) { return &r->header.baseline; }
/// Raises a cell to `value`; it never goes back.
static inline void cl_raise(uint64_t *p, uint64_t value) {
    uint64_t old = __atomic_load_n(p, __ATOMIC_RELAXED);
    while (old < value && !__atomic_compare_exchange_n(p, &old, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
}
/// Memory of a file that may be cut short under us: where a page of it is missing, SIGBUS puts a page of zeros in its
/// place and counts. Returns a slot for `cl_unguard`, or -1 when all are in use. The first call installs the handler;
/// any other SIGBUS goes where it went before.
int cl_guard(void *_Nonnull base, size_t size);
void cl_unguard(int slot);
/// How many pages of it had to be replaced so far.
uint64_t cl_guard_hits(int slot);
static inline int cl_fallocate(int fd, int64_t offset, int64_t length) {
    int rc;
    do rc = posix_fallocate(fd, offset, length);
    while (rc == EINTR);
    return -rc;
}
/// Address space without memory: a region grows into it. MAP_FAILED becomes NULL.
static inline void *_Nullable cl_reserve(size_t size) {
    void *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}
static inline int cl_map_at(void *at, size_t size, int fd, int64_t offset) {
    return mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, offset) == MAP_FAILED ? -errno : 0;
}
static inline void *_Nullable cl_map_read(size_t size, int fd) {
    void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}
/// Memory of zeros that takes none before it is written. Given back by `cl_unmap`.
static inline void *_Nullable cl_map_zeros(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    // What is as large as this is used all over: a fault for each page would take longer than all else.
    if (size >= 4u << 20) (void)madvise(p, size, MADV_HUGEPAGE);
    return p;
}
static inline void cl_unmap(void *p, size_t size) { munmap(p, size); }
static inline int cl_rename_noreplace(const char *from, const char *to) {
    return (int)CL_RETRY(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 1u));
}
/// `allocated`: bytes that have memory; less than `size` in a file with holes.
typedef struct { uint64_t device, inode; int64_t size; uint32_t mode, uid, links; int64_t allocated; } cl_file_status;
static inline int cl_fstat(int fd, cl_file_status *out) {
    struct stat s;
    if (fstat(fd, &s) != 0) return -errno;
    *out = (cl_file_status){s.st_dev, s.st_ino, s.st_size, s.st_mode, s.st_uid, (uint32_t)s.st_nlink, s.st_blocks * 512};
    return 0;
}
static inline int cl_stat(const char *path, cl_file_status *out) {
    struct stat s;
    if (stat(path, &s) != 0) return -errno;
    *out = (cl_file_status){s.st_dev, s.st_ino, s.st_size, s.st_mode, s.st_uid, (uint32_t)s.st_nlink, s.st_blocks * 512};
    return 0;
}
static inline bool cl_is_regular(const cl_file_status *s) { return S_ISREG(s->mode); }
static inline bool cl_is_socket(const cl_file_status *s) { return S_ISSOCK(s->mode); }
#pragma clang assume_nonnull end
#endif
