/* The macros that the whole project uses; others are constants, or stay in the file that needs them. */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

/* A result that says whether the call worked must be looked at. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* `SCOPED(fn) struct x *x = x_open();` calls fn(&x) when x goes out of scope. */
#define SCOPED(fn) __attribute__((cleanup(fn)))

#define PRINTF_LIKE(format_index, first) __attribute__((format(printf, format_index, first)))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
