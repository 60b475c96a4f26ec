#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authd/directory/terms.h"

static void no_terms_take_no_room_and_bind_nothing(void **state)
{
    (void)state;
    pack_t out = {0};
    uuid_t7 id;
    uuid_new(&id);
    terms_t terms = terms_none();
    terms_write(&terms, &out);
    assert_int_equal(out.len, 0);
    terms = terms_read(slice("", 0));
    assert_true(terms_cover(&terms, TERMS_BOTS, &id));
    assert_true(terms_allow_address(&terms, slice_of("nonsense")));
    assert_false(terms.post_only);
}

static void all_terms_are_read_back(void **state)
{
    (void)state;
    pack_t out = {0}, channels = {0}, networks = {0};
    uuid_t7 one, two, other, id;
    network_t network;
    uuid_new(&one);
    uuid_new(&two);
    uuid_new(&other);
    terms_add_target(&channels, &one);
    terms_add_target(&channels, &two);
    assert_true(network_parse(slice_of("10.0.0.0/8"), &network));
    terms_add_network(&networks, &network);
    assert_true(network_parse(slice_of("2001:db8::/32"), &network));
    terms_add_network(&networks, &network);
    terms_t terms = terms_none();
    terms.post_only = terms.listed = true;
    terms.targets[TERMS_CHANNELS] = slice(channels.data, channels.len);
    terms.networks = slice(networks.data, networks.len);
    terms.body_bytes = 4096;
    terms.replaced_ms = 7;
    terms.successor = other;
    terms_write(&terms, &out);
    terms_t read = terms_read(slice(out.data, out.len));
    assert_true(read.post_only && read.listed);
    assert_int_equal(read.body_bytes, 4096);
    assert_int_equal(read.replaced_ms, 7);
    assert_true(uuid_eq(&read.successor, &other));
    assert_true(terms_cover(&read, TERMS_CHANNELS, &two));
    assert_false(terms_cover(&read, TERMS_CHANNELS, &other));
    assert_false(terms_cover(&read, TERMS_BOTS, &one));
    assert_true(terms_target(&read, TERMS_CHANNELS, 1, &id) && uuid_eq(&id, &two));
    assert_false(terms_target(&read, TERMS_CHANNELS, 2, &id));
    assert_true(terms_allow_address(&read, slice_of("10.9.9.9")));
    assert_true(terms_allow_address(&read, slice_of("::ffff:10.9.9.9")));
    assert_true(terms_allow_address(&read, slice_of("2001:db8:1::1")));
    assert_false(terms_allow_address(&read, slice_of("11.0.0.1")));
    assert_false(terms_allow_address(&read, slice_of("")));
    assert_false(terms_allow_address(&read, slice_of("unknown")));
    pack_free(&out);
    pack_free(&channels);
    pack_free(&networks);
}

/* What is cut short binds more, never less. */
static void a_damaged_record_opens_nothing(void **state)
{
    (void)state;
    pack_t out = {0}, networks = {0};
    network_t network;
    uuid_t7 id;
    uuid_new(&id);
    assert_true(network_parse(slice_of("10.0.0.0/8"), &network));
    terms_add_network(&networks, &network);
    terms_t terms = terms_none();
    terms.listed = true;
    terms.networks = slice(networks.data, networks.len - 1);
    terms_write(&terms, &out);
    terms_t read = terms_read(slice(out.data, out.len));
    assert_false(terms_allow_address(&read, slice_of("10.0.0.1")));
    assert_false(terms_cover(&read, TERMS_CHANNELS, &id));
    pack_free(&out);
    pack_free(&networks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_terms_take_no_room_and_bind_nothing),
        cmocka_unit_test(all_terms_are_read_back),
        cmocka_unit_test(a_damaged_record_opens_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
