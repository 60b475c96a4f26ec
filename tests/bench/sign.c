/* Signs standard input as a delivery is signed, for other implementations to verify:
 *
 *   sign ID TIMESTAMP whsec_…...
 *
 * prints the value of webhook-signature; of "sign new", a new secret. */
#include "workers/caller/signature.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    static char body[1 << 20];
    char text[SIGNATURE_TEXT], err[200];
    whsec_t secrets[SIGNATURE_SECRETS];
    size_t count = 0;
    if (argc == 2) {
        whsec_make(&secrets[0]);
        whsec_text(&secrets[0], text);
        puts(text);
        return 0;
    }
    for (; count < SIGNATURE_SECRETS && argv[3 + count]; count++)
        if (!whsec_parse(slice_of(argv[3 + count]), &secrets[count], err, sizeof err)) {
            fprintf(stderr, "%s\n", err);
            return 1;
        }
    size_t len = fread(body, 1, sizeof body, stdin);
    signature_sign(secrets, count, slice_of(argv[1]), atoll(argv[2]), slice(body, len), text);
    puts(text);
    return 0;
}
