/* Opens directories that were damaged: check_rows < PATHS, of what holds directory/, master.key and
 * known/. Prints each row of each table, "R 0 1 TABLE KEY VALUE", as it is found by a walk and by
 * its key; then adds a user, opens once more and prints them all again, "R 0 2 …". */
#include "authd/directory/table.h"
#include "authd/directory/users.h"
#include "common/base/clock.h"
#include "tests/chaos/each_cut.h"

static directory_t *s_open(const char *path)
{
    char store[1100], key[1100], known[1100], err[1024];
    snprintf(store, sizeof store, "%s/directory", path);
    snprintf(key, sizeof key, "%s/master.key", path);
    snprintf(known, sizeof known, "%s/known", path);
    directory_options_t options = {
        .path = store, .key_path = key, .known = known, .map_bytes = 1u << 28};
    directory_t *directory = directory_open(&options, err, sizeof err);
    if (!directory)
        printf("BAD does not open: %s\n", err);
    return directory;
}

static void s_print(slice_t bytes)
{
    putchar(' ');
    for (size_t i = 0; i < bytes.len; i++)
        printf("%02x", (unsigned char)bytes.data[i]);
}

static int s_say(const char *what, const char *table)
{
    printf("BAD %s %s\n", what, table);
    return -1;
}

static int s_walk(view_t *view, unsigned table, unsigned round)
{
    slice_t key = slice("", 0), value, found;
    while (table_next(view, (table_t)table, slice("", 0), key, &key, &value)) {
        if (!table_get(view, (table_t)table, key, &found) || !slice_eq(found, value))
            return s_say("a row is not found by its key in", table_names[table]);
        printf("R 0 %u %s", round, table_names[table]);
        s_print(key);
        s_print(value);
        putchar('\n');
    }
    return view_take_damage(view) ? s_say("damaged rows in", table_names[table]) : 0;
}

static int s_list(directory_t *directory, unsigned round)
{
    int rc = 0;
    view_t *view = view_new(directory);
    view_renew(view);
    for (unsigned table = 0; table < TABLE_COUNT && rc == 0; table++)
        rc = s_walk(view, table, round);
    view_destroy(&view);
    return rc;
}

static int s_add(directory_t *directory)
{
    user_t user = {.name = slice_of("Late"), .email = slice_of("late@example.net")};
    uuid_new(&user.id);
    view_t *view = view_begin(directory);
    int rc = users_add(view, &user);
    return view_commit(&view) == VIEW_DONE && rc == 0 ? 0 : s_say("takes no new user", "");
}

static int s_look(const char *path)
{
    directory_t *directory = s_open(path);
    if (!directory)
        return -1;
    int rc = s_list(directory, 1);
    if (rc == 0)
        rc = s_add(directory);
    directory_close(&directory);
    if (rc != 0 || !(directory = s_open(path)))
        return -1;
    rc = s_list(directory, 2);
    directory_close(&directory);
    return rc;
}

int main(void)
{
    return each_cut(s_look);
}
