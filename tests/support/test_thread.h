/* A thread of a test, watched by another one. */
#ifndef SUPPORT_TEST_THREAD_H
#define SUPPORT_TEST_THREAD_H

#include <stdatomic.h>

/* Until the thread has said who it is, by gettid(), and waits for something. */
void test_thread_await_sleep(const atomic_int *id);

#endif
