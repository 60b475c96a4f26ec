/* The output of posternctl: JSON, tables and fields for people. Text that others chose cannot steer
 * the terminal, whatever command shows it: control characters, NULs, characters that turn the
 * direction of text or end its line, and bytes that are no UTF-8 come out as '?', and in JSON,
 * where a parser reads the same text, as \uXXXX. No other file writes such text to a terminal. */
#ifndef POSTERN_CTL_TABLE_H
#define POSTERN_CTL_TABLE_H

#include <jansson.h>
#include <stdio.h>

/* Writes TEXT with '?' for each character that would steer the terminal. */
void table_text(FILE *out, const char *text);

/* A JSON string of TEXT, whatever bytes it has, as a path, an argument or a stranger's answer may,
 * and where it was cut inside a character: U+FFFD stands for each that is no UTF-8. */
json_t *table_string(const char *text);

/* VALUE over several lines to stdout. */
void table_json(const json_t *value);
/* VALUE on a line of its own to stdout, which is not flushed. */
void table_json_line(const json_t *value);

/* ROWS (an array of objects) as aligned columns with a heading; columns: keys separated by spaces.
 * A value that a row lacks is "-". */
void table_rows(const json_t *rows, const char *columns);

/* An object's members, one a line, without those that are null; arrays of objects and objects in it
 * are indented below. */
void table_fields(const json_t *object);

/* A value on one line, for people: a number that can only be a time in ms comes as RFC 3339. The
 * caller frees. */
char *table_value(const json_t *value);

#endif
