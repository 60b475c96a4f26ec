#include "common/life/hop.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

const hop_t hop_table[HOPS] = {
    {SET_authd_listen, "authd", "gateway"},   {SET_authd_admin, "authd", "gateway"},
    {SET_authd_control, "authd", ""},         {SET_router_requests, "router", "authd"},
    {SET_router_workers, "router", "worker"}, {SET_router_replies, "router", "gateway"},
};

void hop_directory(const char *path, char text[HOP_PATH])
{
    snprintf(text, HOP_PATH, "%s.d", path);
}

bool hop_address(const char *endpoint, char text[HOP_PATH])
{
    char directory[HOP_PATH];
    struct stat is;
    snprintf(text, HOP_PATH, "%s", endpoint);
    if (strncmp(endpoint, "ipc:///", 7) != 0)
        return false;
    hop_directory(endpoint + 6, directory);
    if (lstat(directory, &is) != 0 || !S_ISDIR(is.st_mode))
        return false;
    snprintf(text, HOP_PATH, "%.*s.d/s", HOP_PATH - 5, endpoint);
    return true;
}

const char *hop_name(const conf_t *conf, const char *endpoint)
{
    const char *sockets = conf_text(conf, SET_data_sockets);
    size_t len = strlen(sockets);
    if (strncmp(endpoint, "ipc://", 6) != 0 || strncmp(endpoint + 6, sockets, len) != 0 ||
        endpoint[6 + len] != '/' || strchr(endpoint + 6 + len + 1, '/'))
        return NULL;
    return endpoint + 6 + len + 1;
}
