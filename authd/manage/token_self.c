#include "authd/manage/token_self.h"

#include "authd/manage/task.h"
#include "authd/manage/token_json.h"

#include <assert.h>

char *token_self(const judge_t *judge, view_t *view, const wire_principal_t *principal,
                 int64_t wall_ms)
{
    token_t token;
    bool found = tokens_find(view, &principal->token, &token);
    assert(found); /* in the same view it was judged in */
    json_t *all = token_json(view, &token, judge->rate, judge->burst, (uint64_t)wall_ms);
    json_object_set_new(all, "user",
                        json_pack("{s:o, s:o}", "id", task_json_id(&token.user), "name",
                                  task_json_text(token.display)));
    char *text = json_dumps(all, JSON_COMPACT);
    assert(text);
    json_decref(all);
    return text;
}
