#include "workers/bot.h"

int main(int argc, char **argv)
{
    return worker_main(&bot_role, argc, argv);
}
