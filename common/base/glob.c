#include "common/base/glob.h"

bool glob_like(slice_t text, slice_t glob)
{
    size_t t = 0, g = 0, star = glob.len, resume = 0;
    while (t < text.len) {
        if (g < glob.len && glob.data[g] == '*') {
            star = g++;
            resume = t;
        } else if (g < glob.len && (glob.data[g] == '?' || glob.data[g] == text.data[t])) {
            g++;
            t++;
        } else if (star < glob.len) {
            g = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (g < glob.len && glob.data[g] == '*')
        g++;
    return g == glob.len;
}
