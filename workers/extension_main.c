#include "workers/extension.h"

int main(int argc, char **argv)
{
    return worker_main(&extension_role, argc, argv);
}
