/* fdatasync FILE COUNT [BYTES]: appends BYTES (4096) and calls fdatasync, COUNT times; prints the
 * median and the 99th percentile in microseconds. The same work that makes one commit durable, with
 * nothing around it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double s_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int s_compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    long count = argc == 3 || argc == 4 ? strtol(argv[2], NULL, 10) : 0;
    long bytes = argc == 4 ? strtol(argv[3], NULL, 10) : 4096;
    char *page = bytes > 0 ? malloc((size_t)bytes) : NULL;
    double *us = count > 0 ? calloc((size_t)count, sizeof *us) : NULL;
    int fd = us && page ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (fd < 0) {
        fprintf(stderr, "usage: fdatasync FILE COUNT [BYTES]\n");
        return 2;
    }
    memset(page, 'x', (size_t)bytes);
    for (long i = 0; i < count; i++) {
        double start = s_now_us();
        if (write(fd, page, (size_t)bytes) != bytes || fdatasync(fd) != 0) {
            perror(argv[1]);
            return 1;
        }
        us[i] = s_now_us() - start;
    }
    close(fd);
    unlink(argv[1]);
    qsort(us, (size_t)count, sizeof *us, s_compare);
    printf("%.1f %.1f\n", us[count / 2], us[count * 99 / 100]);
    free(us);
    free(page);
    return 0;
}
