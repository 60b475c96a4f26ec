#include "tests/chaos/check_messages.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What is known of the record at a sequence. */
typedef struct {
    uint64_t root, last; /* of a message: sequence of its last record */
    uint32_t revision;
    bool deletes, erased;
    size_t len; /* of its content, and the start of it */
    char start[64];
} fact_t;

typedef struct {
    fact_t *facts; /* by sequence */
    size_t room;
    uint64_t count, shown;
    int rc;
} model_t;

static bool s_say(model_t *model, const char *what, uint64_t sequence)
{
    printf("BAD %s %" PRIu64 "\n", what, sequence);
    model->rc = -1;
    return false;
}

static fact_t *s_room(model_t *model, uint64_t sequence)
{
    size_t room = model->room ? model->room : 1024;
    while (room <= sequence)
        room *= 2;
    if (room > model->room) {
        model->facts = realloc(model->facts, room * sizeof *model->facts);
        if (!model->facts)
            abort();
        model->room = room;
    }
    return &model->facts[sequence];
}

static void s_content(const record_t *record, fact_t *fact)
{
    slice_t content = record_message(record);
    fact->len = content.len;
    memcpy(fact->start, content.data,
           content.len < sizeof fact->start ? content.len : sizeof fact->start);
}

/* A revision follows the last one of a message that is not deleted. */
static bool s_revises(model_t *model, fact_t *fact, uint64_t sequence)
{
    if (fact->root == 0 || fact->root >= sequence || model->facts[fact->root].root != fact->root)
        return s_say(model, "a revision of what is no message", sequence);
    fact_t *root = &model->facts[fact->root];
    const fact_t *last = &model->facts[root->last];
    if (last->deletes)
        return s_say(model, "a revision of a deleted message", sequence);
    if (fact->revision != last->revision + 1)
        return s_say(model, "a revision that does not follow the one before", sequence);
    root->last = sequence;
    return true;
}

static bool s_learn(void *arg, uint64_t log, const record_t *record)
{
    model_t *model = arg;
    (void)log;
    fact_t *fact = s_room(model, record->sequence);
    *fact = (fact_t){.root = record_root(record),
                     .last = record->sequence,
                     .revision = record->revision,
                     .deletes = (record->flags & RECORD_DELETE) != 0,
                     .erased = (record->flags & RECORD_ERASED) != 0};
    s_content(record, fact);
    model->count = record->sequence;
    return !(record->flags & RECORD_EDIT) || s_revises(model, fact, record->sequence);
}

/* Whether the record has lost its content, as journal_change_t has it. */
static bool s_is_to_be_erased(const fact_t *fact, const fact_t *last)
{
    if (last->deletes)
        return !fact->deletes;
    return last->revision > JOURNAL_REVISIONS && fact->revision > 0 &&
           fact->revision + JOURNAL_WHOLE <= last->revision + 1;
}

static bool s_look_at_content(model_t *model)
{
    for (uint64_t at = 1; at <= model->count; at++) {
        const fact_t *fact = &model->facts[at];
        const fact_t *last = &model->facts[model->facts[fact->root].last];
        if (fact->erased != s_is_to_be_erased(fact, last))
            return s_say(model, fact->erased ? "content is gone" : "content was not removed", at);
        if (fact->erased && fact->len)
            return s_say(model, "what is erased has content", at);
    }
    return true;
}

/* The messages that are shown, one after the other: each that was not deleted, as it is at last. */
static bool s_show(void *arg, uint64_t log, const record_t *record)
{
    model_t *model = arg;
    uint64_t at = model->shown + 1;
    (void)log;
    for (; at <= model->count; at++)
        if (model->facts[at].root == at && !model->facts[model->facts[at].last].deletes)
            break;
    if (record->sequence != at)
        return s_say(model, "another message is shown than the one at", at);
    const fact_t *last = &model->facts[model->facts[at].last];
    fact_t is = {.len = 0};
    s_content(record, &is);
    if (record->revision != last->revision || is.len != last->len ||
        memcmp(is.start, last->start, sizeof is.start) != 0)
        return s_say(model, "a message is not shown as it is at last", at);
    model->shown = at;
    return true;
}

static bool s_show_all(model_t *model, journal_t *journal, const uuid_t7 *target)
{
    journal_range_t range;
    journal_view_t view = {.revisions = false};
    uint64_t further =
        journal_read_messages(journal_reader(journal), target, 1, &view, &range, s_show, model);
    for (uint64_t at = model->shown + 1; !further && model->rc == 0 && at <= model->count; at++)
        if (model->facts[at].root == at && !model->facts[model->facts[at].last].deletes)
            return s_say(model, "a message is not shown", at);
    return model->rc == 0;
}

int check_messages(journal_t *journal, const uuid_t7 *target)
{
    model_t model = {.rc = 0};
    journal_range_t range;
    journal_read(journal_reader(journal), target, 1, &range, s_learn, &model);
    if (model.rc == 0 && s_look_at_content(&model))
        s_show_all(&model, journal, target);
    free(model.facts);
    return model.rc;
}
