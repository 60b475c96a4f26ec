/* Opens directories as power cuts left them: check_directory < PATHS, of what holds directory/ and
 * master.key. Prints each user, "R 0 EMAIL", each channel, "R 0 #NAME", then adds a user and finds
 * it after opening once more. */
#include "authd/directory/places.h"
#include "authd/directory/users.h"
#include "common/base/clock.h"
#include "tests/chaos/each_cut.h"

static directory_t *s_open(const char *path)
{
    char store[1100], key[1100], err[512];
    snprintf(store, sizeof store, "%s/directory", path);
    snprintf(key, sizeof key, "%s/master.key", path);
    directory_options_t options = {.path = store, .key_path = key, .map_bytes = 1u << 28};
    directory_t *directory = directory_open(&options, err, sizeof err);
    if (!directory)
        printf("BAD does not open: %s\n", err);
    return directory;
}

static void s_print(view_t *view)
{
    user_t user;
    place_t place;
    uuid_t7 id;
    for (bool any = users_next(view, NULL, &user); any; any = users_next(view, &id, &user)) {
        printf("R 0 %.*s\n", SLICE_ARG(user.email));
        id = user.id;
    }
    for (bool any = places_next(view, PLACE_CHANNEL, NULL, &place); any;
         any = places_next(view, PLACE_CHANNEL, &id, &place)) {
        printf("R 0 #%.*s\n", SLICE_ARG(place.name));
        id = place.id;
    }
}

static int s_add(directory_t *directory)
{
    user_t user = {.name = slice_of("Late"), .email = slice_of("late@example.net")};
    uuid_new(&user.id);
    view_t *view = view_begin(directory);
    int rc = users_add(view, &user);
    return view_commit(&view) != 0 ? -1 : rc;
}

static int s_look(const char *path)
{
    user_t user;
    directory_t *directory = s_open(path);
    if (!directory)
        return -1;
    view_t *view = view_new(directory);
    view_renew(view);
    s_print(view);
    view_destroy(&view);
    int rc = s_add(directory);
    directory_close(&directory);
    if (rc != 0 || !(directory = s_open(path))) {
        printf("BAD takes no new user\n");
        return -1;
    }
    view = view_new(directory);
    view_renew(view);
    rc = users_find(view, slice_of("late@example.net"), &user) ? 0 : -1;
    view_destroy(&view);
    directory_close(&directory);
    if (rc != 0)
        printf("BAD the new user is gone after closing\n");
    return rc;
}

int main(void)
{
    return each_cut(s_look);
}
