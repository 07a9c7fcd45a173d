/* The command line of a machine: see arguments.h. */
#include "ports/bare/arguments.h"

#include <stddef.h>
#include <string.h>

/* Words for a kernel, as Firecracker, Cloud Hypervisor, QEMU and boot loaders write them, or their
 * users for them. One that ends in '=' or '.' stands for all words that begin with it. */
static const char kernel_words[] =
    "8250.\0BOOT_IMAGE=\0acpi=\0apic=\0auto\0clocksource=\0console=\0crashkernel=\0debug\0"
    "earlycon\0earlycon=\0earlyprintk\0earlyprintk=\0fsck.\0hugepages=\0i8042.\0init=\0"
    "initrd=\0iommu=\0ip=\0ipv6.\0kvm-clock.\0loglevel=\0maxcpus=\0mitigations=\0net.\0"
    "no_timer_check\0noapic\0nokaslr\0nolapic\0nomodeset\0nomodule\0nomodules\0nopti\0"
    "noreplace-smp\0nosmp\0nosmt\0nr_cpus=\0panic=\0pci=\0pcie_ports=\0printk.\0quiet\0"
    "random.\0rcupdate.\0rd.\0rdinit=\0reboot=\0rhgb\0ro\0root=\0rootdelay=\0"
    "rootflags=\0rootfstype=\0rootwait\0rw\0selinux=\0splash\0swiotlb=\0systemd.\0"
    "tsc=\0usbcore.\0virtio_mmio.\0vt.\0";

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Takes one argument from *from, and stores it at *to without its quotes. False if one of them
 * has no end. */
static bool take_argument(char **from, char **to)
{
    char quote = '\0';
    for (; **from != '\0' && (quote != '\0' || !is_blank(**from)); ++*from) {
        char c = **from;
        if (c == quote)
            quote = '\0';
        else if (quote == '\0' && (c == '"' || c == '\''))
            quote = c;
        else
            *(*to)++ = c;
    }
    return quote == '\0';
}

bool mn_arguments_split(char *line, char *program, char **argv, int max, int *argc)
{
    char *from = line, *to = line;
    *argc = 0;
    argv[(*argc)++] = program;
    for (;;) {
        while (is_blank(*from))
            from++;
        if (*from == '\0')
            break;
        if (*argc == max)
            return false;
        argv[(*argc)++] = to;
        if (!take_argument(&from, &to))
            return false;
        bool last = *from == '\0';
        *to++ = '\0'; /* never behind `from` */
        if (last)
            break;
        from++;
    }
    argv[*argc] = NULL;
    return true;
}

static bool is_for_kernel(const char *argument)
{
    for (const char *word = kernel_words; *word != '\0';) {
        size_t len = strlen(word);
        bool prefix = word[len - 1] == '=' || word[len - 1] == '.';
        if (prefix ? strncmp(argument, word, len) == 0 : strcmp(argument, word) == 0)
            return true;
        word += len + 1;
    }
    return false;
}

const char *mn_arguments_leave_kernel(char **argv, int *argc)
{
    int kept = 1, divider = 0;
    for (int i = *argc - 1; i > 0; i--) {
        if (strcmp(argv[i], "--") == 0)
            divider = i; /* the first one; a further one is the program's */
    }
    for (int i = 1; i < divider; i++) {
        if (argv[i][0] == '-')
            return argv[i];
    }
    for (int i = divider + 1; i < *argc; i++) {
        if (divider > 0 || !is_for_kernel(argv[i]))
            argv[kept++] = argv[i];
    }
    argv[kept] = NULL;
    *argc = kept;
    return NULL;
}
