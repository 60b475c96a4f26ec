/* The queue between two hops: order, one entry an id, limits, time. */
#include "common/link/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka needs the above first */
#include <cmocka.h>

static wire_request_t s_request(uint32_t attempt, uint32_t time_left_ms)
{
    wire_request_t request = {
        .origin = 1, .attempt = attempt, .time_left_ms = time_left_ms, .target = slice_of("x")};
    uuid_new(&request.id);
    return request;
}

static queue_put_t s_put(queue_t *queue, const wire_request_t *request, const char *text,
                         int64_t now_ms)
{
    zmq_msg_t body;
    zmq_msg_init_size(&body, strlen(text));
    memcpy(zmq_msg_data(&body), text, strlen(text));
    queue_put_t put = queue_put(queue, request, &body, now_ms * 1000);
    zmq_msg_close(&body);
    return put;
}

static void test_entries_leave_in_order_until_the_batch_is_full(void **state)
{
    (void)state;
    queue_t *queue = queue_new((queue_limits_t){2000, 1 << 24});
    wire_batch_t *batch = wire_batch_new();
    for (unsigned i = 0; i < 1500; i++) {
        wire_request_t request = s_request(1, 1000);
        assert_int_equal(s_put(queue, &request, "body", 0), QUEUE_ADDED);
    }
    assert_int_equal(queue_take(queue, batch, 10, NULL), WIRE_ENTRIES);
    assert_int_equal(queue_len(queue), 1500 - WIRE_ENTRIES);
    wire_batch_destroy(&batch);
    batch = wire_batch_new();
    assert_int_equal(queue_take(queue, batch, 10, NULL), 1500 - WIRE_ENTRIES);
    assert_int_equal(queue_len(queue), 0);
    assert_int_equal(queue_bytes(queue), 0);
    wire_batch_destroy(&batch);
    queue_destroy(&queue);
}

/* What may be to blame goes alone, and who went is noted. */
static void test_an_entry_that_goes_alone(void **state)
{
    (void)state;
    queue_t *queue = queue_new((queue_limits_t){10, 1 << 20});
    wire_batch_t *batch = wire_batch_new();
    queue_notes_t notes = {0};
    wire_request_t request[4];
    for (unsigned i = 0; i < 4; i++) {
        request[i] = s_request(i + 1, 1000);
        request[i].op = 20 + i;
        assert_int_equal(s_put(queue, &request[i], "body", 0), QUEUE_ADDED);
    }
    queue_set_alone(queue, &request[1].id);
    queue_set_alone(queue, &request[2].id);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(queue_take(queue, batch, 10, &notes), 1);
        assert_int_equal(notes.len, 1);
        assert_true(uuid_eq(&notes.note->id, &request[i].id));
        assert_int_equal(notes.note->origin, 1);
        assert_int_equal(notes.note->attempt, i + 1);
        assert_int_equal(notes.note->op, 20 + i);
        wire_batch_destroy(&batch);
        batch = wire_batch_new();
    }
    assert_int_equal(queue_take(queue, batch, 10, &notes), 0);
    assert_int_equal(notes.len, 0);
    queue_notes_free(&notes);
    wire_batch_destroy(&batch);
    queue_destroy(&queue);
}

static void test_an_id_is_queued_once_with_its_newest_attempt(void **state)
{
    (void)state;
    queue_t *queue = queue_new((queue_limits_t){10, 1 << 20});
    wire_request_t request = s_request(2, 1000);
    assert_int_equal(s_put(queue, &request, "second", 0), QUEUE_ADDED);
    assert_int_equal(s_put(queue, &request, "second again", 0), QUEUE_STALE);
    request.attempt = 1;
    assert_int_equal(s_put(queue, &request, "first", 0), QUEUE_STALE);
    request.attempt = 3;
    assert_int_equal(s_put(queue, &request, "third", 0), QUEUE_REPLACED);
    assert_int_equal(queue_len(queue), 1);
    queue_destroy(&queue);
}

static void test_past_its_limits_it_takes_nothing(void **state)
{
    (void)state;
    queue_t *queue = queue_new((queue_limits_t){2, 1 << 20});
    wire_request_t request = s_request(1, 1000);
    assert_int_equal(s_put(queue, &request, "a", 0), QUEUE_ADDED);
    wire_request_t second = s_request(1, 1000), third = s_request(1, 1000);
    assert_int_equal(s_put(queue, &second, "b", 0), QUEUE_ADDED);
    assert_int_equal(s_put(queue, &third, "c", 0), QUEUE_FULL);
    request.attempt = 2; /* what is queued already still takes its newer attempt */
    assert_int_equal(s_put(queue, &request, "d", 0), QUEUE_REPLACED);
    queue_destroy(&queue);
    queue = queue_new((queue_limits_t){100, 300});
    assert_int_equal(s_put(queue, &second, "b", 0), QUEUE_ADDED);
    char *large = calloc(1, 301);
    memset(large, 'x', 300);
    assert_int_equal(s_put(queue, &third, large, 0), QUEUE_FULL);
    free(large);
    queue_destroy(&queue);
}

static void test_what_has_no_time_left_is_dropped(void **state)
{
    (void)state;
    queue_t *queue = queue_new((queue_limits_t){10, 1 << 20});
    wire_batch_t *batch = wire_batch_new();
    wire_request_t none = s_request(1, 0), brief = s_request(1, 50), ample = s_request(1, 500);
    assert_int_equal(s_put(queue, &none, "n", 100), QUEUE_EXPIRED);
    assert_int_equal(s_put(queue, &ample, "a", 100), QUEUE_ADDED);
    assert_int_equal(s_put(queue, &brief, "b", 100), QUEUE_ADDED);
    assert_int_equal(queue_expire(queue, 200), 0); /* behind one that lives */
    assert_int_equal(queue_take(queue, batch, 200, NULL), 1);
    assert_int_equal(queue_len(queue), 0);
    assert_int_equal(s_put(queue, &brief, "b", 200), QUEUE_ADDED);
    assert_int_equal(queue_expire(queue, 251), 1);
    assert_int_equal(queue_bytes(queue), 0);
    wire_batch_destroy(&batch);
    queue_destroy(&queue);
}

static void test_the_oldest_entry_keeps_its_arrival(void **state)
{
    (void)state;
    queue_t *queue = queue_new((queue_limits_t){10, 1 << 20});
    assert_int_equal(queue_oldest_us(queue), 0);
    wire_request_t first = s_request(1, 50), second = s_request(1, 500);
    s_put(queue, &first, "a", 100);
    s_put(queue, &second, "b", 120);
    first.attempt = 2;
    assert_int_equal(s_put(queue, &first, "a", 130), QUEUE_REPLACED);
    assert_int_equal(queue_oldest_us(queue), 100000);
    assert_int_equal(queue_expire(queue, 200), 1);
    assert_int_equal(queue_oldest_us(queue), 120000);
    queue_destroy(&queue);
}

static void test_a_long_entry_has_memory_of_its_own(void **state)
{
    (void)state;
    queue_t *queue = queue_new((queue_limits_t){10, 1 << 24});
    wire_batch_t *batch = wire_batch_new();
    pack_t params = {0};
    char *value = calloc(1, 9001);
    memset(value, 'v', 9000);
    wire_pairs_add(&params, slice_of("long"), slice_of(value));
    wire_request_t request = s_request(1, 1000);
    request.params = wire_pairs_of(&params);
    assert_int_equal(s_put(queue, &request, "", 0), QUEUE_ADDED);
    request.attempt = 2;
    assert_int_equal(s_put(queue, &request, "", 0), QUEUE_REPLACED);
    assert_int_equal(queue_take(queue, batch, 1, NULL), 1);
    free(value);
    pack_free(&params);
    wire_batch_destroy(&batch);
    queue_destroy(&queue);
}

/* How long it is in the batch that it leaves in. */
static size_t s_length(const wire_request_t *request,
                       queue_put_t put(queue_t *self, const wire_request_t *request,
                                       zmq_msg_t *body, int64_t now_us))
{
    queue_t *queue = queue_new((queue_limits_t){10, 1 << 20});
    wire_batch_t *batch = wire_batch_new();
    assert_int_equal(put(queue, request, NULL, 0), QUEUE_ADDED);
    assert_int_equal(queue_take(queue, batch, 1, NULL), 1);
    size_t len = wire_batch_bytes(batch);
    wire_batch_destroy(&batch);
    queue_destroy(&queue);
    return len;
}

static void test_an_entry_goes_on_as_it_came_where_that_is_asked_for(void **state)
{
    (void)state;
    pack_t came = {0}, changed = {0};
    wire_request_t request = s_request(1, 1000);
    wire_request_encode(&came, &request);
    request.came = slice(came.data, came.len);
    request.target = slice_of("another");
    wire_request_encode(&changed, &request);
    assert_int_equal(s_length(&request, queue_put), changed.len);
    assert_int_equal(s_length(&request, queue_pass), came.len);
    request.came = slice(came.data, 0);
    assert_int_equal(s_length(&request, queue_pass), changed.len);
    pack_free(&came);
    pack_free(&changed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_leave_in_order_until_the_batch_is_full),
        cmocka_unit_test(test_an_id_is_queued_once_with_its_newest_attempt),
        cmocka_unit_test(test_an_entry_that_goes_alone),
        cmocka_unit_test(test_past_its_limits_it_takes_nothing),
        cmocka_unit_test(test_what_has_no_time_left_is_dropped),
        cmocka_unit_test(test_the_oldest_entry_keeps_its_arrival),
        cmocka_unit_test(test_a_long_entry_has_memory_of_its_own),
        cmocka_unit_test(test_an_entry_goes_on_as_it_came_where_that_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
