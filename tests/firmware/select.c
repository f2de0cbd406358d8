/* For slirp 1.0.17, which says "wait for good" as 4 294 967 295 us. The C library of its days passed that
   on; today's takes it for a negative time, and slirp ends before its first frame. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/select.h>

int select(int count, fd_set *read, fd_set *write, fd_set *except, struct timeval *timeout) {
    static int (*next)(int, fd_set *, fd_set *, fd_set *, struct timeval *);
    if (!next) next = dlsym(RTLD_NEXT, "select");
    if (timeout && (int)timeout->tv_usec < 0) timeout = 0;
    return next(count, read, write, except, timeout);
}
