/* Formatted text. Each conversion is parsed into a `spec`, its argument is turned into digits or a
 * string, and the result is written with padding. An unknown conversion appears as it stands. */
#include "base/format.h"

#include <mnet/format.h>

#include <string.h>

#include "base/base.h"

struct output {
    char *text;
    size_t size, length;
};

struct spec {
    bool left, zeros;
    size_t width;
    size_t precision; /* SIZE_MAX: none */
    char length;      /* 'h', 'l', 'z', 't', 'j'; 'H' is hh, 'L' is ll, 0 is none */
};

static void put(struct output *out, const char *from, size_t len)
{
    for (size_t i = 0; i < len; i++, out->length++)
        if (out->length + 1 < out->size)
            out->text[out->length] = from[i];
}

static void put_repeated(struct output *out, char c, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        put(out, &c, 1);
}

static void put_padded(struct output *out, const struct spec *spec, const char *text, size_t len)
{
    if (!spec->left)
        put_repeated(out, ' ', len, spec->width);
    put(out, text, len);
    if (spec->left)
        put_repeated(out, ' ', len, spec->width);
}

/* Zeros go between the prefix (sign or 0x) and the digits. */
static void put_number(struct output *out, const struct spec *spec, const char *prefix, uint64_t value, unsigned base,
                       const char *digits)
{
    char text[20];
    size_t at = sizeof(text), prefix_len = strlen(prefix);
    do
        text[--at] = digits[value % base];
    while ((value /= base) > 0);
    size_t len = sizeof(text) - at + prefix_len;
    if (!spec->left && !spec->zeros)
        put_repeated(out, ' ', len, spec->width);
    put(out, prefix, prefix_len);
    if (!spec->left && spec->zeros)
        put_repeated(out, '0', len, spec->width);
    put(out, text + at, sizeof(text) - at);
    if (spec->left)
        put_repeated(out, ' ', len, spec->width);
}

static size_t read_number(const char **at)
{
    size_t value = 0;
    for (; **at >= '0' && **at <= '9'; ++*at)
        value = value * 10 + (size_t)(**at - '0');
    return value;
}

/* A va_list inside a struct can be passed by address everywhere. */
struct arguments {
    va_list list;
};

static void read_spec(const char **at, struct spec *spec, struct arguments *arguments)
{
    *spec = (struct spec){.precision = SIZE_MAX};
    for (; **at == '-' || **at == '0'; ++*at) {
        spec->left |= **at == '-';
        spec->zeros |= **at == '0';
    }
    spec->width = read_number(at);
    if (**at == '.') {
        ++*at;
        if (**at == '*') {
            int precision = va_arg(arguments->list, int);
            spec->precision = precision < 0 ? SIZE_MAX : (size_t)precision;
            ++*at;
        } else {
            spec->precision = read_number(at);
        }
    }
    if (**at != '\0' && strchr("hlztj", **at) != NULL) {
        spec->length = *(*at)++;
        if ((spec->length == 'h' || spec->length == 'l') && **at == spec->length) {
            spec->length = spec->length == 'h' ? 'H' : 'L';
            ++*at;
        }
    }
}

static int64_t read_signed(const struct spec *spec, struct arguments *arguments)
{
    switch (spec->length) {
    case 'H': return (signed char)va_arg(arguments->list, int);
    case 'h': return (short)va_arg(arguments->list, int);
    case 'l': return va_arg(arguments->list, long);
    case 'L': return va_arg(arguments->list, long long);
    case 'z':
    case 't': return va_arg(arguments->list, ptrdiff_t);
    case 'j': return va_arg(arguments->list, intmax_t);
    default: return va_arg(arguments->list, int);
    }
}

static uint64_t read_unsigned(const struct spec *spec, struct arguments *arguments)
{
    switch (spec->length) {
    case 'H': return (unsigned char)va_arg(arguments->list, unsigned);
    case 'h': return (unsigned short)va_arg(arguments->list, unsigned);
    case 'l': return va_arg(arguments->list, unsigned long);
    case 'L': return va_arg(arguments->list, unsigned long long);
    case 'z':
    case 't': return va_arg(arguments->list, size_t);
    case 'j': return va_arg(arguments->list, uintmax_t);
    default: return va_arg(arguments->list, unsigned);
    }
}

static void put_string(struct output *out, const struct spec *spec, const char *text)
{
    if (text == NULL)
        text = "(null)";
    size_t len = 0;
    while (len < spec->precision && text[len] != '\0')
        len++;
    put_padded(out, spec, text, len);
}

static void put_signed(struct output *out, const struct spec *spec, int64_t value)
{
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    put_number(out, spec, value < 0 ? "-" : "", magnitude, 10, "0123456789");
}

/* Returns false if `conversion` is unknown. */
static bool convert(struct output *out, const struct spec *spec, char conversion, struct arguments *arguments)
{
    const char *small = "0123456789abcdef";
    char c;
    switch (conversion) {
    case '%': put(out, "%", 1); return true;
    case 's': put_string(out, spec, va_arg(arguments->list, const char *)); return true;
    case 'c':
        c = (char)va_arg(arguments->list, int);
        put_padded(out, spec, &c, 1);
        return true;
    case 'd':
    case 'i': put_signed(out, spec, read_signed(spec, arguments)); return true;
    case 'u': put_number(out, spec, "", read_unsigned(spec, arguments), 10, small); return true;
    case 'x': put_number(out, spec, "", read_unsigned(spec, arguments), 16, small); return true;
    case 'X': put_number(out, spec, "", read_unsigned(spec, arguments), 16, "0123456789ABCDEF"); return true;
    case 'p': put_number(out, spec, "0x", (uintptr_t)va_arg(arguments->list, void *), 16, small); return true;
    default: return false;
    }
}

size_t mn_format_list(char *text, size_t size, const char *format, va_list list)
{
    struct output out = {text, size, 0};
    struct arguments arguments;
    va_copy(arguments.list, list);
    while (*format != '\0') {
        const char *percent = strchr(format, '%');
        size_t plain = percent == NULL ? strlen(format) : (size_t)(percent - format);
        put(&out, format, plain);
        format += plain;
        if (percent == NULL)
            break;
        struct spec spec;
        format++;
        read_spec(&format, &spec, &arguments);
        if (*format != '\0' && convert(&out, &spec, *format, &arguments))
            format++;
        else
            put(&out, percent, (size_t)(format - percent));
    }
    va_end(arguments.list);
    if (size > 0)
        text[MN_MIN(out.length, size - 1)] = '\0';
    return out.length;
}

size_t mn_format(char *text, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t length = mn_format_list(text, size, format, arguments);
    va_end(arguments);
    return length;
}

size_t mnet_format_list(char *text, size_t size, const char *format, va_list arguments)
{
    return mn_format_list(text, size, format, arguments);
}

size_t mnet_format(char *text, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t length = mn_format_list(text, size, format, arguments);
    va_end(arguments);
    return length;
}
