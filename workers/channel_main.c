#include "workers/channel.h"

int main(int argc, char **argv)
{
    return worker_main(&channel_role, argc, argv);
}
