#define _GNU_SOURCE
#include "CrashText.h"
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if __SIZEOF_POINTER__ != 8
#error "only 64 bits"
#endif

/// A file that places lie in. Files stay mapped: names point into them, and the process ends.
struct cl_module {
    char path[512];
    const uint8_t *bytes;
    size_t size;
    bool is_program;
};

// One thread at most comes here, once.
static struct cl_module modules[CL_CRASH_MODULES];
static int module_count;
static char program_path[512];

static bool within(const struct cl_module *m, uint64_t offset, uint64_t size) {
    return offset <= m->size && size <= m->size - offset;
}

static void map(struct cl_module *m) {
    // The program's file may have been replaced since it was started.
    int fd = open(m->is_program ? "/proc/self/exe" : m->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    struct stat status;
    if (fstat(fd, &status) == 0 && status.st_size > (off_t)sizeof(Elf64_Ehdr)) {
        void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        const Elf64_Ehdr *head = bytes;
        if (bytes != MAP_FAILED && memcmp(head->e_ident, ELFMAG, SELFMAG) == 0 && head->e_ident[EI_CLASS] == ELFCLASS64) {
            m->bytes = bytes;
            m->size = (size_t)status.st_size;
        }
    }
    close(fd);
}

static struct cl_module *module_of(const char *path) {
    for (int i = 0; i < module_count; i++)
        if (strcmp(modules[i].path, path) == 0) return &modules[i];
    if (module_count == CL_CRASH_MODULES) return NULL;
    struct cl_module *m = &modules[module_count++];
    strncpy(m->path, path, sizeof m->path - 1);
    m->is_program = strcmp(m->path, program_path) == 0;
    map(m);
    return m;
}

/// From an offset in the file to an address as the linker gave it.
static uintptr_t linked_address(const struct cl_module *m, uint64_t offset) {
    if (m->bytes == NULL) return offset;
    const Elf64_Ehdr *head = (const void *)m->bytes;
    if (head->e_phentsize != sizeof(Elf64_Phdr) || !within(m, head->e_phoff, (uint64_t)head->e_phnum * sizeof(Elf64_Phdr))) return offset;
    const Elf64_Phdr *parts = (const void *)(m->bytes + head->e_phoff);
    for (int i = 0; i < head->e_phnum; i++)
        if (parts[i].p_type == PT_LOAD && offset >= parts[i].p_offset && offset - parts[i].p_offset < parts[i].p_filesz)
            return offset - parts[i].p_offset + parts[i].p_vaddr;
    return offset;
}

/// A line of /proc/self/maps: `from-to rwxp offset device inode      path`.
static void use_line(const char *line, struct cl_frame *frames, int count) {
    uint64_t numbers[3] = {0, 0, 0};
    const char *p = line;
    for (int i = 0; i < 3; i++) {
        // The permissions stand between the second and the third.
        if (i == 2) while (*p != 0 && *p != ' ') p++;
        while (*p == ' ') p++;
        for (; *p != 0; p++) {
            int digit = *p >= '0' && *p <= '9' ? *p - '0' : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10 : -1;
            if (digit < 0) break;
            numbers[i] = numbers[i] << 4 | (uint64_t)digit;
        }
        if (*p == '-' || *p == ' ') p++;
    }
    const char *path = strchr(p, '/');
    if (path == NULL) return;
    for (int i = 0; i < count; i++) {
        struct cl_frame *f = &frames[i];
        if (f->module != NULL || f->pc < numbers[0] || f->pc >= numbers[1]) continue;
        const struct cl_module *m = module_of(path);
        if (m == NULL) return;
        f->module = strrchr(m->path, '/') + 1;
        f->is_swift = m->is_program || strncmp(f->module, "libswift", 8) == 0;
        f->address = linked_address(m, f->pc - numbers[0] + numbers[2]);
    }
}

static void read_maps(struct cl_frame *frames, int count) {
    static char buffer[4096];
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    size_t have = 0;
    for (;;) {
        ssize_t n = read(fd, buffer + have, sizeof buffer - 1 - have);
        if (n <= 0) break;
        have += (size_t)n;
        char *line = buffer;
        char *end;
        while ((end = memchr(line, '\n', have - (size_t)(line - buffer))) != NULL) {
            *end = 0;
            use_line(line, frames, count);
            line = end + 1;
        }
        have -= (size_t)(line - buffer);
        memmove(buffer, line, have);
        // No path is that long.
        if (have == sizeof buffer - 1) have = 0;
    }
    close(fd);
}

/// The function around each place, by the file's table of symbols, or by that of what it exports if it was stripped.
static void name(const struct cl_module *m, struct cl_frame *frames, int count) {
    if (m->bytes == NULL) return;
    const Elf64_Ehdr *head = (const void *)m->bytes;
    if (head->e_shentsize != sizeof(Elf64_Shdr) || !within(m, head->e_shoff, (uint64_t)head->e_shnum * sizeof(Elf64_Shdr))) return;
    const Elf64_Shdr *sections = (const void *)(m->bytes + head->e_shoff);
    const Elf64_Shdr *table = NULL;
    for (int i = 0; i < head->e_shnum; i++) {
        if (sections[i].sh_type == SHT_SYMTAB) table = &sections[i];
        if (sections[i].sh_type == SHT_DYNSYM && table == NULL) table = &sections[i];
    }
    if (table == NULL || table->sh_link >= head->e_shnum || !within(m, table->sh_offset, table->sh_size)) return;
    const Elf64_Shdr *strings = &sections[table->sh_link];
    if (!within(m, strings->sh_offset, strings->sh_size) || strings->sh_size == 0) return;
    const char *texts = (const char *)m->bytes + strings->sh_offset;
    if (texts[strings->sh_size - 1] != 0) return;
    // Those of this file by address: there are hundreds of thousands of symbols.
    struct cl_frame *here[CL_CRASH_FRAMES];
    int n = 0;
    for (int i = 0; i < count; i++) {
        if (frames[i].module != strrchr(m->path, '/') + 1) continue;
        int k = n++;
        for (; k > 0 && here[k - 1]->address > frames[i].address; k--) here[k] = here[k - 1];
        here[k] = &frames[i];
    }
    if (n == 0) return;
    const Elf64_Sym *symbols = (const void *)(m->bytes + table->sh_offset);
    for (uint64_t i = 0; i < table->sh_size / sizeof(Elf64_Sym); i++) {
        const Elf64_Sym *s = &symbols[i];
        if (ELF64_ST_TYPE(s->st_info) != STT_FUNC || s->st_shndx == SHN_UNDEF || s->st_name >= strings->sh_size) continue;
        // The first that does not lie before it.
        int low = 0;
        for (int high = n; low < high;) {
            int middle = (low + high) / 2;
            if (here[middle]->address < s->st_value) low = middle + 1; else high = middle;
        }
        for (; low < n && here[low]->address - s->st_value < s->st_size; low++) {
            here[low]->symbol = texts + s->st_name;
            here[low]->offset = here[low]->address - s->st_value;
        }
    }
}

void cl_frames_resolve(struct cl_frame *frames, int count) {
    ssize_t length = readlink("/proc/self/exe", program_path, sizeof program_path - 1);
    program_path[length > 0 ? length : 0] = 0;
    read_maps(frames, count);
    for (int i = 0; i < module_count; i++) name(&modules[i], frames, count);
}
