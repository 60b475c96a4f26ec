#include "workers/format/filter.h"

#include <stdio.h>
#include <strings.h>

typedef struct {
    const char *name;
    unsigned rgb;
} named_t;

/* Slack's three, and the colours by which people say how bad it is. */
static const named_t s_named[] = {{"good", 0x2eb886},   {"warning", 0xdaa038}, {"danger", 0xa30200},
                                  {"green", 0x008000},  {"yellow", 0xffff00},  {"amber", 0xffbf00},
                                  {"orange", 0xffa500}, {"red", 0xff0000}};

/* "#rrggbb" or "#rgb", with or without the #. */
static bool s_hex(slice_t text, unsigned *rgb)
{
    char digits[7] = "";
    unsigned used = 0;
    if (text.len > 0 && text.data[0] == '#')
        text.data++, text.len--;
    if (text.len == 3)
        snprintf(digits, sizeof digits, "%c%c%c%c%c%c", text.data[0], text.data[0], text.data[1],
                 text.data[1], text.data[2], text.data[2]);
    else if (text.len == 6)
        snprintf(digits, sizeof digits, "%.*s", SLICE_ARG(text));
    return digits[0] && sscanf(digits, "%6x%n", rgb, &used) == 1 && used == 6;
}

static bool s_color(filtering_t *in, unsigned *rgb)
{
    const value_t *value = &in->self->value;
    if (value->type == VALUE_NUMBER && value->is_whole && value->whole > 0) {
        *rgb = (unsigned)value->whole & 0xffffff;
        return true;
    }
    slice_t text = filter_text(in);
    for (size_t i = 0; i < sizeof s_named / sizeof *s_named; i++)
        if (text.len == strlen(s_named[i].name) &&
            strncasecmp(text.data, s_named[i].name, text.len) == 0) {
            *rgb = s_named[i].rgb;
            return true;
        }
    return s_hex(text, rgb);
}

/* Degrees on the circle of colours, from red by green at 120; -1 for what is nearly grey. */
static int s_hue(unsigned rgb)
{
    int r = rgb >> 16 & 255, g = rgb >> 8 & 255, b = rgb & 255;
    int most = r > g ? (r > b ? r : b) : (g > b ? g : b);
    int least = r < g ? (r < b ? r : b) : (g < b ? g : b);
    if (most - least < 32 || (most - least) * 4 < most)
        return -1;
    int hue = most == r   ? 60 * (g - b) / (most - least)
              : most == g ? 120 + 60 * (b - r) / (most - least)
                          : 240 + 60 * (r - g) / (most - least);
    return (hue + 360) % 360;
}

void filter_mark(filtering_t *in)
{
    unsigned rgb;
    int hue = s_color(in, &rgb) ? s_hue(rgb) : -1;
    const char *mark = hue < 0                  ? ""
                       : hue < 22 || hue >= 335 ? "🔴 "
                       : hue < 75               ? "🟡 "
                       : hue < 170              ? "🟢 "
                                                : "";
    in->self->value = value_of_text(slice_of(mark));
}
