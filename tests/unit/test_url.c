#include "common/base/url.h"

#include "common/base/ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_usage(void **state)
{
    (void)state;
    char *url = url_make("https://hooks.example.org/", OP_extension_incoming, "5223");
    assert_string_equal(url, "https://hooks.example.org/api/v2/applications/5223/incoming");
    url_add(&url, "appkey", "c2J4+/=");
    url_add(&url, "zapikey", "TOKEN");
    assert_string_equal(url, "https://hooks.example.org/api/v2/applications/5223/incoming"
                             "?appkey=c2J4%2B%2F%3D&zapikey=TOKEN");
    free(url);
}

static void test_paths(void **state)
{
    (void)state;
    static const struct {
        unsigned op;
        const char *target, *url;
    } rows[] = {
        {OP_channel_message, "general", "http://h:1/api/v2/channelsbyname/general/message"},
        {OP_channel_history, "general", "http://h:1/api/v2/channelsbyname/general/messages"},
        {OP_bot_incoming, "a/b?c#d", "http://h:1/api/v2/bots/a%2Fb%3Fc%23d/incoming"},
        {OP_buddy_message, "\xc3\xbc@x", "http://h:1/api/v2/buddies/%C3%BC%40x/message"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *url = url_make("http://h:1", rows[i].op, rows[i].target);
        assert_string_equal(url, rows[i].url);
        free(url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
