/* schema.sql, as the Makefile put it into the program. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

extern const char schema_sql[];

#endif
