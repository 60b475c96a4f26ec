#include "workers/caller/authorities.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FILE_MAX = 8 << 20 };

/* What libcurl was built with; Debian: /etc/ssl/certs/ca-certificates.crt. */
static char *s_system_path(void)
{
    CURL *easy = curl_easy_init();
    const char *built_in = NULL;
    if (!easy)
        abort();
    curl_easy_getinfo(easy, CURLINFO_CAINFO, &built_in);
    char *path = strdup(built_in ? built_in : "/etc/ssl/certs/ca-certificates.crt");
    curl_easy_cleanup(easy);
    if (!path)
        abort();
    return path;
}

/* The file's bytes, NUL-terminated; NULL with errno set. */
static char *s_read(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = malloc(FILE_MAX + 1);
    size_t len = 0;
    ssize_t n = -1;
    if (!text)
        abort();
    if (fd >= 0)
        while (len < FILE_MAX && (n = read(fd, text + len, FILE_MAX - len)) > 0)
            len += (size_t)n;
    int error = errno;
    if (fd >= 0)
        close(fd);
    text[len] = '\0';
    if (n == 0)
        return text;
    free(text);
    errno = len == FILE_MAX ? EFBIG : error;
    return NULL;
}

static void s_write(int fd, const char *text)
{
    for (size_t len = strlen(text); len > 0;) {
        ssize_t n = write(fd, text, len);
        if (n < 0)
            abort();
        text += n;
        len -= (size_t)n;
    }
}

static int s_join(const char *system_path, const char *extra)
{
    char *system_text = s_read(system_path);
    int fd = memfd_create("authorities", MFD_CLOEXEC);
    if (fd < 0)
        abort();
    s_write(fd, extra);
    s_write(fd, "\n");
    s_write(fd, system_text ? system_text : "");
    free(system_text);
    return fd;
}

int authorities_open(authorities_t *self, const char *extra, char *err, size_t err_size)
{
    *self = (authorities_t){.path = s_system_path(), .fd = -1};
    if (!extra || !*extra)
        return 0;
    char *text = s_read(extra);
    const char *reason = !text ? strerror(errno)
                         : !strstr(text, "-----BEGIN CERTIFICATE-----")
                             ? "it holds no certificate in PEM"
                             : NULL;
    if (reason) {
        snprintf(err, err_size, "%s: %s", extra, reason);
        authorities_close(self);
    } else {
        self->fd = s_join(self->path, text);
        free(self->path);
        if (asprintf(&self->path, "/proc/self/fd/%d", self->fd) < 0)
            abort();
    }
    free(text);
    return reason ? -1 : 0;
}

void authorities_close(authorities_t *self)
{
    if (self->fd >= 0)
        close(self->fd);
    free(self->path);
    *self = (authorities_t){.fd = -1};
}
