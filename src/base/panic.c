/* The mnet_panic of a program without a port that defines none of its own: see mnet/panic.h. Weak,
 * and in a file of its own, so that any other mnet_panic replaces it. */
#include <mnet/panic.h>

__attribute__((weak)) _Noreturn void mnet_panic(const char *file, int line, const char *text)
{
    (void)file;
    (void)line;
    (void)text;
    __builtin_trap();
}
