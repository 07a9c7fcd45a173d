/* The information of a loader about the machine: struct hvm_start_info of the x86/HVM direct boot
 * ABI (Xen, public/arch-x86/hvm/start_info.h). All of it lies in the lowest GiB, which the first
 * map covers. */
#include <string.h>

#include "ports/virtio/machine/internal.h"

#define START_INFO_MAGIC 0x336ec578u
#define MEMORY_IS_RAM 1u
#define FIRST_MAP ((uint64_t)1 << 30)
/* Memory below belongs to the firmware and the loader. */
#define LOWEST ((uint64_t)1 << 20)
/* More than one address space with four levels of tables has. */
#define HIGHEST ((uint64_t)1 << 46)

struct start_info {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, command_line, rsdp;
    uint64_t memory_map; /* from version 1 on */
    uint32_t memory_map_entries, reserved;
};

struct memory_map_entry {
    uint64_t address, size;
    uint32_t type, reserved;
};

/* The data at a physical address that the loader gave; NULL if the first map does not reach. */
static const void *loaded(uint64_t address, uint64_t size)
{
    return address != 0 && address < FIRST_MAP && size <= FIRST_MAP - address ? (const void *)(uintptr_t)address : NULL;
}

static void add_ram(struct mn_boot *boot, const struct memory_map_entry *entry)
{
    if (entry->type != MEMORY_IS_RAM || entry->address > HIGHEST || entry->size > HIGHEST)
        return;
    uint64_t start = (MN_MAX(entry->address, LOWEST) + MN_PAGE - 1) & ~(MN_PAGE - 1);
    uint64_t end = (entry->address + entry->size) & ~(MN_PAGE - 1);
    if (start < end && boot->ram_count < MN_RAM_MAX)
        boot->ram[boot->ram_count++] = (struct mn_memory_range){start, end};
}

/* A file that the loader has put into memory (QEMU's -initrd). */
struct module_entry {
    uint64_t address, size, command_line, reserved;
};

/* Takes the pages of the module out of the RAM: they are in use. */
static void leave_module(struct mn_boot *boot)
{
    uint64_t start = boot->module.start & ~(MN_PAGE - 1), end = (boot->module.end + MN_PAGE - 1) & ~(MN_PAGE - 1);
    for (unsigned i = 0; i < boot->ram_count; i++) {
        struct mn_memory_range *range = &boot->ram[i];
        if (end <= range->start || range->end <= start)
            continue;
        if (end < range->end && boot->ram_count < MN_RAM_MAX)
            boot->ram[boot->ram_count++] = (struct mn_memory_range){end, range->end};
        range->end = MN_MAX(start, range->start);
    }
}

static void read_module(struct mn_boot *boot, const struct start_info *info)
{
    const struct module_entry *module = loaded(info->modules, sizeof *module);
    if (info->module_count == 0 || module == NULL || module->address > HIGHEST || module->size > HIGHEST)
        return;
    boot->module = (struct mn_memory_range){module->address, module->address + module->size};
    leave_module(boot);
}

static bool copy_command_line(struct mn_boot *boot, uint64_t address)
{
    const char *line = loaded(address, sizeof boot->command_line);
    if (line == NULL)
        return address == 0;
    size_t len = 0;
    while (len < sizeof boot->command_line && line[len] != '\0')
        len++;
    if (len == sizeof boot->command_line)
        return false;
    memcpy(boot->command_line, line, len + 1);
    return true;
}

const char *mn_pvh_read(struct mn_boot *boot, uint64_t address)
{
    const struct start_info *info = loaded(address, sizeof *info);
    if (info == NULL || info->magic != START_INFO_MAGIC)
        return "this is no PVH boot: the loader left no start info";
    if (info->version < 1)
        return "the loader's start info has no memory map";
    uint64_t map_size = info->memory_map_entries * sizeof(struct memory_map_entry);
    const struct memory_map_entry *map = loaded(info->memory_map, map_size);
    if (map == NULL)
        return "the loader's memory map is out of reach";
    for (uint32_t i = 0; i < info->memory_map_entries; i++)
        add_ram(boot, &map[i]);
    read_module(boot, info);
    boot->rsdp = info->rsdp;
    return copy_command_line(boot, info->command_line) ? NULL : "the command line is too long";
}
