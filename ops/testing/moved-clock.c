/* librdkafka waits by C11's cnd_timedwait, which libfaketime does not know: with a moved
 * clock it would wait until the moved time comes. By POSIX's call, which libfaketime does
 * know, it waits as long as it means to. glibc's two kinds of objects are the same. */
#include <errno.h>
#include <pthread.h>
#include <threads.h>

int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *until) {
  int result = pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, until);
  if (result == 0) return thrd_success;
  return result == ETIMEDOUT ? thrd_timedout : thrd_error;
}
