#include "workers/format/eval.h"

#include "common/base/glob.h"
#include "common/base/utf8.h"
#include "common/wire/pairs.h"
#include "workers/format/markup.h"

enum { INCLUDED = 8 };

static value_t s_missing(void)
{
    return (value_t){.type = VALUE_MISSING};
}

/* The first of the pairs that has this name; one that is not UTF-8 counts as missing. */
static value_t s_pair(slice_t pairs, slice_t wanted)
{
    slice_t name, value;
    wire_pairs_t cursor = wire_pairs_begin(pairs);
    while (wire_pairs_next(&cursor, &name, &value))
        if (slice_eq(name, wanted))
            return utf8_valid(value) ? value_of_text(value) : s_missing();
    return s_missing();
}

static const scope_t *s_outwards(const scope_t *scope, unsigned up)
{
    for (; up > 0 && scope; up--)
        scope = scope->up;
    return scope;
}

/* key is the item's name in an object; in an array it is the item's member of that name. */
static value_t s_key(eval_t *self, const scope_t *scope)
{
    return scope->key.len > 0 ? value_of_text(scope->key)
                              : value_member(self->room, &scope->item, slice_of("key"));
}

static value_t s_start(eval_t *self, const scope_t *scope, const path_t *path)
{
    switch (path->from) {
    case FROM_UP:
        scope = s_outwards(scope, path->up);
        return scope ? scope->item : s_missing();
    case FROM_BODY:
        return self->body;
    case FROM_INDEX:
        return value_of_number(scope->index);
    case FROM_MORE:
        return scope->more ? value_of_number(scope->more) : s_missing();
    case FROM_KEY:
        return s_key(self, scope);
    default:
        return scope->item;
    }
}

static value_t s_path(eval_t *self, const scope_t *scope, const path_t *path)
{
    if (path->from == FROM_HEADER)
        return s_pair(self->headers, path->segments[0].name);
    if (path->from == FROM_QUERY)
        return s_pair(self->query, path->segments[0].name);
    value_t value = s_start(self, scope, path);
    for (unsigned i = 0; i < path->count; i++) {
        const segment_t *segment = &path->segments[i];
        if (!room_step(self->room, 1))
            return s_missing();
        value = segment->is_index ? value_at(self->room, &value, segment->index)
                                  : value_member(self->room, &value, segment->name);
    }
    return value;
}

static void s_operand(eval_t *self, const scope_t *scope, const operand_t *operand, shown_t *shown)
{
    *shown = (shown_t){0};
    shown->value =
        operand->kind == OPERAND_PATH ? s_path(self, scope, &operand->path) : operand->value;
}

shown_t eval_expr(eval_t *self, const scope_t *scope, const expr_t *expr)
{
    shown_t shown;
    s_operand(self, scope, &expr->operand, &shown);
    for (unsigned i = 0; i < expr->count && !self->room->spent; i++) {
        const filter_call_t *call = &expr->calls[i];
        shown_t args[SYNTAX_ARGS];
        for (unsigned arg = 0; arg < call->count; arg++)
            s_operand(self, scope, &call->args[arg], &args[arg]);
        filtering_t in = {self->room, &shown, args, call->args, call->count};
        filter_apply(call->row, &in);
    }
    return shown;
}

/* As numbers where both are, else as texts: below 0, 0 or above. */
static double s_order(eval_t *self, const value_t *a, const value_t *b)
{
    double left, right;
    if (value_is_number(a, &left) && value_is_number(b, &right))
        return left < right ? -1 : left > right;
    slice_t x = shown_text(self->room, a), y = shown_text(self->room, b);
    int order = memcmp(x.len ? x.data : "", y.len ? y.data : "", x.len < y.len ? x.len : y.len);
    return order ? order : (double)x.len - (double)y.len;
}

static bool s_compare(eval_t *self, const scope_t *scope, const cond_t *cond)
{
    shown_t left = eval_expr(self, scope, &cond->left);
    shown_fold(self->room, &left);
    for (unsigned i = 0; i < cond->count; i++) {
        shown_t right = eval_expr(self, scope, &cond->right[i]);
        shown_fold(self->room, &right);
        if (cond->kind == COND_LIKE) {
            slice_t text = shown_text(self->room, &left.value);
            slice_t glob = shown_text(self->room, &right.value);
            return room_step_bytes(self->room, text.len * glob.len) && glob_like(text, glob);
        }
        double order = s_order(self, &left.value, &right.value);
        bool holds = cond->kind == COND_EQUAL        ? order == 0
                     : cond->kind == COND_UNEQUAL    ? order != 0
                     : cond->kind == COND_LESS       ? order < 0
                     : cond->kind == COND_LESS_EQUAL ? order <= 0
                     : cond->kind == COND_MORE       ? order > 0
                     : cond->kind == COND_MORE_EQUAL ? order >= 0
                                                     : order == 0;
        if (holds || cond->kind != COND_IN)
            return holds;
    }
    return false;
}

bool eval_cond(eval_t *self, const scope_t *scope, const cond_t *cond)
{
    if (!room_step(self->room, 1))
        return false;
    switch (cond->kind) {
    case COND_AND:
        return eval_cond(self, scope, cond->a) && eval_cond(self, scope, cond->b);
    case COND_OR:
        return eval_cond(self, scope, cond->a) || eval_cond(self, scope, cond->b);
    case COND_NOT:
        return !eval_cond(self, scope, cond->a);
    case COND_TRUE: {
        shown_t shown = eval_expr(self, scope, &cond->left);
        return value_is_true(&shown.value);
    }
    default:
        return s_compare(self, scope, cond);
    }
}

items_t eval_items(eval_t *self, const scope_t *scope, const expr_t *expr, unsigned most)
{
    shown_t shown = eval_expr(self, scope, expr);
    shown_fold(self->room, &shown);
    value_type_t type = shown.value.type;
    bool has_members = type == VALUE_ARRAY || type == VALUE_OBJECT;
    size_t count = has_members ? value_count(&shown.value) : value_is_true(&shown.value);
    items_t items = {.members = value_members(&shown.value),
                     .is_one = !has_members,
                     .left = count < most ? (unsigned)count : most};
    items.scope = (scope_t){.up = scope, .item = shown.value};
    items.scope.more = (unsigned)(count - items.left);
    return items;
}

bool eval_items_next(eval_t *self, items_t *items)
{
    if (items->left == 0 || !room_step(self->room, 1))
        return false;
    items->left--;
    items->scope.index++;
    return items->is_one || members_next(&items->members, &items->scope.key, &items->scope.item);
}

static void s_value(eval_t *self, const scope_t *scope, const node_t *node, text_t *out)
{
    shown_t shown = eval_expr(self, scope, &node->expr);
    markup_operand(out, &shown, false);
}

static void s_each(eval_t *self, const scope_t *scope, const node_t *node, writing_t writing,
                   text_t *out)
{
    items_t items = eval_items(self, scope, &node->expr, node->most);
    if (items.left == 0)
        eval_text(self, scope, node->otherwise, writing, out);
    while (eval_items_next(self, &items))
        eval_text(self, &items.scope, node->then, writing, out);
}

static void s_include(eval_t *self, const scope_t *scope, const node_t *node, writing_t writing,
                      text_t *out)
{
    if (self->depth == INCLUDED) {
        self->room->spent = true;
        return;
    }
    self->depth++;
    eval_text(self, scope, self->parts->nodes[node->part], writing, out);
    self->depth--;
}

void eval_text(eval_t *self, const scope_t *scope, const node_t *nodes, writing_t writing,
               text_t *out)
{
    self->room->flat = writing != WRITE_MARKUP;
    for (const node_t *node = nodes; node && room_step(self->room, 1); node = node->next) {
        if (node->kind == NODE_LITERAL)
            text_add(out, node->literal);
        else if (node->kind == NODE_VALUE)
            s_value(self, scope, node, out);
        else if (node->kind == NODE_IF)
            eval_text(self, scope,
                      eval_cond(self, scope, node->cond) ? node->then : node->otherwise, writing,
                      out);
        else if (node->kind == NODE_EACH)
            s_each(self, scope, node, writing, out);
        else
            s_include(self, scope, node, writing, out);
    }
}
