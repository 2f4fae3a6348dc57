/* The stack of a thread that is about to wait, or has done with what went deep. */
#ifndef BASE_THREAD_STACK_H
#define BASE_THREAD_STACK_H

/*
 * The pages below what is in use go back to the kernel, and with them whatever deeper calls left there. For who
 * waits for longer than the microseconds that it costs. The main thread keeps its own.
 */
void thread_stack_give_back(void);

#endif
