/* schema.sql and the upgrades that lead to it, as the Makefile put them into the program. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

extern const char schema_sql[];

/* From schema version 1 to 2. */
extern const char upgrade_2_sql[];

#endif
