/*
 * For clang-tidy, which sees one file at a time: what a header promises and only its .c file shows.
 * error_set() and error_set_code() return false, always.
 */
#ifndef HOUSE_CONTRACTS_H
#define HOUSE_CONTRACTS_H

#include "base/error.h"

#define error_set(...)      ((error_set)(__VA_ARGS__), false)
#define error_set_code(...) ((error_set_code)(__VA_ARGS__), false)

#endif
