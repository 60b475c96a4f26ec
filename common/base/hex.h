/* Hexadecimal digits of what strangers write. Threading: any thread. */
#ifndef POSTERN_HEX_H
#define POSTERN_HEX_H

/* The value of a digit in either case, 0 to 15; -1 for any other character. */
static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
