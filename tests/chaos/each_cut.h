/* The loop of the checkers: one line of stdin names a directory as a power cut left it; a child
 * opens it with the real code, so that one that stops the process (store_fail, SIGBUS, an assert)
 * is told of as well, and prints what it found and "OK" at last. */
#ifndef POSTERN_TEST_EACH_CUT_H
#define POSTERN_TEST_EACH_CUT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EACH_CUT_S = 10 };

/* Looks at one; 0, or -1 after it has printed why not. */
typedef int (*each_cut_fn)(const char *path);

static inline int each_cut(each_cut_fn look)
{
    char path[1024];
    while (fgets(path, sizeof path, stdin)) {
        int status = 0;
        path[strcspn(path, "\n")] = '\0';
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            alarm(EACH_CUT_S); /* a damaged tree may have a ring in it */
            int rc = look(path);
            fflush(stdout);
            _exit(rc ? 3 : 0);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
            return 1;
        /* On a line of its own, though the child may have died within one. */
        printf("\nEND %s\n", status == 0 ? "OK" : "BAD");
        if (status != 0)
            fprintf(stderr, "%s: wait status 0x%x\n", path, (unsigned)status);
        fflush(stdout);
    }
    return 0;
}

#endif
