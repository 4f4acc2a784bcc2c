// calib: how fast is this core right now?  calib [SECONDS]   (run it pinned to the proxy's CPU, before each
// measurement) Prints one line of JSON: ns for a loopback TCP send+epoll_wait+recv of 1 KiB, and ns for 1 KiB
// of FNV-1a (pure user code).
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}
int main(int ac, char** av) {
  double sec = ac > 1 ? atof(av[1]) : 0.1;
  int one = 1, ls = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t l = sizeof a;
  if (bind(ls, (void*)&a, l) || listen(ls, 9)) return 1;
  getsockname(ls, (void*)&a, &l);
  int s = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(s, (void*)&a, l)) return 1;
  int d = accept(ls, 0, 0);
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, 4);
  int ep = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN}, ev[4];
  epoll_ctl(ep, EPOLL_CTL_ADD, d, &e);
  static unsigned char b[1024];
  double t0 = now(), t;
  long n = 0;
  do {
    for (int i = 0; i < 200; i++, n++) {
      if (send(s, b, 1024, 0) != 1024) return 1;
      epoll_wait(ep, ev, 4, 0);
      if (recv(d, b, 1024, 0) <= 0) return 1;
    }
    t = now();
  } while (t - t0 < sec * 5e8);
  double io = (t - t0) / n;
  t0 = now();
  n = 0;
  volatile uint32_t sink;
  do {
    for (int i = 0; i < 200; i++, n++) {
      uint32_t h = 2166136261u;
      for (int k = 0; k < 1024; k++) h = (h ^ b[k]) * 16777619u;
      b[n & 1023] = h;
      sink = h;
    }
    t = now();
  } while (t - t0 < sec * 5e8);
  (void)sink;
  printf("{\"io_ns\":%.0f,\"user_ns\":%.0f}\n", io, (t - t0) / n);
  return 0;
}
