/* Preloaded into Postgres and Kafka's JVM: shifts the wall clock by the nanoseconds that the first
 * 8 bytes of a file hold, from one call to the next. Monotonic clocks, sleeps and waits stay as they
 * are, so nothing stalls because of the library itself. (libfaketime makes a semaphore that the user
 * postgres may not open, and shifts the waits of the JVM's threads too.) */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000LL

/* One writer, the proof; 8 aligned bytes are read whole. NULL: no shift. */
static const volatile int64_t *shift_ns;

__attribute__((constructor)) static void map_shift(void) {
  const char *path = getenv("TOLLGATE_PROOF_SERVER_CLOCK");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (page != MAP_FAILED) shift_ns = page;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
  int result = (int)syscall(SYS_clock_gettime, clock, at);
  if (result != 0 || shift_ns == NULL) return result;
  if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return result;
  int64_t ns = at->tv_sec * NS_PER_S + at->tv_nsec + *shift_ns;
  at->tv_sec = ns / NS_PER_S;
  at->tv_nsec = ns % NS_PER_S;
  return 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at != NULL) *at = now.tv_sec;
  return now.tv_sec;
}
